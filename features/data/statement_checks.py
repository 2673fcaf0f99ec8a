"""Checks of what a retailer states against the columns and tables that there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from features.data.specification import Attribute, Covariate
from features.data.stated import Stated

RESERVED = frozenset({"date", "sales", "open", "id"})
"""Names of columns that have a meaning of their own."""


class RetailerError(ValueError):
    """A statement that does not fit the tables.

    Attributes:
        key: of the statement.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def date_column(stated: Stated) -> str:
    return stated.columns.get("date", "date")


def target_column(stated: Stated) -> str:
    """Return the name of the column of the sales."""
    return stated.columns.get("target", stated.target)


def check_columns(stated: Stated, table: str, columns: Sequence[str]) -> None:
    """Refuse statements that name columns of the table of sales that it does not have.

    Args:
        table: name of the table of sales.
        columns: its columns.

    Raises:
        RetailerError: a column is missing, or one of the series has a reserved name.
    """
    wanted = [("columns.date", date_column(stated)), ("target", target_column(stated))]
    wanted += [("series", name) for name in stated.series]
    wanted += [("open", stated.open)] if stated.open else []
    for key, name in wanted:
        if name not in columns:
            listed = ", ".join(columns)
            raise RetailerError(key, f"the table {table} has no column {name!r}; it has {listed}")
    for name in stated.series:
        if name in RESERVED:
            raise RetailerError(
                "series",
                f"a column of the series may not be called {name!r}, which has a meaning of "
                "its own; rename it in all tables",
            )


def check_names(
    stated: Stated,
    attributes: Iterable[Attribute],
    covariates: Iterable[Covariate],
    unused: Iterable[str],
) -> None:
    """Refuse statements on covariates, and a region of the calendar, that do not exist.

    Args:
        unused: columns that are not read, on which a statement may be made.

    Raises:
        RetailerError: names the key, and what there is.
    """
    sources = {each.source for each in covariates}
    known = sources | set(unused)
    for name in stated.covariates:
        if name not in known:
            listed = list_names(sources)
            raise RetailerError(
                f"covariates.{name}",
                f"no table has a covariate of this name; there are {listed}",
            )
    places = {*stated.series, *(each.name for each in attributes)}
    region = stated.calendar.region
    if region is not None and region not in places:
        raise RetailerError(
            "calendar.region",
            f"{region!r} is neither a column of the series nor an attribute; there are "
            f"{list_names(places)}",
        )


def first_table(names: Sequence[str], stems: Iterable[str]) -> str:
    """Return the first of some names that a table has.

    Raises:
        RetailerError: none of the tables has one of the names.
    """
    present = set(stems)
    for name in names:
        if name in present:
            return name
    listed = list_names(present) if present else "no table"
    raise RetailerError(
        "series",
        f"the folder has no table of sales; it holds {listed}. Name that of the sales "
        f"{names[0]}.csv or {names[0]}.parquet",
    )


def list_names(names: Iterable[str]) -> str:
    """Return names as a sentence lists them, sorted."""
    return ", ".join(sorted(names)) or "none"
