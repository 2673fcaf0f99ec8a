"""Requests and answers of exports."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from api.schemas.answer import Answer
from api.schemas.field_codes import RefusedAs
from api.schemas.jobs import ProgressAnswer
from api.schemas.requests import (
    DEFAULT_INTERVALS,
    Day,
    Flag,
    Horizon,
    Intervals,
    Name,
    Quantiles,
    Request,
)
from errors import Code
from lifecycle.jobs import State
from middleware.headers import ARROW, CSV, PARQUET

MAX_NODES = 1_000
"""Nodes that an export may name; for more, levels stand."""

Names = Annotated[
    tuple[Name, ...],
    Field(min_length=1, max_length=MAX_NODES),
    AfterValidator(lambda names: tuple(dict.fromkeys(names))),
]


class ExportFormat(StrEnum):
    """Format of an export's file."""

    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"

    @property
    def media_type(self) -> str:
        return {"csv": CSV, "parquet": PARQUET, "arrow": ARROW}[self.value]


class ExportRequest(Request):
    """Forecasts of a release: all of them, or those of some levels or nodes."""

    levels: Names | None = None
    """Levels whose nodes are written, of those in `/meta`; all if left out."""
    nodes: Annotated[Names | None, RefusedAs(Code.INVALID_NODE)] = None
    """Ids of single nodes instead, up to 1,000; `/hierarchy` has them."""
    date: Annotated[Day | None, RefusedAs(Code.INVALID_DATE)] = None
    """First day; if left out, the day after the newest sales. No day of the past."""
    horizon: Annotated[Horizon | None, RefusedAs(Code.INVALID_HORIZON)] = None
    """Days, or weeks of weekly data; all that there are if left out."""
    intervals: Intervals = DEFAULT_INTERVALS
    """Nominal coverage of the requested intervals, in percent."""
    quantiles: Quantiles = ()
    """Probabilities of the requested quantiles, such as 0.9; none if left out."""
    adjusted: Flag = False
    """Whether `prediction` has the overrides of planners that stand when the file is written,
    beside `statistical`."""
    format: ExportFormat = ExportFormat.CSV
    """Format of the file; its columns are those of `/forecast` as a table."""


@dataclass(frozen=True, slots=True)
class ExportAnswer(Answer):
    """An export."""

    id: str
    state: State
    request: dict[str, Any]
    """What was asked for, with the defaults of what was left out."""
    model_version: str
    """Model of the release whose forecasts it has, whichever serves by now."""
    snapshot: str
    """Data of that release, as in the header `X-Snapshot`."""
    queued_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    expires_at: dt.datetime | None
    """When it is removed; null until it has ended."""
    progress: ProgressAnswer | None
    """Progress of its job: `done` nodes of `total` while the file is written; null before it has
    begun, and after it has ended."""
    detail: str | None
    """Reason why it failed."""
    rows: int | None
    """Rows of the file, its header not counted; null without a file, as the members below."""
    bytes: int | None
    sha256: str | None
    """Digest of the file, in hexadecimal digits."""
    download: str | None
    """Link to the file, which needs no key: relative to the server's address, or a URL of the
    store of objects."""
    download_expires_at: dt.datetime | None
    """When the link expires; a later answer has a new one."""


@dataclass(frozen=True, slots=True)
class ExportsAnswer(Answer):
    """Exports of the caller, the newest first."""

    exports: list[ExportAnswer]


class ExportFileQuery(Request):
    """Parts of a signed link."""

    expires: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,11})$")]
    """Seconds since 1970, up to which the link is valid."""
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """HMAC-SHA-256 of the export's id and `expires`."""
