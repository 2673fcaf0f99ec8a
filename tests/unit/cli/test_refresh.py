"""`mlrf refresh`: newer tables are served with the present model, or nothing changes."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from cli.main import FAILED, UNAVAILABLE
from lifecycle.job_ends import newest_ends
from lifecycle.jobs import build_lock, jobs_folder
from lifecycle.refresh import refresh as run_here
from models import base_forecasts
from storage.artifacts import Release, Store
from tests.support.command import Run

pytestmark = pytest.mark.usefixtures("own_store", "own_settings")


@pytest.fixture
def newer(demo_folder: Path, tmp_path: Path) -> Path:
    """The demo's tables with one more day of sales, a copy of the last one."""
    folder = shutil.copytree(demo_folder, tmp_path / "newer")
    train, test = (pl.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))
    last = train.filter(pl.col("date") == train["date"].max())
    day = last.with_columns(pl.col("date") + timedelta(days=1))
    pl.concat((train, day)).write_parquet(folder / "train.parquet")
    test.filter(pl.col("date") > day["date"][0]).write_parquet(folder / "test.parquet")
    return folder


def last_day(folder: Path) -> date:
    day = pl.read_parquet(folder / "train.parquet")["date"].max()
    assert isinstance(day, date)
    return day


def test_newer_tables_are_served_by_the_same_model(run: Run, own_store: Store, newer: Path) -> None:
    before = own_store.current()
    done = run("refresh", newer)
    assert (done.status, done.out) == (0, ""), done.err
    after = own_store.current()
    assert after.bundle == before.bundle
    assert after.snapshot.startswith(str(last_day(newer)))
    assert after.snapshot in done.err
    assert "step 3 of 3: forecasting all nodes" in done.err


def test_a_script_gets_the_releases_and_the_newest_day(
    run: Run, own_store: Store, newer: Path
) -> None:
    before = own_store.current()
    document = json.loads(run("refresh", newer, "--json").out)
    assert Release(**document["before"]) == before
    assert Release(**document["after"]) == own_store.current() != before
    assert document["newest"] == str(last_day(newer))


def test_the_registry_records_the_newer_data(run: Run, own_store: Store, newer: Path) -> None:
    run("models", "list")
    run("refresh", newer)
    (active, *_) = json.loads(run("models", "list", "--json").out)
    assert (active["snapshot"], active["state"]) == (own_store.current().snapshot, "active")
    assert active["reason"] == "newer data"


def test_the_tables_that_are_served_already_change_nothing(
    run: Run, own_store: Store, demo_folder: Path
) -> None:
    before = own_store.current()
    done = run("refresh", demo_folder)
    assert done.status == 0
    assert "is served already" in done.err
    assert own_store.current() == before


def test_older_tables_are_served_only_if_forced(
    run: Run, own_store: Store, demo_folder: Path, newer: Path
) -> None:
    run("refresh", newer)
    served = own_store.current()
    assert (
        f"data up to {last_day(newer)} are being served" in run("refresh", demo_folder).error_line
    )
    assert own_store.current() == served
    assert run("refresh", demo_folder, "--force").status == 0
    assert own_store.current().snapshot.startswith(str(last_day(demo_folder)))


def test_a_wrong_table_is_one_line_and_changes_nothing(
    run: Run, own_store: Store, newer: Path
) -> None:
    before = own_store.current()
    sales = pl.when(pl.int_range(pl.len()) == 5).then(-1.0).otherwise("sales")
    table = pl.read_parquet(newer / "train.parquet").with_columns(sales=sales)
    table.write_parquet(newer / "train.parquet")
    done = run("refresh", newer)
    assert "row 6, column sales: '-1.0'" in done.error_line
    assert done.status == FAILED
    assert own_store.current() == before


def test_a_refresh_leaves_how_it_ended_beside_the_artifacts(
    run: Run, own_store: Store, newer: Path
) -> None:
    """Servers export it: a nightly command that fails would otherwise leave no trace there."""
    assert run("refresh", newer).status == 0
    assert [(end.kind, end.outcome) for end in newest_ends(own_store)] == [("reload", "succeeded")]
    (newer / "train.parquet").write_bytes(b"not a table")
    assert run("refresh", newer).status != 0
    assert {end.outcome for end in newest_ends(own_store)} == {"succeeded", "failed"}


def test_without_a_model_the_command_says_to_train_one(
    run: Run, own_store: Store, newer: Path
) -> None:
    own_store.pointer.unlink()
    assert "train a model first" in run("refresh", newer).error_line


def test_while_another_process_builds_the_command_asks_to_try_again(
    run: Run, own_store: Store, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheduler repeats what ends with this status, and nothing else."""
    monkeypatch.setattr("cli.refresh._LOCK_SECONDS", 0)
    before = own_store.current()
    jobs_folder(own_store).mkdir(exist_ok=True)
    with build_lock(own_store, timeout=0):
        done = run("refresh", newer)
    assert "try again when it has ended" in done.error_line
    assert done.status == UNAVAILABLE
    assert own_store.current() == before
    assert run("refresh", newer).status == 0


@pytest.mark.slow
def test_a_refresh_on_a_dask_cluster_serves_the_same_forecasts(
    run: Run,
    own_store: Store,
    newer: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their names hold the digests of the files."""
    monkeypatch.setattr(base_forecasts, "PART_ROWS", 1)
    here = Store(Path(shutil.copytree(own_store.root, tmp_path / "copy")))
    run_here(here, newer)
    done = run("refresh", newer, "--engine", "dask", "--workers", 2)
    assert done.status == 0, done.err
    assert names_in(own_store.forecasts) == names_in(here.forecasts)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_scheduler_without_the_engine_is_refused(run: Run, own_store: Store, newer: Path) -> None:
    done = run("refresh", newer, "--scheduler", "tcp://127.0.0.1:8786")
    assert "add --engine dask" in done.error_line
