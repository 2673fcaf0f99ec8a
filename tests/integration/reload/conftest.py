"""A folder of tables that reloads read, and a store of artifacts that they may change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from models.serving.release import load_engine
from tests.support.tables import add_days


@pytest.fixture(autouse=True)
def _empty_engine_cache() -> Iterator[None]:
    """Clear the cache of engines: an artifact loaded by a build would not be verified again."""
    load_engine.cache_clear()
    yield
    load_engine.cache_clear()


@pytest.fixture
def data(tmp_path: Path, demo_folder: Path) -> Path:
    """The demo's tables as `same`, with a day more as `newer`, and with a day less as `older`."""
    folder = tmp_path / "data"
    for name in ("same", "newer", "older"):
        shutil.copytree(demo_folder, folder / name)
    add_days(folder / "newer")
    train = pl.read_parquet(folder / "older" / "train.parquet")
    train.filter(pl.col("date") < train["date"].max()).write_parquet(
        folder / "older" / "train.parquet"
    )
    return folder
