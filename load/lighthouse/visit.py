"""A scripted visit to the dashboard on a slow phone, and how soon each interaction is seen."""

from __future__ import annotations

import os

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

SLOWDOWN = 4
"""How many times slower the processor is made: a phone of the middle class."""

SLOWEST_MS = 30_000
"""Longest time that anything on the page may take before the visit fails."""

PHONE: ViewportSize = {"width": 412, "height": 823}

# An interaction is the longest of the events with its id, as in the Event Timing API
_OBSERVE = """
window.interactions = {};
new PerformanceObserver(list => {
    for (const { interactionId: id, duration } of list.getEntries())
        if (id) interactions[id] = Math.max(interactions[id] ?? 0, duration);
}).observe({ type: "event", durationThreshold: 16, buffered: true });
"""
_DURATIONS = """async () => {
    // what was painted last has been noted then
    await new Promise(done => requestIdleCallback(done, { timeout: 5000 }));
    return Object.values(interactions);
}"""


def measure_interactions(url: str, browser_path: str) -> float:
    """Return the milliseconds until the slowest interaction of a visit is seen.

    A node is chosen, the horizon moved and a row of the tree opened.
    """
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=options)
        try:
            page = browser.new_page(viewport=PHONE, has_touch=True, is_mobile=True)
            page.set_default_timeout(SLOWEST_MS)
            expect.set_options(timeout=SLOWEST_MS)
            page.add_init_script(_OBSERVE)
            session = page.context.new_cdp_session(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
            return max(_forecast(page, url), _tree(page, url))
        finally:
            browser.close()


def _forecast(page: Page, url: str) -> float:
    page.goto(f"{url}/forecasts")
    day = page.get_by_role("slider").first
    day.wait_for()
    page.get_by_role("combobox").first.tap()
    page.keyboard.type("dairy")
    page.locator("[role=option]:visible").first.tap()
    page.wait_for_url("**/forecasts?*node=*")
    horizon = page.get_by_role("radio")
    page.locator("label", has=horizon).nth(3).tap()  # the button itself is invisible
    expect(horizon.nth(3)).to_be_checked()
    day.press("ArrowRight")
    return _worst(page)


def _tree(page: Page, url: str) -> float:
    page.goto(f"{url}/tree")
    closed = page.locator("button[aria-expanded=false]:visible")
    closed.first.wait_for()
    rows = page.get_by_role("row").count()
    closed.first.tap()
    expect(page.get_by_role("row").nth(rows)).to_be_attached()
    return _worst(page)


def _worst(page: Page) -> float:
    durations: list[float] = page.evaluate(_DURATIONS)
    if not durations:
        raise ValueError("the browser has noted no interaction, though some were made")
    return max(durations)
