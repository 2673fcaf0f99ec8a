"""A folder of tables that reloads read, and a store of artifacts that they may change."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from lifecycle.jobs import Job
from lifecycle.reload import Reloader
from models.serving.release import load_engine
from storage.artifacts import Store
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def _empty_engine_cache() -> Iterator[None]:
    """Clear the cache of engines: an artifact loaded by a build would not be verified again."""
    load_engine.cache_clear()
    yield
    load_engine.cache_clear()


def add_day(folder: Path) -> None:
    """Append one more day of sales, a copy of the last one."""
    train, test = (pl.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))
    last = train["date"].max()
    day = train.filter(pl.col("date") == last).with_columns(pl.col("date").dt.offset_by("1d"))
    pl.concat((train, day)).write_parquet(folder / "train.parquet")
    test.filter(pl.col("date") > day["date"][0]).write_parquet(folder / "test.parquet")


@pytest.fixture
def data(tmp_path: Path, demo_folder: Path) -> Path:
    """The demo's tables as `same`, with a day more as `newer`, and with a day less as `older`."""
    folder = tmp_path / "data"
    for name in ("same", "newer", "older"):
        shutil.copytree(demo_folder, folder / name)
    add_day(folder / "newer")
    train = pl.read_parquet(folder / "older" / "train.parquet")
    train.filter(pl.col("date") < train["date"].max()).write_parquet(
        folder / "older" / "train.parquet"
    )
    return folder


@pytest.fixture
def reloader(own_store: Store, data: Path) -> Reloader:
    return Reloader(own_store, data)


@pytest.fixture
def run_reload(reloader: Reloader) -> Callable[..., Job]:
    """Reload a source, and return its job when it has ended."""

    def run_reload(source: str, *, force: bool = False) -> Job:
        name = reloader.start(source, force=force).id
        wait_until(lambda: (job := reloader.job(name)) is not None and job.ended)
        job = reloader.job(name)
        assert job is not None
        return job

    return run_reload
