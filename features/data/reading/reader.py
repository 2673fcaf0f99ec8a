"""Reads one table from one or more files into a frame that records the place of every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from features.data.findings import Finding, Report, Severity
from features.data.reading.columns import convert_columns
from features.data.reading.csv_text import read_csv
from features.data.reading.encoding import check_utf8
from features.data.reading.files import Part, find_table, read_text
from features.data.reading.layout import TableLayout
from features.data.reading.parquet import read_parquet
from features.data.reading.schema import TableSchema

_FILE, _ROW = "_file", "_row"


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
        column: str | None = None,
        value: object = None,
        advice: str | None = None,
    ) -> Finding:
        """Return a finding of this table.

        Args:
            at: position of the row in `frame`.
        """
        file, row = self.files[0].partition("/")[0], None
        if at is not None:
            file, row = self.files[self.frame[_FILE][at]], self.frame[_ROW][at]
        value_text = None if value is None else str(value)
        title = self.titles.get(column, column) if column else None
        return Finding(severity, code, file, message, row, title, value_text, advice)

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
    columns = schema.columns
    parts = find_table(folder, schema.stem, report, optional=schema.optional)
    frames = []
    for number, part in enumerate(parts):
        raw = _read_part(part, [column.title for column in columns], layout, report)
        if raw is not None:
            typed = convert_columns(raw, part.name, columns, layout, report)
            frames.append(typed.with_columns(pl.lit(number, dtype=pl.UInt32).alias(_FILE)))
    if not frames:
        return None
    frame = pl.concat(frames)
    titles = {column.name: column.source for column in columns if column.source}
    table = ReadTable(name, frame, [part.name for part in parts], schema.keys, titles)
    if frame.is_empty() and not any(kind.first.file in table.files for kind in report.errors):
        report.add(table.find(Severity.ERROR, "no-rows", "has no rows"))
    return table if frame.height else None


def read_all_columns(
    folder: Path, stem: str, layout: TableLayout, report: Report
) -> pl.DataFrame | None:
    """Return all columns of a table, not converted; None where nothing of it can be used."""
    parts = find_table(folder, stem, report, optional=True)
    frames = [_read_part(part, None, layout, report) for part in parts]
    read = [frame.drop(_ROW) for frame in frames if frame is not None]
    return pl.concat(read, how="vertical_relaxed") if read else None


def _read_part(
    part: Part, wanted: Sequence[str] | None, layout: TableLayout, report: Report
) -> pl.DataFrame | None:
    """Return the wanted columns of one file, or all of them, not yet converted."""
    if part.is_parquet:
        return read_parquet(part, wanted, layout, report)
    data = read_text(part, report)
    if data is None or (data := check_utf8(data, part.name, report)) is None:
        return None
    return read_csv(data, part.name, wanted, layout, report)
