"""Groups of operations in the OpenAPI document, in generated clients and on the page of calls."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class _TagText(NamedTuple):
    label: str
    description: str


class Tag(Enum):
    """A group of operations: its name in the OpenAPI document, and what they are for."""

    FORECASTS = _TagText(
        "forecasts", "What will be sold: one series, many, or the whole hierarchy."
    )
    REASONS = _TagText(
        "reasons", "Why a forecast is what it is, and what if things were otherwise."
    )
    PLANNING = _TagText(
        "planning", "What planners expect instead of the forecast, and what that was worth."
    )
    FACTS = _TagText(
        "facts", "What was sold, what there is to ask for, how good the forecasts are."
    )
    ACCESS = _TagText("access", "Who asks, what the caller may do, and how to sign in.")
    INFERENCE = _TagText("inference", "The raw model, for clients of the Open Inference Protocol.")
    MONITORING = _TagText("monitoring", "Whether the service is well: for people, probes, metrics.")
    ADMINISTRATION = _TagText("administration", "Keys, the audit log, and newer data.")

    @property
    def label(self) -> str:
        return self.value.label

    @property
    def description(self) -> str:
        return self.value.description
