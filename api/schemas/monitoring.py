"""What forecasts were worth: live accuracy, and sales that are reported."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from api.schemas.answer import Answer, SnapshotRef
from api.schemas.field_codes import RefusedAs
from api.schemas.requests import (
    Day,
    Name,
    NodeRequest,
    QueryFlag,
    Request,
    WholeNumber,
    number_of_text,
)
from errors import Code

MAX_ACTUALS = 10_000

Window = Annotated[WholeNumber, BeforeValidator(number_of_text), Field(ge=1, le=400)]


class AccuracyQuery(Request):
    """Accuracy that is asked for."""

    window: Window | None = None
    """Newest days whose sales are known and that were forecast before, to measure what was really
    served; if left out, only what the bundle has recorded."""
    level: Name | None = None
    """With `window`: level whose nodes are listed one by one, of those in `/meta` but the series;
    if left out, only whole levels."""
    node: Name | None = None
    """With `window`: a node above the series, to list its own forecasts and those of the series
    below it."""
    daily: QueryFlag = False
    """With `window`: list each day too."""
    bundle: Name | None = None
    """With `window`: model whose forecasts are measured; the active one if left out."""


@dataclass(frozen=True, slots=True)
class Measured(Answer):
    """A measure with its 90 % interval over draws of days; null where not known."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class RecordedFigures(Answer):
    """The same figures in the bundle's own record, of days before it was trained."""

    wape: float | None
    bias: float | None
    rmsle: float | None
    coverage: dict[str, float]


@dataclass(frozen=True, slots=True)
class LiveFiguresAnswer(Answer):
    """Accuracy of the forecasts of some nodes, so many days ahead."""

    level: str
    node: str | None
    """The node whose own forecasts these are, or, at the level of the series, that they are below;
    null for all nodes of the level."""
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
    """Mean weighted interval score in units: twice the mean pinball loss of the forecast and the
    bounds of both intervals."""
    steps: dict[str, float | None]
    """WAPE of each step on the same days: `seasonal_naive`, last week's same weekday; `base`, the
    model before reconciliation; `forecast`, as served."""
    recorded: RecordedFigures | None
    """Null where the bundle has none for this level and these days ahead."""


@dataclass(frozen=True, slots=True)
class LiveDayAnswer(Answer):
    """Accuracy of the forecasts of one day by some nodes, from all origins together."""

    date: dt.date
    level: str
    node: str | None
    wape: float | None
    bias: float | None
    coverage: dict[str, float | None]
    seasonal_naive: float | None
    """WAPE of last week's same weekday."""


@dataclass(frozen=True, slots=True)
class IntervalFactor(Answer):
    """Factor on the widths of the intervals of some nodes, so many days ahead."""

    level: str
    volume: str | None
    """`low`, `medium` or `high`: third of the level's nodes by units of the newest 28 days; null
    where it is not divided."""
    days_ahead: str
    factor: float
    """Between 0.5 and 2, in square roots of units."""


@dataclass(frozen=True, slots=True)
class AdaptationAnswer(Answer):
    """Adaptation of the intervals that are served now to what was missed."""

    digest: str
    """Part of the version of all answers with intervals."""
    through: dt.date
    """Newest day whose misses it knows."""
    factors: list[IntervalFactor]


@dataclass(frozen=True, slots=True)
class LiveAccuracyAnswer(Answer):
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


class ActualRow(NodeRequest):
    """Units that a series sold on a day."""

    date: Annotated[Day, RefusedAs(Code.INVALID_DATE)]
    """The day; of weekly data, the date of the week."""
    units: Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e12)]


class ActualsRequest(Request):
    """Sales to report. Rows are checked one by one, so that all faults are answered at once."""

    actuals: Annotated[list[Any], Field(min_length=1, max_length=MAX_ACTUALS)]
    """Each with `date`, `units`, and the series by `node`, by `series`, or by `store_nbr` and
    `family`."""


@dataclass(frozen=True, slots=True)
class ActualsAnswer(Answer):
    """What a report of sales has changed."""

    added: int
    corrected: int
    """Rows that were reported before with other units, which stay on record."""
    unchanged: int
    superseded: int
    """Rows of days that the tables already have: kept, and without effect."""
    snapshot: SnapshotRef
