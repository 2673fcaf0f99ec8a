"""The retailer's tables, read from CSV or Parquet and checked before they are used.

The schema is that of the Favorita store-sales data: ``train``, ``stores``, ``oil``,
``holidays_events``, ``transactions`` and, optionally, ``test`` with the promotions planned
after the last day of sales. Columns beyond those of `SCHEMAS` are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from errors import InputError
from features.data.checks.coverage import warn_of_holes, warn_of_missing
from features.data.checks.keys import check_keys
from features.data.checks.late import warn_of_outliers, warn_of_undelivered
from features.data.checks.panel import panel_of
from features.data.checks.places import warn_of_events, warn_of_places, warn_of_slips
from features.data.checks.references import check_references
from features.data.checks.spans import check_spans
from features.data.checks.spikes import warn_of_spikes
from features.data.checks.step import check_step
from features.data.findings import Finding, Report, Severity
from features.data.reading.layout import STANDARD, TableLayout
from features.data.reading.reader import ReadTable, read_table
from features.data.reading.schema import SCHEMAS, UNIQUE, Column, key_column

__all__ = [
    "SCHEMAS",
    "UNIQUE",
    "CheckedTables",
    "Column",
    "DataError",
    "Tables",
    "check_reach",
    "check_tables",
    "last_id",
    "read_tables",
]


class DataError(InputError):
    """Tables that cannot be used: the first fault, and the number of others.

    Attributes:
        file: path of the table (or its expected path).
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

    @classmethod
    def of_report(cls, folder: Path, report: Report) -> DataError:
        """Return the error of a report that has errors."""
        first = report.errors[0].first
        count = report.count(Severity.ERROR)
        more = f" ({count - 1:,} more; mlrf check {folder} shows all)" if count > 1 else ""
        file = folder / first.file if first.file else folder
        return cls(file, f"{first.text}{more}", row=first.row, column=first.column)


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


@dataclass(frozen=True)
class CheckedTables(Tables):
    """Tables that were read from files.

    Attributes:
        report: warnings of their check; there is no error.
        layout: in which their text is written.
    """

    report: Report = field(default_factory=Report)
    layout: TableLayout = STANDARD


def read_tables(folder: Path, layout: TableLayout = STANDARD) -> CheckedTables:
    """Read and check the tables of a folder.

    Raises:
        DataError: something is wrong with them; names the first fault and counts the others.
    """
    report = Report()
    tables = check_tables(folder, layout, report)
    if tables is None:
        raise DataError.of_report(folder, report)
    return tables


def check_tables(
    folder: Path, layout: TableLayout, report: Report, *, today: date | None = None
) -> CheckedTables | None:
    """Read all tables of a folder and report all their faults.

    A fault does not end the check: faulty rows are excluded, and the other rows are checked.

    Returns:
        None where there is an error.
    """
    if (fault := _folder_fault(folder)) is not None:
        report.add(Finding(Severity.ERROR, "no-folder", "", fault))
        return None
    tables = {
        name: table
        for name, columns in SCHEMAS.items()
        if (table := read_table(folder, name, columns, layout, report, optional=name == "test"))
    }
    _run_checks(tables, report, today or datetime.now(UTC).date())
    if report.errors:
        return None
    frames = {name: table.data for name, table in tables.items()}
    return CheckedTables(**frames, report=report, layout=layout)


def _folder_fault(folder: Path) -> str | None:
    """Return why the folder of tables cannot be listed; None if it can."""
    try:
        if not folder.is_dir():
            return "is not a folder; DATA must name the folder that holds the tables"
        next(folder.iterdir(), None)  # without permission to read, listing raises; is_dir() is true
    except OSError as error:
        # Missing permission and the like have a text in `strerror`. An OSError without an error
        # number has none; then only the volume can be named.
        return f"cannot be read: {(error.strerror or 'the volume failed').lower()}"
    return None


def _run_checks(tables: Mapping[str, ReadTable], report: Report, today: date) -> None:
    for table in tables.values():
        check_keys(table, report)
    tables = check_spans(tables, report, today=today)
    if "train" in tables:
        check_step(tables["train"], report)
    check_references(tables, report)
    warn_of_places(tables, report)
    warn_of_events(tables, report)
    warn_of_slips(tables, report)
    outliers = warn_of_outliers(tables, report)
    if "train" in tables:
        warn_of_undelivered(tables["train"], report)
        warn_of_missing(tables, report)
        if (panel := panel_of(tables["train"])) is not None:
            warn_of_holes(panel, tables.get("holidays_events"), report)
            warn_of_spikes(panel, report, known=outliers)


def last_id(folder: Path, layout: TableLayout = STANDARD) -> int | None:
    """Return the largest ``id`` of the train table of a folder; None without such a column.

    Raises:
        DataError: an id is not an integer of at least 0.
    """
    report = Report()
    table = read_table(folder, "train", (key_column("id"),), layout, report)
    if any(kind.first.code == "column-missing" for kind in report.errors):
        return None
    if table is None or report.errors:
        raise DataError.of_report(folder, report)
    largest = table.frame["id"].max()
    assert isinstance(largest, int)
    return largest


def check_reach(folder: Path, tables: Tables, days: int, layout: TableLayout = STANDARD) -> None:
    """Refuse a row of test that lies beyond the last horizon.

    Raises:
        DataError: a date of test is more than `days` days after the last day of train.
    """
    if tables.test is None:
        return
    last = tables.train["date"].max()
    assert isinstance(last, date)
    if not (tables.test["date"] > last + timedelta(days)).any():
        return
    report = Report()
    table = read_table(folder, "test", SCHEMAS["test"], layout, report)
    assert table is not None, "it was read a moment ago"
    late = (table.frame["date"] > last + timedelta(days)).arg_true()
    day = table.frame["date"][late[0]]
    message = f"{day} is more than {days} days after the last day of train ({last})"
    finding = table.find(
        Severity.ERROR, "test-too-far", message, at=late[0], column="date", value=day
    )
    report.add(finding, total=late.len())
    raise DataError.of_report(folder, report)
