"""What a retailer states in ``retailer.yaml``; everything else is inferred from the tables."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from features.data.specification import Expect, Missing, Returns


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class StatedCovariate(_Entry):
    """What is known of a covariate beyond its table."""

    kind: Literal["flag", "count", "number"] | None = None
    """`count` adds up over series, `number` is averaged, `flag` is 0 or 1."""
    transform: Literal["log"] | None = None
    """`log` for a number whose ratios matter, such as a price."""
    use: bool = True
    """False to leave it out of the model."""


class StatedCalendar(_Entry):
    """Sources of holidays."""

    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    """Code of the country whose public holidays are kept (ISO 3166-1), such as US."""
    region: str | None = None
    """Attribute of the series whose values are the codes of the country's regions, such as CA."""
    holidays: str | None = None
    """File of own holidays and events: `date`, `name`, and optionally `kind` (holiday, event or
    work_day) and one attribute or column of the series, for those that are not kept everywhere."""


class Stated(_Entry):
    """Meaning of a retailer's tables."""

    series: Names
    """Columns whose values together name a series; the first is the site, such as a store."""
    target: str = "sales"
    """Column of the sales."""
    step: Literal["day"] = "day"
    """Time from one row of a series to the next."""
    levels: tuple[Names, ...] = ()
    """Levels between the total and the series: columns of the series, attributes, or lists."""
    missing: Missing = Missing.ZERO
    """Meaning of a day without a row between the first and the last row of a series."""
    open: str | None = None
    """Column that is 0 on days on which a series is not on sale."""
    returns: Returns = Returns.REFUSE
    """Treatment of negative sales."""
    expect: Expect = Expect.CHOSEN
    """Meaning of the number that is forecast: `mean`, which adds up, or `median`; by default the
    one with the smaller errors."""
    fallback: bool = True
    """Whether a simple rule forecasts the series for which it does better than the model."""
    calendar: StatedCalendar = StatedCalendar()
    """Sources of holidays."""
    covariates: dict[str, StatedCovariate] = {}
    """What is known of covariates beyond their tables, by column."""
    columns: dict[Literal["date", "target"], str] = {}
    """Names of the columns of the date and the target in the tables."""
    labels: dict[str, str] = {}
    """Shorter names of columns, in the ids of nodes and the names of features."""
    ignore: tuple[str, ...] = ()
    """Columns and tables that are not read."""
