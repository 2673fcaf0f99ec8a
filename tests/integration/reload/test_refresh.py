"""Refresh: new tables are served with the present bundle, or nothing changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from errors import InputError
from features.data.build import build_snapshot
from features.data.findings import Report
from features.data.parts import plan
from features.data.parts.memory import Memory
from features.data.reading.layout import Delimiter, TableLayout
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.tables import DataError, read_tables
from lifecycle.refresh import FORECASTING, READING, RefusedError, refresh
from models.bundle import with_metrics
from models.serving.release import load_engine, load_release
from storage.artifacts import ArtifactError, Release, Store

Edit = Callable[[pl.DataFrame], pl.DataFrame]


def edit(folder: Path, name: str, change: Edit) -> None:
    path = folder / f"{name}.parquet"
    change(pl.read_parquet(path)).write_parquet(path)


def create_other_bundle(store: Store) -> str:
    """Create another bundle with the same forecasts, and return its name."""
    bundle = store.bundles / store.current().bundle
    return with_metrics(bundle, store.bundles, {"other": True}).name


def test_a_new_day_moves_the_origin(own_store: Store, data: Path, snapshot: Snapshot) -> None:
    before, after = refresh(own_store, data / "newer")
    assert own_store.current() == after == replace(before, snapshot=after.snapshot)
    newer = load_snapshot(own_store.snapshots / after.snapshot)
    assert newer.facts.origin == snapshot.facts.origin + timedelta(days=1)
    np.testing.assert_array_equal(newer.sales[:, :-1], snapshot.sales)


def test_the_forecasts_are_there_before_the_release_serves(own_store: Store, data: Path) -> None:
    def look(phase: str) -> None:
        assert own_store.current() == before
        phases.append(phase)

    phases: list[str] = []
    before = own_store.current()
    _, release = refresh(own_store, data / "newer", enter=look)
    assert (phases[0], phases[-1]) == (READING, FORECASTING)
    assert len(list(own_store.forecasts.glob(f"{release.bundle}.{release.snapshot}-*"))) == 1
    load_engine.cache_clear()
    loaded = load_release(own_store, release)
    forecast = loaded.engine.forecast(loaded.engine.snapshot.newest_origin)
    np.testing.assert_array_equal(loaded.forecasts.mean, forecast.values)


def test_the_same_tables_change_nothing(own_store: Store, data: Path, release: Release) -> None:
    assert refresh(own_store, data / "same") == (release, release)


def test_tables_that_are_read_in_parts_make_the_same_release_and_say_how_far_it_is(
    own_store: Store, data: Path, release: Release
) -> None:
    done: list[tuple[int, int]] = []
    memory = Memory(limit=2**40, parts=3)
    refreshed = refresh(
        own_store, data / "same", memory=memory, advance=lambda *each: done.append(each)
    )
    assert refreshed == (release, release)
    assert done[-3:] == [(1, 3), (2, 3), (3, 3)]


def test_tables_that_do_not_fit_into_the_memory_change_nothing(
    own_store: Store, data: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "LEAST_PART", 0)
    with pytest.raises(InputError, match="MEMORY_MIB"):
        refresh(own_store, data / "newer", memory=Memory(limit=1))
    assert own_store.current() == release


def test_newer_tables_are_read_as_the_serving_ones_were_written(
    own_store: Store, data: Path, release: Release
) -> None:
    folder = data / "newer"
    for path in folder.glob("*.parquet"):
        pl.read_parquet(path).write_csv(path.with_suffix(".csv"), separator=";")
        path.unlink()
    with pytest.raises(DataError, match="pass --delimiter ';'"):
        refresh(own_store, folder)
    layout = TableLayout(delimiter=Delimiter.SEMICOLON)
    written = build_snapshot(read_tables(folder, layout), own_store.snapshots)
    own_store.promote(replace(release, snapshot=written.name))
    assert refresh(own_store, folder)[1].snapshot == written.name


def test_a_warning_is_reported_and_the_tables_are_served(own_store: Store, data: Path) -> None:
    edit(data / "newer", "oil", lambda oil: oil.head(10))
    reports: list[Report] = []
    _, release = refresh(own_store, data / "newer", on_report=reports.append)
    assert own_store.current() == release
    assert [kind.first.code for kind in reports[0].warnings] == ["stale"]


def test_a_damaged_snapshot_is_replaced_by_its_tables(
    own_store: Store, data: Path, release: Release
) -> None:
    (own_store.snapshots / release.snapshot / "covariate-transactions.npy").unlink()
    assert refresh(own_store, data / "same") == (release, release)
    load_snapshot(own_store.snapshots / release.snapshot)


def test_older_data_need_force(own_store: Store, data: Path, snapshot: Snapshot) -> None:
    before = own_store.current()
    with pytest.raises(RefusedError, match=f"{snapshot.facts.origin} are being served"):
        refresh(own_store, data / "older")
    assert own_store.current() == before
    _, after = refresh(own_store, data / "older", force=True)
    assert own_store.current() == after != before


def test_tables_of_only_the_newest_days_are_refused(own_store: Store, data: Path) -> None:
    """A forecast needs a longer history."""
    before = own_store.current()
    days = pl.col("date") > pl.col("date").max() - timedelta(days=7)
    edit(data / "newer", "train", lambda train: train.filter(days))
    with pytest.raises(InputError, match="hold 7 days of sales; a forecast needs 56"):
        refresh(own_store, data / "newer")
    assert own_store.current() == before


def test_the_error_names_a_wrong_row(own_store: Store, data: Path) -> None:
    before = own_store.current()
    sales = pl.when(pl.int_range(pl.len()) == 5).then(-1.0).otherwise("sales")
    edit(data / "newer", "train", lambda train: train.with_columns(sales=sales))
    with pytest.raises(DataError, match=r"row 6, column sales: '-1.0' where a number"):
        refresh(own_store, data / "newer")
    assert own_store.current() == before


def test_data_of_another_retailer_are_refused(own_store: Store, data: Path) -> None:
    """The bundle knows none of their stores."""
    before = own_store.current()
    renumbered = pl.col("store_nbr") + 1000
    for name in ("train", "stores", "transactions", "test"):
        edit(data / "newer", name, lambda table: table.with_columns(store_nbr=renumbered))
    with pytest.raises(ArtifactError, match="has seen no store"):
        refresh(own_store, data / "newer")
    assert own_store.current() == before


def test_a_bundle_that_was_promoted_meanwhile_stays(own_store: Store, data: Path) -> None:
    """A build must not undo a training that ended meanwhile."""
    newer = Release(create_other_bundle(own_store), own_store.current().snapshot)

    def promote(phase: str) -> None:
        if phase == FORECASTING:
            own_store.promote(newer)

    _, after = refresh(own_store, data / "newer", enter=promote)
    assert after.bundle == newer.bundle
    assert own_store.current() == after


def test_a_bundle_that_is_promoted_while_forecasting_stays(
    own_store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = Release(create_other_bundle(own_store), own_store.current().snapshot)
    loaded: list[Release] = []

    def load(store: Store, release: Release, **more: Any) -> object:
        result = load_release(store, release, **more)
        if not loaded:
            store.promote(newer)
        loaded.append(release)
        return result

    monkeypatch.setattr("lifecycle.refresh.load_release", load)
    _, after = refresh(own_store, data / "newer")
    assert [release.bundle for release in loaded] == [loaded[0].bundle, newer.bundle]
    assert own_store.current() == after == Release(newer.bundle, after.snapshot)


def test_forecasts_that_cannot_be_stored_are_not_served(
    own_store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise every worker would compute them for itself."""

    def fail_with_full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    before = own_store.current()
    monkeypatch.setattr("models.serving.forecast_store._make_artifact", fail_with_full_disk)
    with pytest.raises(ArtifactError, match="is the volume full"):
        refresh(own_store, data / "newer")
    assert own_store.current() == before


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda store: store.pointer.unlink(), id="no current release"),
        pytest.param(lambda store: shutil.rmtree(store.bundles), id="no bundle"),
    ],
)
def test_without_a_valid_release_a_refresh_is_refused(
    own_store: Store, data: Path, damage: Callable[[Store], None]
) -> None:
    damage(own_store)
    with pytest.raises((ArtifactError, InputError), match="does not exist"):
        refresh(own_store, data / "newer")
