"""Servers that run while a test or a module does, and a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from storage.artifacts import Store
from tests.e2e.browser import Faults, find_browser, launched
from tests.support.servers import Server, running

Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers that end with the test."""
    with ExitStack() as servers:

        def serve(store: Store, **settings: str) -> Server:
            return servers.enter_context(running(tmp_path, store, **settings))

        yield serve


@pytest.fixture(scope="module", params=["inproc", "remote"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, trained: Store
) -> Iterator[Server]:
    """A server with a model, its runners in the worker or in processes of their own."""
    folder = tmp_path_factory.mktemp(request.param)
    with running(folder, trained, runners=request.param) as started:
        started.wait_for("/readyz")
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a window.

    It ends with the module: as long as Playwright runs, asyncio takes its event loop for that of
    the thread, and tests that run one of their own fail.
    """
    with launched(find_browser()) as started:
        yield started


@pytest.fixture
def faults() -> Faults:
    """Faults that the page reports."""
    return Faults()
