"""The retailer's tables, read from CSV or Parquet and checked before they are used.

What the tables are is stated by a `Specification`, which a file ``retailer.yaml`` in the folder
makes; without one they have the form of the Favorita data: ``train``, ``stores``, ``oil``,
``holidays_events``, ``transactions`` and, optionally, ``test`` with the promotions planned
after the last day of sales. Other columns are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import polars as pl

from errors import InputError
from features.data.checks.part import span_of_rows
from features.data.checks.run import Progress, run_checks
from features.data.events import check_country, list_holidays, warn_of_regions
from features.data.findings import Finding, Report, Severity
from features.data.inference import Understanding
from features.data.parts.memory import Memory
from features.data.parts.part import Parted
from features.data.parts.read import read_parted
from features.data.parts.runner import HERE, PartRunner
from features.data.reading.layout import STANDARD, TableLayout
from features.data.reading.reader import read_table
from features.data.reading.schema import (
    FUTURE,
    HOLIDAYS,
    ROW_ID,
    SALES,
    TableSchema,
    key_column,
    schemas_of,
)
from features.data.retailer import specify
from features.data.screening.outlier import Outlier, OutlierKind
from features.data.screening.treatment import Screening
from features.data.specification import FAVORITA, Specification


class DataError(InputError):
    """Tables that cannot be used: the first fault, and the number of others.

    Attributes:
        file: path of the table (or its expected path).
        row: 1-based row: the line of a CSV file, header included, or the row of a Parquet
            file; None where the fault is not in one row.
        column: the column at fault, or the key of a ``retailer.yaml``; or None.
    """

    def __init__(
        self,
        file: Path,
        message: str,
        *,
        row: int | None = None,
        column: str | None = None,
        word: str = "column",
    ) -> None:
        where = [str(file)]
        if row is not None:
            where.append(f"row {row}")
        if column is not None:
            where.append(f"{word} {column}")
        super().__init__(f"{', '.join(where)}: {message}")
        self.file = file
        self.row = row
        self.column = column

    @classmethod
    def of_report(cls, folder: Path, report: Report) -> DataError:
        """Return the error of a report that has errors."""
        first = report.errors[0].first
        count = report.count(Severity.ERROR)
        if all(kind.first.code in set(OutlierKind) for kind in report.errors):
            texts = [each.message for kind in report.errors for each in kind.findings]
            return cls(
                folder / first.file,
                f"outliers on newer days are refused (OUTLIERS=refuse): {'; '.join(texts)}",
            )
        more = f" ({count - 1:,} more; mlrf check {folder} shows all)" if count > 1 else ""
        file = folder / first.file if first.file else folder
        word = first.column_label.partition(" ")[0]
        return cls(file, f"{first.text}{more}", row=first.row, column=first.column, word=word)


@dataclass(frozen=True)
class StoredTables:
    """Sales and days ahead that are not in memory, and what is known of them.

    Attributes:
        parted: their parts, in a scratch folder.
        series: of the sales, with the number of their rows and their first and last day.
        outliers: rows of the sales that are outliers.
        late: undelivered days, by series and date.
    """

    parted: Parted
    series: pl.DataFrame
    outliers: pl.DataFrame
    late: pl.DataFrame


@dataclass(frozen=True)
class Tables:
    """The checked tables, with the dtypes of their schemas.

    Attributes:
        train: sales of the past, with the columns date, those of the series, sales, and those of
            the covariates and attributes that the table holds.
        test: days ahead, without sales; None when there is no such table.
        holidays_events: in the form of the Favorita data.
        others: attributes, and covariates in tables of their own, by the table's name.
        specification: of the tables.
        replaced: series and date of the values that features read estimates in place of, by
            column of the sales (see `features.data.screening`).
        stored: sales and days ahead that did not fit into memory. Then `train` holds the series
            on their first and last days, and `test` those of the days ahead.

    Invariants: keys are unique; every value that a table of attributes describes is in it; no
    series of test is a misspelt one of train; test begins after train ends.
    """

    train: pl.DataFrame
    holidays_events: pl.DataFrame
    others: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    test: pl.DataFrame | None = None
    specification: Specification = FAVORITA
    replaced: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    stored: StoredTables | None = None

    @classmethod
    def of_frames(
        cls,
        frames: Mapping[str, pl.DataFrame],
        specification: Specification = FAVORITA,
        **rest: Any,
    ) -> Self:
        """Return tables by the names that checks know them by."""
        others = {
            name: frame for name, frame in frames.items() if name not in (SALES, FUTURE, HOLIDAYS)
        }
        holidays = frames.get(HOLIDAYS)
        if holidays is None:
            holidays = list_holidays(specification, frames[SALES], others)
        return cls(
            train=frames[SALES],
            test=frames.get(FUTURE),
            holidays_events=holidays,
            others=others,
            specification=specification,
            **rest,
        )

    @property
    def n_rows(self) -> int:
        """Number of rows of the sales."""
        return self.train.height if self.stored is None else int(self.series["_rows"].sum())

    @property
    def series(self) -> pl.DataFrame:
        """The series of the sales, the number of their rows, and their first and last day."""
        if self.stored is not None:
            return self.stored.series
        return self.train.group_by(self.specification.series).agg(*span_of_rows())

    def days_ahead(self) -> pl.DataFrame | None:
        """Return all rows of the days ahead, in their order; None without such a table."""
        if self.test is None or self.stored is None:
            return self.test
        parts = [part.scan(FUTURE) for part in self.stored.parted.parts]
        rows = pl.concat([part.lazy().collect() for part in parts])
        return rows.sort("_file", "_row").drop("_file", "_row")

    def table(self, name: str) -> pl.DataFrame:
        """Return the table of a name, which may be that of the sales."""
        return self.train if name == self.specification.sales else self.others[name]


@dataclass(frozen=True)
class CheckedTables(Tables):
    """Tables that were read from files.

    Attributes:
        report: warnings of their check; there is no error.
        layout: in which their text is written.
        unused: why a column or a table is not read, by its name.
        outliers: what is probably wrong on the newest days.
    """

    report: Report = field(default_factory=Report)
    layout: TableLayout = STANDARD
    unused: Mapping[str, str] = field(default_factory=dict)
    outliers: tuple[Outlier, ...] = ()


def read_tables(
    folder: Path,
    layout: TableLayout = STANDARD,
    specification: Specification | None = None,
    screening: Screening | None = None,
    *,
    memory: Memory | None = None,
    progress: Progress = lambda done, total: None,
    runner: PartRunner = HERE,
) -> CheckedTables:
    """Read and check the tables of a folder.

    Args:
        specification: of the tables; that of the folder by default (see `check_tables`).
        screening: of their newest days; none by default.
        memory: within which to read; in one piece by default.
        progress: called with the number of parts that are checked, and that of all.
        runner: what checks the parts, and builds them afterwards; this process by default.

    Raises:
        DataError: something is wrong with them; names the first fault and counts the others.
        MemoryLimitError: not even the tables of one site fit.
    """
    report = Report()
    tables = check_tables(
        folder,
        layout,
        report,
        specification=specification,
        screening=screening,
        memory=memory,
        progress=progress,
        runner=runner,
    )
    if tables is None:
        raise DataError.of_report(folder, report)
    return tables


def check_tables(
    folder: Path,
    layout: TableLayout,
    report: Report,
    *,
    specification: Specification | None = None,
    screening: Screening | None = None,
    today: date | None = None,
    memory: Memory | None = None,
    progress: Progress = lambda done, total: None,
    runner: PartRunner = HERE,
) -> CheckedTables | None:
    """Read all tables of a folder and report all their faults.

    A fault does not end the check: faulty rows are excluded, and the other rows are checked.

    Args:
        specification: of the tables; by default what the folder's ``retailer.yaml`` says and its
            files show, or that of the Favorita data without such a file.
        screening: of their newest days; none by default.

    Returns:
        None where there is an error.
    """
    if (fault := _folder_fault(folder)) is not None:
        report.add(Finding(Severity.ERROR, "no-folder", "", fault))
        return None
    understanding = (
        specify(folder, layout, report) if specification is None else Understanding(specification)
    )
    if understanding is None:
        return None
    return read_understood(
        folder,
        understanding,
        layout,
        report,
        screening=screening,
        today=today,
        memory=memory,
        progress=progress,
        runner=runner,
    )


def read_understood(
    folder: Path,
    understanding: Understanding,
    layout: TableLayout,
    report: Report,
    *,
    screening: Screening | None = None,
    today: date | None = None,
    memory: Memory | None = None,
    progress: Progress = lambda done, total: None,
    runner: PartRunner = HERE,
) -> CheckedTables | None:
    """Read and check the tables of a specification; None where there is an error (reported)."""
    specification = understanding.specification
    if not check_country(specification, report):
        return None
    for name, why in understanding.unused.items():
        message = f"{name} is not read: {why}"
        report.add(Finding(Severity.WARNING, "not-read", "", message, column=name))
    parted, others = read_parted(folder, specification, layout, report, memory, progress, runner)
    names = [name for name in schemas_of(specification) if name in (*parted.blank, *others)]
    checked = run_checks(
        parted,
        others,
        names,
        specification,
        report,
        screening,
        today or datetime.now(UTC).date(),
        progress if parted.scratch is None else lambda done, all_: progress(all_ + done, 2 * all_),
    )
    if report.errors:
        return None
    frames = {name: table.data for name, table in others.items()}
    warn_of_regions(specification, checked.outline, frames, report)
    facts: dict[str, Any] = {"report": report, "layout": layout, "unused": understanding.unused}
    facts |= {"outliers": checked.screened.outliers, "replaced": checked.screened.replaced}
    if parted.scratch is not None:
        ahead = {FUTURE: checked.ahead} if FUTURE in parted.blank else {}
        return CheckedTables.of_frames(
            {SALES: checked.outline, **ahead, **frames},
            specification,
            stored=StoredTables(parted, checked.series, checked.outliers, checked.late),
            **facts,
        )
    (whole,) = parted.parts
    frames |= {name: table.data for name, table in whole.tables().items()}
    return CheckedTables.of_frames(frames, specification, **facts)


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


def last_id(folder: Path, stem: str, layout: TableLayout = STANDARD) -> int | None:
    """Return the largest ``id`` of a table of sales; None without such a column.

    Args:
        stem: name of the table.

    Raises:
        DataError: an id is not an integer of at least 0.
    """
    report = Report()
    schema = TableSchema(stem, (key_column(ROW_ID),))
    table = read_table(folder, SALES, schema, layout, report)
    if any(kind.first.code == "column-missing" for kind in report.errors):
        return None
    if table is None or report.errors:
        raise DataError.of_report(folder, report)
    largest = table.frame[ROW_ID].max()
    assert isinstance(largest, int)
    return largest


def check_reach(folder: Path, tables: Tables, layout: TableLayout = STANDARD) -> None:
    """Refuse a row of test that lies beyond the last horizon.

    Raises:
        DataError: a date of test is after the last one that a forecast reaches.
    """
    ahead = tables.days_ahead()
    if ahead is None:
        return
    last = tables.train["date"].max()
    assert isinstance(last, date)
    step, horizon = tables.specification.step, tables.specification.horizon
    end = last + timedelta(horizon * step.days)
    if not (ahead["date"] > end).any():
        return
    report = Report()
    table = read_table(folder, FUTURE, schemas_of(tables.specification)[FUTURE], layout, report)
    assert table is not None, "it was read a moment ago"
    late = (table.frame["date"] > end).arg_true()
    day = table.frame["date"][late[0]]
    message = f"{day} is more than {horizon} {step}s after the last {step} of sales ({last})"
    finding = table.find(
        Severity.ERROR, "test-too-far", message, at=late[0], column="date", value=day
    )
    report.add(finding, total=late.len())
    raise DataError.of_report(folder, report)
