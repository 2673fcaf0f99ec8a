"""The retailer's tables: read from CSV or Parquet and checked before anything is built on them.

The schema is that of the Favorita store-sales data: ``train``, ``stores``, ``oil``,
``holidays_events``, ``transactions`` and, optionally, ``test`` with the promotions planned
after the last day of sales. Columns beyond those listed here are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl

from errors import InputError
from features.calendar import HOLIDAY_TYPES, LOCALES


class DataError(InputError):
    """A table that cannot be used.

    Attributes:
        file: path of the table (or where it was looked for).
        row: 1-based row: the line of a CSV file, header included, or the row of a Parquet
            file; None where the fault is not in one row.
        column: the column at fault, or None.
    """

    def __init__(
        self, file: Path, message: str, *, row: int | None = None, column: str | None = None
    ) -> None:
        where = [str(file)]
        if row is not None:
            where.append(f"row {row}")
        if column is not None:
            where.append(f"column {column}")
        super().__init__(f"{', '.join(where)}: {message}")
        self.file = file
        self.row = row
        self.column = column


@dataclass(frozen=True)
class Column:
    """What one column must hold."""

    name: str
    dtype: pl.DataType
    nullable: bool = False
    minimum: float | None = None
    choices: tuple[str, ...] | None = None


def _key(name: str = "store_nbr") -> Column:
    return Column(name, pl.Int64(), minimum=0)


_DATE = Column("date", pl.Date())
_STORE = _key()
_FAMILY = Column("family", pl.String())
_PROMOTION = Column("onpromotion", pl.Float64(), minimum=0)

SCHEMAS: dict[str, tuple[Column, ...]] = {
    "train": (_DATE, _STORE, _FAMILY, Column("sales", pl.Float64(), minimum=0), _PROMOTION),
    "stores": (
        _STORE,
        Column("city", pl.String()),
        Column("state", pl.String()),
        Column("type", pl.String()),
        Column("cluster", pl.String()),
    ),
    "oil": (_DATE, Column("dcoilwtico", pl.Float64(), nullable=True)),
    "holidays_events": (
        _DATE,
        Column("type", pl.String(), choices=HOLIDAY_TYPES),
        Column("locale", pl.String(), choices=LOCALES),
        Column("locale_name", pl.String()),
        Column("description", pl.String()),
        Column("transferred", pl.Boolean()),
    ),
    "transactions": (_DATE, _STORE, Column("transactions", pl.Float64(), minimum=0)),
    "test": (_key("id"), _DATE, _STORE, _FAMILY, _PROMOTION),
}
UNIQUE: dict[str, tuple[str, ...]] = {
    "train": ("date", "store_nbr", "family"),
    "stores": ("store_nbr",),
    "oil": ("date",),
    "transactions": ("date", "store_nbr"),
    "test": ("date", "store_nbr", "family"),
}
SUFFIXES = (".parquet", ".csv")
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True)
class Tables:
    """The checked tables, with the dtypes of `SCHEMAS`. `test` is None when there is none.

    Invariants: keys (`UNIQUE`) are unique; every store of train, test and transactions is in
    stores; every series of test is in train; test begins after train ends.
    """

    train: pl.DataFrame
    stores: pl.DataFrame
    oil: pl.DataFrame
    holidays_events: pl.DataFrame
    transactions: pl.DataFrame
    test: pl.DataFrame | None = None


def read_tables(folder: Path) -> Tables:
    """Read and check the tables of a folder.

    Raises:
        DataError: a table or column is missing, a table is empty, or a row is wrong; names
            the file, the first row at fault and the column.
    """
    if not folder.is_dir():
        raise DataError(folder, "is not a folder; DATA must name the folder that holds the tables")
    tables = {
        name: _read(path, name)
        for name in SCHEMAS
        if (path := _find(folder, name, optional=name == "test")) is not None
    }
    _check_references(folder, tables)
    return Tables(**{name: _drop_row(frame) for name, frame in tables.items()})


def last_id(folder: Path) -> int | None:
    """The largest ``id`` of the train table of a folder, or None if it has no such column.

    Raises:
        DataError: an id is not an integer of at least 0.
    """
    path = _find(folder, "train", optional=False)
    assert path is not None
    column = _key("id")
    is_csv = path.suffix == ".csv"
    table = pl.scan_csv(path, infer_schema=False) if is_csv else pl.scan_parquet(path)
    if column.name not in table.collect_schema().names():
        return None
    ids = table.select(column.name).collect().with_row_index("_row", offset=_first_row(path))
    largest = _cast(ids, column, path)[column.name].max()
    assert isinstance(largest, int)
    return largest


def check_reach(folder: Path, tables: Tables, days: int) -> None:
    """Refuse a row of test that lies too far ahead to be forecast.

    Raises:
        DataError: a date of test is more than `days` days after the last day of train.
    """
    path = _find(folder, "test", optional=True)
    if path is None or tables.test is None:
        return
    last = tables.train.select(pl.col("date").max()).item()
    dates = tables.test["date"]
    late = (dates > last + timedelta(days)).arg_true()
    if len(late):
        raise DataError(
            path,
            f"{dates[late[0]]} is more than {days} days after the last day of train ({last})",
            row=late[0] + _first_row(path),
            column="date",
        )


def _first_row(path: Path) -> int:
    """Number of a table's first row: the first line of a CSV file is its header."""
    return 2 if path.suffix == ".csv" else 1


def _find(folder: Path, name: str, *, optional: bool) -> Path | None:
    found = [path for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()]
    if len(found) > 1:
        raise DataError(
            folder, f"holds both {found[0].name} and {found[1].name}; keep the one that is meant"
        )
    if not found and not optional:
        raise DataError(folder, f"holds no {name}{SUFFIXES[0]} or {name}{SUFFIXES[1]}")
    return found[0] if found else None


def _read(path: Path, name: str) -> pl.DataFrame:
    columns = SCHEMAS[name]
    is_csv = path.suffix == ".csv"
    try:
        # CSV values are read as text and cast here, so that a bad one is reported with its row
        raw = pl.read_csv(path, infer_schema=False) if is_csv else pl.read_parquet(path)
    except pl.exceptions.NoDataError:
        raise DataError(path, "is empty") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(path, f"cannot be read: {error}") from error
    if missing := [column.name for column in columns if column.name not in raw.columns]:
        raise DataError(
            path, f"is missing; the file has {', '.join(raw.columns)}", column=missing[0]
        )
    if raw.is_empty():
        raise DataError(path, "has no rows")
    frame = raw.select(column.name for column in columns)
    frame = frame.with_row_index("_row", offset=_first_row(path))
    for column in columns:
        frame = _cast(frame, column, path)
    if keys := UNIQUE.get(name):
        repeated = frame.filter(pl.struct(keys).is_duplicated())
        if repeated.height:
            first = repeated.row(0, named=True)
            again = repeated.filter(pl.all_horizontal(pl.col(k) == first[k] for k in keys))
            shown = ", ".join(f"{key} {first[key]}" for key in keys)
            raise DataError(
                path,
                f"repeats row {again['_row'][0]} ({shown})",
                row=again["_row"][1],
                column=keys[-1],
            )
    return frame


def _cast(frame: pl.DataFrame, column: Column, path: Path) -> pl.DataFrame:
    """Give one column its dtype, or report the first value that does not fit."""
    raw = frame[column.name]
    expected = {
        pl.Date: "a date (YYYY-MM-DD) is expected",
        pl.Boolean: "true or false is expected",
        pl.String: "a text is expected",
    }.get(type(column.dtype), "a number is expected")
    if not _can_mean(raw.dtype, column.dtype):
        raise DataError(path, f"holds {raw.dtype} where {expected}", column=column.name)
    value = pl.col(column.name)
    if raw.dtype == pl.String and column.dtype == pl.Date:
        cast = value.str.to_date("%Y-%m-%d", strict=False)
    elif column.dtype == pl.Boolean:
        cast = (
            value.cast(pl.String)
            .str.to_lowercase()
            .replace_strict(_BOOLEANS, default=None, return_dtype=pl.Boolean)
        )
    elif raw.dtype == pl.Float32:
        # the decimal that it stands for, as a CSV file would say it: 12.345, not 12.345000267
        cast = value.cast(pl.String).cast(column.dtype, strict=False)
    else:
        cast = value.cast(column.dtype, strict=False)
        if raw.dtype.is_float() and column.dtype.is_integer():
            cast = pl.when(value == value.floor()).then(cast)  # the cast would drop the fraction
    done = frame.with_columns(cast)
    checked = done.with_columns(raw.alias("_raw"))
    empty = pl.col("_raw").is_null()

    def refuse(fault: pl.Expr, expected: str) -> None:
        bad = checked.filter(fault)
        if bad.height:
            shown = "no value" if bad["_raw"][0] is None else repr(str(bad["_raw"][0]))
            raise DataError(
                path, f"{shown} where {expected}", row=bad["_row"][0], column=column.name
            )

    if not column.nullable:
        refuse(empty, expected)
    refuse(value.is_null() & ~empty, expected)
    if column.dtype == pl.String:
        refuse(value.str.strip_chars() == "", expected)
    if column.dtype.is_float():
        refuse(value.is_infinite() | value.is_nan(), "a finite number is expected")
    if column.minimum is not None:
        refuse(value < column.minimum, f"a number of at least {column.minimum:g} is expected")
    if column.choices is not None:
        refuse(~value.is_in(column.choices), f"one of {', '.join(column.choices)} is expected")
    return done


def _can_mean(raw: pl.DataType, wanted: pl.DataType) -> bool:
    """Whether a column of one dtype can be read as another: a number is not a date."""
    if raw in (wanted, pl.String, pl.Null):
        return True
    if wanted == pl.Date:
        return raw == pl.Datetime
    if wanted == pl.Boolean:
        return raw.is_integer()
    return raw.is_numeric() if wanted.is_numeric() else not raw.is_nested()


def _check_references(folder: Path, tables: dict[str, pl.DataFrame]) -> None:
    def path_of(name: str) -> Path:
        path = _find(folder, name, optional=False)
        assert path is not None
        return path

    def refuse_unknown(name: str, keys: Sequence[str], known: pl.DataFrame, where: str) -> None:
        strangers = tables[name].join(known, on=list(keys), how="anti").sort("_row")
        if strangers.height:
            first = strangers.row(0, named=True)
            shown = ", ".join(f"{key} {first[key]}" for key in keys)
            raise DataError(
                path_of(name), f"{shown} is not in {where}", row=first["_row"], column=keys[-1]
            )

    stores = tables["stores"].select("store_nbr")
    for name in ("train", "transactions", "test"):
        if name in tables:
            refuse_unknown(name, ["store_nbr"], stores, "the stores table")
    if "test" in tables:
        series = ["store_nbr", "family"]
        refuse_unknown("test", series, tables["train"].select(series).unique(), "the train table")
        last = tables["train"].select(pl.col("date").max()).item()
        early = tables["test"].filter(pl.col("date") <= last)
        if early.height:
            raise DataError(
                path_of("test"),
                f"{early['date'][0]} is not after the last day of train ({last})",
                row=early["_row"][0],
                column="date",
            )


def _drop_row(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop("_row")
