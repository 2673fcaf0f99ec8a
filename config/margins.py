"""Margins by which a new model may be worse than the one that serves.

Imports no other module of the project: settings and training import it.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Margins(BaseModel):
    """Largest differences, beyond chance, that do not make a new model worse.

    Attributes:
        level: share by which an error measure of one level may be larger.
        bucket: share by which the WAPE of one level may be larger in one span of days ahead.
        bias: units by which the bias of a level may be further from 0, over the units sold.
        coverage: by which the coverage of a level may be further from its nominal share.
        moved: share of the units of a level that forecasts of the same days may move.
        slower: share by which a prediction may take longer.
        larger: share by which the bundle may be larger.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: float = Field(0.02, ge=0)
    bucket: float = Field(0.05, ge=0)
    bias: float = Field(0.02, ge=0)
    coverage: float = Field(0.05, ge=0)
    moved: float = Field(0.5, ge=0)
    slower: float = Field(1.0, ge=0)
    larger: float = Field(1.0, ge=0)


MARGINS = Margins()
"""The default margins."""
