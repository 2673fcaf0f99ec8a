"""Requests and answers about planners' overrides."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from api.schemas.answer import Answer, SnapshotRef
from api.schemas.field_codes import RefusedAs
from api.schemas.reasons import ChildChange, NodeChange
from api.schemas.requests import (
    Day,
    Name,
    NodeRequest,
    Operation,
    Request,
    WholeNumber,
    number_of_text,
)
from errors import Code
from storage.overrides import OverrideState, Reason

_A_NODE = RefusedAs(Code.INVALID_NODE)
_A_DATE = RefusedAs(Code.INVALID_DATE)
_MOST_CHARACTERS = 500

Spread = Literal["day", "period"]


def printable(text: str) -> str:
    """Return a text without control characters.

    Raises:
        ValueError: it has some.
    """
    if not text.replace("\n", " ").isprintable():
        raise ValueError("a text without control characters is expected")
    return text


class OverrideRequest(NodeRequest):
    """What a planner expects of a node instead of the forecast."""

    first: Annotated[Day, Field(alias="from"), _A_DATE]
    """First day; it is after the newest day of sales."""
    last: Annotated[Day, Field(alias="to"), _A_DATE]
    """Last day; it is among those that forecasts reach."""
    op: Operation
    """What `value` does to the forecast: `set` replaces it, `add` adds to it, `multiply` is a
    factor."""
    value: Annotated[float, Field(strict=True, allow_inf_nan=False)]
    """Units of the node, not below 0 for `set`; a factor from 0 to 100 for `multiply`."""
    spread: Spread = "day"
    """What the units are of: each `day`, or the whole `period`, whose days then share them in the
    forecast's own proportions. A factor is of each day either way."""
    reason: Reason = Reason.OTHER
    """Why: its value added can then be judged by kind."""
    note: Annotated[str, Field(max_length=_MOST_CHARACTERS), AfterValidator(printable)] = ""
    """The reason in words, up to 500 characters."""
    expires_at: AwareDatetime | None = None
    """Time from which it no longer counts, with a time zone; never if left out."""
    revision: Annotated[WholeNumber, Field(ge=0, lt=2**62)] | None = None
    """`revision` of the answer that the planner has looked at. If overrides of the same series and
    days were made or withdrawn since, the request is refused."""


class OverridesQuery(Request):
    """A page of overrides."""

    node: Annotated[Name | None, _A_NODE] = None
    """Only those of this node, by its id."""
    state: Literal["active", "withdrawn", "expired", "over", "all"] = "all"
    """Only those that are `active`, were `withdrawn`, have `expired`, or are `over`: the sales of
    all their days are known."""
    first: Annotated[Day | None, Field(alias="from"), _A_DATE] = None
    """Only those with a day on or after this one."""
    last: Annotated[Day | None, Field(alias="to"), _A_DATE] = None
    """Only those with a day on or before this one."""
    limit: Annotated[int, Field(ge=1, le=200, strict=True), BeforeValidator(number_of_text)] = 50
    """Largest number of them, the newest first."""
    before: Annotated[
        Annotated[int, Field(ge=1, le=2**62, strict=True)] | None, BeforeValidator(number_of_text)
    ] = None
    """Only those with smaller numbers: `next` of the previous page."""


class OverrideValueQuery(Request):
    """Overrides whose value is added up, and what by."""

    by: Literal["author", "level", "kind", "reason"] = "author"
    """What the overrides are grouped by. A `kind` is the direction and size of the change over all
    days of an override: `up-large`, `up-small`, `down-small` or `down-large`, large from a tenth of
    the forecast before it; or `unchanged`."""
    first: Annotated[Day | None, Field(alias="from"), _A_DATE] = None
    """First day that counts; 364 days before the last if left out."""
    last: Annotated[Day | None, Field(alias="to"), _A_DATE] = None
    """Last day that counts; the newest day of sales if left out."""


@dataclass(frozen=True, slots=True)
class GroupValue(Answer):
    """The value of some overrides, in units, on their days that are sold."""

    group: str | None
    """Author, level, kind or reason; null for all together."""
    overrides: int
    days: int
    sold: float
    error_before: float
    """Sum of the absolute errors of the forecasts before each override."""
    error_planned: float
    """Sum of the absolute errors of the forecasts with it."""
    value: float
    """`error_before` less `error_planned`: positive where the overrides helped."""
    share: float | None
    """The value as a share of the units sold; null where nothing was sold."""
    helped: float
    """Share of the overrides whose own value is positive."""
    interval: tuple[float, float] | None
    """Interval of the value, of 95 %, by the spread between overrides; null for fewer than 5 of
    them. Where 0 is in it, they have shown neither."""


@dataclass(frozen=True, slots=True)
class OverrideValueAnswer(Answer):
    """Whether overrides have helped."""

    by: str
    first: dt.date
    last: dt.date
    groups: list[GroupValue]
    """The most valuable first."""
    total: GroupValue | None
    """Null where no override has a day that counts."""


@dataclass(frozen=True, slots=True)
class OverrideDay(Answer):
    """An override on one day, as it was when it was made, in units of the node."""

    date: dt.date
    statistical: float
    """The model's forecast."""
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float
    before: float
    """The forecast with the overrides made earlier."""
    result: float
    """The forecast with this one, too."""
    delta: float
    """`result` less `before`."""
    actual: float | None
    """Units sold; null where not known yet."""


@dataclass(frozen=True, slots=True)
class OverrideTotal(Answer):
    """The sums over the days of an override."""

    statistical: float
    before: float
    result: float
    delta: float


@dataclass(frozen=True, slots=True)
class OverrideEffect(Answer):
    """What an override does to the forecast now: on its days ahead, added up."""

    requested: float
    """Units that it makes of the overrides before it."""
    result: float
    """Units of the node with all overrides."""
    holds: bool
    """Whether these are equal on every day; an override that was made later may have moved them."""
    floored: bool
    """Whether a day of it would be negative with the forecast as it is now, and is 0 instead."""
    equal_shares: bool
    """Whether all series got the same share on a day, because none has a forecast now."""


@dataclass(frozen=True, slots=True)
class ValueAdded(Answer):
    """Errors without and with the override, on days whose sales are known."""

    days: int
    statistical_error: float
    """Sum of the absolute errors of `statistical`."""
    adjusted_error: float
    """Sum of the absolute errors of `result`; smaller where the override helped."""


@dataclass(frozen=True, slots=True)
class OverrideAnswer(Answer):
    """An override, with what it did when it was made, and what it does now."""

    id: int | None
    """Its number; overrides apply in the order of their numbers. Null for a preview."""
    state: OverrideState
    node: str
    first: dt.date
    last: dt.date
    op: Operation
    value: float
    spread: Spread
    reason: Reason
    note: str
    author: str
    """Name of the caller who made it."""
    created_at: dt.datetime
    expires_at: dt.datetime | None
    withdrawn_at: dt.datetime | None
    withdrawn_by: str | None
    model_version: str
    """Of the release on which it was made."""
    snapshot: SnapshotRef
    """Of that release, too. Forecasts from earlier origins do not know the override."""
    days: list[OverrideDay]
    total: OverrideTotal
    now: OverrideEffect | None
    """Null where it does not alter the newest forecasts: it is not active, its node is gone, or it
    was made on a newer release."""
    value_added: ValueAdded | None
    """Null until the sales of one of its days are known."""


@dataclass(frozen=True, slots=True)
class OverrideWarning(Answer):
    """Something that a planner should know before overriding."""

    code: Literal["small", "upward", "outside-band", "no-change", "no-forecast", "overlap", "moves"]
    """`small`: less than a tenth of half the 80 % interval; `upward`: small and upward;
    `outside-band`: a result outside of the 95 % interval; `no-change`: nothing changes;
    `no-forecast`: a day on which the forecast is 0; `overlap`: other active overrides of the same
    series and days; `moves`: those of them that no longer hold."""
    detail: str


@dataclass(frozen=True, slots=True)
class NewOverrideAnswer(OverrideAnswer):
    """An override that is made or previewed, with all that it changes."""

    ancestors: list[NodeChange]
    """Nodes that the node is a part of, the nearest first, over the days of the override. Empty for
    a repeated request."""
    children: list[ChildChange]
    """Nodes below it, one level deep. Empty for a repeated request."""
    warnings: list[OverrideWarning]
    revision: int
    """Number of the newest change to overrides."""


@dataclass(frozen=True, slots=True)
class OverridesAnswer(Answer):
    """A page of overrides, the newest first."""

    overrides: list[OverrideAnswer]
    next: int | None
    """`before` of the next page; null on the last."""
    revision: int
    """Number of the newest change: an override that was made or withdrawn."""
