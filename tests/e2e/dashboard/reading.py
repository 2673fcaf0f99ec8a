"""Pages as people read them: opened until nothing is loading, with their tables and numbers."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.support.servers import Server

LOCALE = "en-GB"
WIDE = ViewportSize(width=1280, height=800)
NARROW = ViewportSize(width=360, height=740)

_ROWS = """table => {
    const texts = row => [...row.cells].map(cell => {
        const copy = cell.cloneNode(true);
        for (const each of copy.querySelectorAll('[aria-hidden="true"]')) each.remove();
        return copy.textContent.trim();
    });
    const [head, ...rows] = [...table.rows].filter(row => !row.ariaHidden).map(texts);
    return rows.map(row => Object.fromEntries(row.map((text, at) => [head[at], text])));
}"""
"""Rows of a table by the names of its columns, without what is drawn for the eye alone."""

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"]


def open_page(page: Page, server: Server, path: str, **query: object) -> None:
    """Open a page of the dashboard, and wait until all that it shows is there."""
    page.goto(f"{server.url}{path}?{urlencode(query)}" if query else f"{server.url}{path}")
    wait_until_loaded(page)


def wait_until_loaded(page: Page) -> None:
    """Wait until the page has its heading, and nothing of it is loading."""
    expect(page.locator("main h1")).to_be_visible()
    expect(page.locator("main").get_by_text("Loading…")).to_have_count(0)


def lead(page: Page) -> Locator:
    """Return the sentence below the heading."""
    return page.locator("main header p")


def stat(page: Page, label: str) -> Locator:
    """Return the figure of a label, with what is written below it."""
    name = page.locator("dt").get_by_text(label, exact=True)
    return page.locator("main dl > div").filter(has=name).locator("dd")


def table(page: Page, caption: str) -> Locator:
    """Return the table whose caption begins with a text, opened where it is folded."""
    folded = page.locator("main details:not([open]) > summary", has_text="table")
    while folded.count():
        folded.first.click()
    return page.locator("main table").filter(has=page.locator("caption", has_text=caption))


def rows_of(table: Locator) -> list[dict[str, str]]:
    """Return the rows of a table, each by the names of its columns."""
    rows: list[dict[str, str]] = table.evaluate(_ROWS)
    return rows


def choose_node(page: Page, label: str, typed: str, name: str) -> None:
    """Choose a node by typing a part of its name."""
    page.get_by_role("combobox", name=label).fill(typed)
    option = page.get_by_role("option").filter(has=page.get_by_text(name, exact=True))
    option.first.click()


def written_units(value: float | None) -> str:
    """Return units as pages write them: whole from 100 on, with a digit after the point below."""
    if value is None:
        return "–"
    return _written(_decimal(value), "1" if abs(value) >= 100 else "0.1")


def written_change(value: float) -> str:
    """Return units with their sign, as pages write them."""
    text = written_units(value)
    return text if text in ("0", "–") or text.startswith("-") else f"+{text}"


def written_share_change(value: float | None) -> str:
    """Return a share as percent with its sign, as pages write it."""
    text = written_share(value)
    return f"+{text}" if value is not None and value > 0 and text != "0%" else text


def written_share(value: float | None) -> str:
    """Return a share as percent, as pages write it."""
    return "–" if value is None else f"{_written(100 * _decimal(value), '0.1')}%"


def written_day(day: str) -> str:
    """Return a date as pages write it, such as `1 Jul 2024`."""
    read = date.fromisoformat(day)
    return f"{read.day} {_MONTHS[read.month - 1]} {read.year}"


def _decimal(value: float) -> Decimal:
    # the shortest digits that are this float, which is what browsers round
    return Decimal(repr(float(value)))


def _written(value: Decimal, digits: str) -> str:
    rounded = value.quantize(Decimal(digits), ROUND_HALF_UP)
    return f"{rounded:,f}".removesuffix(".0").removeprefix("" if rounded else "-")
