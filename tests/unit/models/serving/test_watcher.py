"""Following `CURRENT`: loading, rejected releases, retries and log lines."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from structlog.testing import capture_logs

from models.serving.watcher import ReleaseWatcher
from storage.artifacts import ArtifactError, Release, Store

ONE, TWO, BAD = (Release("bundle", name) for name in ("one", "two", "bad"))


@dataclass(eq=False)
class Loaded:
    """A loaded release."""

    release: Release


@dataclass
class World:
    """A store, a loader with scripted failures, and a clock."""

    store: Store
    faults: dict[Release, Exception] = field(default_factory=dict)
    loads: list[Release] = field(default_factory=list)
    swaps: list[Release] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    time: float = 0.0

    def load(self, store: Store, release: Release) -> Loaded:
        self.loads.append(release)
        self.threads.append(threading.current_thread())
        if release in self.faults:
            raise self.faults[release]
        return Loaded(release)

    def watcher(self, **how: float) -> ReleaseWatcher[Loaded]:
        return ReleaseWatcher(
            self.store,
            self.load,
            on_swap=lambda loaded: self.swaps.append(loaded.release),
            clock=lambda: self.time,
            **how,
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Store(tmp_path / "artifacts").promote(ONE))


def serves(watcher: ReleaseWatcher[Loaded]) -> Release | None:
    return None if watcher.serving is None else watcher.serving.release


def watcher_after_refusal(world: World, error: Exception | None = None) -> ReleaseWatcher[Loaded]:
    """Return a watcher that serves ONE and has just rejected BAD."""
    bad = ArtifactError(world.store.snapshots / "bad" / "oil.npy", "is missing")
    world.faults[BAD] = error or bad
    watcher = world.watcher()
    watcher.look()
    world.store.promote(BAD)
    watcher.look()
    return watcher


def test_the_current_release_serves(world: World) -> None:
    watcher = world.watcher()
    assert watcher.serving is None
    watcher.look()
    assert serves(watcher) == ONE
    assert world.swaps == [ONE]


def test_a_release_is_loaded_once(world: World) -> None:
    """Repeated checks or rewrites of the pointer do not load it again."""
    watcher = world.watcher()
    for _ in range(3):
        watcher.look()
    serving = watcher.serving
    world.store.promote(ONE)
    watcher.look()
    assert watcher.serving is serving
    assert (world.loads, world.swaps) == ([ONE], [ONE])


def test_a_new_release_replaces_the_one_before(world: World) -> None:
    watcher = world.watcher()
    watcher.look()
    world.store.promote(TWO)
    watcher.look()
    assert serves(watcher) == TWO
    assert world.swaps == [ONE, TWO]


def test_the_previous_release_is_freed(world: World) -> None:
    """Only its users hold it; this works although loaded objects are frozen for the collector."""
    watcher = world.watcher()
    watcher.look()
    serving = watcher.serving
    assert serving is not None
    old = weakref.ref(serving)
    gc.freeze()
    try:
        world.store.promote(TWO)
        watcher.look()
        assert old() is serving
        del serving
        assert old() is None
    finally:
        gc.unfreeze()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(None, "snapshots/bad/oil.npy: is missing", id="an artifact"),
        pytest.param(PermissionError(13, "Permission denied", "/x"), "Permission denied", id="I/O"),
        pytest.param(MemoryError(), "unexpected MemoryError", id="anything"),
    ],
)
def test_a_rejected_release_leaves_the_previous_one(
    world: World, error: Exception | None, message: str
) -> None:
    watcher = watcher_after_refusal(world, error)
    assert serves(watcher) == ONE
    assert watcher.refusal == message
    assert [message in reason for reason in watcher.degraded] == [True]
    assert world.swaps == [ONE]


def test_a_worker_without_a_release_gives_the_reason_and_is_not_degraded(world: World) -> None:
    world.faults[ONE] = ArtifactError(world.store.bundles / "bundle", "does not exist")
    watcher = world.watcher()
    watcher.look()
    assert (serves(watcher), watcher.degraded) == (None, ())
    assert watcher.refusal == "bundles/bundle: does not exist"


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda pointer: pointer.unlink(), id="removed"),
        pytest.param(lambda pointer: pointer.write_text("bundle=x\n"), id="half of it"),
        pytest.param(lambda pointer: pointer.write_bytes(b"\xff\xfe"), id="not text"),
    ],
)
def test_a_broken_pointer_leaves_the_release(
    world: World, break_it: Callable[[Path], object]
) -> None:
    """The same release is not loaded again when the pointer is repaired."""
    watcher = world.watcher()
    watcher.look()
    break_it(world.store.pointer)
    watcher.look()
    assert serves(watcher) == ONE
    assert (watcher.refusal or "").startswith("CURRENT: ")
    world.store.promote(ONE)
    watcher.look()
    assert (watcher.degraded, world.loads) == ((), [ONE])


def test_a_rejected_release_is_retried_with_backoff(world: World) -> None:
    """After 1, 2, 4, … seconds, and every 30 in the end: its files may arrive late."""
    watcher_after_refusal(world)
    watcher = world.watcher()
    watcher.look()
    started = len(world.loads)
    tried: list[int] = []
    for second in range(1, 130):
        world.time = float(second)
        watcher.look()
        if len(world.loads) > started + len(tried):
            tried.append(second)
    assert tried == [1, 3, 7, 15, 31, 61, 91, 121]


def test_the_backoff_restarts_with_the_next_release(world: World) -> None:
    """The waiting time of the previous one does not carry over."""
    watcher = watcher_after_refusal(world)
    for second in range(1, 100):
        world.time = float(second)
        watcher.look()
    world.store.promote(TWO)
    world.faults[TWO] = world.faults.pop(BAD)
    watcher.look()
    world.faults.clear()
    world.time += 1
    watcher.look()
    assert serves(watcher) == TWO


def test_a_release_whose_files_arrive_later_serves(world: World) -> None:
    watcher = watcher_after_refusal(world)
    world.faults.clear()
    watcher.look()
    assert serves(watcher) == ONE  # its files are still missing
    world.time = 1.0
    watcher.look()
    assert serves(watcher) == BAD
    assert (watcher.refusal, watcher.degraded) == (None, ())


def test_a_rewritten_pointer_is_tried_immediately(world: World) -> None:
    watcher = watcher_after_refusal(world)
    world.store.promote(TWO)
    watcher.look()
    assert serves(watcher) == TWO
    assert watcher.refusal is None


def test_a_refusal_is_logged_once(world: World) -> None:
    """The line has the cause and no absolute path; another rejection is logged again."""
    with capture_logs() as logs:
        watcher = watcher_after_refusal(world)
        for second in range(1, 100):
            world.time = float(second)
            watcher.look()
        world.faults[BAD] = ArtifactError(world.store.bundles / "bundle", "does not exist")
        world.time = 200.0
        watcher.look()
    reasons = [line["reason"] for line in logs if line["event"] == "release_rejected"]
    assert reasons == ["snapshots/bad/oil.npy: is missing", "bundles/bundle: does not exist"]
    assert str(world.store.root) not in str(logs)


def test_watching_loads_in_a_thread_and_swaps_in_the_loop(world: World) -> None:
    """Requests are served while a release is verified."""

    async def watch() -> None:
        watcher = world.watcher(interval=0.001)
        watcher.look()
        swapped: list[threading.Thread] = []
        watcher._on_swap = lambda loaded: swapped.append(threading.current_thread())
        async with anyio.create_task_group() as group:
            group.start_soon(watcher.watch)
            world.store.promote(TWO)
            with anyio.fail_after(10):
                while serves(watcher) != TWO:
                    await anyio.sleep(0.001)
            group.cancel_scope.cancel()
        assert swapped == [threading.main_thread()]

    anyio.run(watch)
    assert world.threads[0] is threading.main_thread()
    assert world.threads[1] is not threading.main_thread()


def test_watching_survives_exceptions_of_callbacks(world: World) -> None:
    """An exception of a swap callback does not end the watching."""

    def fail(loaded: Loaded) -> None:
        raise RuntimeError

    async def watch() -> None:
        watcher = ReleaseWatcher(world.store, world.load, interval=0.001)
        watcher.look()
        watcher._on_swap = fail
        async with anyio.create_task_group() as group:
            group.start_soon(watcher.watch)
            for release in (TWO, ONE):
                world.store.promote(release)
                with anyio.fail_after(10):
                    while serves(watcher) != release:
                        await anyio.sleep(0.001)
            group.cancel_scope.cancel()

    with capture_logs() as logs:
        anyio.run(watch)
    assert [line["event"] for line in logs].count("watch_failed") == 2


def test_a_pipe_in_place_of_current_is_rejected_and_the_next_release_is_loaded(
    world: World,
) -> None:
    watcher = world.watcher()
    watcher.look()
    world.store.pointer.unlink()
    os.mkfifo(world.store.pointer)
    watcher.look()
    assert serves(watcher) == ONE
    assert (watcher.refusal or "").startswith("CURRENT: cannot be read")
    world.store.promote(TWO)
    watcher.look()
    assert serves(watcher) == TWO


def test_a_hanging_check_is_reported_until_it_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network volume that hangs; no second check starts meanwhile."""
    answers = threading.Event()
    looks: list[int] = []
    current = Store.current

    def hangs(store: Store) -> Release:
        looks.append(1)
        assert answers.wait(10)
        return current(store)

    async def watch() -> None:
        watcher = world.watcher(interval=0.001, stall_seconds=0.02)
        watcher.look()
        assert watcher.stalled == ""
        monkeypatch.setattr(Store, "current", hangs)
        world.store.promote(TWO)
        async with anyio.create_task_group() as group:
            group.start_soon(watcher.watch)
            with anyio.fail_after(10):
                while not watcher.stalled:
                    await anyio.sleep(0.001)
                await anyio.sleep(0.1)
                assert looks == [1]
                answers.set()
                while serves(watcher) != TWO or watcher.stalled:
                    await anyio.sleep(0.001)
            group.cancel_scope.cancel()

    with capture_logs() as logs:
        anyio.run(watch)
    events = [line["event"] for line in logs]
    assert [event for event in events if event.startswith("watch_")] == [
        "watch_stalled",
        "watch_resumed",
    ]


def test_a_slow_load_is_not_reported_as_a_hanging_volume(world: World) -> None:
    loaded = threading.Event()

    async def watch() -> None:
        watcher = world.watcher(interval=0.001, stall_seconds=0.02)
        watcher.look()
        load = watcher._load

        def slowly(store: Store, release: Release) -> Loaded:
            assert loaded.wait(10)
            return load(store, release)

        watcher._load = slowly
        world.store.promote(TWO)
        async with anyio.create_task_group() as group:
            group.start_soon(watcher.watch)
            await anyio.sleep(0.1)
            assert watcher.stalled == ""
            loaded.set()
            with anyio.fail_after(10):
                while serves(watcher) != TWO:
                    await anyio.sleep(0.001)
            group.cancel_scope.cancel()

    anyio.run(watch)
