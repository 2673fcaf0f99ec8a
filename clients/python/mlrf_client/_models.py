"""Types of answers. Written by `make docs` from the OpenAPI document; do not edit."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyAnswer:
    """Accuracy of past forecasts."""

    source: Literal["backtest", "calibration"]
    """`backtest` where one is sealed into the bundle: models fitted anew before every window;
    else `calibration`: the light models that calibrated the intervals."""
    groups: list[AccuracyGroup]
    live: LiveAccuracyAnswer | None
    """Null unless asked for with `window`."""
    model_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyGroup:
    """Accuracy over some windows of the past."""

    group: str
    windows: int
    """Number of windows that were averaged."""
    rmsle: float | None
    """Of the bottom series: root mean squared logarithmic error."""
    wrmsse: float | None
    """Weighted root mean squared scaled error, over the levels."""
    levels: list[LevelAccuracy]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptationAnswer:
    """Adaptation of the intervals that are served now to what was missed."""

    digest: str
    """Part of the version of all answers with intervals."""
    through: dt.date
    """Newest day whose misses it knows."""
    factors: list[IntervalFactor]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstAnswer:
    """What makes the difference between a forecast and its reference, in units."""

    date: dt.date
    """First day of the reference."""
    horizon: int
    """Its days. If they are several and the explained day is one, the reference is their
    mean."""
    prediction: float
    """Forecast of the reference."""
    difference: float
    """The explained forecast less that of the reference."""
    groups: list[GroupChange]
    """The largest first; 0 where the features of both are the same."""
    reconciliation: float
    """Units by which making the hierarchy coherent moved the difference."""
    not_explained: NotExplained
    explained_share: float
    """Of the series' absolute differences; less than 1 where series are not explained."""
    changed: list[ReferenceValue]
    """Features that differ, where one day of one series is compared with another; else none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    covariate: str
    op: str
    value: float | str | None
    from_: dt.date
    to: dt.date
    series: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerAnswer:
    """The caller of the request, and what the caller may do."""

    client: str
    """Name of the caller: that of the key, or the subject of the token."""
    scopes: list[str]
    """In alphabetical order."""
    tier: str
    """Name of the limits that apply to the caller."""
    authentication: Literal["key", "token", "environment", "local"]
    """`key`: a key of the database; `token`: a token of the single sign-on; `environment`: the
    key in `API_KEY`; `local`: no authentication, because `AUTH_MODE` is `disabled`."""
    limits: CallerLimits | None
    """Null for a tier without a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerLimits:
    """Units that a caller may spend."""

    quota: int
    """Units in each window."""
    window: int
    """Seconds."""
    burst: int
    """Units that may be spent at once after a pause, and the most that one request may cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildChange:
    """A node below another; its delta is the sum of its children's, if they are included."""

    id: str
    level: str
    baseline: float
    scenario: float
    delta: float
    children: list[ChildChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedUnits:
    """Units of a forecast, and those that it is compared with."""

    forecast: float
    reference: float
    units: float
    """Forecast minus reference."""
    change: float | None
    """`units` as a share of the reference; null where that is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CovariateInfo:
    """A quantity beside the sales that the model reads."""

    name: str
    kind: Kind
    known_ahead: bool
    """Whether days ahead are known, and can be adjusted in a what-if."""
    by: list[str]
    """Columns of the series that it varies with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayChange:
    """A node's units on one day, without and with the adjustments."""

    date: dt.date
    baseline: float
    scenario: float
    delta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayForecast:
    """Forecast of one day, with the bounds of every requested interval."""

    date: dt.date
    prediction: float
    intervals: list[PredictionInterval]
    """In the order in which the request names them."""
    actual: float | None
    """Units sold; null where not known."""
    quantiles: list[PredictionQuantile] = field(default_factory=list)
    """Ascending; only there if the request names any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DegradedReason:
    """A part of the service that is degraded, while forecasts are still answered."""

    name: str
    """Of the part: `redis`, `shared_cache`, `database`, `data`, `offered_pair` or `artifacts`;
    the metric `mlrf_degraded` has it as a label."""
    detail: str
    """Readable description of the failure and its consequences."""


DeviationKind = Literal[
    "last-year", "recent", "outside-band", "stockout", "promotion", "new-series"
]
"""Kind of a deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionEntry:
    """A node that deviates from what was to be expected; the API's page explains the kinds."""

    kind: DeviationKind
    node: str
    """Its id."""
    level: str
    first: dt.date
    """First day that is compared."""
    last: dt.date
    forecast: float
    """Units that were to be expected on these days."""
    reference: float
    """Units that they are compared with: of the past, or sold on these days."""
    change: float | None
    """`units` as a share of the reference; null where that is 0."""
    units: float
    """Forecast minus reference: what is at stake."""
    comparable: ComparedUnits | None
    """The same of its comparable series alone: those that are not new since the time of the
    reference. Of `last-year` and `recent`; null for other kinds."""
    in_sample: bool
    """Whether the model was trained on these days, so that its forecast fits them too well."""
    detail: str
    """The same as a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionsAnswer:
    """What to look at first, in the forecast from the newest origin."""

    date: dt.date
    """First day of the forecast."""
    horizon: int
    """Days of the forecast, or weeks of weekly data."""
    origin: dt.date
    exceptions: list[ExceptionEntry]
    """Those with the most units at stake first."""
    counts: dict[str, int]
    """Number of all exceptions by kind, listed or not; of the kinds that were looked for."""
    not_checked: list[NotChecked]
    """Kinds that could not be looked for in these data."""
    model_version: str
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainAnswer:
    """The explanation of a forecast: `horizon` days from `date` on, added up."""

    node: str
    """Its id."""
    level: str
    date: dt.date
    horizon: int
    prediction: float
    space: Space
    """Of base_value and contributions: `log1p units` for one day of one series, `units` for
    sums."""
    base_value: float
    base_units: float
    groups: list[GroupStep]
    """The features' steps by kind, the largest contribution first: they add up to the same."""
    features: list[FeatureStep]
    """The largest contribution first."""
    cut: float
    """Units by which the model's negative scores were raised to zero."""
    reconciliation: float
    """Units by which making the hierarchy coherent moved the forecast."""
    not_explained: NotExplained
    explained_share: float
    """Of the prediction; less than 1 where series are not explained."""
    missing: float
    """Units by which the steps do not add up to the prediction: rounding."""
    against: AgainstAnswer | None
    """The forecast compared with the reference; null without one."""
    origin: dt.date
    method: Method
    analogues: list[str]
    """Ids of the series whose mean the forecast is, where `method` is `analogue`; else none."""
    model_version: str
    model_trained_through: dt.date
    in_sample: bool
    known_through: dict[str, dt.date]
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportAnswer:
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
    """Progress of its job: `done` nodes of `total` while the file is written; null before it
    has begun, and after it has ended."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportsAnswer:
    """Exports of the caller, the newest first."""

    exports: list[ExportAnswer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with a request."""

    pointer: str
    """JSON pointer into the body, or the name of a query parameter."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureStep:
    """Contribution of one feature to a forecast."""

    name: str
    label: str
    """Its name for a person."""
    group: Group
    """Name of its group in `groups`."""
    description: str
    """What it measures, exactly."""
    unit: str
    """Of the value."""
    value: str | float | None
    """Readable: categories and weekdays by name. Null where it is missing, and where the
    explanation adds up several days or series."""
    plain_value: str | float | None
    """The same for a person: logarithms converted back, shares in percent. Null where `value`
    is.     """
    plain_unit: str
    """Of the plain value; empty where it needs none."""
    contribution: float
    """In the explanation's space."""
    factor: float | None
    """Factor by which it multiplies the forecast + 1; null in units."""
    units: float
    """Units by which it moves the forecast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastAnswer:
    """A node of any level, day by day."""

    node: str
    level: str
    series: dict[str, str]
    """Values of the columns of its level; empty for the total."""
    date: dt.date
    """The first day forecast."""
    horizon: int
    adjusted: bool
    """Whether `prediction` has the standing overrides of planners; intervals and quantiles
    never have."""
    forecast: list[DayForecast]
    period: Period
    periods: list[PeriodForecast]
    """Sums of the days of each period; empty for `day`."""
    origin: dt.date
    """The last day whose sales the forecast rests on."""
    method: Method
    """As in `SimpleAnswer`; `sum` for a node above the series."""
    model_version: str
    model_trained_through: dt.date
    """The last day whose sales the model was trained on."""
    in_sample: bool
    """Whether a day of this forecast is among those that the model was trained on."""
    known_through: dict[str, dt.date]
    """Last day up to which each covariate of the node was known; and its `sales`, where they
    are not delivered up to `origin`."""
    snapshot: SnapshotRef
    degraded: bool
    """Whether this forecast was computed otherwise than it should."""


Group = Literal["level", "weekday", "season", "holiday", "promotion", "store"]
"""Topic of a feature, by which explanations group the features for a reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChange:
    """Units of a difference that are due to the features of one kind."""

    name: Group
    """As in `groups` of the answer. Both forecasts know the same sales, so `level` is here how
    far ahead the days are."""
    units: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStep:
    """Joint contribution of the features of one kind to a forecast."""

    name: Group
    """`level`: recent sales; `weekday`; `season`: time of month and year; `holiday`;
    `promotion`; `store`: attributes of the series."""
    contribution: float
    """In the explanation's space; the sum of the features'."""
    factor: float | None
    """Factor by which they multiply the forecast + 1; null in units."""
    units: float
    """Units by which they move the forecast."""
    features: list[str]
    """Names of its features, the largest contribution first; `features` of the answer has
    them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthAnswer:
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
    """Whether the data are the built-in demo's, which are always old and never degraded by
    it."""
    nodes: int
    """Of the hierarchy."""
    quality: list[str]
    """Warnings about the model, from the days that calibrated it: where a simple rule was
    better, totals were biased, or intervals held too many or too few of the sales. Empty if
    there were none, and for a model that was trained before they were recorded. They degrade
    nothing."""
    degraded: bool
    reasons: list[DegradedReason]
    """Empty unless `degraded`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HierarchyAnswer:
    """A tree of forecasts: `horizon` days from `date` on, added up."""

    date: dt.date
    horizon: int
    previous_date: dt.date | None
    """First day of the previous period: the newest of as many days that is over by then and
    begins on the same weekday; for `previous=year` that of 52 weeks before. Null where its
    sales are not known."""
    by: str
    """Levels between the total and the series, separated by slashes."""
    origin: dt.date
    adjusted: bool
    """Whether `prediction` has the standing overrides of planners; intervals and quantiles
    never have."""
    tree: NodeForecast
    model_version: str
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalAnswer:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalFactor:
    """Factor on the widths of the intervals of some nodes, so many days ahead."""

    level: str
    volume: str | None
    """`low`, `medium` or `high`: third of the level's nodes by units of the newest 28 days;
    null where it is not divided."""
    days_ahead: str
    factor: float
    """Between 0.5 and 2, in square roots of units."""


Kind = Literal["count", "flag", "number", "price"]
"""Kind of a covariate, which decides how it adds up and on which scale it is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelAccuracy:
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
    """WAPE of simple rules on the same days, by rule: `seasonal_naive` is what was sold on the
    last same weekday, `weekday_mean` the mean of the last four. Empty where it was not
    measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelInfo:
    """A level of the hierarchy."""

    name: str
    columns: list[str]
    """Columns whose values name its nodes; none of the total's."""
    nodes: int
    divided_by: list[str]
    """Levels between it and the series of which every node lies within one node of this level;
    `by` of a tree may name them after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAccuracyAnswer:
    """Accuracy of forecasts that were really served, on days whose sales are known since."""

    bundle: str
    first: dt.date | None
    """Null where nothing is compared yet."""
    last: dt.date | None
    figures: list[LiveFiguresAnswer]
    daily: list[LiveDayAnswer]
    """Empty unless asked for."""
    adaptation: AdaptationAnswer | None
    """Null where the intervals are those of the model, and of a model that does not serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveDayAnswer:
    """Accuracy of the forecasts of one day by some nodes, from all origins together."""

    date: dt.date
    level: str
    node: str | None
    wape: float | None
    bias: float | None
    coverage: dict[str, float | None]
    seasonal_naive: float | None
    """WAPE of last week's same weekday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFiguresAnswer:
    """Accuracy of the forecasts of some nodes, so many days ahead."""

    level: str
    node: str | None
    """The node whose own forecasts these are, or, at the level of the series, that they are
    below; null for all nodes of the level."""
    days_ahead: str
    """After the origin, from and to; `all` for all of them together."""
    days: int
    """Days that were compared."""
    values: int
    """Forecasts that were compared: a day is forecast from many origins."""
    units_sold: float
    """On these days, once for each forecast."""
    wape: Measured
    """Sum of absolute errors over sum of sales."""
    bias: Measured
    """Sum of errors over sum of sales; more than 0 where too much was forecast."""
    rmsle: float | None
    """Root mean squared logarithmic error."""
    coverage: dict[str, Measured]
    """Share of the sales within the intervals, by their nominal coverage in percent."""
    wis: float | None
    """Mean weighted interval score in units: twice the mean pinball loss of the forecast and
    the bounds of both intervals."""
    steps: dict[str, float | None]
    """WAPE of each step on the same days: `seasonal_naive`, last week's same weekday; `base`,
    the model before reconciliation; `forecast`, as served."""
    recorded: RecordedFigures | None
    """Null where the bundle has none for this level and these days ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measure with its 90 % interval over draws of days; null where not known."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaAnswer:
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
    """First and last day with known sales, and the last on which covariates of all series are
    known (`promotions_known_through`)."""
    forecast: dict[str, dt.date]
    """First and last day that a forecast may reach."""
    step: Step
    """Time from one value of a series to the next: with `week`, what is said of days elsewhere
    holds for weeks, and a date stands for its week."""
    max_horizon: int
    """Most days, or weeks of weekly data, of a forecast."""
    horizons: list[int]
    """Common ones; any from 1 to `max_horizon` is answered."""
    intervals: tuple[int, int]
    """Least and largest nominal coverage of an interval, in percent."""
    features: list[str]
    """Columns of the model's rows, in order."""
    model_version: str
    model_trained_through: dt.date
    snapshot: SnapshotRef


Method = Literal[
    "model",
    "model_new",
    "model_idle",
    "zero_never_sold",
    "analogue",
    "seasonal_naive",
    "weekday_mean",
    "sum",
]
"""Method of a node's forecast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsAnswer:
    """All quality figures of the bundle, as training wrote them."""

    model_version: str
    metrics: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNode:
    """A node of which no series had sold a year before."""

    node: str
    level: str
    first_sale: dt.date | None
    """Its first day with sales; null for one that is announced."""
    forecast: float
    reference: float
    """Units sold a year before: of one that began within these days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOverrideAnswer:
    """An override that is made or previewed, with all that it changes."""

    id: int | None
    state: OverrideState
    node: str
    first: dt.date
    last: dt.date
    op: Operation
    value: float
    spread: Literal["day", "period"]
    reason: Reason
    note: str
    author: str
    created_at: dt.datetime
    expires_at: dt.datetime | None
    withdrawn_at: dt.datetime | None
    withdrawn_by: str | None
    model_version: str
    snapshot: SnapshotRef
    days: list[OverrideDay]
    total: OverrideTotal
    now: OverrideEffect | None
    value_added: ValueAdded | None
    ancestors: list[NodeChange]
    """Nodes that the node is a part of, the nearest first, over the days of the override. Empty
    for a repeated request."""
    children: list[ChildChange]
    """Nodes below it, one level deep. Empty for a repeated request."""
    warnings: list[OverrideWarning]
    revision: int
    """Number of the newest change to overrides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAccuracyAnswer:
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
    days ahead. What is hard is then still found, but not how good the forecasts are:
    `/accuracy` has errors on days that were not trained on."""
    model_version: str
    model_trained_through: dt.date
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeChange:
    """A node's units over all days, without and with the adjustments."""

    id: str
    level: str
    baseline: float
    scenario: float
    delta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeErrors:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeForecast:
    """A node of the tree; its prediction is the sum of its children's, if they are included."""

    id: str
    name: str
    level: str
    prediction: float
    statistical: float | None
    """The forecast without overrides; null unless `adjusted`."""
    previous: float | None
    """Units sold in the previous period (see `previous_date`); null where they are not known,
    or not delivered yet."""
    trend: float | None
    """Share of those by which the prediction is higher; null where nothing was sold."""
    intervals: list[PredictionInterval]
    """Of the sum of the days; empty unless they are requested."""
    children: list[NodeForecast]
    quantiles: list[PredictionQuantile] = field(default_factory=list)
    """Of the sum of the days, ascending; only there if the request names any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotChecked:
    """A kind of exceptions that could not be looked for."""

    kind: DeviationKind
    detail: str
    """Why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotExplained:
    """Series beyond the number that one explanation covers, and their forecast in units."""

    series: int
    units: float


Operation = Literal["set", "add", "multiply"]

Order = Literal["hard", "easy", "units"]
"""Order of nodes by their errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideAnswer:
    """An override, with what it did when it was made, and what it does now."""

    id: int | None
    """Its number; overrides apply in the order of their numbers. Null for a preview."""
    state: OverrideState
    node: str
    first: dt.date
    last: dt.date
    op: Operation
    value: float
    spread: Literal["day", "period"]
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
    """Null where it does not alter the newest forecasts: it is not active, its node is gone, or
    it was made on a newer release."""
    value_added: ValueAdded | None
    """Null until the sales of one of its days are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideDay:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideEffect:
    """What an override does to the forecast now: on its days ahead, added up."""

    requested: float
    """Units that it makes of the overrides before it."""
    result: float
    """Units of the node with all overrides."""
    holds: bool
    """Whether these are equal on every day; an override that was made later may have moved
    them."""
    floored: bool
    """Whether a day of it would be negative with the forecast as it is now, and is 0
    instead."""
    equal_shares: bool
    """Whether all series got the same share on a day, because none has a forecast now."""


OverrideState = Literal["active", "withdrawn", "expired", "over"]
"""State of an override at one time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideTotal:
    """The sums over the days of an override."""

    statistical: float
    before: float
    result: float
    delta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideWarning:
    """Something that a planner should know before overriding."""

    code: Literal["small", "upward", "outside-band", "no-change", "no-forecast", "overlap", "moves"]
    """`small`: less than a tenth of half the 80 % interval; `upward`: small and upward;
    `outside-band`: a result outside of the 95 % interval; `no-change`: nothing changes; `no-
    forecast`: a day on which the forecast is 0; `overlap`: other active overrides of the same
    series and days; `moves`: those of them that no longer hold."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverridesAnswer:
    """A page of overrides, the newest first."""

    overrides: list[OverrideAnswer]
    next: int | None
    """`before` of the next page; null on the last."""
    revision: int
    """Number of the newest change: an override that was made or withdrawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDay:
    """Sales of a node on one day."""

    date: dt.date
    units: float | None
    """Null where the day of the node, or of a part of it, is not delivered yet."""
    onpromotion: float | None
    """Items on promotion; null where not known, or where there is no such covariate."""
    covariates: dict[str, float | None]
    """Covariates that are known ahead, of the node: the sum of a count, the mean of a
    number."""


Period = Literal["day", "week", "month", "horizon"]
"""Days that a forecast adds up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodForecast:
    """Forecast of the sum of some days, with the bounds of every requested interval."""

    first: dt.date
    last: dt.date
    days: int
    prediction: float
    intervals: list[PredictionInterval]
    """In the order in which the request names them."""
    actual: float | None
    """Units sold; null where a day of it is not known."""
    quantiles: list[PredictionQuantile] = field(default_factory=list)
    """Ascending; only there if the request names any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionInterval:
    """An interval that the sales lie in with a probability of `level` percent."""

    level: int
    """Nominal coverage, in percent."""
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionQuantile:
    """A number that the sales do not exceed with a probability."""

    probability: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressAnswer:
    """Progress of a job."""

    phase: str
    """Name of the current step, or of the last one of a job that has ended."""
    step: int | None
    """Number of the step, from 1."""
    steps: int | None
    """Number of all steps; null until it is known."""
    done: int | None
    """Parts of the step that are done, of `total`; null where it has no parts."""
    total: int | None
    seconds_remaining: float | None
    """Estimate for the whole job; null until there is one."""


Reason = Literal[
    "promotion", "event", "price", "assortment", "supply", "weather", "correction", "other"
]
"""Why a planner expects other sales than the forecast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFigures:
    """The same figures in the bundle's own record, of days before it was trained."""

    wape: float | None
    bias: float | None
    rmsle: float | None
    coverage: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceValue:
    """A feature that has another value on the day of the reference."""

    name: str
    """As in `features` of the answer, which has its label, its group and its value on the
    day."""
    value: str | float | None
    plain_value: str | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowAnswer:
    """A base forecast, which is not reconciled."""

    prediction: float
    reconciled: Literal[False]
    filled: list[str]
    """Features that were taken from the snapshot."""
    origin: dt.date | None
    """The last day whose sales these rest on; null where all were given."""
    model_version: str
    model_trained_through: dt.date
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRef:
    """The data that an answer rests on."""

    origin: dt.date
    """The newest day whose sales are known."""
    digest: str
    """Hash of the snapshot's content."""


Space = Literal["log1p units", "units"]
"""Space in which contributions are expressed."""

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
"""State of a job."""

Step = Literal["day", "week"]
"""Step of the date axis; features count their windows in whole weeks of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInfo:
    """A store of the retailer."""

    store_nbr: int
    city: str
    state: str
    type: str
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueAdded:
    """Errors without and with the override, on days whose sales are known."""

    days: int
    statistical_error: float
    """Sum of the absolute errors of `statistical`."""
    adjusted_error: float
    """Sum of the absolute errors of `result`; smaller where the override helped."""


WarningCode = Literal["outside-seen", "far", "shortened"]
"""Reason of a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatifAnswer:
    """A forecast compared with a scenario: `horizon` days from `date` on, in units."""

    node: str
    level: str
    date: dt.date
    horizon: int
    origin: dt.date
    baseline: float
    scenario: float
    delta: float
    delta_pct: float | None
    """In percent of the baseline; null where that is 0."""
    days: list[DayChange]
    """Of the node, day by day."""
    ancestors: list[NodeChange]
    """Nodes that the node is a part of, the nearest first."""
    children: list[ChildChange]
    applied: list[Applied]
    levels_as_planned: list[str]
    """Levels of which the plan of a whole node, such as the promotions of a whole store, stays
    as planned in all forecasts, because the adjustments are not for all of its series. Empty
    where there is none, and where no covariate with a plan is adjusted."""
    warnings: list[WhatifWarning]
    """Empty where the data have values such as those of the scenario."""
    moved_by_reconciliation: list[str]
    """Bottom series whose own rows are unaltered, and that moved because the hierarchy must add
    up."""
    moved_by_shared_features: int
    """Always 0: number of bottom series outside the node whose inputs the adjustments changed.
    What they share with those of the node stays as planned (`levels_as_planned`)."""
    model_version: str
    model_trained_through: dt.date
    in_sample: bool
    known_through: dict[str, dt.date]
    """Last day up to which each covariate is known in the baseline."""
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatifWarning:
    """A reason why the forecast of a scenario is less reliable than others."""

    code: WarningCode
    """`outside-seen`: a value is less or more than all that the series has had, or the holiday
    is on no past day; `far`: a value is more than twice the largest that the series has had;
    `shortened`: the covariate is not known on all days, and the adjustment ends before."""
    covariate: str
    detail: str
    """A sentence with the value, and those that the data have."""
    node: str | None
    """Id of the series whose value is the most unusual; null for a holiday, and for
    `shortened`."""
    value: float | str | None
    """Of the covariate in that series, or the name of the holiday."""
    least: float | None
    """Least value that the series has had."""
    most: float | None
    """Largest value that the series has had."""
    others: int
    """Number of other series whose values are as unusual."""
    last: dt.date | None
    """Day with which a `shortened` adjustment ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YearBeforeAnswer:
    """A node's forecast against the same weekdays 52 weeks before, like for like."""

    node: str
    level: str
    first: dt.date
    """First day that is compared."""
    last: dt.date
    """The last one: that of the horizon, or of 52 weeks."""
    previous_first: dt.date | None
    """First of the days a year before; null where the data begin later, and so are the
    figures."""
    previous_last: dt.date | None
    whole: ComparedUnits | None
    """Of the node; null where its sales of a day a year before are not known."""
    comparable: ComparedUnits | None
    """Of its series that had sold by `previous_first`: its change like for like."""
    new: ComparedUnits | None
    """Of its other series. With those of `comparable` they add up to `whole`."""
    new_share: float | None
    """Part of the `change` of `whole` that the new series make; null where nothing was sold."""
    new_nodes: list[NewNode]
    """What is new, the most units first and at most 20: nodes without a series that had sold by
    then, such as a store or an article. Those within a larger one are left out."""
    origin: dt.date
    adjusted: bool
    """Whether the forecasts have the standing overrides of planners."""
    model_version: str
    snapshot: SnapshotRef
    degraded: bool
