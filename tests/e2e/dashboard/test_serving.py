"""The dashboard in a browser: its pages load below any prefix, under their own policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Response

from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease, load_release
from storage.artifacts import Release, Store
from tests.contract.composed import compose_application
from tests.contract.conftest import FixedServing, LocalRunners
from tests.e2e.browser import Faults
from tests.support.dashboard import write_build
from tests.support.servers import Server
from tests.support.stripping import below, served

pytestmark = pytest.mark.e2e

PREFIX = "/tools/forecast"


@pytest.fixture(scope="module")
def release_served(trained: Store, release: Release) -> LoadedRelease:
    return load_release(trained, release)


@pytest.fixture(scope="module", params=["", PREFIX], ids=["at the root", "below a prefix"])
def address(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    trained: Store,
    release_served: LoadedRelease,
) -> Iterator[str]:
    """A worker with a small dashboard, behind a proxy that removes the prefix."""
    folder = tmp_path_factory.mktemp("worker")
    runners = LocalRunners(release_served.engine)
    serving = FixedServing(Forecaster(release_served, runners, runners))
    dashboard = write_build(folder / "dist")
    app = compose_application(folder, trained, release_served, serving, dashboard=dashboard)
    with served(below(request.param, app)) as url:
        yield url + request.param


def open_page(page: Page, url: str) -> Response:
    response = page.goto(url)
    assert response is not None
    return response


@pytest.mark.parametrize("path", ["/", "/forecasts", "/explain/1/BREAD%2FBAKERY", "/plan?x=/a/b"])
def test_a_page_loads_its_script_and_style_wherever_it_is(
    page: Page, address: str, path: str
) -> None:
    response = open_page(page, address + path)
    assert response.ok
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    main = page.locator("#page")
    assert main.text_content() == f"{address}/", "the script has run"
    assert main.evaluate("each => getComputedStyle(each).color") == "rgb(1, 2, 3)"


def test_its_policy_stops_scripts_that_are_not_of_the_server(
    page: Page, faults: Faults, address: str
) -> None:
    """A script that an attacker puts into a page does not run."""
    open_page(page, f"{address}/")
    page.evaluate(
        """() => new Promise(done => {
            document.addEventListener("securitypolicyviolation", event => {
                window.blocked = event.effectiveDirective; done(); });
            const script = document.createElement("script");
            script.textContent = "window.injected = true";
            document.body.append(script);
        })"""
    )
    assert page.evaluate("window.blocked") == "script-src-elem"
    assert page.evaluate("window.injected") is None
    (message,) = faults.messages
    assert "inline script" in message
    faults.messages.clear()


def test_a_page_that_was_opened_before_is_shown_from_the_cache(page: Page, address: str) -> None:
    """Its 304 keeps the policy, so that its script still runs."""
    for _ in range(2):
        open_page(page, f"{address}/forecasts")
        assert page.locator("#page").text_content() == f"{address}/"


def test_the_dashboard_of_this_checkout_starts_without_faults(page: Page, server: Server) -> None:
    assert open_page(page, f"{server.url}/").ok
    page.wait_for_load_state("networkidle")
    assert Path(page.evaluate("document.scripts[0].src")).parent.name == "static"
