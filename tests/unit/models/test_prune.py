"""Removing old snapshots: never what serves, what is new, or what is young."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from artifacts import ArtifactError, Release, Store
from models.prune import prune

DAY = 24 * 3600
AGES = {"a": 40, "b": 30, "c": 20, "d": 10, "e": 2}
"""Days since each snapshot was written."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Five snapshots and their forecasts by two bundles; the second oldest serves."""
    store = Store(tmp_path / "artifacts")
    for name, days in AGES.items():
        for folder in (
            store.snapshots / name,
            *(store.forecasts / f"2024-06-30-{bundle}.{name}-0f" for bundle in ("x", "y")),
        ):
            folder.mkdir(parents=True)
            (folder / "file").touch()
            os.utime(folder, (0, time.time() - days * DAY))
    (store.forecasts / ".lock").touch()
    return store.promote(Release("2024-06-30-x", "b"))


def left(store: Store) -> set[str]:
    """Names of the snapshots; each has the forecasts of both bundles, and there are no others."""
    names = {path.name for path in store.snapshots.iterdir()}
    made = {path.name for path in store.forecasts.glob("2*")}
    assert made == {f"2024-06-30-{bundle}.{name}-0f" for bundle in ("x", "y") for name in names}
    return names


@pytest.mark.parametrize(
    ("keep", "days", "kept"),
    [
        pytest.param(1, 7, {"b", "e"}, id="the newest and what serves"),
        pytest.param(3, 7, {"b", "c", "d", "e"}, id="several"),
        pytest.param(1, 15, {"b", "d", "e"}, id="what is young"),
        pytest.param(9, 0, set(AGES), id="as many as there are"),
        pytest.param(0, 0, {"b"}, id="what serves"),
    ],
)
def test_what_is_needed_stays(store: Store, keep: int, days: int, kept: set[str]) -> None:
    removed = prune(store, keep=keep, age=days * DAY)
    assert left(store) == kept
    assert set(removed) >= set(AGES) - kept
    assert (store.forecasts / ".lock").exists()


def test_without_knowing_what_serves_nothing_is_removed(store: Store) -> None:
    store.pointer.unlink()
    with pytest.raises(ArtifactError):
        prune(store, keep=0, age=0)
    assert left(store) == set(AGES)
