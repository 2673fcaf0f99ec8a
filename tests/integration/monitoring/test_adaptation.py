"""A scoring adapts the intervals that are served, where that is switched on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sqlalchemy import Engine

from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.specification import BOTTOM
from lifecycle.job_queue import JobQueue
from lifecycle.jobs import JobKind, State, build_lock, jobs_folder, now
from lifecycle.monitoring import adaptation
from lifecycle.monitoring.scoring import score
from lifecycle.monitoring.vintage_list import FILE, list_vintages
from lifecycle.publication import fetch_release, publish_release
from lifecycle.refresh import refresh
from lifecycle.registry import Registry
from lifecycle.retention import prune
from models.serving.adaptation_store import load_adaptation
from models.serving.release import load_release
from models.serving.watcher import ReleaseWatcher
from storage.artifacts import ArtifactError, Release, Store
from storage.audit import Actor
from storage.database import reading, writing
from storage.performance import Performance, read_performance, replace_day
from storage.tables import PERFORMANCE_SUMS
from tests.integration.monitoring.conftest import NEWER_DAYS
from tests.support.jobs import Desk, running_runner
from tests.support.releases import add_other_bundle
from tests.support.tables import add_days

NARROW, WIDE = 40.0, 100.0
"""Values of 100 that were within."""


def snapshot_of(store: Store) -> Snapshot:
    return load_snapshot(store.snapshots / store.current().snapshot)


def add_history(
    store: Store, engine: Engine, within: float = NARROW, *, days: int = 30, later: int = 0
) -> None:
    """Write the sums of days before the newest origin, or of `later` ones after it."""
    last = snapshot_of(store).facts.origin + timedelta(later)
    with writing(engine) as connection:
        for ago in range(0 if later else 10, days + 10):
            day = last - timedelta(ago)
            sums = dict.fromkeys(PERFORMANCE_SUMS, 0.0) | {
                "known": 100.0,
                "judged": 100.0,
                "within_80": within,
                "within_95": within,
            }
            rows = [
                Performance(
                    day=day, level=BOTTOM, node="", volume=volume, days_ahead="1-7", sums=sums
                )
                for volume in ("", "low", "medium", "high")
            ]
            replace_day(connection, store.current().bundle, day, rows, inputs="x", at=now())


@pytest.fixture
def adapted(store: Store, engine: Engine) -> Release:
    """The release after a scoring that adapts; its intervals missed too much."""
    add_history(store, engine)
    return score(store, engine, adapt_intervals=True).release


def test_off_nothing_that_is_served_changes(store: Store, engine: Engine) -> None:
    add_history(store, engine)
    before = store.pointer.read_bytes()
    for setting in (None, False):
        assert score(store, engine, adapt_intervals=setting).release.adaptation is None
    assert store.pointer.read_bytes() == before
    assert not store.adaptations.exists()
    loaded = load_release(store, store.current())
    assert loaded.version == loaded.engine.version
    assert loaded.intervals is loaded.engine.intervals


def test_intervals_that_missed_too_much_are_served_wider(store: Store, adapted: Release) -> None:
    assert store.current() == adapted
    assert f"adaptation={adapted.adaptation}" in store.pointer.read_text().splitlines()
    plain = load_release(store, replace(adapted, adaptation=None))
    loaded = load_release(store, adapted)
    assert loaded.adaptation is not None
    assert loaded.version == f"{plain.version}.{loaded.adaptation.digest}"
    assert loaded.engine is plain.engine
    assert (loaded.forecasts.mean == plain.forecasts.mean).all()
    cells = {cell[:2] for cell, factor in loaded.adaptation.factors.items() if factor > 1.2}
    assert {(BOTTOM, "low"), (BOTTOM, "medium"), (BOTTOM, "high")} <= cells
    assert (BOTTOM, "") not in cells
    assert loaded.intervals.factors is not None
    assert loaded.intervals.factors.max() > 1.2


def test_the_newest_vintage_has_the_intervals_that_are_served(
    store: Store, adapted: Release
) -> None:
    *earlier, newest = list_vintages(store)
    assert newest.adaptation == adapted.adaptation
    assert {each.adaptation for each in earlier} == {None}
    frame = pl.read_parquet(store.vintages / newest.name / FILE)
    loaded = load_release(store, adapted)
    assert loaded.intervals.factors is not None
    factors = frame["interval_factor"].to_numpy().reshape(loaded.intervals.factors.T.shape)
    np.testing.assert_allclose(factors.T, loaded.intervals.factors, rtol=1e-6)
    assert "interval_factor" not in pl.read_parquet(store.vintages / earlier[0].name / FILE)


def test_the_factors_that_were_served_are_summed(
    store: Store, engine: Engine, adapted: Release, newer: Callable[[], Release]
) -> None:
    release = newer()
    assert release.adaptation == adapted.adaptation
    score(store, engine, adapt_intervals=True)
    day = snapshot_of(store).facts.origin
    with reading(engine) as connection:
        rows = read_performance(connection, release.bundle, day, day, level=BOTTOM, volume="high")
    (near,) = (row for row in rows if row.days_ahead == "1-7")
    assert near.sums["log_factors"] > 0


@pytest.fixture
def newer(store: Store, demo_folder: Path, tmp_path: Path) -> Callable[[], Release]:
    """Serve a snapshot of one more day."""
    tables = Path(shutil.copytree(demo_folder, tmp_path / "tables"))
    add_days(tables, NEWER_DAYS)

    def serve() -> Release:
        add_days(tables)
        return refresh(store, tables)[1]

    return serve


def test_a_runner_adapts_where_the_setting_says_so(
    store: Store, engine: Engine, url: str, tmp_path: Path
) -> None:
    """In the process of a scoring; and it removes it when the setting is off again."""
    add_history(store, engine)
    desk = Desk(JobQueue(url), store)
    for setting, is_adapted in (("true", True), ("false", False)):
        data, log = tmp_path / "data", tmp_path / "runner.log"
        with running_runner(url, store, data, log, ADAPT_INTERVALS=setting):
            ended = desk.finish(desk.add(JobKind.SCORING, snapshot=store.current().snapshot))
        assert ended.state is State.SUCCEEDED, ended.detail
        assert (store.current().adaptation is not None) is is_adapted
    desk.queue.close()


def test_a_day_adapts_once(store: Store, engine: Engine, adapted: Release) -> None:
    add_history(store, engine, WIDE)
    assert score(store, engine, adapt_intervals=True).release == adapted
    add_history(store, engine, WIDE, later=1)
    assert score(store, engine, adapt_intervals=True).release != adapted


def test_switched_off_the_intervals_are_those_of_the_bundle_again(
    store: Store, engine: Engine, adapted: Release
) -> None:
    assert score(store, engine).release == adapted, "where it is not said, they stay"
    release = score(store, engine, adapt_intervals=False).release
    assert release == store.current() == replace(adapted, adaptation=None)


def test_a_promotion_of_another_bundle_drops_it_and_of_the_same_keeps_it(
    store: Store, engine: Engine, adapted: Release
) -> None:
    registry, by = Registry(store, engine), Actor("operator")
    earlier = min(path.name for path in store.snapshots.glob("[!.]*"))
    registry.promote(adapted.bundle, by=by, snapshot=earlier)
    assert store.current() == replace(adapted, snapshot=earlier)
    other = add_other_bundle(store)
    registry.promote(other, by=by, force=True)
    assert store.current().bundle == other
    assert store.current().adaptation is None
    registry.rollback(by=by)
    assert (store.current().bundle, store.current().adaptation) == (adapted.bundle, None)


def test_a_release_that_was_promoted_meanwhile_stays_as_it_is(
    store: Store, engine: Engine, adapted: Release
) -> None:
    add_history(store, engine, WIDE, later=1)
    other = Release(add_other_bundle(store), adapted.snapshot)
    store.promote(other)
    assert adaptation.adapt(store, engine, adapted) == adapted
    assert store.current() == other


def test_a_build_that_takes_long_is_not_waited_for(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptation, "LOCK_SECONDS", 0.0)
    add_history(store, engine)
    jobs_folder(store).mkdir(parents=True, exist_ok=True)
    with build_lock(store, timeout=0):
        assert score(store, engine, adapt_intervals=True).release.adaptation is None
    assert score(store, engine, adapt_intervals=True).release.adaptation is not None


def test_a_damaged_adaptation_is_refused_and_the_next_scoring_replaces_it(
    store: Store, engine: Engine, adapted: Release
) -> None:
    plain = replace(adapted, adaptation=None)
    store.promote(plain)
    watcher = ReleaseWatcher(store, load_release, on_swap=lambda loaded: None)
    watcher.look()
    before = watcher.serving
    manifest = store.adaptations / str(adapted.adaptation) / "manifest.json"
    content = manifest.read_bytes()
    manifest.write_bytes(content.replace(b'"factor": 1.', b'"factor": 2.', 1))
    store.promote(adapted)
    watcher.look()
    assert before is not None
    assert watcher.serving is before
    assert watcher.refusal
    assert score(store, engine, adapt_intervals=True).release == adapted
    assert manifest.read_bytes() == content
    assert load_release(store, adapted).adaptation is not None


def test_an_adaptation_of_another_bundle_is_refused(store: Store, adapted: Release) -> None:
    with pytest.raises(ArtifactError, match="is of bundle"):
        load_adaptation(store, str(adapted.adaptation), bundle="another")


def test_a_url_has_it_too(store: Store, adapted: Release, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/published"
    publish_release(store, store.adapted(Release(adapted.bundle, adapted.snapshot)), url)
    there = Store(tmp_path / "server")
    assert fetch_release(url, there) == there.current() == adapted
    assert load_release(there, adapted).adaptation is not None


def test_old_adaptations_are_removed_and_the_served_one_stays(
    store: Store, engine: Engine, adapted: Release
) -> None:
    add_history(store, engine, WIDE, later=1)
    later = score(store, engine, adapt_intervals=True).release
    removed = prune(store, age=-1)
    assert f"adaptations/{adapted.adaptation}" in removed
    assert [path.name for path in store.adaptations.glob("[!.]*")] == [later.adaptation]
