"""Answers with forecasts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from api.schemas.answer import Answer, ProblemPart, SnapshotRef
from api.schemas.requests import DEFAULT_INTERVALS, Period
from models.intervals import MAX_NOMINAL, MAX_PROBABILITY, MIN_NOMINAL, MIN_PROBABILITY
from models.methods import Method

Units = Annotated[float, Field(ge=0)]
_ONE_OF = "|".join(str(nominal) for nominal in range(MIN_NOMINAL, MAX_NOMINAL + 1))


def _with_bounds(schema: dict[str, Any]) -> None:
    """Describe the bounds of intervals that are members of an object beside its fields.

    Those of the default intervals are described as optional properties. Of the others only the
    names are described, and not by `patternProperties`: from those, generators of clients derive a
    type for *every* field.
    """
    del schema["additionalProperties"]
    names = [f"{side}_{nominal}" for nominal in DEFAULT_INTERVALS for side in ("lower", "upper")]
    schema["properties"] |= {
        name: {
            "type": "number",
            "minimum": 0,
            "description": "As in `intervals`; so have other levels, as `lower_N` and `upper_N`.",
        }
        for name in names
    }
    schema["properties"]["statistical"] = {
        "type": "number",
        "minimum": 0,
        "description": "The forecast without overrides; only there where `adjusted` is true.",
    }
    fields = "|".join(schema["properties"])
    schema["propertyNames"] = {"pattern": f"^({fields}|(lower|upper)_({_ONE_OF}))$"}


_WITH_BOUNDS = ConfigDict(**Answer.__pydantic_config__, json_schema_extra=_with_bounds)
"""Of an answer whose bounds are also members beside its fields, as `lower_80`, `upper_80`, …; and
its statistical forecast, if it has overrides."""


@dataclass(frozen=True, slots=True)
class PredictionInterval(Answer):
    """An interval that the sales lie in with a probability of `level` percent."""

    level: Annotated[int, Field(ge=MIN_NOMINAL, le=MAX_NOMINAL)]
    """Nominal coverage, in percent."""
    lower: Units
    upper: Units


@dataclass(frozen=True, slots=True)
class PredictionQuantile(Answer):
    """A number that the sales do not exceed with a probability.

    It is of the node's own sales: quantiles do not add up. That of 0.5 is the median, and no
    `prediction`.
    """

    probability: Annotated[float, Field(ge=MIN_PROBABILITY, le=MAX_PROBABILITY)]
    value: Units


@dataclass(frozen=True, slots=True)
class DayForecast(Answer):
    """Forecast of one day, with the bounds of every requested interval."""

    __pydantic_config__: ClassVar[ConfigDict] = _WITH_BOUNDS

    date: dt.date
    prediction: Units
    intervals: list[PredictionInterval]
    """In the order in which the request names them."""
    quantiles: list[PredictionQuantile] = field(default_factory=list, kw_only=True)
    """Ascending; only there if the request names any."""
    actual: float | None
    """Units sold; null where not known."""


@dataclass(frozen=True, slots=True)
class SimpleAnswer(Answer):
    """A bottom series, day by day; `prediction` and the intervals are those of the first day."""

    __pydantic_config__: ClassVar[ConfigDict] = _WITH_BOUNDS

    prediction: Units
    intervals: list[PredictionInterval]
    """Of the first day, in the order in which the request names them."""
    quantiles: list[PredictionQuantile] = field(default_factory=list, kw_only=True)
    """Of the first day, ascending; only there if the request names any."""
    store_nbr: int
    family: str
    date: dt.date
    """The first day forecast."""
    horizon: int
    adjusted: bool
    """Whether `prediction` has the standing overrides of planners; intervals and quantiles
    never have."""
    forecast: list[DayForecast]
    origin: dt.date
    """The last day whose sales the forecast rests on."""
    method: Method
    """Method of the forecast: `model`; `model_new` where it rests on few days of sales, or
    the model has not seen the store or the family; `model_idle` where the series has sold
    nothing lately; `zero_never_sold` where it never has, and the forecast is zero by rule;
    `analogue` where the table of the days ahead announces it, and the forecast is the mean of
    those of similar series;
    `seasonal_naive` or `weekday_mean` where that rule was better than the model: the last same
    weekday, or the mean of the last four."""
    model_version: str
    model_trained_through: dt.date
    """The last day whose sales the model was trained on."""
    in_sample: bool
    """Whether a day of this forecast is among those that the model was trained on."""
    known_through: dict[str, dt.date]
    """Last day up to which each covariate of the node was known; and its `sales`, where they are
    not delivered up to `origin`."""
    snapshot: SnapshotRef
    degraded: bool
    """Whether this forecast was computed otherwise than it should."""


@dataclass(frozen=True, slots=True)
class PeriodForecast(Answer):
    """Forecast of the sum of some days, with the bounds of every requested interval.

    The bounds are those of the sum: they are not the sums of the days' bounds.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _WITH_BOUNDS

    first: dt.date
    last: dt.date
    days: int
    prediction: Units
    intervals: list[PredictionInterval]
    """In the order in which the request names them."""
    quantiles: list[PredictionQuantile] = field(default_factory=list, kw_only=True)
    """Ascending; only there if the request names any."""
    actual: float | None
    """Units sold; null where a day of it is not known."""


@dataclass(frozen=True, slots=True)
class ForecastAnswer(Answer):
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
    """Last day up to which each covariate of the node was known; and its `sales`, where they are
    not delivered up to `origin`."""
    snapshot: SnapshotRef
    degraded: bool
    """Whether this forecast was computed otherwise than it should."""


@dataclass(frozen=True, slots=True)
class NodeForecast(Answer):
    """A node of the tree; its prediction is the sum of its children's, if they are included."""

    id: str
    name: str
    level: str
    prediction: float
    statistical: float | None
    """The forecast without overrides; null unless `adjusted`."""
    previous: float | None
    """Units sold in the previous period (see `previous_date`); null where they are not known, or
    not delivered yet."""
    trend: float | None
    """Share of those by which the prediction is higher; null where nothing was sold."""
    intervals: list[PredictionInterval]
    """Of the sum of the days; empty unless they are requested."""
    quantiles: list[PredictionQuantile] = field(default_factory=list, kw_only=True)
    """Of the sum of the days, ascending; only there if the request names any."""
    children: list[NodeForecast]


@dataclass(frozen=True, slots=True)
class HierarchyAnswer(Answer):
    """A tree of forecasts: `horizon` days from `date` on, added up."""

    date: dt.date
    horizon: int
    previous_date: dt.date | None
    """First day of the previous period: the newest of as many days that is over by then and
    begins on the same weekday; for `previous=year` that of 52 weeks before. Null where its sales
    are not known."""
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


@dataclass(frozen=True, slots=True)
class RowAnswer(Answer):
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


@dataclass(frozen=True, slots=True)
class BatchAnswer(Answer):
    """A result or a problem for each item, in their order."""

    predictions: list[SimpleAnswer | ForecastAnswer | ProblemPart]
