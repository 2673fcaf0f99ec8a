"""Messages of the dashboard when the server refuses, fails or is down, and how to go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from load.server import free_port
from storage.artifacts import Store
from tests.e2e.browser import Faults
from tests.e2e.conftest import Serve
from tests.e2e.dashboard.planner import (
    ADMIN,
    WITH_KEYS,
    Key,
    enter_key,
    make_key,
    sign_in,
    signed_in,
)
from tests.support.servers import Server, running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

TINY = "tiny"
"""A tier that a page uses up at once, and that is back within seconds."""
TIERS = json.dumps({TINY: {"quota": 4, "window": 4, "burst": 3}})
FORECAST = "/forecasts?node=store%3A1"
HEADING = "Forecast: Store 1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("problems")
    with running(folder, trained, **WITH_KEYS, TIERS=TIERS) as started:
        started.wait_for("/readyz")
        yield started


def expect_forecast(page: Page) -> None:
    """Expect the page of a forecast, with the sentence that says it."""
    expect(page.get_by_role("heading", name=HEADING, exact=True)).to_be_visible()
    expect(page.locator("header p")).to_contain_text("the 80 % band goes from")


def revoke(server: Server, key: Key) -> None:
    server.request("DELETE", f"/admin/keys/{key.id}", headers=ADMIN)


def expire(server: Server, key: Key) -> None:
    fields = {"grace_seconds": 0}
    server.request("POST", f"/admin/keys/{key.id}/rotate", json=fields, headers=ADMIN)


@pytest.mark.parametrize("end", [revoke, expire], ids=["revoked", "expired"])
def test_a_key_that_ends_while_it_is_used_leads_to_the_sign_in_and_back(
    page: Page, faults: Faults, server: Server, end: Callable[[Server, Key], None]
) -> None:
    names = (f"anna-{end.__name__}", "anna-again")
    key, next_key = (make_key(server, name, "forecast") for name in names)
    sign_in(page, server.url, key.text, FORECAST)
    expect_forecast(page)
    end(server, key)
    headers = {"X-API-Key": key.text}
    wait_until(lambda: server.request("GET", "/caller", headers=headers).status_code == 401)
    page.get_by_role("link", name="Accuracy", exact=True).click()
    refusal = page.get_by_role("alert").first
    expect(refusal).to_contain_text("Please sign in")
    expect(signed_in(page)).to_have_count(0)
    refusal.get_by_role("link", name="Sign in").click()
    enter_key(page, next_key.text)
    expect(page.get_by_role("heading", name="How accurate are the forecasts?")).to_be_visible()
    expect(signed_in(page)).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    faults.forgive("401")


def test_a_page_that_a_key_does_not_allow_names_the_permission(page: Page, server: Server) -> None:
    sign_in(page, server.url, make_key(server, "rita", "forecast").text, "/keys")
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("Your key does not allow this")
    expect(refusal.locator("code")).to_have_text("admin")


def test_a_call_that_is_refused_shows_the_words_of_the_api_and_the_request(
    page: Page, faults: Faults, server: Server
) -> None:
    key = make_key(server, "max", "monitor").text
    with page.expect_response(f"{server.url}/meta") as refused:
        sign_in(page, server.url, key, FORECAST)
    document = refused.value.json()
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text(document["detail"])
    expect(refusal).to_contain_text(document["request_id"])
    faults.forgive("403")


def test_who_has_used_up_a_limit_waits_and_sees_the_page_without_doing_anything(
    page: Page, faults: Faults, server: Server
) -> None:
    key = make_key(server, "hasty", "forecast", tier=TINY)
    sign_in(page, server.url, key.text, FORECAST)
    limited = page.get_by_role("alert").filter(has_text="Too many requests")
    expect(limited.first).to_be_visible()
    expect(limited.first).to_contain_text("The page tries again in")
    expect_forecast(page)
    expect(limited).to_have_count(0)
    expect(page.get_by_text("Sales of that time are not known.")).to_have_count(0)
    faults.forgive("429")


def test_without_a_model_the_page_says_so_and_its_state_still_shows(
    page: Page, faults: Faults, serve: Serve, tmp_path: Path
) -> None:
    server = serve(Store(tmp_path / "empty"))
    server.wait_for("/livez")
    page.goto(server.url + FORECAST)
    unavailable = page.get_by_role("alert").filter(has_text="The service is not ready").first
    expect(unavailable).to_be_visible()
    expect(unavailable.get_by_role("button", name="Try again")).to_be_visible()
    page.get_by_role("link", name="Status", exact=True).click()
    expect(page.get_by_role("heading", name="Status", level=1)).to_be_visible()
    faults.forgive("503")


class Restarted:
    """A server that is stopped and started again at its address."""

    def __init__(self, folder: Path, store: Store, running_servers: ExitStack) -> None:
        self._folder, self._store, self._servers = folder, store, running_servers
        self._port = free_port()

    def start(self) -> Server:
        server = self._servers.enter_context(running(self._folder, self._store, port=self._port))
        server.wait_for("/readyz")
        return server


@pytest.fixture
def restarted(tmp_path: Path, trained: Store) -> Iterator[Restarted]:
    with ExitStack() as servers:
        yield Restarted(tmp_path, trained, servers)


def test_a_page_outlives_its_server_and_goes_on_with_the_next(
    page: Page, faults: Faults, restarted: Restarted
) -> None:
    server = restarted.start()
    page.goto(server.url + FORECAST)
    expect_forecast(page)
    server.stop()
    page.get_by_role("radio", name="14 days").check()
    unreachable = page.get_by_role("alert").filter(has_text="The server cannot be reached").first
    expect(unreachable).to_be_visible()
    expect(page.get_by_role("heading", name=HEADING, exact=True)).to_be_visible()

    restarted.start()
    unreachable.get_by_role("button", name="Try again").click()
    expect_forecast(page)
    expect(page.get_by_text("All 14 days")).to_be_visible()
    faults.forgive("ERR_CONNECTION_", "failed: ")  # refused, or an open one reset


def test_a_page_that_was_never_opened_before_can_be_tried_again_when_the_server_is_back(
    page: Page, faults: Faults, restarted: Restarted
) -> None:
    """Its code is loaded when it is first opened."""
    server = restarted.start()
    page.goto(server.url + FORECAST)
    expect_forecast(page)
    server.stop()
    page.get_by_role("link", name="Hierarchy", exact=True).click()
    unreachable = page.get_by_role("alert").filter(has_text="The server cannot be reached")
    expect(unreachable).to_be_visible()
    restarted.start()
    unreachable.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Hierarchy", level=1)).to_be_visible()
    faults.forgive("ERR_CONNECTION_", "failed: ")  # refused, or an open one reset


def test_a_page_of_a_proxy_in_between_is_named_and_can_be_tried_again(
    page: Page, faults: Faults, server: Server
) -> None:
    def answer(route: Route) -> None:
        route.fulfill(status=502, content_type="text/html", body="<h1>Bad Gateway</h1>")

    page.route("**/forecast", answer)
    sign_in(page, server.url, make_key(server, "anna", "forecast").text, FORECAST)
    fault = page.get_by_role("alert").filter(has_text="An unexpected answer")
    expect(fault).to_contain_text("502")
    expect(fault).not_to_contain_text("Bad Gateway")
    page.unroute("**/forecast", answer)
    fault.get_by_role("button", name="Try again").click()
    expect_forecast(page)
    expect(fault).to_have_count(0)
    faults.forgive("502")
