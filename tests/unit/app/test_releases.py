"""A served release is recorded once; one that is published elsewhere is followed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from app.releases import ReleaseFollower, ReleaseRecorder
from lifecycle.publication import publish_release
from storage.artifacts import Release, Store
from storage.errors import StorageError
from tests.support.releases import add_other_bundle


class FakeRegistry:
    def __init__(self) -> None:
        self.adopted = 0
        self.fails = False

    def adopt(self) -> None:
        if self.fails:
            raise StorageError("it is away")
        self.adopted += 1


def observe(recorder: ReleaseRecorder) -> None:
    anyio.run(recorder.observe)


def make() -> tuple[Any, FakeRegistry, ReleaseRecorder]:
    watcher: Any = SimpleNamespace(serving=None)
    registry: Any = FakeRegistry()
    return watcher, registry, ReleaseRecorder(watcher, registry)


def test_nothing_is_recorded_until_something_is_served() -> None:
    _, registry, recorder = make()
    observe(recorder)
    assert registry.adopted == 0


def test_each_release_is_recorded_once() -> None:
    watcher, registry, recorder = make()
    for release in (object(), object()):
        watcher.serving = release
        observe(recorder)
        observe(recorder)
    assert registry.adopted == 2


def test_a_release_is_recorded_once_the_database_is_back() -> None:
    watcher, registry, recorder = make()
    watcher.serving, registry.fails = object(), True
    observe(recorder)
    registry.fails = False
    observe(recorder)
    assert registry.adopted == 1


# --- following a URL --------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, own_store: Store) -> Path:
    """A folder with the release of the tests."""
    publish_release(own_store, own_store.current(), f"file://{tmp_path}/remote")
    return tmp_path / "remote"


def poll(follower: ReleaseFollower) -> list[str]:
    """Look for another release, and return the names of the lines that are logged."""
    with capture_logs() as lines:
        anyio.run(follower.poll)
    return [line["event"] for line in lines if line["event"].startswith("release_")]


def test_another_release_at_the_url_is_fetched_once(
    place: Path, own_store: Store, tmp_path: Path
) -> None:
    store = Store(tmp_path / "server")
    follower = ReleaseFollower(f"file://{place}", store)
    assert poll(follower) == ["release_fetched"]
    assert poll(follower) == []
    other = Release(add_other_bundle(own_store), own_store.current().snapshot)
    publish_release(own_store, other, f"file://{place}")
    assert poll(follower) == ["release_fetched"]
    assert store.current() == other


def test_a_url_that_cannot_be_read_is_logged_once_and_changes_nothing(
    place: Path, own_store: Store
) -> None:
    before = own_store.current()
    follower = ReleaseFollower(f"file://{place}", own_store)
    pointer = (place / "CURRENT").rename(place / "CURRENT.away")
    assert poll(follower) == ["release_not_fetched"]
    assert poll(follower) == []
    assert own_store.current() == before
    pointer.rename(place / "CURRENT")
    assert poll(follower) == []
    (place / "CURRENT").unlink()
    assert poll(follower) == ["release_not_fetched"], "it could be read in between"
