"""Pruning snapshots: never the serving, the newest or young ones."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lifecycle.monitoring.vintage_list import FILE, KIND
from lifecycle.retention import prune
from storage.artifacts import ArtifactError, Release, Store, seal, staging

DAY = 24 * 3600
AGES = {"a": 40, "b": 30, "c": 20, "d": 10, "e": 2}
"""Days since each snapshot was written."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return five snapshots and their forecasts by two bundles; the second oldest serves."""
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


def list_snapshots(store: Store) -> set[str]:
    """Return the snapshots' names; assert that each has the forecasts of both bundles."""
    names = {path.name for path in store.snapshots.iterdir()}
    made = {path.name for path in store.forecasts.glob("2*")}
    assert made == {f"2024-06-30-{bundle}.{name}-0f" for bundle in ("x", "y") for name in names}
    return names


@pytest.mark.parametrize(
    ("keep", "days", "expected"),
    [
        pytest.param(1, 7, {"b", "e"}, id="the newest and the serving"),
        pytest.param(3, 7, {"b", "c", "d", "e"}, id="several"),
        pytest.param(1, 15, {"b", "d", "e"}, id="young ones"),
        pytest.param(9, 0, set(AGES), id="as many as there are"),
        pytest.param(0, 0, {"b"}, id="the serving"),
    ],
)
def test_retained_snapshots_stay(store: Store, keep: int, days: int, expected: set[str]) -> None:
    removed = prune(store, keep=keep, age=days * DAY)
    assert list_snapshots(store) == expected
    assert {name.rpartition("/")[2] for name in removed} >= set(AGES) - expected
    assert (store.forecasts / ".lock").exists()


@pytest.fixture
def bundles(store: Store) -> set[str]:
    """Add two bundles; x serves."""
    names = {"2024-06-30-x", "2024-06-30-y"}
    for name in names:
        (store.bundles / name).mkdir(parents=True)
        os.utime(store.bundles / name, (0, time.time() - 40 * DAY))
    return names


def test_bundles_that_are_named_go_with_their_forecasts_and_others_stay(
    store: Store, bundles: set[str]
) -> None:
    removed = prune(store, keep=9, bundles=bundles)
    assert "bundles/2024-06-30-y" in removed
    assert {path.name for path in store.bundles.iterdir()} == {"2024-06-30-x"}, "it serves"
    of_removed = {path.name for path in store.forecasts.glob("2024-06-30-y.*-0f")}
    assert of_removed == {"2024-06-30-y.e-0f"}, "the others are old enough"


def test_further_snapshots_that_are_needed_stay(store: Store) -> None:
    prune(store, keep=0, age=0, needed=["a"])
    assert list_snapshots(store) == {"a", "b"}


def test_a_young_bundle_stays(store: Store, bundles: set[str]) -> None:
    os.utime(store.bundles / "2024-06-30-y")
    prune(store, keep=9, bundles=bundles)
    assert {path.name for path in store.bundles.iterdir()} == bundles


def test_a_dry_run_tells_the_same_and_removes_nothing(store: Store, bundles: set[str]) -> None:
    would = prune(store, keep=1, bundles=bundles, dry_run=True)
    assert list_snapshots(store) == set(AGES)
    assert {path.name for path in store.bundles.iterdir()} == bundles
    assert prune(store, keep=1, bundles=bundles) == would


def test_without_a_current_release_nothing_is_removed(store: Store) -> None:
    store.pointer.unlink()
    with pytest.raises(ArtifactError):
        prune(store, keep=0, age=0)
    assert list_snapshots(store) == set(AGES)


@pytest.mark.parametrize(
    ("days", "staying"),
    [
        pytest.param(30, {"2024-03-10", "2024-06-01"}, id="a month after their last day"),
        pytest.param(0, {"2024-06-01"}, id="until their last day"),
        pytest.param(120, {"2024-01-01", "2024-03-10", "2024-06-01"}, id="for four months"),
    ],
)
def test_vintages_go_when_their_days_are_long_over(
    tmp_path: Path, days: int, staying: set[str]
) -> None:
    store = Store(tmp_path / "artifacts").promote(Release("2024-01-01-x", "2024-07-01-y"))
    for origin in ("2024-01-01", "2024-03-10", "2024-06-01"):
        facts = {
            "bundle": "2024-01-01-x",
            "snapshot": f"{origin}-y",
            "origin": origin,
            "trained_through": "2024-01-01",
            "step_days": 1,
            "days": 90,
        }
        with staging(store.vintages) as folder:
            (folder / FILE).write_bytes(b"forecasts")
            seal(folder, kind=KIND, label=origin, facts=facts)
    prune(store, vintage_days=days)
    assert {path.name[:10] for path in store.vintages.iterdir()} == staying
