"""Reads one table from one or more files into a frame that records the place of every row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from features.data.findings import Finding, Report, Severity
from features.data.reading.columns import FAULT_ORDER, convert_columns
from features.data.reading.csv_text import read_csv
from features.data.reading.encoding import check_utf8
from features.data.reading.files import TableFile, find_table, read_text
from features.data.reading.layout import TableLayout
from features.data.reading.parquet import RowRange, count_rows, distinct_values, read_parquet
from features.data.reading.schema import Column, TableSchema

_FILE, _ROW = "_file", "_row"
Place = tuple[int, int]
"""Number of the file of a row within its table, and of the row within the file."""


@dataclass(frozen=True)
class ReadTable:
    """The rows of a table whose values all fit.

    Attributes:
        name: of the table.
        frame: columns of the schema, and the place of each row: `_file` (index into `files`) and
            `_row`.
        files: names of the table's files within the folder.
        keys: columns whose values together must not repeat; none where rows may.
        titles: names of columns in the files, where they are others.
    """

    name: str
    frame: pl.DataFrame
    files: Sequence[str]
    keys: Sequence[str] = ()
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name of the table as its files have it."""
        return self.files[0].partition("/")[0].partition(".")[0]

    def find(
        self,
        severity: Severity,
        code: str,
        message: str,
        *,
        at: int | None = None,
        place: Place | None = None,
        column: str | None = None,
        value: object = None,
        advice: str | None = None,
    ) -> Finding:
        """Return a finding of this table.

        Args:
            at: position of the row in `frame`.
            place: of a row that `frame` need not hold.
        """
        file, row = self.files[0].partition("/")[0], None
        if at is not None:
            place = self.place(at)
        if place is not None:
            file, row = self.files[place[0]], place[1]
        value_text = None if value is None else str(value)
        title = self.titles.get(column, column) if column else None
        return Finding(severity, code, file, message, row, title, value_text, advice)

    def place(self, at: int) -> Place:
        """Return the place of a row by its position in `frame`."""
        return self.frame[_FILE][at], self.frame[_ROW][at]

    def cleared(self) -> ReadTable:
        """Return the table without rows."""
        return replace(self, frame=self.frame.clear())

    @property
    def data(self) -> pl.DataFrame:
        """The columns of the schema, without the places of rows."""
        return self.frame.drop(_FILE, _ROW)


def read_table(
    folder: Path,
    name: str,
    schema: TableSchema,
    layout: TableLayout,
    report: Report,
) -> ReadTable | None:
    """Read the wanted columns of a table; None where nothing of it can be used."""
    reader = TableReader(folder, name, schema, layout, report)
    frames = list(reader.read())
    if not frames:
        return None
    table = reader.table_of(pl.concat(frames))
    reader.check_height(table.frame.height)
    return table if table.frame.height else None


class TableReader:
    """Reads the files of a table one after the other, each at once or in batches of rows.

    Its report is the same for batches of any size: the faults of a file are added at its end, by
    column, and those of the file itself once.
    """

    def __init__(
        self, folder: Path, name: str, schema: TableSchema, layout: TableLayout, report: Report
    ) -> None:
        self.name, self.schema = name, schema
        self.parts = find_table(folder, schema.stem, report, optional=schema.optional)
        self._layout, self._report = layout, report

    def table_of(self, frame: pl.DataFrame) -> ReadTable:
        """Return rows of this table as a table."""
        columns = self.schema.columns
        titles = {column.name: column.source for column in columns if column.source}
        files = [part.name for part in self.parts]
        return ReadTable(self.name, frame, files, self.schema.keys, titles)

    def check_height(self, rows: int) -> None:
        """Report a table without rows, unless its files have faults that explain it."""
        files = {part.name for part in self.parts}
        if not rows and not any(kind.first.file in files for kind in self._report.errors):
            empty = self.table_of(pl.DataFrame())
            self._report.add(empty.find(Severity.ERROR, "no-rows", "has no rows"))

    def read(self, batch: int | None = None) -> Iterator[pl.DataFrame]:
        """Yield the rows whose values all fit, in order, with the places of rows.

        Args:
            batch: rows that are read at once; all of a file by default.
        """
        for number, part in enumerate(self.parts):
            place = pl.lit(number, dtype=pl.UInt32).alias(_FILE)
            for typed in self._read_file(part, batch if part.is_parquet else None):
                yield typed.with_columns(place)

    def _read_file(self, part: TableFile, batch: int | None) -> Iterator[pl.DataFrame]:
        columns, height = self.schema.columns, 0
        titles = [column.title for column in columns]
        if batch is not None:
            height = count_rows(part)
        if batch is None or height <= batch:
            raw = _read_part(part, titles, self._layout, self._report)
            if raw is not None:
                yield convert_columns(raw, part.name, columns, self._layout, self._report)
            return
        of_labels = [each.title for each in columns if each.dtype == pl.String() or _is_whole(each)]
        labels, faults = distinct_values(part, of_labels), Report()
        for first in range(0, height, batch):
            of_file = Report()
            raw = read_parquet(part, titles, self._layout, of_file, RowRange(first, batch))
            if not first or raw is None:
                self._report.extend(of_file)
            if raw is None:
                break
            yield convert_columns(raw, part.name, columns, self._layout, faults, labels)
        order = {title: at for at, title in enumerate(titles)}
        for kind in sorted(
            faults.kinds,
            key=lambda kind: (order[kind.first.column or ""], FAULT_ORDER.index(kind.first.code)),
        ):
            of_batches = kind.count if kind.first.code != "column-kind" else 1
            self._report.add(*kind.findings[:of_batches], total=of_batches)


def _is_whole(column: Column) -> bool:
    return column.dtype.is_integer()


def read_all_columns(
    folder: Path, stem: str, layout: TableLayout, report: Report
) -> pl.DataFrame | None:
    """Return all columns of a table, not converted; None where nothing of it can be used."""
    parts = find_table(folder, stem, report, optional=True)
    frames = [_read_part(part, None, layout, report) for part in parts]
    read = [frame.drop(_ROW) for frame in frames if frame is not None]
    return pl.concat(read, how="vertical_relaxed") if read else None


def _read_part(
    part: TableFile, wanted: Sequence[str] | None, layout: TableLayout, report: Report
) -> pl.DataFrame | None:
    """Return the wanted columns of one file, or all of them, not yet converted."""
    if part.is_parquet:
        return read_parquet(part, wanted, layout, report)
    data = read_text(part, report)
    if data is None or (data := check_utf8(data, part.name, report)) is None:
        return None
    return read_csv(data, part.name, wanted, layout, report)
