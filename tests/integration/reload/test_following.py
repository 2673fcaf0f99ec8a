"""Workers follow what `CURRENT` names: all of them, soon, and never to something broken."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import numpy as np
import pytest

from artifacts import Release, Store
from models.forecaster import Forecaster
from models.refresh import refresh
from models.release import LoadedRelease, load_engine, load_release
from models.reload import Reloader
from models.watcher import ReleaseWatcher

Watcher = ReleaseWatcher[LoadedRelease]
WITHIN_SECONDS = 30.0


def worker(store: Store, **how: Any) -> Watcher:
    """A worker that has started: it looked once."""
    watcher = ReleaseWatcher(store, load_release, interval=0.02, longest_wait=0.1, **how)
    watcher.look()
    return watcher


@asynccontextmanager
async def watching(*watchers: Watcher) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        for watcher in watchers:
            group.start_soon(watcher.watch)
        yield
        group.cancel_scope.cancel()


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(WITHIN_SECONDS):
        while not condition():
            await anyio.sleep(0.01)


def names(watcher: Watcher) -> Release:
    assert watcher.serving is not None
    engine = watcher.serving.engine
    return Release(engine.bundle.name, engine.snapshot.name)


@pytest.fixture
def newer(own_store: Store, data: Path) -> Release:
    """A release with a newer snapshot, which does not serve yet."""
    before, after = refresh(own_store, data / "newer")
    own_store.promote(before)
    load_engine.cache_clear()
    return after


def spoil(folder: Path) -> bytes:
    """Alter one byte of a snapshot's sales; gives the file as it was.

    In a new file: who maps the old one keeps it.
    """
    path = folder / "sales.npy"
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    return whole


def test_all_workers_follow_a_reload(
    own_store: Store, reloader: Reloader, release: Release
) -> None:
    """Those of other replicas too, which have the volume in common and nothing else."""

    async def follow() -> None:
        workers = [worker(own_store), worker(own_store)]
        assert [names(watcher) for watcher in workers] == [release, release]
        async with watching(*workers):
            job = reloader.start("newer")
            await until(lambda: all(names(watcher) != release for watcher in workers))
            await until(lambda: (found := reloader.job(job.id)) is not None and found.ended)
        assert [names(watcher) for watcher in workers] == [own_store.current()] * 2
        assert own_store.current().snapshot != release.snapshot

    anyio.run(follow)


def test_a_worker_without_a_model_takes_the_first(own_store: Store, release: Release) -> None:
    async def follow() -> None:
        own_store.pointer.unlink()
        watcher = worker(own_store)
        assert watcher.serving is None
        assert (watcher.refusal or "").startswith("CURRENT: does not exist")
        async with watching(watcher):
            own_store.promote(release)
            await until(lambda: watcher.serving is not None)
        assert names(watcher) == release
        assert watcher.refusal is None

    anyio.run(follow)


def test_a_corrupt_snapshot_is_refused_and_the_old_release_serves(
    own_store: Store, newer: Release, release: Release
) -> None:
    async def follow() -> None:
        spoil(own_store.snapshots / newer.snapshot)
        watcher = worker(own_store)
        async with watching(watcher):
            own_store.promote(newer)
            await until(lambda: watcher.refusal is not None)
            assert names(watcher) == release
            (reason,) = watcher.degraded
            assert f"snapshots/{newer.snapshot}/sales.npy: does not have the SHA-256" in reason
            assert str(own_store.root) not in reason
            own_store.promote(release)  # the operator goes back
            await until(lambda: watcher.refusal is None)
        assert watcher.degraded == ()
        assert names(watcher) == release

    anyio.run(follow)


def test_files_that_arrive_after_the_pointer_are_taken(
    own_store: Store, newer: Release, release: Release
) -> None:
    """A network volume may show CURRENT first; nobody writes it again."""

    async def follow() -> None:
        folder = own_store.snapshots / newer.snapshot
        unavailable = folder.rename(own_store.root / "away")
        watcher = worker(own_store)
        async with watching(watcher):
            own_store.promote(newer)
            await until(lambda: watcher.refusal is not None)
            assert names(watcher) == release
            unavailable.rename(folder)
            await until(lambda: names(watcher) == newer)
        assert watcher.degraded == ()

    anyio.run(follow)


class Local:
    """The runners, in this process."""

    def __init__(self, release: LoadedRelease) -> None:
        self.release = release

    async def infer(self, bundle: str, snapshot: str, rows: Any) -> Any:
        return self.release.engine.bundle.model.predict(rows)

    async def reconcile(self, bundle: str, snapshot: str, base: Any) -> Any:
        return self.release.engine.reconciliation.reconcile(base).values


def test_a_request_that_holds_the_old_release_is_answered_from_it(
    own_store: Store, newer: Release, release: Release
) -> None:
    """To the same numbers, for stored and for computed forecasts, even when its files are gone."""

    async def follow() -> None:
        watcher = worker(own_store)
        held = cast(LoadedRelease, watcher.serving)
        forecaster = Forecaster(held, Local(held), Local(held))
        origins = [held.engine.snapshot.newest_origin - days for days in (0, 30)]
        horizons = np.arange(1, 8)
        before = [await forecaster.forecast(origin, horizons) for origin in origins]
        async with watching(watcher):
            own_store.promote(newer)
            await until(lambda: names(watcher) == newer)
        shutil.rmtree(own_store.snapshots / release.snapshot)
        shutil.rmtree(own_store.forecasts)
        after = [await forecaster.forecast(origin, horizons) for origin in origins]
        np.testing.assert_array_equal(after, before)

    anyio.run(follow)
