"""Benchmark records: complete tables, and no trace of the machine's owner."""

from __future__ import annotations

import getpass
import platform
from pathlib import Path

import pytest
from pydantic import ValidationError

from load import record
from load.record import Table

TABLE = Table(
    id="times",
    caption="Seconds of two ways.",
    columns=("way", "seconds", "calls"),
    rows=(("ours", 0.123456789, 1234567), ("theirs", None, 3)),
)


def test_a_record_is_read_back_to_four_digits(tmp_path: Path) -> None:
    path = record.write("ways", "make ways", [TABLE], folder=tmp_path)
    run = record.read("ways", folder=tmp_path)
    assert path == tmp_path / "ways.json"
    assert (run.name, run.command) == ("ways", "make ways")
    assert run.machine == record.machine()
    assert run.table("times").rows == (("ours", 0.1235, 1234567), ("theirs", None, 3))
    assert run.table("times").column("seconds") == [0.1235, None]


def test_a_later_run_replaces_an_earlier_one(tmp_path: Path) -> None:
    record.write("ways", "make ways", [TABLE], folder=tmp_path)
    record.write("ways", "make ways", [], folder=tmp_path)
    assert record.read("ways", folder=tmp_path).tables == ()


def test_an_unmeasured_table_is_an_error(tmp_path: Path) -> None:
    record.write("ways", "make ways", [TABLE], folder=tmp_path)
    with pytest.raises(KeyError, match="ways has no table others"):
        record.read("ways", folder=tmp_path).table("others")


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(("ours", 1.0), id="a cell is missing"),
        pytest.param(("ours", 1.0, 2, 3), id="a cell too many"),
        pytest.param(("ours", float("nan"), 2), id="not a number"),
    ],
)
def test_an_invalid_row_is_refused(
    row: tuple[record.Cell, ...],
) -> None:
    with pytest.raises(ValidationError):
        Table(id="times", caption="", columns=TABLE.columns, rows=(row,))


def test_the_machine_is_described_without_its_owner(tmp_path: Path) -> None:
    text = record.write("ways", "make ways", [TABLE], folder=tmp_path).read_text(encoding="utf-8")
    machine = record.machine()
    assert machine.cpu
    assert machine.cores >= 1
    assert machine.memory_gib >= 1
    assert {"numpy", "onnxruntime"} <= machine.libraries.keys()
    assert machine.python == platform.python_version()
    for private in (platform.node(), str(tmp_path), str(Path.home())):
        assert private not in text
    assert f'"{getpass.getuser()}"' not in text


def test_a_missing_library_is_not_listed() -> None:
    assert list(record.machine(["numpy", "no-such-library"]).libraries) == ["numpy"]
