"""Pages of the dashboard keep nobody out: axe-core finds no fault in any of them.

Each is looked at in both themes and on a wide and a narrow window, with all that it folds opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.e2e.browser import Faults
from tests.e2e.dashboard.axe import OF_COLOURS, faults_of_axe, unfold
from tests.e2e.dashboard.reading import LOCALE, NARROW, WIDE, open_page
from tests.support.servers import Server

pytestmark = pytest.mark.e2e

PAGES = {
    "overview": "/",
    "forecast": "/forecasts?node=store:1",
    "forecast of a past day": "/forecasts?node=family:DAIRY&asOf=2024-06-02&horizon=28",
    "problem": "/forecasts?node=store:99",
    "explanation": "/explain?node=store:1/family:DAIRY",
    "what if": '/what-if?node=store:1&scenarios=[["","onpromotion":["add",5]]]',
    "comparison": "/compare?nodes=store:1|store:2|store:3&mode=index",
    "suggested comparison": "/compare",
    "hierarchy": "/tree",
    "many series": "/batch",
    "accuracy": "/quality",
    "monitoring without newer days": "/monitoring",
    "overrides": "/plan?node=store:1/family:DAIRY",
    "models": "/models",
    "keys": "/keys",
    "status": "/status",
    "sign-in": "/sign-in",
}


@pytest.fixture(scope="module", params=[WIDE, NARROW], ids=["at 1280 px", "at 360 px"])
def window(
    request: pytest.FixtureRequest, browser: Browser
) -> Iterator[tuple[Page, Faults, ViewportSize]]:
    """One page for all tests of a width, with what it reports."""
    size: ViewportSize = request.param
    with browser.new_context(locale=LOCALE, viewport=size, reduced_motion="reduce") as context:
        page, faults = context.new_page(), Faults()
        faults.watch(page)
        yield page, faults, size


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES.keys())
def test_a_page_has_no_fault_in_either_theme(
    window: tuple[Page, Faults, ViewportSize], server: Server, path: str
) -> None:
    page, faults, size = window
    page.emulate_media(color_scheme="light")
    open_page(page, server, path)
    unfold(page)
    assert faults_of_axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert faults_of_axe(page, OF_COLOURS) == []
    reported = [message for message in faults.messages if "store:99" not in path]
    faults.messages.clear()
    assert reported == []


def open_menu(page: Page) -> None:
    page.get_by_role("button", name="Menu").click()


def search_node(page: Page) -> None:
    page.locator("main input[role=combobox]").fill("dairy")
    expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()


def open_downloads(page: Page) -> None:
    page.get_by_text("Download", exact=True).click()


def create_key(page: Page) -> None:
    page.get_by_role("button", name="Create a key…").click()
    page.get_by_role("button", name="Create the key").click()
    expect(page.get_by_role("alert")).to_be_visible()


def read_table(page: Page) -> None:
    text = "store_nbr,family,horizon\n1,DAIRY,7\n1,NONE,7\n"
    page.get_by_text("Paste a table instead").click()
    page.get_by_label("Table, with its first line").fill(text)
    page.get_by_role("button", name="Read the table").click()
    page.get_by_role("button", name="Forecast 1 row").click()
    expect(page.get_by_text("1 forecast is ready")).to_be_visible()


STATES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "menu": ("/status", open_menu),
    "search for a node": ("/tree", search_node),
    "downloads": ("/forecasts?horizon=7", open_downloads),
    "form of a key": ("/keys", create_key),
    "results of many series": ("/batch", read_table),
}


@pytest.mark.parametrize(("path", "open_state"), STATES.values(), ids=STATES.keys())
def test_what_opens_within_a_page_has_no_fault(
    window: tuple[Page, Faults, ViewportSize],
    server: Server,
    path: str,
    open_state: Callable[[Page], None],
) -> None:
    page, faults, size = window
    if open_state is open_menu and size is WIDE:
        pytest.skip("a wide window has the menu beside the page")
    open_page(page, server, path)
    unfold(page)
    open_state(page)
    assert faults_of_axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
    assert faults.messages == []
