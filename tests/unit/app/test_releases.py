"""A served release is recorded once, and again after a failure of the database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import anyio

from app.releases import ReleaseRecorder
from storage.errors import StorageError


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
