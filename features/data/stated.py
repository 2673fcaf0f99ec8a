"""Statements of ``retailer.yaml``; everything else is inferred from the tables.

The docstrings of the attributes are the reference of the file (`features.data.reference`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from features.data.specification import Expect, Missing, Returns
from features.data.step import Step, WeekDate

RETAILER_FILE = "retailer.yaml"
"""Name of the file, in the folder of the tables."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


_Listed = Annotated[tuple[str, ...], Field(min_length=1)]
Names = Annotated[_Listed, BeforeValidator(_as_tuple, json_schema_input_type=str | _Listed)]


class StatedCovariate(_Entry):
    """Statements about a covariate that its table does not make."""

    kind: Literal["flag", "count", "number"] | None = None
    """`count` adds up over series, `number` is averaged, `flag` is 0 or 1; inferred from the values
    if left out."""
    transform: Literal["log"] | None = None
    """`log` for a positive number whose ratios matter, such as a price."""
    use: bool = True
    """`false` to check the column and leave it out of the model."""


class StatedCalendar(_Entry):
    """Sources of holidays."""

    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    """Code of the country whose public holidays are kept (ISO 3166-1), such as US; `"NO"` in
    quotes, because YAML reads NO as false."""
    region: str | None = None
    """Column of the series, or attribute, whose values are codes of the country's regions (ISO
    3166-2 without the country, such as CA): a site keeps the holidays of its region too."""
    holidays: str | None = None
    """File of own holidays and events in the folder: a date, `name`, and optionally `kind`
    (`holiday`, `event` or `work_day`) and one column of the series or attribute, which is empty
    where the day is kept everywhere."""


class Stated(_Entry):
    """Meaning of a retailer's tables."""

    series: Names
    """Columns whose values together name a series; the first is the site, such as a store."""
    target: str = "sales"
    """Column of the sales."""
    step: Step | None = None
    """Time from one row of a series to the next; inferred from the dates if left out."""
    week_date: WeekDate | None = None
    """Day of a week that its date names, where the step is a week; if left out, the last for
    Fridays to Sundays, the first for other weekdays."""
    horizon: int | None = Field(default=None, ge=1, strict=True)
    """Days or weeks to forecast, at most 365 days or 104 weeks; if left out, 90 or 13, or as many
    as the table of days ahead has."""
    levels: tuple[Names, ...] = ()
    """Levels between the total and the series: each a column of the series, an attribute, or a list
    of several; if left out, each column of the series, where there are several."""
    missing: Missing = Missing.ZERO
    """Meaning of a day without a row between the first and the last row of a series."""
    open: str | None = None
    """Column that is 0 on days on which a series is not on sale, in the sales and in the days
    ahead."""
    returns: Returns = Returns.REFUSE
    """Treatment of negative sales."""
    expect: Expect = Expect.CHOSEN
    """Meaning of the number that is forecast."""
    fallback: bool = True
    """Whether a simple rule forecasts the series for which it does better than the model."""
    calendar: StatedCalendar = StatedCalendar()
    """Sources of holidays."""
    covariates: dict[str, StatedCovariate] = {}
    """What is known of covariates beyond their tables, by column."""
    columns: dict[Literal["date", "target"], str] = {}
    """Name of the column of dates, where it is not `date`: `{date: Day}`. The column is called the
    same in all tables. `target` here overrides the key of that name."""
    labels: dict[str, str] = {}
    """Shorter names of columns, in the ids of nodes and the names of levels and features."""
    ignore: tuple[str, ...] = ()
    """Columns and tables that are not read."""
