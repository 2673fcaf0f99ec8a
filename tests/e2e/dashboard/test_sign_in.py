"""People sign in to the dashboard, with a key or at an OpenID provider, and out again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from config.paths import ROOT
from load.server import free_port
from storage.artifacts import Store
from storage.keys import mint_key
from tests.e2e.browser import Faults
from tests.e2e.dashboard.planner import (
    WITH_KEYS,
    enter_key,
    make_key,
    open_sign_in,
    sign_in,
    signed_in,
)
from tests.support.provider import Provider, provider
from tests.support.servers import Server, running
from tests.support.stripping import below, passing_on, served

pytestmark = pytest.mark.e2e

PREFIX = "/tools/forecast"
SCOPES = ("forecast", "plan")
PLAN = "/plan?node=store%3A1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("keys"), trained, **WITH_KEYS) as started:
        started.wait_for("/readyz")
        yield started


@pytest.fixture(scope="module")
def anna(server: Server) -> str:
    """The key of somebody who may do some things."""
    return make_key(server, "anna", *SCOPES).text


def parts_of(address: str) -> tuple[str, str, dict[str, list[str]]]:
    """Return host, path and query of an address, however its query is escaped."""
    parts = urlsplit(address)
    return parts.netloc, parts.path, parse_qs(parts.query)


class Sent:
    """The credentials that a page sends."""

    def __init__(self, page: Page) -> None:
        self.credentials: list[str] = []
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        value = request.headers.get("authorization")
        if value is not None:
            self.credentials.append(value.removeprefix("Bearer "))


def stored_in(page: Page) -> str:
    """Return all that the page has stored in the browser."""
    stored: str = page.evaluate(
        "JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])"
    )
    return stored


# --- with a key ---------------------------------------------------------------------------------


def test_a_key_from_the_command_line_signs_in(page: Page, server: Server) -> None:
    mlrf = Path(sys.executable).with_name("mlrf")
    command = [str(mlrf), "keys", "create", "paul", "--json"]
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{server.log.parent}/mlrf.db"}
    made = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    sign_in(page, server.url, json.loads(made.stdout)["key"])
    expect(page.get_by_text("paul", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("key", "words"),
    [
        pytest.param(mint_key().text, "not valid", id="never made"),
        pytest.param("secret", "", id="no key at all"),
    ],
)
def test_a_wrong_key_is_refused_in_the_words_of_the_api(
    page: Page, faults: Faults, server: Server, key: str, words: str
) -> None:
    open_sign_in(page, server.url)
    with page.expect_response(f"{server.url}/caller") as refused:
        enter_key(page, key)
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("The key was not accepted")
    document = refused.value.json()
    expect(refusal).to_contain_text(document["detail"])
    expect(refusal).to_contain_text(document["request_id"])
    expect(signed_in(page)).to_have_count(0)
    assert key not in stored_in(page)
    faults.forgive("401")


def test_who_has_not_signed_in_yet_is_not_asked_for_by_the_page(page: Page, server: Server) -> None:
    """A call without a key would be refused, and spend the allowance of the address."""
    calls: list[str] = []
    page.on("response", lambda response: calls.append(f"{response.status} {response.url}"))
    open_sign_in(page, server.url)
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
    assert [each for each in calls if not each.startswith("200")] == []


@pytest.mark.parametrize("keep", [False, True], ids=["in memory", "kept in the tab"])
def test_a_key_outlives_a_reload_only_where_that_was_chosen(
    page: Page, faults: Faults, server: Server, anna: str, keep: bool
) -> None:
    sign_in(page, server.url, anna, PLAN, keep=keep)
    assert (anna in stored_in(page)) == keep
    faults.forgive("failed: ")  # calls that the reload ends
    page.reload()
    if keep:
        expect(signed_in(page)).to_be_visible()
        expect(page.get_by_role("button", name="Save the override")).to_be_visible()
    else:
        expect(page.get_by_role("alert").first).to_contain_text("Please sign in")
        expect(signed_in(page)).to_have_count(0)
        faults.forgive("401")


def test_another_tab_is_not_signed_in(
    page: Page, faults: Faults, server: Server, anna: str
) -> None:
    sign_in(page, server.url, anna, PLAN, keep=True)
    other = page.context.new_page()
    other.goto(server.url + PLAN)
    expect(other.get_by_role("alert").first).to_contain_text("Please sign in")


def test_signing_out_forgets_the_key_and_what_was_shown(
    page: Page, faults: Faults, server: Server, anna: str
) -> None:
    sign_in(page, server.url, anna, PLAN, keep=True)
    expect(page.get_by_role("button", name="Save the override")).to_be_visible()
    signed_in(page).click()
    expect(page.get_by_role("heading", name="Sign in", level=1)).to_be_visible()
    assert anna not in stored_in(page)
    sent = Sent(page)
    page.go_back()
    expect(page.get_by_role("alert").first).to_contain_text("Please sign in")
    expect(page.get_by_role("button", name="Save the override")).to_have_count(0)
    assert sent.credentials == []
    faults.forgive("401")


@pytest.mark.parametrize(
    ("back", "path"),
    [
        pytest.param("/plan?node=store%3A1", "/plan?node=store%3A1", id="a page"),
        pytest.param("https://evil.invalid/plan", "/", id="another site"),
        pytest.param("//evil.invalid/plan", "/", id="another host"),
        pytest.param("/\\evil.invalid", "/", id="another host with a backslash"),
        pytest.param("/\t/evil.invalid", "/", id="another host with a tab"),
        pytest.param("javascript:alert(1)", "/", id="a script"),
        pytest.param("/sign-in?back=/plan", "/", id="the sign-in"),
    ],
)
def test_the_sign_in_leads_back_to_pages_of_the_dashboard_only(
    page: Page, server: Server, anna: str, back: str, path: str
) -> None:
    sign_in(page, server.url, anna, back)
    page.wait_for_url(lambda address: parts_of(address) == parts_of(server.url + path))


@pytest.mark.parametrize(
    ("scopes", "absent"),
    [
        pytest.param(
            ("forecast",), {"Why", "What if", "Overrides", "Many series", "Models", "Keys"}, id="1"
        ),
        pytest.param(SCOPES, {"Why", "What if", "Many series", "Models", "Keys"}, id="a planner"),
        pytest.param(
            ("forecast", "explain", "whatif", "plan", "batch", "admin"), set(), id="everything"
        ),
    ],
)
def test_pages_that_a_key_does_not_allow_are_not_offered(
    page: Page, server: Server, scopes: tuple[str, ...], absent: set[str]
) -> None:
    sign_in(page, server.url, make_key(server, f"nora-{len(scopes)}", *scopes).text)
    everything = (
        *("Overview", "Forecast", "Why", "What if", "Overrides", "Compare", "Hierarchy"),
        *("Accuracy", "Monitoring", "Many series", "Status", "Models", "Keys"),
    )
    offered = [name for name in everything if name not in absent]
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(offered)


# --- at a provider ------------------------------------------------------------------------------


class SignOn(NamedTuple):
    """A server with a provider.

    Attributes:
        base: address of the dashboard, which may be that of a proxy.
    """

    base: str
    provider: Provider


@pytest.fixture(scope="module")
def addresses(
    tmp_path_factory: pytest.TempPathFactory, trained: Store
) -> Iterator[tuple[dict[str, str], Provider]]:
    """A server, by itself and behind a proxy that removes a prefix, and its provider."""
    folder, port = tmp_path_factory.mktemp("sign-on"), free_port()
    own = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        proxy = stack.enter_context(served(below(PREFIX, passing_on(own))))
        bases = {"": own, PREFIX: proxy + PREFIX}
        redirect_uris = [f"{base}/sign-in" for base in bases.values()]
        started = stack.enter_context(provider(redirect_uris, scopes=" ".join(SCOPES)))
        settings = {"AUTH_MODE": "required", **started.settings(folder)}
        server = stack.enter_context(running(folder, trained, port=port, **settings))
        server.wait_for("/readyz")
        yield bases, started


@pytest.fixture(params=["", PREFIX], ids=["at the root", "below a prefix"])
def sign_on(
    request: pytest.FixtureRequest, addresses: tuple[dict[str, str], Provider], faults: Faults
) -> SignOn:
    bases, started = addresses
    # the provider's own page: fonts of another machine, and no icon; and calls that leaving ends
    faults.forgive("fonts.googleapis.com", "favicon.ico", "failed: ")
    return SignOn(bases[request.param], started)


def sign_in_at_provider(page: Page, account: str = "ana") -> None:
    """Go to the provider, sign in there as a person does, and come back."""
    page.get_by_role("button", name="Go to the sign-in").click()
    page.get_by_placeholder("Enter any login").fill(account)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_a_person_signs_in_at_the_provider_and_calls_with_its_token(
    page: Page, faults: Faults, sign_on: SignOn
) -> None:
    page.goto(f"{sign_on.base}/sign-in?{urlencode({'back': PLAN})}")
    sign_in_at_provider(page)
    expect(page.get_by_role("button", name="Save the override")).to_be_visible()
    expect(page.get_by_text("ana", exact=True)).to_be_visible()
    assert parts_of(page.url) == parts_of(sign_on.base + PLAN)
    sent = Sent(page)
    links = page.get_by_role("navigation").get_by_role("link")
    expect(links.filter(has_text="Overrides")).to_be_visible()
    expect(links.filter(has_text="Why"), "the scopes of the token").to_have_count(0)
    page.get_by_role("link", name="Accuracy", exact=True).click()
    expect(page.get_by_role("heading", name="How accurate are the forecasts?")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert sent.credentials
    assert {each.count(".") for each in sent.credentials} == {2}, "JSON Web Tokens"
    assert stored_in(page).count("eyJ") == 0, "a token is in memory alone"
    assert faults.messages == []


def test_a_person_signs_out_here_and_at_the_provider(
    page: Page, faults: Faults, sign_on: SignOn
) -> None:
    page.goto(f"{sign_on.base}/sign-in")
    sign_in_at_provider(page)
    expect(page.get_by_text("ana", exact=True)).to_be_visible()
    signed_in(page).click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page.get_by_role("button", name="Go to the sign-in")).to_be_visible()
    assert page.url.partition("?")[0] == f"{sign_on.base}/sign-in"
    page.get_by_role("button", name="Go to the sign-in").click()
    expect(page.get_by_placeholder("Enter any login")).to_be_visible()
