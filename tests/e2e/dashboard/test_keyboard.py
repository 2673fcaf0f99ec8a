"""The dashboard by keyboard, and without motion."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.e2e.dashboard.reading import NARROW, open_page, wait_until_loaded
from tests.support.servers import Server

pytestmark = pytest.mark.e2e

MOST_STOPS = 100


def outline_of_focus(page: Page) -> str:
    """Return the style of the outline of the element that has the focus."""
    style: str = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    return style


def has_focus_within(element: Locator) -> bool:
    inside: bool = element.evaluate("each => each.contains(document.activeElement)")
    return inside


def test_the_first_key_press_leads_past_the_navigation(page: Page, server: Server) -> None:
    open_page(page, server, "/forecasts")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("combobox", name="What")).to_be_focused()


def test_the_focus_is_seen_at_the_page_that_a_link_opens(page: Page, server: Server) -> None:
    open_page(page, server, "/status")
    page.get_by_role("link", name="Compare").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Compare")
    expect(page.locator("main")).to_be_focused()
    assert outline_of_focus(page) == "solid"
    wait_until_loaded(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("combobox", name="Add to the comparison")).to_be_focused()
    assert outline_of_focus(page) == "solid"


def test_every_stop_of_the_focus_is_seen(page: Page, server: Server) -> None:
    """Also that of radio buttons, whose outline their labels have.

    The parts of a date are the browser's own, which marks the one that has the focus.
    """
    open_page(page, server, "/forecasts", horizon=7)
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            return  # past the last
        assert page.evaluate(
            """() => {
                const each = document.activeElement;
                const styles = [each, each.closest("label") ?? each].map(getComputedStyle);
                return each.type === "date" || styles.some(style => style.outlineStyle === "solid");
            }"""
        ), page.evaluate("document.activeElement.outerHTML")
    raise AssertionError("there is no end of the page")


def test_a_dialog_holds_the_focus_and_gives_it_back(page: Page, server: Server) -> None:
    open_page(page, server, "/keys")
    opener = page.get_by_role("button", name="Create a key…")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Create a key")
    expect(dialog).to_be_visible()
    assert has_focus_within(dialog)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_the_menu_of_a_narrow_window_gives_the_focus_back_or_to_the_page(
    page: Page, server: Server
) -> None:
    page.set_viewport_size(NARROW)
    open_page(page, server, "/status")
    opener = page.get_by_role("button", name="Menu")
    opener.focus()
    page.keyboard.press("Enter")
    menu = page.get_by_role("dialog", name="Menu")
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    menu.get_by_role("link", name="Compare").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Compare")
    expect(menu).to_be_hidden()
    expect(page.locator("main")).to_be_focused()


def test_the_download_menu_gives_the_focus_back(page: Page, server: Server) -> None:
    open_page(page, server, "/forecasts", horizon=7)
    opener = page.locator("summary", has_text="Download")
    opener.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="CSV")).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    expect(page.get_by_role("button", name="CSV")).to_be_hidden()


@pytest.fixture(params=["reduce", "no-preference"])
def moving_page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[tuple[Page, str]]:
    """A page of a person who wants less motion, or does not care, with that wish."""
    with browser.new_context(reduced_motion=request.param, locale="en-GB") as context:
        yield context.new_page(), request.param


def test_nothing_moves_for_who_wants_less_motion(
    moving_page: tuple[Page, str], server: Server
) -> None:
    """For all others, parts that are loading shimmer."""
    page, wish = moving_page
    routes: list[Route] = []
    page.route("**/forecast", lambda route: routes.append(route))
    page.goto(f"{server.url}/forecasts")
    loading = page.locator("main").get_by_role("status").filter(has_text="Loading…")
    repeated = "1" if wish == "reduce" else "infinite"
    expect(loading.first).to_have_css("animation-iteration-count", repeated)
    for route in routes:
        route.continue_()
    page.unroute("**/forecast")
    wait_until_loaded(page)
