"""`mlrf check`: the whole report, and an exit status for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.unit.features.data.reading.sheets import frames, sheets, write_frames, write_sheets


def check(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def write_stale_tables(folder: Path) -> Path:
    changed = frames()
    changed["oil"] = changed["oil"].head(2)
    return write_frames(folder, changed)


def write_wrong_tables(folder: Path) -> Path:
    changed = frames()
    changed["train"] = changed["train"].with_columns(sales=-pl.col("sales"))
    return write_frames(folder, changed)


def test_clean_tables_end_with_0(tmp_path: Path) -> None:
    done = check(write_frames(tmp_path, frames()))
    assert (done.exit_code, done.output) == (
        0,
        f"{tmp_path} can be used: 0 errors, 0 warnings.\n",
    )


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--strict"], 1)])
def test_warnings_fail_the_check_only_if_it_is_strict(
    tmp_path: Path, options: list[str], status: int
) -> None:
    done = check(write_stale_tables(tmp_path), *options)
    assert done.exit_code == status
    assert "warning stale: oil.parquet, column date (1)" in done.output


def test_errors_end_with_1_and_are_counted(tmp_path: Path) -> None:
    done = check(write_wrong_tables(tmp_path))
    assert done.exit_code == 1
    assert "error too-small: train.parquet, column sales (360)" in done.output
    assert "  row 1: '-11.25' where a number of at least 0 is expected" in done.output
    assert "… and 340 more" in done.output
    assert done.output.endswith(f"{tmp_path} cannot be used: 360 errors, 0 warnings.\n")


def test_json_is_one_document(tmp_path: Path) -> None:
    done = check(write_wrong_tables(tmp_path), "--json")
    document = json.loads(done.stdout)
    assert done.exit_code == 1
    assert document["counts"] == {"errors": 360, "warnings": 0}
    (kind,) = document["errors"]
    assert (kind["code"], kind["count"], len(kind["findings"])) == ("too-small", 360, 20)
    assert kind["findings"][0]["row"] == 1


def test_a_stated_layout_is_read(tmp_path: Path) -> None:
    written = sheets()
    for sheet in written.values():
        sheet.delimiter = ";"
    folder = write_sheets(tmp_path, written)
    refused = check(folder)
    assert refused.exit_code == 1
    assert "pass --delimiter ';'" in refused.output
    assert check(folder, "--delimiter", ";").exit_code == 0


@pytest.mark.parametrize("arguments", [[], ["x", "--delimiter", "§"], ["x", "--dates", "guess"]])
def test_a_usage_error_ends_with_2(arguments: list[str]) -> None:
    assert check(*arguments).exit_code == 2
