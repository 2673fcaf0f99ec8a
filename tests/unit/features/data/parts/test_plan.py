"""The number of parts follows from the memory; what cannot fit is refused before work starts."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.data.build import _list_tasks, build_snapshot
from features.data.building.part import place_part, write_part
from features.data.building.whole import describe_whole
from features.data.findings import Report
from features.data.parts import plan as module
from features.data.parts.memory import (
    MIB,
    Memory,
    MemoryLimitError,
    available_memory,
    check_disk,
)
from features.data.parts.plan import (
    BASE,
    PER_ROW,
    PER_SERIES,
    Plan,
    make_plan,
)
from features.data.reading.layout import STANDARD
from features.data.specification import FAVORITA
from features.data.tables import read_tables
from tests.unit.features.data.reading.sheets import FAMILIES, STORES, frames

NAMES = PER_SERIES * len(STORES) * len(FAMILIES)
ROOM = 100_000
"""Bytes in which two of the three stores fit."""
OTHER_ROWS = sum(frame.height for name, frame in frames().items() if name not in ("train", "test"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tables"
    folder.mkdir()
    for name, frame in frames().items():
        frame.write_parquet(folder / f"{name}.parquet")
    return folder


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count parts of a few rows."""
    monkeypatch.setattr(module, "LEAST_PART", 0)


def plan_of(folder: Path, memory: Memory) -> Plan:
    plan = make_plan(folder, FAVORITA, STANDARD, memory)
    assert plan is not None
    return plan


def test_tables_that_fit_are_one_part(folder: Path) -> None:
    plan = plan_of(folder, Memory(available_memory()))
    assert plan.n_parts == 1
    assert [site for site, _ in plan.part_of_site] == list(STORES)


@pytest.mark.usefixtures("small_parts")
def test_less_memory_makes_more_parts_of_whole_sites(folder: Path) -> None:
    others = PER_ROW * OTHER_ROWS
    limits = (10**9, others + NAMES + ROOM, others + NAMES + ROOM // 2)
    numbers = [plan_of(folder, Memory(BASE + room)).n_parts for room in limits]
    assert numbers == [1, 2, 3]


@pytest.mark.usefixtures("small_parts")
def test_a_site_that_does_not_fit_is_refused_with_what_to_set(folder: Path) -> None:
    with pytest.raises(MemoryLimitError, match=r"store_nbr \d+ alone, with .* MEMORY_MIB"):
        read_tables(folder, memory=Memory(BASE))


@pytest.mark.usefixtures("small_parts")
def test_tables_that_are_read_whole_leave_less_for_a_part(folder: Path) -> None:
    memory = Memory(BASE + NAMES + ROOM + PER_ROW * OTHER_ROWS)
    assert plan_of(folder, memory).n_parts == 2
    transactions = pl.read_parquet(folder / "transactions.parquet")
    pl.concat([transactions] * 20).write_parquet(folder / "transactions.parquet")
    with pytest.raises(MemoryLimitError, match="MiB of it for the tables that are read whole"):
        plan_of(folder, memory)


def test_small_tables_are_read_on_a_small_machine(folder: Path) -> None:
    assert plan_of(folder, Memory(1)).n_parts == 1


def test_csv_is_read_in_one_piece(folder: Path) -> None:
    train = folder / "train.parquet"
    pl.read_parquet(train).write_csv(folder / "train.csv")
    train.unlink()
    assert make_plan(folder, FAVORITA, STANDARD, Memory(1)) is None


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"], ids=["plain", "compressed"])
def test_csv_that_does_not_fit_is_refused_with_the_advice_to_write_parquet(
    folder: Path, suffix: str
) -> None:
    train = folder / "train.parquet"
    text = pl.read_parquet(train).write_csv().encode()
    train.unlink()
    content = text if suffix == ".csv" else gzip.compress(text)
    (folder / f"train{suffix}").write_bytes(content)
    enough = BASE + 4 * len(text) + PER_ROW * sum(each.height for each in frames().values())
    assert make_plan(folder, FAVORITA, STANDARD, Memory(enough)) is None
    with pytest.raises(MemoryLimitError, match=rf"train{suffix} is read in one piece.* Parquet"):
        make_plan(folder, FAVORITA, STANDARD, Memory(BASE + 3 * len(text)))


def test_too_little_disk_is_refused_with_what_to_set(tmp_path: Path) -> None:
    check_disk(tmp_path, 1, "TMPDIR")
    with pytest.raises(MemoryLimitError, match=r"MiB of disk are needed, .* set TMPDIR"):
        check_disk(tmp_path, 2**60, "TMPDIR")


def test_the_budget_is_a_share_of_the_machine_unless_it_is_set() -> None:
    assert Memory.of_setting(3).limit == 3 * MIB
    assert 0 < Memory.of_setting(None).limit < available_memory()


@pytest.mark.parametrize("apart", [False, True], ids=["into the arrays", "apart"])
def test_parts_may_be_written_by_another_process_in_any_order(
    folder: Path, tmp_path: Path, *, apart: bool
) -> None:
    tables = read_tables(folder, memory=Memory(2**40, parts=3))
    whole, files = describe_whole(tables), tmp_path / "arrays"
    files.mkdir()
    own = tmp_path / "own"
    own.mkdir()
    tasks = _list_tasks(tables, whole, files, apart=own if apart else None)
    arrays = sorted(files.iterdir())
    whole, tasks = pickle.loads(pickle.dumps((whole, tasks)))
    for task in reversed(tasks):
        write_part(whole, task)  # a part may run twice
        place_part(whole, pickle.loads(pickle.dumps(write_part(whole, task))), files)
    snapshot = build_snapshot(tables, tmp_path / "snapshots").path
    assert sorted(files.iterdir()) == arrays, "a run that does not count leaves nothing there"
    name = "covariate-onpromotion.npy"
    assert (files / name).read_bytes() == (snapshot / name).read_bytes()
    n_upper = whole.hierarchy.n_upper
    written, expected = (np.load(path / "sales.npy")[n_upper:] for path in (files, snapshot))
    assert written.tobytes() == expected.tobytes()


def test_more_parts_than_fit_are_made_where_several_processes_share_them(folder: Path) -> None:
    plan = make_plan(folder, FAVORITA, STANDARD, Memory(2**40), least_parts=3)
    assert plan is not None
    assert plan.n_parts == 3
    many = make_plan(folder, FAVORITA, STANDARD, Memory(2**40), least_parts=1_000)
    assert many is not None
    assert many.n_parts == len(many.part_of_site), "a site is not cut"


def test_progress_counts_rows_and_parts(folder: Path, tmp_path: Path) -> None:
    read: list[tuple[int, int]] = []
    built: list[tuple[int, int]] = []
    memory = Memory(2**40, parts=3, batch_rows=100)
    tables = read_tables(folder, memory=memory, progress=lambda *each: read.append(each))
    build_snapshot(tables, tmp_path / "snapshots", progress=lambda *each: built.append(each))
    shares = [done / total for done, total in read]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert built == [(1, 3), (2, 3), (3, 3)]


def test_scratch_files_are_removed_with_the_tables(folder: Path) -> None:
    tables = read_tables(folder, memory=Memory(2**40, parts=2))
    assert tables.stored is not None
    assert tables.stored.parted.scratch is not None
    scratch = tables.stored.parted.scratch.path
    assert list(scratch.iterdir())
    del tables
    assert not scratch.exists()


def test_the_faults_of_tables_remove_the_scratch_files(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from features.data.tables import check_tables

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    train = pl.read_parquet(folder / "train.parquet")
    train.with_columns(sales=-1.0).write_parquet(folder / "train.parquet")
    report = Report()
    assert check_tables(folder, STANDARD, report, memory=Memory(2**40, parts=2)) is None
    assert report.errors
    assert not list(scratch.iterdir())
