"""Answers about data, model and accuracy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from api.schemas.answer import Answer, SnapshotRef
from api.schemas.monitoring import LiveAccuracyAnswer
from features.data.specification import Kind
from features.data.step import Step
from models.node_accuracy import Order


@dataclass(frozen=True, slots=True)
class DegradedReason(Answer):
    """A part of the service that is degraded, while forecasts are still answered."""

    name: str
    """Of the part: `redis`, `shared_cache`, `database`, `data`, `offered_pair` or `artifacts`; the
    metric `mlrf_degraded` has it as a label."""
    detail: str
    """Readable description of the failure and its consequences."""


@dataclass(frozen=True, slots=True)
class HealthAnswer(Answer):
    """The active release, the age of its data, and the state of the service."""

    status: Literal["ok", "degraded"]
    model_version: str
    model_trained_through: dt.date
    snapshot: SnapshotRef
    newest_expected: dt.date
    """The newest day whose sales may be known now: yesterday, in UTC."""
    data_age_days: int
    """Days from the newest sales that are known to those."""
    demo: bool
    """Whether the data are the built-in demo's, which are always old and never degraded by it."""
    nodes: int
    """Of the hierarchy."""
    quality: list[str]
    """Warnings about the model, from the days that calibrated it: where a simple rule was better,
    totals were biased, or intervals held too many or too few of the sales. Empty if there were
    none, and for a model that was trained before they were recorded. They degrade nothing."""
    degraded: bool
    reasons: list[DegradedReason]
    """Empty unless `degraded`."""


@dataclass(frozen=True, slots=True)
class PastDay(Answer):
    """Sales of a node on one day."""

    date: dt.date
    units: float | None
    """Null where the day of the node, or of a part of it, is not delivered yet."""
    onpromotion: float | None
    """Items on promotion; null where not known, or where there is no such covariate."""
    covariates: dict[str, float | None]
    """Covariates that are known ahead, of the node: the sum of a count, the mean of a number."""


@dataclass(frozen=True, slots=True)
class HistoricalAnswer(Answer):
    """Sales of a node, day by day."""

    node: str
    level: str
    days: list[PastDay]
    first_sale: dt.date | None
    """The node's first day with sales: it is new then, and the 0 of an earlier day does not say
    that nobody bought it. Null where it has never sold."""
    next: dt.date | None
    """`from` of the next page; null on the last one."""
    snapshot: SnapshotRef


@dataclass(frozen=True, slots=True)
class StoreInfo(Answer):
    """A store of the retailer."""

    store_nbr: int
    city: str
    state: str
    type: str
    cluster: str


@dataclass(frozen=True, slots=True)
class LevelInfo(Answer):
    """A level of the hierarchy."""

    name: str
    columns: tuple[str, ...]
    """Columns whose values name its nodes; none of the total's."""
    nodes: int
    divided_by: tuple[str, ...]
    """Levels between it and the series of which every node lies within one node of this level;
    `by` of a tree may name them after it."""


@dataclass(frozen=True, slots=True)
class CovariateInfo(Answer):
    """A quantity beside the sales that the model reads."""

    name: str
    kind: Kind
    known_ahead: bool
    """Whether days ahead are known, and can be adjusted in a what-if."""
    by: tuple[str, ...]
    """Columns of the series that it varies with."""


@dataclass(frozen=True, slots=True)
class MetaAnswer(Answer):
    """Series, dates and options that requests may name."""

    series: dict[str, list[str]]
    """Columns whose values together name a series, with their values."""
    attributes: dict[str, list[str]]
    """Columns that describe the series, with their values."""
    hierarchy: list[LevelInfo]
    """Levels, the total first and the series last."""
    covariates: list[CovariateInfo]
    stores: list[StoreInfo]
    """Empty where the series are not named by store and family."""
    families: list[str]
    """Empty where the series are not named by store and family."""
    levels: dict[str, int]
    """Nodes of each level."""
    data: dict[str, dt.date]
    """First and last day with known sales, and the last on which covariates of all series are known
    (`promotions_known_through`)."""
    forecast: dict[str, dt.date]
    """First and last day that a forecast may reach."""
    step: Step
    """Time from one value of a series to the next: with `week`, what is said of days elsewhere
    holds for weeks, and a date stands for its week."""
    max_horizon: int
    """Most days, or weeks of weekly data, of a forecast."""
    horizons: tuple[int, ...]
    """Common ones; any from 1 to `max_horizon` is answered."""
    intervals: tuple[int, int]
    """Least and largest nominal coverage of an interval, in percent."""
    features: tuple[str, ...]
    """Columns of the model's rows, in order."""
    model_version: str
    model_trained_through: dt.date
    snapshot: SnapshotRef


@dataclass(frozen=True, slots=True)
class LevelAccuracy(Answer):
    """Errors of the forecasts of a level, so many days ahead; null where not measured."""

    level: str
    days: str
    """After the origin, from and to."""
    rmsle: float | None
    """Root mean squared logarithmic error."""
    wape: float | None
    """Sum of absolute errors over sum of sales."""
    bias: float | None
    """Sum of errors over sum of sales; more than 0 where too much was forecast."""
    coverage: dict[str, float]
    """Share of days within the interval, by its nominal coverage in percent."""
    baselines: dict[str, float | None]
    """WAPE of simple rules on the same days, by rule: `seasonal_naive` is what was sold on the last
    same weekday, `weekday_mean` the mean of the last four. Empty where it was not measured."""


@dataclass(frozen=True, slots=True)
class AccuracyGroup(Answer):
    """Accuracy over some windows of the past."""

    group: str
    windows: int
    """Number of windows that were averaged."""
    rmsle: float | None
    """Of the bottom series: root mean squared logarithmic error."""
    wrmsse: float | None
    """Weighted root mean squared scaled error, over the levels."""
    levels: list[LevelAccuracy]


@dataclass(frozen=True, slots=True)
class AccuracyAnswer(Answer):
    """Accuracy of past forecasts."""

    source: Literal["backtest", "calibration"]
    """`backtest` where one is sealed into the bundle: models fitted anew before every window;
    else `calibration`: the light models that calibrated the intervals."""
    groups: list[AccuracyGroup]
    live: LiveAccuracyAnswer | None
    """Null unless asked for with `window`."""
    model_version: str


@dataclass(frozen=True, slots=True)
class NodeErrors(Answer):
    """Errors of the forecast of a node; null where it sold nothing, or no day is known."""

    node: str
    """Its id."""
    level: str
    days: int
    """Days that count: whose sales are known, and on which a series is open."""
    units_sold: float
    """On these days."""
    units_forecast: float
    """For these days."""
    units_wrong: float
    """Sum of the absolute errors of these days."""
    wape: float | None
    """Sum of absolute errors over sum of sales."""
    bias: float | None
    """Sum of errors over sum of sales; more than 0 where too much was forecast."""
    rmsle: float | None
    """Root mean squared logarithmic error."""
    baselines: dict[str, float | None]
    """WAPE of simple rules on the same days, by rule, as in `/accuracy`."""


@dataclass(frozen=True, slots=True)
class NodeAccuracyAnswer(Answer):
    """Errors of single nodes in a forecast of the last known days."""

    date: dt.date
    """First day that was forecast."""
    horizon: int
    """Days that were forecast, or weeks of weekly data; the last one is the newest known."""
    origin: dt.date
    """Last day whose sales the forecast uses."""
    level: str
    order: Order
    nodes: int
    """Of the level."""
    series: list[NodeErrors]
    in_sample: bool
    """Whether the model was trained on these days, so that its errors are smaller than those of
    days ahead. What is hard is then still found, but not how good the forecasts are: `/accuracy`
    has errors on days that were not trained on."""
    model_version: str
    model_trained_through: dt.date
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True)
class MetricsAnswer(Answer):
    """All quality figures of the bundle, as training wrote them."""

    model_version: str
    metrics: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StatusAnswer(Answer):
    """State of the process or of the model, for probes."""

    status: Literal["alive", "ready"]


@dataclass(frozen=True, slots=True)
class IndexAnswer(Answer):
    """The service's name and its paths."""

    name: str
    paths: list[str]
