"""Workers follow the release that `CURRENT` names: all, soon, and never an invalid one."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.to_thread
import numpy as np
import pytest

from lifecycle.job_queue import JobQueue
from lifecycle.refresh import refresh
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease, load_engine, load_release
from models.serving.watcher import ReleaseWatcher
from storage.artifacts import Release, Store
from tests.support.jobs import Desk, running_runner
from tests.support.waiting import wait_in_loop

Watcher = ReleaseWatcher[LoadedRelease]


def start_worker(store: Store, **options: Any) -> Watcher:
    """Start a worker that has checked the pointer once."""
    watcher = ReleaseWatcher(store, load_release, interval=0.02, longest_wait=0.1, **options)
    watcher.look()
    return watcher


@asynccontextmanager
async def watching(*watchers: Watcher) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        for watcher in watchers:
            group.start_soon(watcher.watch)
        yield
        group.cancel_scope.cancel()


def served_release(watcher: Watcher) -> Release:
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


def flip_byte(folder: Path) -> bytes:
    """Alter one byte of a snapshot's sales, and return the original content.

    It is written as a new file: processes that have mapped the old one keep it.
    """
    path = folder / "sales.npy"
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    return whole


def test_all_workers_follow_a_reload(
    own_store: Store, data: Path, release: Release, tmp_path: Path
) -> None:
    """Also those of other replicas, which share only the volume."""

    async def follow() -> None:
        workers = [start_worker(own_store), start_worker(own_store)]
        assert [served_release(watcher) for watcher in workers] == [release, release]
        url = f"sqlite:///{tmp_path}/mlrf.db"
        desk = Desk(JobQueue(url), own_store)
        with running_runner(url, own_store, data, tmp_path / "runner.log"):
            async with watching(*workers):
                job = await anyio.to_thread.run_sync(desk.reload, "newer")
                await wait_in_loop(
                    lambda: all(served_release(watcher) != release for watcher in workers)
                )
                await wait_in_loop(lambda: desk.read(job).ended)
        assert [served_release(watcher) for watcher in workers] == [own_store.current()] * 2
        assert own_store.current().snapshot != release.snapshot

    anyio.run(follow)


def test_a_worker_without_a_model_loads_the_first_release(
    own_store: Store, release: Release
) -> None:
    async def follow() -> None:
        own_store.pointer.unlink()
        watcher = start_worker(own_store)
        assert watcher.serving is None
        assert (watcher.refusal or "").startswith("CURRENT: does not exist")
        async with watching(watcher):
            own_store.promote(release)
            await wait_in_loop(lambda: watcher.serving is not None)
        assert served_release(watcher) == release
        assert watcher.refusal is None

    anyio.run(follow)


def test_a_corrupt_snapshot_is_refused_and_the_old_release_serves(
    own_store: Store, newer: Release, release: Release
) -> None:
    async def follow() -> None:
        flip_byte(own_store.snapshots / newer.snapshot)
        watcher = start_worker(own_store)
        async with watching(watcher):
            own_store.promote(newer)
            await wait_in_loop(lambda: watcher.refusal is not None)
            assert served_release(watcher) == release
            (reason,) = watcher.degraded
            assert f"snapshots/{newer.snapshot}/sales.npy: does not have the SHA-256" in reason
            assert str(own_store.root) not in reason
            own_store.promote(release)  # the operator goes back
            await wait_in_loop(lambda: watcher.refusal is None)
        assert watcher.degraded == ()
        assert served_release(watcher) == release

    anyio.run(follow)


def test_files_that_arrive_after_the_pointer_are_loaded(
    own_store: Store, newer: Release, release: Release
) -> None:
    """A network volume may show CURRENT before the files, and CURRENT is not written again."""

    async def follow() -> None:
        folder = own_store.snapshots / newer.snapshot
        unavailable = folder.rename(own_store.root / "away")
        watcher = start_worker(own_store)
        async with watching(watcher):
            own_store.promote(newer)
            await wait_in_loop(lambda: watcher.refusal is not None)
            assert served_release(watcher) == release
            unavailable.rename(folder)
            await wait_in_loop(lambda: served_release(watcher) == newer)
        assert watcher.degraded == ()

    anyio.run(follow)


class LocalRunners:
    """Both runners, in this process."""

    def __init__(self, release: LoadedRelease) -> None:
        self.release = release

    async def infer(self, bundle: str, snapshot: str, rows: Any) -> Any:
        return self.release.engine.bundle.model.predict(rows)

    async def reconcile(self, bundle: str, snapshot: str, base: Any) -> Any:
        return self.release.engine.reconciliation.reconcile(base).values


def test_a_request_on_the_old_release_is_answered_from_it(
    own_store: Store, newer: Release, release: Release
) -> None:
    """Stored and computed forecasts are the same even after its files were deleted."""

    async def follow() -> None:
        watcher = start_worker(own_store)
        old = cast(LoadedRelease, watcher.serving)
        forecaster = Forecaster(old, LocalRunners(old), LocalRunners(old))
        origins = [old.engine.snapshot.newest_origin - days for days in (0, 30)]
        horizons = np.arange(1, 8)
        before = [await forecaster.forecast(origin, horizons) for origin in origins]
        async with watching(watcher):
            own_store.promote(newer)
            await wait_in_loop(lambda: served_release(watcher) == newer)
        shutil.rmtree(own_store.snapshots / release.snapshot)
        shutil.rmtree(own_store.forecasts)
        after = [await forecaster.forecast(origin, horizons) for origin in origins]
        np.testing.assert_array_equal(after, before)

    anyio.run(follow)
