"""Specification of a retailer's data: its series, hierarchy and covariates, and what they mean.

Everything that depends on the retailer is stated here and read from here: which columns make a
series, which levels there are, which quantities are known ahead. `FAVORITA` is the specification of
tables without one of their own; no other module names a column or a level of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from features.data.step import Step, WeekDate

Levels = Mapping[str, tuple[str, ...]]

TOTAL = "total"
BOTTOM = "bottom"


class Kind(StrEnum):
    """Kind of a covariate, which decides how it adds up and on which scale it is read.

    Attributes:
        COUNT: a number of things, such as items on promotion: added up, read as log1p.
        FLAG: 0 or 1: counted over the series of a node, read as log1p.
        NUMBER: a quantity that does not add up, such as a temperature: averaged, read as it is.
        PRICE: a positive quantity whose ratios matter: averaged, read as its logarithm.
    """

    COUNT = "count"
    FLAG = "flag"
    NUMBER = "number"
    PRICE = "price"

    @property
    def adds_up(self) -> bool:
        """True if the value of a node is the sum over its series, False if it is their mean."""
        return self in (Kind.COUNT, Kind.FLAG)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Missing(StrEnum):
    """Meaning of a day without a row, between the first and the last row of a series.

    Attributes:
        ZERO: nothing was sold.
        UNKNOWN: nothing is known of the day, which is neither learnt from nor scored.
        CLOSED: the series was not on sale: nothing was sold, and nothing is learnt from it.
    """

    ZERO = "zero"
    UNKNOWN = "unknown"
    CLOSED = "closed"


class Returns(StrEnum):
    """Treatment of negative sales.

    Attributes:
        REFUSE: they are errors.
        CLIP: a negative day counts as a day without sales.
        NET: what is returned is taken off the sales of the days before.
    """

    REFUSE = "refuse"
    CLIP = "clip"
    NET = "net"


class Expect(StrEnum):
    """Meaning of the number that is forecast.

    Attributes:
        MEAN: the mean of what may be sold; means add up to the mean of the sum.
        MEDIAN: the middle of what may be sold, which is lower where large values are rare; the
            sum of medians is lower than the median of the sum.
        CHOSEN: the one with the smaller errors on the days that calibrate the intervals.
    """

    MEAN = "mean"
    MEDIAN = "median"
    CHOSEN = "chosen"


class Attribute(_Frozen):
    """A column that describes the series, such as the city of a store.

    Attributes:
        name: of the column.
        by: columns of the series whose values it describes.
        table: that holds it.
        ordered: whether its values are numbers, of which the model knows which are larger.
    """

    name: str
    by: tuple[str, ...]
    table: str
    ordered: bool = False


class Level(_Frozen):
    """A level of the hierarchy: its nodes are the distinct values of its columns."""

    name: str
    columns: tuple[str, ...]


class Covariate(_Frozen):
    """A quantity beside the sales that varies with the days.

    Attributes:
        name: of the quantity; of its column, unless `column` says otherwise.
        label: how the names of its features begin.
        kind: see `Kind`.
        known_ahead: whether days after the origin are known; of others only the past is read.
        by: columns of the series, or attributes of them, that it varies with; none where one
            value holds everywhere.
        table: that holds it: the sales, or one of its own.
        column: that holds it, where that is not its name.
        value: text in that column that counts as 1, any other as 0; None for a number.
        used: whether the model reads it; one that it does not is checked all the same.
    """

    name: str
    label: str
    kind: Kind
    known_ahead: bool
    by: tuple[str, ...]
    table: str
    column: str | None = None
    value: str | None = None
    used: bool = True

    @property
    def source(self) -> str:
        """Name of the column that holds it."""
        return self.column or self.name


class Holidays(_Frozen):
    """Sources of holidays, and the sites that observe those that are not national.

    Attributes:
        table: of holidays and events in the form of the Favorita data.
        country: code of the country whose public holidays apply (ISO 3166-1).
        events: table of the retailer's own holidays and events.
        kinds: whether that table says of each whether it is a holiday, an event or a day of work.
        place: its column of the place that observes it; None where all apply everywhere.
        regional: attribute of a site's region, whose regional holidays apply.
        local: attribute of a site's city.
    """

    table: str | None = None
    country: str | None = None
    events: str | None = None
    kinds: bool = False
    place: str | None = None
    regional: str | None = None
    local: str | None = None


class Specification(_Frozen):
    """Meaning of a retailer's tables.

    Attributes:
        series: columns whose values together name a series; the first names the *site*: what
            opens and closes, and keeps holidays, such as a store.
        attributes: in the order of the model's features.
        levels: the total, of no column, first, and the bottom, of those of the series, last.
        labels: name of a column in node ids and features, where it differs from the column's.
        covariates: in the order of the model's features.
        holidays: their sources.
        sales: name of the table of sales.
        future: name of the table of days ahead: series, dates and covariates, without sales.
        columns: names in the tables of ``date`` and ``sales``, where they are others.
        numbered: columns of the series whose values are whole numbers, not text.
        row_ids: whether the rows of the days ahead have an ``id``, for files of forecasts.
        missing: meaning of days without a row.
        open: column of the sales that is 0 on days on which a series is not on sale.
        returns: treatment of negative sales.
        expect: meaning of the number that is forecast.
        fallback: whether a simple rule forecasts the series for which it does better.
        step: time from one row of a series to the next. What is said of *days* of the date axis
            elsewhere holds for its steps.
        week_date: day of a week that its date names, where the step is a week.
        horizon: steps after the origin that a forecast reaches.
    """

    series: tuple[str, ...]
    attributes: tuple[Attribute, ...] = ()
    levels: tuple[Level, ...]
    labels: dict[str, str] = {}
    covariates: tuple[Covariate, ...] = ()
    holidays: Holidays = Holidays()
    sales: str = "sales"
    future: str | None = None
    columns: dict[str, str] = {}
    numbered: tuple[str, ...] = ()
    row_ids: bool = False
    missing: Missing = Missing.ZERO
    open: str | None = None
    returns: Returns = Returns.REFUSE
    expect: Expect = Expect.CHOSEN
    fallback: bool = True
    step: Step = Step.DAY
    week_date: WeekDate = WeekDate.FIRST
    horizon: int = Field(default=Step.DAY.default_horizon, ge=1)

    def __hash__(self) -> int:
        return hash(self._text)

    @cached_property
    def _text(self) -> bytes:
        # equal labels in another order are equal
        return orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)

    @property
    def shift(self) -> int:
        """Days from the first day of a step to the one that its date names."""
        return self.step.shift(self.week_date)

    @property
    def site(self) -> str:
        """Column of the site."""
        return self.series[0]

    @property
    def pooled(self) -> tuple[str, ...]:
        """Columns that series have in common if only their sites differ, such as the family."""
        return self.series[1:]

    @property
    def described(self) -> tuple[str, ...]:
        """Columns of the series, then their attributes."""
        return (*self.series, *(attribute.name for attribute in self.attributes))

    @cached_property
    def columns_of_level(self) -> dict[str, tuple[str, ...]]:
        """Columns of each level by its name, in order."""
        return {level.name: level.columns for level in self.levels}

    @property
    def between(self) -> tuple[str, ...]:
        """Levels between the total and the bottom: those whose nodes help to forecast a series."""
        return tuple(level for level in self.columns_of_level if level not in (TOTAL, BOTTOM))

    @property
    def crossed(self) -> tuple[str, ...]:
        """Levels of exactly one column of the series; they cross each other in the bottom."""
        return tuple(
            level
            for level, columns in self.columns_of_level.items()
            if len(columns) == 1 and columns[0] in self.series and level != BOTTOM
        )

    @property
    def used(self) -> tuple[Covariate, ...]:
        """Covariates that the model reads."""
        return tuple(each for each in self.covariates if each.used)

    @property
    def known_ahead(self) -> tuple[Covariate, ...]:
        """Covariates that the model reads and whose days ahead are known."""
        return tuple(each for each in self.covariates if each.used and each.known_ahead)

    @property
    def past_only(self) -> tuple[Covariate, ...]:
        """Covariates of which the model reads the past only."""
        return tuple(each for each in self.covariates if each.used and not each.known_ahead)

    def covariate(self, name: str) -> Covariate:
        """Return the covariate of a name.

        Raises:
            KeyError: there is none.
        """
        return {covariate.name: covariate for covariate in self.covariates}[name]

    def label(self, *columns: str) -> str:
        """Return the name of columns in features; that of the total for none."""
        return "_".join(self.labels.get(column, column) for column in columns) or TOTAL

    def node_id(self, level: str, key: Sequence[str]) -> str:
        """Return the id of a level's node, such as ``store:1/family:DAIRY``."""
        return self.node_of(self.columns_of_level[level], key)

    def node_of(self, columns: Sequence[str], key: Sequence[object]) -> str:
        """Return the id of the node of some columns' values; that of the total for none."""
        pairs = zip(columns, key, strict=True)
        return "/".join(f"{self.label(column)}:{value}" for column, value in pairs) or TOTAL

    def differences(self, other: Specification) -> tuple[str, ...]:
        """Return the names of the fields in which two specifications differ."""
        return tuple(
            name for name in type(self).model_fields if getattr(self, name) != getattr(other, name)
        )

    def with_levels(self, levels: Levels) -> Specification:
        """Return the specification with other levels."""
        # a copy of the model would keep what is cached of the old levels
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return Specification.model_validate({**fields, "levels": levels_of(levels)})


def read_levels(stored: object) -> Levels:
    """Check levels as releases without specifications stored them.

    Raises:
        ValidationError: they are none.
    """
    return TypeAdapter(dict[str, tuple[str, ...]]).validate_python(stored)


def levels_of(levels: Levels) -> tuple[Level, ...]:
    """Return levels from the columns of each."""
    return tuple(Level(name=name, columns=tuple(columns)) for name, columns in levels.items())


FAVORITA = Specification(
    series=("store_nbr", "family"),
    attributes=tuple(
        Attribute(name=name, by=("store_nbr",), table="stores")
        for name in ("city", "state", "type", "cluster")
    ),
    levels=levels_of(
        {
            TOTAL: (),
            "store": ("store_nbr",),
            "family": ("family",),
            BOTTOM: ("store_nbr", "family"),
        }
    ),
    labels={"store_nbr": "store"},
    covariates=(
        Covariate(
            name="onpromotion",
            label="promo",
            kind=Kind.COUNT,
            known_ahead=True,
            by=("store_nbr", "family"),
            table="train",
        ),
        Covariate(
            name="transactions",
            label="traffic",
            kind=Kind.COUNT,
            known_ahead=False,
            by=("store_nbr",),
            table="transactions",
        ),
        Covariate(
            name="dcoilwtico",
            label="oil",
            kind=Kind.NUMBER,
            known_ahead=False,
            by=(),
            table="oil",
            used=False,
        ),
    ),
    holidays=Holidays(table="holidays_events", regional="state", local="city"),
    sales="train",
    future="test",
    numbered=("store_nbr",),
    row_ids=True,
    # the measure of these data is RMSLE, which a median of logarithms minimises
    expect=Expect.MEDIAN,
)
"""Of tables in the form of the Favorita store sales."""
