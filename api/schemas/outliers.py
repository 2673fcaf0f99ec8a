"""Requests and answers about outliers of the data that are served."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from api.schemas.answer import Answer, SnapshotRef
from api.schemas.field_codes import RefusedAs
from api.schemas.overrides import printable
from api.schemas.requests import Day, Name, Request, number_of_text
from errors import Code
from features.data.screening.outlier import OutlierKind, OutlierSeverity

_A_NODE = RefusedAs(Code.INVALID_NODE)
_A_DATE = RefusedAs(Code.INVALID_DATE)
_MOST_CHARACTERS = 500


class OutliersQuery(Request):
    """A page of outliers."""

    kind: OutlierKind | None = None
    """Only those of this kind."""
    node: Annotated[Name | None, _A_NODE] = None
    """Only those of this node, by its id."""
    severity: OutlierSeverity | None = None
    """Only those of this severity."""
    state: Literal["open", "acknowledged", "all"] = "all"
    """Only those that nobody has acknowledged, or that somebody has."""
    first: Annotated[Day | None, Field(alias="from"), _A_DATE] = None
    """Only those with a day on or after this one."""
    last: Annotated[Day | None, Field(alias="to"), _A_DATE] = None
    """Only those with a day on or before this one."""
    limit: Annotated[int, Field(ge=1, le=200, strict=True), BeforeValidator(number_of_text)] = 50
    """Largest number of them, the last recorded first."""
    before: Annotated[
        Annotated[int, Field(ge=1, le=2**62, strict=True)] | None, BeforeValidator(number_of_text)
    ] = None
    """Only those with smaller numbers: `next` of the previous page."""


class AcknowledgeRequest(Request):
    """What a person says of an outlier."""

    real: bool
    """Whether the values are right: it has happened. False if they are wrong."""
    note: Annotated[str, Field(max_length=_MOST_CHARACTERS), AfterValidator(printable)] = ""
    """What has happened, in words, up to 500 characters."""


@dataclass(frozen=True, slots=True)
class OutlierDay(Answer):
    """A node on one day around an outlier."""

    date: dt.date
    units: float | None
    """Units sold; null where not known."""
    used: float | None
    """Units that features read: an estimate where a value is not known or was replaced."""


@dataclass(frozen=True, slots=True)
class OutlierAnswer(Answer):
    """Something on the newest days of the sales that is probably wrong."""

    id: int
    kind: OutlierKind
    severity: OutlierSeverity
    """`critical` where the data of a whole node above the series, or a column, are at fault."""
    node: str
    """Id of the series, or of the node above, that it is about."""
    column: str
    """Column of the table of sales that holds the values."""
    first: dt.date
    last: dt.date
    value: float
    """Sum of the column over the node's series and these days."""
    expected: float | None
    """The same, as it was to be expected; null where there is no figure."""
    message: str
    """The same in words, with the days before."""
    replaced: bool
    """Whether features read estimates in place of the values."""
    snapshot: str
    """Newest data that have it on record."""
    recorded_at: dt.datetime
    updated_at: dt.datetime
    acknowledged_at: dt.datetime | None
    acknowledged_by: str | None
    real: bool | None
    """Whether the person who acknowledged it says that the values are right."""
    note: str
    days: list[OutlierDay]
    """28 days of the node around it, or four weeks of weekly data; empty where the served data
    have no such node or days."""


@dataclass(frozen=True, slots=True)
class OutliersAnswer(Answer):
    """A page of outliers, the last recorded first."""

    outliers: list[OutlierAnswer]
    next: int | None
    """`before` of the next page; null on the last."""
    snapshot: SnapshotRef
