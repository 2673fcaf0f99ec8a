"""Models of requests, which pydantic validates."""

from __future__ import annotations

import datetime as dt
import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    GetJsonSchemaHandler,
    SkipValidation,
    WithJsonSchema,
    field_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from typing_extensions import TypeAliasType

from api.schemas.field_codes import RefusedAs
from api.schemas.field_docstrings import field_docstrings
from errors import Code
from features.data.reading.days import describe_form
from features.data.specification import BOTTOM, TOTAL, Specification
from features.data.step import Step
from models.exceptions import DeviationKind
from models.intervals import MAX_NOMINAL, MAX_PROBABILITY, MIN_NOMINAL, MIN_PROBABILITY
from models.node_accuracy import Order
from models.uncertainty import USUAL

_EXACT_LIMIT = 2**53
"""Whole numbers are exact as floats below this; from here on two can be the same float."""


def _whole_number(value: object) -> object:
    """Return 1 for 1.0, which JSON Schema calls an integer too; anything else as it is."""
    is_whole = type(value) is float and abs(value) < _EXACT_LIMIT and value.is_integer()
    return int(value) if is_whole else value  # type: ignore[call-overload]


WholeNumber = Annotated[int, BeforeValidator(_whole_number), Field(strict=True)]

HORIZONS = {Step.DAY: (15, 30, 60, 90), Step.WEEK: (4, 8, 13, 26, 52)}
"""Common horizons; those of days are what clients of the replaced system choose from."""


def horizons_of(specification: Specification) -> tuple[int, ...]:
    """Return the common horizons that forecasts reach, or the longest alone."""
    reach = specification.horizon
    return tuple(each for each in HORIZONS[specification.step] if each <= reach) or (reach,)


# aliases with a name of their own, under which the OpenAPI document describes them once
Horizon = TypeAliasType("Horizon", Annotated[WholeNumber, Field(ge=1, le=Step.DAY.max_horizon)])
Operation = TypeAliasType("Operation", Literal["set", "add", "multiply"])
DEFAULT_INTERVALS = USUAL.nominals
Nominal = Annotated[WholeNumber, Field(ge=MIN_NOMINAL, le=MAX_NOMINAL)]
"""Nominal coverage of an interval, in percent."""
Intervals = Annotated[
    tuple[Nominal, ...],
    Field(max_length=50),
    FailFast(),
    AfterValidator(lambda nominals: tuple(dict.fromkeys(nominals))),
]
MAX_QUANTILES = 99
Probability = Annotated[
    float, Field(strict=True, allow_inf_nan=False, ge=MIN_PROBABILITY, le=MAX_PROBABILITY)
]
Quantiles = Annotated[
    tuple[Probability, ...],
    Field(max_length=MAX_QUANTILES),
    FailFast(),
    AfterValidator(lambda probabilities: tuple(sorted(set(probabilities)))),
]
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,8})\.[0-9]{1,20}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _calendar_day(value: object) -> object:
    """Refuse any date but YYYY-MM-DD: pydantic would take seconds since 1970 and times too."""
    if isinstance(value, dt.date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    form = describe_form(value[:40]) if isinstance(value, str) else None
    raise ValueError("a date is written YYYY-MM-DD" + (f"; {form}" if form else ""))


def number_of_text(value: object) -> object:
    """Return the number that a text is in JSON; anything else as it is."""
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


Day = Annotated[dt.date, BeforeValidator(_calendar_day)]
Flag = Annotated[bool, Field(strict=True)]
QueryHorizon = Annotated[Horizon, BeforeValidator(number_of_text)]


def _flag_of_text(value: object) -> object:
    """Return the boolean that a text is in JSON; anything else as it is."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


QueryFlag = Annotated[Flag, BeforeValidator(_flag_of_text)]

QueryLimit = Annotated[WholeNumber, BeforeValidator(number_of_text), Field(ge=1, le=500)]
"""Entries of a list, in a query."""

QueryOffset = Annotated[WholeNumber, BeforeValidator(number_of_text), Field(ge=0)]
"""Entries of a list to leave out, in a query."""


def _numbers_of_text(value: object) -> object:
    """Return the numbers of a list such as ``80,95`` in a query; anything else as it is."""
    return [number_of_text(part) for part in value.split(",")] if isinstance(value, str) else value


def _decimals_of_text(value: object) -> object:
    """Return the numbers of a list such as ``0.1,0.9`` in a query; anything else as it is."""
    if not isinstance(value, str):
        return value
    parts = value.split(",")
    return [float(part) if _DECIMAL.fullmatch(part) else number_of_text(part) for part in parts]


QueryIntervals = Annotated[Intervals, BeforeValidator(_numbers_of_text)]
QueryQuantiles = Annotated[Quantiles, BeforeValidator(_decimals_of_text)]

_A_STORE = RefusedAs(Code.INVALID_STORE)
_A_FAMILY = RefusedAs(Code.INVALID_FAMILY)
_A_DATE = RefusedAs(Code.INVALID_DATE)
_A_HORIZON = RefusedAs(Code.INVALID_HORIZON)
_A_NODE = RefusedAs(Code.INVALID_NODE)


class Request(BaseModel):
    """A request; the OpenAPI document describes its fields by their docstrings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core_schema)
        fields = handler.resolve_ref_schema(schema).get("properties", {})
        docstrings = field_docstrings(cls)
        for name, field in cls.model_fields.items():
            described = fields.get(field.alias or name)
            if described is not None and name in docstrings:
                described.setdefault("description", docstrings[name])
        return schema


Name = Annotated[str, Field(max_length=1000)]
SeriesKey = Annotated[
    dict[Name, Annotated[int | str, Field(union_mode="left_to_right")]], Field(max_length=20)
]
"""Values by column."""


class NodeRequest(Request):
    """A node of any level of the hierarchy, named in one of three ways; the total if in none."""

    node: Annotated[Name | None, _A_NODE] = None
    """Id, such as `store:1/family:DAIRY`, `family:DAIRY` or `total`; `/hierarchy` has them."""
    series: Annotated[SeriesKey | None, _A_NODE] = None
    """Values of the columns of a level, such as `{"store_nbr": 1, "family": "DAIRY"}`; `/meta` has
    the columns and their values."""
    store_nbr: Annotated[WholeNumber | None, _A_STORE] = None
    """All stores if left out."""
    family: Annotated[str | None, _A_FAMILY] = None
    """All families if left out."""


class SimpleRequest(Request):
    """A bottom series: a family in a store."""

    store_nbr: Annotated[WholeNumber, _A_STORE]
    """As in the tables; `/meta` lists the stores."""
    family: Annotated[str, _A_FAMILY]
    """As in the tables; `/meta` lists the families."""
    date: Annotated[Day | None, _A_DATE] = None
    """First day to forecast; if left out, the day after the newest sales."""
    horizon: Annotated[Horizon, _A_HORIZON]
    """Days to forecast, or weeks of weekly data: 1 to `max_horizon` of `/meta`."""
    intervals: Intervals = DEFAULT_INTERVALS
    """Nominal coverage of the requested intervals, in percent."""
    quantiles: Quantiles = ()
    """Probabilities of the requested quantiles, such as 0.9; none if left out."""
    adjusted: Flag = False
    """Whether `prediction` has the standing overrides of planners, beside `statistical`."""


class Period(StrEnum):
    """Days that a forecast adds up.

    Attributes:
        DAY: none: each day by itself, or each week of weekly data.
        WEEK: those of a week that begins on Monday.
        MONTH: those of a calendar month.
        HORIZON: all.
    """

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    HORIZON = "horizon"


class ForecastRequest(NodeRequest):
    """A node of any level, and the days to forecast."""

    date: Annotated[Day | None, _A_DATE] = None
    """First day to forecast; if left out, the day after the newest sales."""
    horizon: Annotated[Horizon, _A_HORIZON]
    """Days to forecast, or weeks of weekly data: 1 to `max_horizon` of `/meta`."""
    intervals: Intervals = DEFAULT_INTERVALS
    """Nominal coverage of the requested intervals, in percent."""
    quantiles: Quantiles = ()
    """Probabilities of the requested quantiles, such as 0.9; none if left out."""
    period: Period = Period.DAY
    """Days to add up, beside each day: `week` (from Monday), `month` or the whole `horizon`. The
    first and the last may have fewer days than a whole one."""
    adjusted: Flag = False
    """Whether `prediction` has the standing overrides of planners, beside `statistical`."""


class Previous(StrEnum):
    """Earlier period whose sales stand beside a forecast.

    Attributes:
        PERIOD: the newest one of whole weeks before, such as five weeks before 30 days.
        YEAR: 52 weeks before.
    """

    PERIOD = "period"
    YEAR = "year"


class HierarchyQuery(Request):
    """A part of the tree of forecasts."""

    date: Annotated[Day | None, _A_DATE] = None
    """First day; if left out, the day after the newest sales."""
    horizon: Annotated[QueryHorizon | None, _A_HORIZON] = None
    """Days to add up; one day if left out."""
    by: Name | None = None
    """Levels between the total and the series, each below the one before: one level, or several
    separated by slashes, such as `store`; the first that `/meta` lists if left out."""
    node: Annotated[str | None, _A_NODE] = None
    """Root of the tree, such as `store:1` or `family:DAIRY`; the total if left out."""
    depth: Annotated[int, Field(ge=0)] | None = None
    """Levels to include below that node; all if left out."""
    intervals: QueryIntervals = ()
    """Nominal coverage of the requested intervals of the sum, in percent, separated by commas, such
    as `80,95`; none if left out."""
    quantiles: QueryQuantiles = ()
    """Probabilities of the requested quantiles of the sum, separated by commas, such as `0.1,0.9`;
    none if left out."""
    previous: Previous = Previous.PERIOD
    """Earlier period of `previous` and `trend`, of the same weekdays: `period`, the newest that was
    over by then; `year`, 52 weeks before."""
    adjusted: QueryFlag = False
    """Whether `prediction` has the standing overrides of planners, beside `statistical`."""


class ExceptionsQuery(Request):
    """Exceptions to list."""

    horizon: Annotated[QueryHorizon | None, _A_HORIZON] = None
    """Days ahead, or weeks of weekly data; four weeks if left out."""
    level: Name | None = None
    """Level of the nodes, of those in `/meta`; all if left out."""
    kind: DeviationKind | None = None
    """Kind of exceptions; all if left out."""
    limit: QueryLimit = 50
    """Exceptions to list at most; each kind gets a fair share of them."""


class YearBeforeQuery(Request):
    """A node, and the days of its forecast that are compared."""

    node: Annotated[str, _A_NODE] = TOTAL
    """Its id; the total if left out."""
    date: Annotated[Day | None, _A_DATE] = None
    """First day; if left out, the day after the newest sales."""
    horizon: Annotated[QueryHorizon | None, _A_HORIZON] = None
    """Days ahead, or weeks of weekly data; four weeks if left out."""
    adjusted: QueryFlag = False
    """Whether the forecasts have the standing overrides of planners."""


class NodeAccuracyQuery(Request):
    """Nodes whose errors are measured."""

    level: Name = BOTTOM
    """Level of the nodes, of those in `/meta`; the series if left out."""
    horizon: Annotated[QueryHorizon | None, _A_HORIZON] = None
    """Last known days to forecast and compare, or weeks; four weeks if left out."""
    order: Order = Order.HARD
    """`hard`: the largest error as a share of the sales first; `easy`: the smallest; `units`: the
    most units that were forecast wrongly."""
    limit: QueryLimit = 50
    """Nodes to list at most."""
    offset: QueryOffset = 0
    """Nodes of the order to leave out, as they are on the pages before."""


class RowRequest(Request):
    """A row of the model."""

    features: list[Any] | dict[str, Any]
    """The whole row in the order of `/meta`, or names and values. A value is a number, null where
    not known, or the name of a category."""
    series: Annotated[SeriesKey | None, _A_NODE] = None
    """Values of the columns of a series: features that the request leaves out are taken from the
    data."""
    store_nbr: Annotated[WholeNumber | None, _A_STORE] = None
    """With `family`: the same for retailers whose series are so named."""
    family: Annotated[str | None, _A_FAMILY] = None
    """See `store_nbr`."""
    date: Annotated[Day | None, _A_DATE] = None
    """Day to forecast; if left out, the day after the newest sales."""

    @field_validator("features", mode="before")
    @classmethod
    def _array_or_object(cls, value: object) -> object:
        if isinstance(value, list | dict):
            return value
        raise ValueError("features are an array of all values, or an object of names and values")


MAX_ITEMS = 100
_ITEM_SCHEMA = {
    "anyOf": [
        {"$ref": "#/components/schemas/SimpleRequest"},
        {"$ref": "#/components/schemas/ForecastRequest"},
    ]
}
"""Schema of an item for clients. The server validates items one by one, after the batch: an invalid
item has its problem in its place, and does not make the batch invalid."""


class BatchRequest(Request):
    """Up to 100 series; each has a result or a problem of its own."""

    predictions: Annotated[
        list[Annotated[Any, WithJsonSchema(_ITEM_SCHEMA)]],
        Field(min_length=1, json_schema_extra={"maxItems": MAX_ITEMS}),
    ]
    """Each as for `/predict/simple`; or, with `node` or `series`, as for `/forecast`."""


class HistoricalRequest(NodeRequest):
    """Past days of a node of any level."""

    first: Annotated[Day | None, Field(alias="from"), _A_DATE] = None
    """First day; if left out, 89 days before the last."""
    last: Annotated[Day | None, Field(alias="to"), _A_DATE] = None
    """Last day; the newest if left out."""
    limit: Annotated[WholeNumber, Field(ge=1, le=1000)] = 365
    """Days of a page."""


class ExplainRequest(NodeRequest):
    """A node of any level, and the days whose forecast is explained."""

    date: Annotated[Day | None, _A_DATE] = None
    """First day; if left out, the day after the newest sales."""
    horizon: Annotated[Horizon | None, _A_HORIZON] = None
    """Days to add up; one day if left out."""
    against: Annotated[Day | None, _A_DATE] = None
    """First day of a reference that the forecast is compared with, such as the same weekday a week
    before; it must be forecast from the same origin. No comparison if left out."""
    against_horizon: Annotated[Horizon | None, _A_HORIZON] = None
    """Days of the reference; as many as `horizon` if left out. A single day may be compared with
    the mean of any number of days."""


def _as_override(value: object) -> object:
    """Return the override that sets a value, for a value without an operation."""
    return value if isinstance(value, dict) else {"value": value}


class Override(Request):
    """An assumption about a covariate, on the days from `from` to `to`."""

    op: Operation = "set"
    """Operation of the value; a holiday can only be set."""
    value: SkipValidation[float | str | None]
    """Of each series, such as items on promotion; or the name of a holiday, null for a day that is
    none."""
    first: Annotated[Day | None, Field(alias="from")] = None
    """First day; the first of the what-if if left out."""
    last: Annotated[Day | None, Field(alias="to")] = None
    """Last day; the last of the what-if if left out. Where the covariate is not known up to it,
    `add` and `multiply` end on the last day on which it is."""


_OverrideOrValue = Override | float | str | None


class WhatifRequest(NodeRequest):
    """Assumptions on a node of any level."""

    date: Annotated[Day | None, _A_DATE] = None
    """First day to forecast; if left out, the day after the newest sales."""
    horizon: Annotated[Horizon, _A_HORIZON]
    """Days to forecast."""
    adjustments: dict[
        str,
        Annotated[Override, BeforeValidator(_as_override, json_schema_input_type=_OverrideOrValue)],
    ] = Field(default_factory=dict)
    """By covariate: one that is known ahead (`/meta` lists them), such as `onpromotion`, or
    `holiday`. A value that stands alone is set on all days."""
    by: Name | None = None
    """Levels between the node and its series, as for `/hierarchy`."""
    depth: Annotated[WholeNumber, Field(ge=0, le=20)] = 1
    """Levels to include below the node."""
