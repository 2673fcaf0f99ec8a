"""Planners' overrides: the stored record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

OverrideOp = Literal["set", "add", "multiply"]
OverrideSpread = Literal["day", "period"]


class Reason(StrEnum):
    """Why a planner expects other sales than the forecast."""

    PROMOTION = "promotion"
    EVENT = "event"
    PRICE = "price"
    ASSORTMENT = "assortment"
    SUPPLY = "supply"
    WEATHER = "weather"
    CORRECTION = "correction"
    OTHER = "other"


class OverrideState(StrEnum):
    """State of an override at one time.

    Attributes:
        ACTIVE: alters forecasts of days ahead.
        WITHDRAWN: was undone.
        EXPIRED: its time has run out.
        OVER: the sales of all its days are known.
    """

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class StatisticalDay:
    """The model's forecast of the node on one day, when the override was made."""

    date: date
    prediction: float
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float


@dataclass(frozen=True, slots=True)
class PlannedDay:
    """Effect of an override on one day, at the time when it was made.

    Attributes:
        value: operand of the day: units, or a factor.
        before: units of the node with the overrides made earlier.
        result: units of the node with this one, too.
    """

    date: date
    value: float
    before: float
    result: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOverride:
    """An override to be stored.

    Attributes:
        node: id of the node.
        first, last: its span.
        spread: whether `value` is of each day, or of the whole span.
        author, subject: name and principal of the caller.
        expires_at: time from which it counts no more; None means never.
        model_version, snapshot, origin: release on which it was made, and its newest origin.
    """

    node: str
    first: date
    last: date
    op: OverrideOp
    value: float
    spread: OverrideSpread
    reason: Reason
    note: str
    author: str
    subject: str
    expires_at: datetime | None
    model_version: str
    snapshot: str
    origin: date
    statistical: tuple[StatisticalDay, ...]
    days: tuple[PlannedDay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOverride(NewOverride):
    """The record of an override. Times are in UTC and aware.

    Attributes:
        id: its number; overrides apply in the order of their numbers.
        created_revision, withdrawn_revision: numbers of the changes that made and withdrew it.
    """

    id: int
    created_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    created_revision: int
    withdrawn_revision: int | None

    def stood_on(self, day: date) -> bool:
        """Return whether it was made by a day, and neither withdrawn nor expired by then, in UTC.

        One that is entered after its day is no forecast of it.
        """
        ends = (self.withdrawn_at, self.expires_at)
        return self.created_at.date() <= day and all(
            end is None or end.date() > day for end in ends
        )

    def state(self, now: datetime, newest: date) -> OverrideState:
        """Return its state at a time.

        Args:
            newest: the newest day whose sales are known.
        """
        if self.withdrawn_at is not None:
            return OverrideState.WITHDRAWN
        if self.expires_at is not None and self.expires_at <= now:
            return OverrideState.EXPIRED
        return OverrideState.OVER if self.last <= newest else OverrideState.ACTIVE
