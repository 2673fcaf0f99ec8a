"""Steps of a planner in the dashboard, and the keys that planners have."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, expect

from tests.support.servers import Server

expect.set_options(timeout=30_000)  # many times what a page takes, for a busy machine

ADMIN_KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
ADMIN = {"X-API-Key": ADMIN_KEY}
WITH_KEYS = {"AUTH_MODE": "required", "API_KEY": ADMIN_KEY}
"""Settings of a server whose callers have keys."""


class Key(NamedTuple):
    """A key that was made for a test."""

    id: str
    text: str


def make_key(server: Server, client: str, *scopes: str, tier: str = "unlimited") -> Key:
    fields = {"client": client, "scopes": scopes, "tier": tier}
    made = server.request("POST", "/admin/keys", json=fields, headers=ADMIN).json()
    return Key(made["id"], made["key"])


def open_sign_in(page: Page, url: str, back: str | None = None) -> None:
    """Open the page of the sign-in; `back` is the page to return to."""
    query = "" if back is None else "?" + urlencode({"back": back})
    page.goto(f"{url}/sign-in{query}")
    expect(page.get_by_role("heading", name="Sign in", level=1)).to_be_visible()


def enter_key(page: Page, key: str, *, keep: bool = False) -> None:
    """Fill in the form of the sign-in and send it off."""
    form = page.locator("form")
    form.get_by_label("Key", exact=True).fill(key)
    if keep:
        form.get_by_label("Stay signed in until this tab is closed").check()
    form.get_by_role("button", name="Sign in").click()


def sign_in(page: Page, url: str, key: str, back: str | None = None, *, keep: bool = False) -> None:
    """Sign in with a key that is right."""
    open_sign_in(page, url, back)
    enter_key(page, key, keep=keep)
    expect(signed_in(page)).to_be_visible()


def signed_in(page: Page) -> Locator:
    """Return the way out, which is shown while somebody is signed in."""
    return page.get_by_role("button", name="Sign out")


def figure(page: Page, label: str) -> Locator:
    """Return one of the figures of a page by its name, with its details."""
    return page.locator("dl > div").filter(has=page.get_by_text(label, exact=True)).locator("dd")


def units(value: float) -> str:
    """Return units as the dashboard writes them in English."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{round(value, 1):g}"
