"""Specification of a retailer's data: its series, hierarchy and covariates, and what they mean.

Everything that depends on the retailer is stated here and read from here: which columns make a
series, which levels there are, which quantities are known ahead. `FAVORITA` is the specification of
tables without one of their own; no other module names a column or a level of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property

from pydantic import BaseModel, ConfigDict

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
        """Whether the value of a node is the sum of its series', instead of their mean."""
        return self in (Kind.COUNT, Kind.FLAG)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Covariate(_Frozen):
    """A quantity beside the sales that varies with the days.

    Attributes:
        name: its column.
        label: how the names of its features begin.
        kind: see `Kind`.
        known_ahead: whether days after the origin are known; of others only the past is read.
        by: columns of the series, or attributes of them, that it varies with; none where one
            value holds everywhere.
    """

    name: str
    label: str
    kind: Kind
    known_ahead: bool
    by: tuple[str, ...]


class Attribute(_Frozen):
    """A column that describes the series, such as the city of a store.

    Attributes:
        name: of the column.
        of: column of the series whose values it describes.
    """

    name: str
    of: str


class Level(_Frozen):
    """A level of the hierarchy: its nodes are the distinct values of its columns."""

    name: str
    columns: tuple[str, ...]


class Regions(_Frozen):
    """Attributes of a site by which it keeps holidays that are not national.

    Attributes:
        regional: column of the site's region; None where there are no regional holidays.
        local: column of the site's city.
    """

    regional: str | None = None
    local: str | None = None


class Specification(_Frozen):
    """What a retailer's tables hold.

    Attributes:
        series: columns whose values together name a series; the first names the *site*: what
            opens and closes, and keeps holidays, such as a store.
        attributes: in the order of the model's features.
        levels: the total, of no column, first, and the bottom, of those of the series, last.
        labels: name of a column in node ids and features, where it differs from the column's.
        covariates: in the order of the model's features.
        regions: of the sites.
    """

    series: tuple[str, ...]
    attributes: tuple[Attribute, ...] = ()
    levels: tuple[Level, ...]
    labels: dict[str, str] = {}
    covariates: tuple[Covariate, ...] = ()
    regions: Regions = Regions()

    def __hash__(self) -> int:
        return hash(self._text)

    @cached_property
    def _text(self) -> str:
        return self.model_dump_json()

    @property
    def site(self) -> str:
        """Column of the site."""
        return self.series[0]

    @property
    def pooled(self) -> tuple[str, ...]:
        """Columns that series have in common if only their sites differ, such as the family."""
        return self.series[1:]

    @property
    def columns(self) -> tuple[str, ...]:
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
    def known_ahead(self) -> tuple[Covariate, ...]:
        return tuple(covariate for covariate in self.covariates if covariate.known_ahead)

    @property
    def past_only(self) -> tuple[Covariate, ...]:
        return tuple(covariate for covariate in self.covariates if not covariate.known_ahead)

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
        pairs = zip(self.columns_of_level[level], key, strict=True)
        return "/".join(f"{self.label(column)}:{value}" for column, value in pairs) or TOTAL

    def differences(self, other: Specification) -> tuple[str, ...]:
        """Return the names of the fields in which two specifications differ."""
        return tuple(
            name for name in type(self).model_fields if getattr(self, name) != getattr(other, name)
        )

    def with_levels(self, levels: Levels) -> Specification:
        """Return the specification with other levels."""
        return self.model_copy(update={"levels": levels_of(levels)})


def levels_of(levels: Levels) -> tuple[Level, ...]:
    """Return levels from the columns of each."""
    return tuple(Level(name=name, columns=tuple(columns)) for name, columns in levels.items())


FAVORITA = Specification(
    series=("store_nbr", "family"),
    attributes=tuple(
        Attribute(name=name, of="store_nbr") for name in ("city", "state", "type", "cluster")
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
        ),
        Covariate(
            name="transactions",
            label="traffic",
            kind=Kind.COUNT,
            known_ahead=False,
            by=("store_nbr",),
        ),
    ),
    regions=Regions(regional="state", local="city"),
)
"""Of tables in the form of the Favorita store sales."""
