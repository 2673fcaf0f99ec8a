"""What the HTTP contract takes and gives.

Requests are pydantic models, which check them; answers are dataclasses, which orjson writes as
they are. Quantities are in units, dates ISO 8601.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SkipValidation, field_validator

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


class RowRequest(_Request):
    """Body of POST /predict."""

    features: list[Any] | dict[str, Any]
    store_nbr: Annotated[int, Field(strict=True)] | None = None
    family: str | None = None
    date: Day | None = None

    @field_validator("features", mode="before")
    @classmethod
    def _array_or_object(cls, value: object) -> object:
        if isinstance(value, list | dict):
            return value
        raise ValueError("features are an array of all values, or an object of names and values")


class BatchRequest(_Request):
    """Body of POST /predict/batch; each item is one of POST /predict/simple."""

    predictions: Annotated[list[Any], Field(min_length=1)]


class HistoricalRequest(_Request):
    """Body of POST /historical: a bottom series, a store, a family, or all of it."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    store_nbr: Annotated[int, Field(strict=True)] | None = None
    family: str | None = None
    first: Annotated[Day | None, Field(alias="from")] = None
    last: Annotated[Day | None, Field(alias="to")] = None
    limit: Annotated[int, Field(strict=True, ge=1, le=1000)] = 365


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
    """A node of the tree; its prediction is the sum of its children's, where they are shown.

    Attributes:
        previous: units sold in the period before (see `HierarchyAnswer.previous_date`).
        trend: by which share of those the prediction is more; null where nothing was sold.
    """

    id: str
    name: str
    level: str
    prediction: float
    previous: float | None
    trend: float | None
    children: list[NodeForecast]


@dataclass(frozen=True, slots=True)
class HierarchyAnswer:
    """Answer of GET /hierarchy: `horizon` days from `date` on, added up.

    Attributes:
        previous_date: first day of the period before: the newest of as many days that is over by
            then and begins on the same weekday. Null where its sales are not known.
    """

    date: dt.date
    horizon: int
    previous_date: dt.date | None
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


@dataclass(frozen=True, slots=True)
class PastDay:
    """What a node sold on a day, and how many items were on promotion; null where not known."""

    date: dt.date
    units: float
    onpromotion: float | None


@dataclass(frozen=True, slots=True)
class HistoricalAnswer:
    """Answer of POST /historical.

    Attributes:
        next: `from` of the next page; null on the last one.
    """

    node: str
    level: str
    days: list[PastDay]
    next: dt.date | None
    snapshot: SnapshotRef


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """A store of the retailer."""

    store_nbr: int
    city: str
    state: str
    type: str
    cluster: str


@dataclass(frozen=True, slots=True)
class MetaAnswer:
    """Answer of GET /meta: what can be asked for.

    Attributes:
        data: first and last day with known sales, and the last with planned promotions.
        forecast: first and last day that a forecast may reach.
        horizons, intervals: that /predict/simple takes; the latter from and to, in percent.
        features: columns of the model's rows, in order.
    """

    stores: list[StoreInfo]
    families: list[str]
    levels: dict[str, int]
    data: dict[str, dt.date]
    forecast: dict[str, dt.date]
    horizons: tuple[int, ...]
    intervals: tuple[int, int]
    features: tuple[str, ...]
    model_version: str
    model_trained_through: dt.date
    snapshot: SnapshotRef


@dataclass(frozen=True, slots=True)
class LevelAccuracy:
    """Errors of the forecasts of a level, `days` days ahead; null where not measured."""

    level: str
    days: str
    rmsle: float | None
    wape: float | None
    bias: float | None
    coverage: dict[str, float]


@dataclass(frozen=True, slots=True)
class AccuracyGroup:
    """Accuracy over some windows of the past.

    Attributes:
        windows: how many were averaged.
        rmsle: of the bottom series.
        wrmsse: over the levels.
    """

    group: str
    windows: int
    rmsle: float | None
    wrmsse: float | None
    levels: list[LevelAccuracy]


@dataclass(frozen=True, slots=True)
class AccuracyAnswer:
    """Answer of GET /accuracy.

    Attributes:
        source: `backtest` where one is sealed into the bundle: models fitted anew before every
            window; else `calibration`: the light models that calibrated the intervals.
    """

    source: str
    groups: list[AccuracyGroup]
    model_version: str


class ExplainRequest(_Request):
    """Body of POST /explain. A node of any level: without a family the store, without a store
    the family, without both the total. Without a horizon it is one day, else the sum of so many.
    """

    store_nbr: int | None = Field(default=None, strict=True)
    family: str | None = None
    date: Day | None = None
    horizon: Horizon | None = None


@dataclass(frozen=True, slots=True)
class FeatureStep:
    """What one feature does to a forecast.

    Attributes:
        unit: of the value.
        value: readable: categories and weekdays by name. Null where it is missing, and where the
            explanation adds up several days or series.
        contribution: in the explanation's space.
        factor: by which it multiplies the forecast + 1; null in units.
        units: by which it moves the forecast.
    """

    name: str
    description: str
    unit: str
    value: str | float | None
    contribution: float
    factor: float | None
    units: float


@dataclass(frozen=True, slots=True)
class NotExplained:
    """Series beyond the number that is explained at once, and their forecast in units."""

    series: int
    units: float


@dataclass(frozen=True, slots=True)
class ExplainAnswer:
    """Answer of POST /explain: `horizon` days from `date` on, added up.

    ``base_units``, the features' ``units``, ``cut``, ``reconciliation`` and
    ``not_explained.units`` add up to ``prediction``, but for ``missing``.

    Attributes:
        node: its id.
        space: of base_value and contributions: `log1p units` for one day of one series, `units`
            for sums.
        features: the largest contribution first.
        cut: units by which the model's negative scores were raised to zero.
        reconciliation: units by which making the hierarchy coherent moved the forecast.
        explained_share: of the prediction; less than 1 where series are not explained.
        missing: units by which the steps do not add up to the prediction: rounding.
    """

    node: str
    level: str
    date: dt.date
    horizon: int
    prediction: float
    space: str
    base_value: float
    base_units: float
    features: list[FeatureStep]
    cut: float
    reconciliation: float
    not_explained: NotExplained
    explained_share: float
    missing: float
    origin: dt.date
    method: Method
    model_version: str
    model_trained_through: dt.date
    in_sample: bool
    known_through: dict[str, dt.date]
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True)
class RowAnswer:
    """Answer of POST /predict: a base forecast, which adds up with no other.

    Attributes:
        filled: features that were taken from the snapshot.
        origin: the last day whose sales these rest on; null where all were given.
    """

    prediction: float
    reconciled: bool
    filled: list[str]
    origin: dt.date | None
    model_version: str
    model_trained_through: dt.date
    snapshot: SnapshotRef
    degraded: bool


def _bare(value: object) -> object:
    """A value that stands alone is one to set."""
    return value if isinstance(value, dict) else {"value": value}


class Override(_Request):
    """What is assumed of a covariate below the node, on the days from `from` to `to`.

    `models.scenario.Adjustment` says which operations and values a covariate takes.
    """

    op: Literal["set", "add", "multiply"] = "set"
    value: SkipValidation[float | str | None]
    first: Annotated[Day | None, Field(alias="from")] = None
    last: Annotated[Day | None, Field(alias="to")] = None


class WhatifRequest(_Request):
    """Body of POST /whatif: a bottom series, a store, a family, or all of it."""

    store_nbr: Annotated[int, Field(strict=True)] | None = None
    family: str | None = None
    date: Day | None = None
    horizon: Horizon
    adjustments: dict[str, Annotated[Override, BeforeValidator(_bare)]] = Field(
        default_factory=dict
    )
    by: Literal["store", "family"] | None = None
    depth: Annotated[int, Field(strict=True, ge=0, le=2)] = 1


@dataclass(frozen=True, slots=True)
class DayChange:
    """A node's units on one day, without and with the adjustments."""

    date: dt.date
    baseline: float
    scenario: float
    delta: float


@dataclass(frozen=True, slots=True)
class NodeChange:
    """A node's units over all days, without and with the adjustments."""

    id: str
    level: str
    baseline: float
    scenario: float
    delta: float


@dataclass(frozen=True, slots=True)
class ChildChange(NodeChange):
    """A node below another; its delta is the sum of its children's, where they are shown."""

    children: list[ChildChange]


@dataclass(frozen=True, slots=True)
class WhatifAnswer:
    """Answer of POST /whatif: `horizon` days from `date` on, in units.

    Attributes:
        delta_pct: in percent of the baseline; null where that is 0.
        days: of the node, day by day.
        ancestors: nodes that the node is a part of, the nearest first.
        applied: the adjustments, each with `covariate`, `op`, `value`, `from`, `to`, and for how
            many `series` and `days` it was made.
        moved_by_reconciliation: bottom series whose own rows are as they were, and that moved
            because the hierarchy must add up.
        moved_by_shared_features: number of bottom series outside the node that were predicted
            again, because their store's or family's promotions are their features too.
        known_through: last day up to which each covariate is known in the baseline.
    """

    node: str
    level: str
    date: dt.date
    horizon: int
    origin: dt.date
    baseline: float
    scenario: float
    delta: float
    delta_pct: float | None
    days: list[DayChange]
    ancestors: list[NodeChange]
    children: list[ChildChange]
    applied: list[dict[str, object]]
    moved_by_reconciliation: list[str]
    moved_by_shared_features: int
    model_version: str
    model_trained_through: dt.date
    in_sample: bool
    known_through: dict[str, dt.date]
    snapshot: SnapshotRef
    degraded: bool
