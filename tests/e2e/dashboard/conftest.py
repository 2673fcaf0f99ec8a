"""The server whose dashboard is looked at, and pages of a planner who reads British English."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from api.dashboard.build import FOLDER, is_built
from storage.artifacts import Store
from tests.e2e.browser import Faults
from tests.e2e.dashboard.reading import LOCALE, WIDE
from tests.support.absent import skip_without
from tests.support.servers import Server, running
from tests.support.waiting import DEADLINE_SECONDS

expect.set_options(timeout=1000 * DEADLINE_SECONDS)


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Skip where there are no pages to open; in CI, fail."""
    if not is_built(FOLDER):
        skip_without("the dashboard was not built", "run make dashboard")


@pytest.fixture(scope="module")
def server(
    built: None, tmp_path_factory: pytest.TempPathFactory, module_store: Store
) -> Iterator[Server]:
    """A server with the demo's model and the dashboard of this checkout."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "data").mkdir()
    with running(folder, module_store, DATA_DIR=str(folder / "data")) as started:
        started.wait_for("/readyz")
        yield started


@pytest.fixture
def page(browser: Browser, faults: Faults) -> Iterator[Page]:
    """A page with a storage of its own; the test fails if it reports a fault."""
    with browser.new_context(locale=LOCALE, viewport=WIDE, reduced_motion="reduce") as context:
        page = context.new_page()
        faults.watch(page)
        yield page
        assert faults.messages == []
