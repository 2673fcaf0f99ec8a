"""A snapshot stores the findings in its tables and the layout they were read with."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from features.data.build import build_snapshot
from features.data.reading.layout import DateOrder, DecimalMark, Delimiter, TableLayout
from features.data.snapshot_files import load_snapshot
from features.data.table_report import REPORT_FILE, read_report, recorded_layout
from features.data.tables import read_tables
from tests.unit.features.data.reading.sheets import frames, sheets, write_frames, write_sheets

LAYOUT = TableLayout(delimiter=Delimiter.SEMICOLON, decimal=DecimalMark.COMMA, dates=DateOrder.DMY)


def odd_frames() -> dict[str, pl.DataFrame]:
    changed = frames()
    changed["oil"] = changed["oil"].head(2)
    return changed


def test_warnings_are_stored_in_the_snapshot(tmp_path: Path) -> None:
    tables = read_tables(write_frames(tmp_path, odd_frames()))
    snapshot = build_snapshot(tables, tmp_path / "snapshots").path
    (kind,) = read_report(snapshot).warnings
    assert (kind.first.code, kind.first.file, kind.first.row) == ("stale", "oil", None)
    load_snapshot(snapshot)


def test_a_snapshot_does_not_depend_on_the_files_that_carried_the_tables(tmp_path: Path) -> None:
    text, parquet = tmp_path / "text", tmp_path / "parquet"
    written = sheets()
    written["oil"].rows = written["oil"].rows[:2]
    text.mkdir()
    parquet.mkdir()
    tables = [
        read_tables(write_sheets(text, written)),
        read_tables(write_frames(parquet, odd_frames())),
    ]
    names = {build_snapshot(table, tmp_path / "snapshots").name for table in tables}
    assert len(names) == 1


def test_clean_tables_leave_no_report(tmp_path: Path) -> None:
    snapshot = build_snapshot(read_tables(write_frames(tmp_path, frames())), tmp_path / "s").path
    assert not (snapshot / REPORT_FILE).exists()
    assert read_report(snapshot).kinds == []
    assert recorded_layout(snapshot) == TableLayout()


def test_the_layout_is_recorded(tmp_path: Path) -> None:
    written = sheets()
    for sheet in written.values():
        sheet.delimiter = ";"
        sheet.rows = [[v.replace(".", ",") for v in row] for row in sheet.rows]
    tables = read_tables(write_sheets(tmp_path, written), LAYOUT)
    assert recorded_layout(build_snapshot(tables, tmp_path / "s").path) == LAYOUT


@pytest.mark.parametrize("content", [b"", b"[]", b'{"layout": {"delimiter": "x"}}'])
def test_a_damaged_report_means_the_standard_layout(tmp_path: Path, content: bytes) -> None:
    (tmp_path / REPORT_FILE).write_bytes(content)
    assert recorded_layout(tmp_path) == TableLayout()
