"""What the HTTP contract takes and gives.

Requests are pydantic models, which check them; answers are dataclasses, which orjson writes as
they are. Quantities are in units, dates ISO 8601.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from models.intervals import MAX_NOMINAL, MIN_NOMINAL
from models.methods import Method

HORIZONS = (15, 30, 60, 90)
Horizon = Literal[15, 30, 60, 90]
DEFAULT_INTERVALS = (80, 95)
Nominal = Annotated[int, Field(strict=True, ge=MIN_NOMINAL, le=MAX_NOMINAL)]
"""Nominal coverage of an interval, in percent."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _calendar_day(value: object) -> object:
    """Only YYYY-MM-DD is a date here: pydantic would take seconds since 1970 and times too."""
    if isinstance(value, dt.date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise ValueError("a date is written YYYY-MM-DD")


def _number_of_text(value: object) -> object:
    """A query parameter is always text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Day = Annotated[dt.date, BeforeValidator(_calendar_day)]
QueryHorizon = Annotated[Horizon, BeforeValidator(_number_of_text)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SimpleRequest(_Request):
    """Body of POST /predict/simple."""

    store_nbr: int = Field(strict=True)
    family: str
    date: Day | None = None
    horizon: Horizon
    intervals: tuple[Nominal, ...] = DEFAULT_INTERVALS

    @field_validator("intervals")
    @classmethod
    def _each_once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(value))


class HierarchyQuery(_Request):
    """Query of GET /hierarchy."""

    date: Day | None = None
    horizon: QueryHorizon | None = None
    by: Literal["store", "family"] | None = None
    node: str | None = None
    depth: Annotated[int, Field(ge=0)] | None = None


@dataclass(frozen=True, slots=True)
class SnapshotRef:
    """The data that an answer rests on: newest origin and digest of the snapshot."""

    origin: dt.date
    digest: str


DayForecast = dict[str, dt.date | float | None]
"""Forecast of one day: `date`, `prediction`, `lower_N` and `upper_N` for every interval asked
for, and `actual`, which is null where the day's sales are not known."""


@dataclass(frozen=True, slots=True)
class SimpleAnswer:
    """Answer of POST /predict/simple, to which `prediction`, `lower_N` and `upper_N` of its first
    day are added.

    Attributes:
        date: the first day forecast.
        origin: the last day whose sales the forecast rests on.
        method: how the forecast was made: `model`; `model_new` where it rests on few days of
            sales, or the model has not seen the store or the family; `model_idle` where the
            series has sold nothing lately; `zero_never_sold` where it never has, and the
            forecast is zero by rule.
        model_trained_through: the last day whose sales the model has seen.
        in_sample: whether the model has seen a day that is forecast here.
        known_through: last day up to which each covariate was known.
        degraded: whether this forecast was computed otherwise than it should.
    """

    store_nbr: int
    family: str
    date: dt.date
    horizon: int
    forecast: list[DayForecast]
    origin: dt.date
    method: Method
    model_version: str
    model_trained_through: dt.date
    in_sample: bool
    known_through: dict[str, dt.date]
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True)
class NodeForecast:
    """A node of the tree; its prediction is the sum of its children's, where they are shown."""

    id: str
    name: str
    level: str
    prediction: float
    children: list[NodeForecast]


@dataclass(frozen=True, slots=True)
class HierarchyAnswer:
    """Answer of GET /hierarchy: `horizon` days from `date` on, added up."""

    date: dt.date
    horizon: int
    by: str
    origin: dt.date
    tree: NodeForecast
    model_version: str
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """Answer of GET /health."""

    status: str
    model_version: str
    model_trained_through: dt.date
    snapshot: SnapshotRef
    data_age_days: int
    nodes: int
    degraded: bool
