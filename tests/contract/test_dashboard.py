"""The pages and files of the dashboard, through all layers of a worker."""

from __future__ import annotations

import gzip
import logging
import re
from pathlib import Path
from urllib.parse import quote, urljoin

import orjson
import pytest
from structlog.testing import capture_logs

from api.dashboard.pages import FILE_ROUTE, PAGES
from api.operations import OPERATIONS
from app.application import Application
from app.startup import note_missing_dashboard
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.artifacts import Store
from telemetry.instruments import REGISTRY
from telemetry.metrics import flush
from telemetry.request_log import request_log
from tests.contract.composed import RawRequest, bearer, compose_application, send_requests
from tests.contract.conftest import FixedServing, LocalRunners
from tests.support.asgi import SentMessages
from tests.support.dashboard import (
    FONT,
    PAGE_SCRIPT,
    PAGE_STYLE,
    PART_SCRIPT,
    SCRIPT,
    SCRIPT_BODY,
    STYLE,
    write_build,
)

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
ADDRESSES = [page.replace("{store}", "1").replace("{family}", "DAIRY") for page in PAGES]
NESTED = "/explain/1/DAIRY"


def compose(
    folder: Path, trained: Store, release: LoadedRelease, dashboard: Path | None, **settings: object
) -> Application:
    runners = LocalRunners(release.engine)
    serving = FixedServing(Forecaster(release, runners, runners))
    return compose_application(folder, trained, release, serving, dashboard=dashboard, **settings)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_build(tmp_path_factory.mktemp("built") / "dist")
    (folder / "static" / f"{SCRIPT}.br").write_bytes(b"brotli")
    return folder


@pytest.fixture(scope="module")
def app(
    tmp_path_factory: pytest.TempPathFactory,
    trained: Store,
    serving_release: LoadedRelease,
    dashboard: Path,
) -> Application:
    return compose(tmp_path_factory.mktemp("worker"), trained, serving_release, dashboard)


@pytest.fixture(scope="module")
def api_only(
    tmp_path_factory: pytest.TempPathFactory, trained: Store, serving_release: LoadedRelease
) -> Application:
    return compose(tmp_path_factory.mktemp("api"), trained, serving_release, None)


def send(app: Application, path: str, method: str = "GET", **headers: str) -> SentMessages:
    (response,) = send_requests(app, RawRequest(method, path, headers, b""))
    return response


def open_page(app: Application, path: str, **headers: str) -> SentMessages:
    return send(app, path, accept=BROWSER, **headers)


def varies_by(response: SentMessages) -> set[str]:
    return {*response.headers["vary"].split(", ")} - {"Origin"}


def base_of(response: SentMessages) -> str:
    (base,) = re.findall(rb'<base href="(.*?)">', response.body)
    return str(base.decode())


# --- pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ADDRESSES)
def test_a_page_is_answered_to_a_browser_without_a_key(app: Application, path: str) -> None:
    response = open_page(app, path)
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert f"static/{SCRIPT}".encode() in response.body


def test_a_page_names_the_files_that_it_alone_needs(app: Application) -> None:
    """They are loaded beside the document's own scripts, not after them."""
    preloads = rb'<link rel="(?:modulepreload|preload" as="style)" crossorigin href="(.*?)">'
    names = re.findall(preloads, open_page(app, "/compare").body)
    assert {name.decode() for name in names} == {
        f"static/{name}" for name in (PART_SCRIPT, PAGE_SCRIPT, PAGE_STYLE, "chart-1b2c3d4e.js")
    }
    assert re.findall(preloads, open_page(app, "/tree").body) == []


@pytest.mark.parametrize("prefix", ["", "/tools/mlrf"])
@pytest.mark.parametrize(
    "path", [*ADDRESSES, "/explain/1/BREAD%2FBAKERY", "/explain/1/%C3%84.%20B"]
)
def test_its_links_lead_to_the_root_below_any_prefix(
    app: Application, path: str, prefix: str
) -> None:
    """The proxy removes the prefix, so the server never sees it."""
    base = base_of(open_page(app, path))
    assert urljoin(f"https://shop.example{prefix}{path}", base) == f"https://shop.example{prefix}/"


def test_a_slash_in_the_name_of_a_family_makes_the_page_no_deeper(app: Application) -> None:
    """A server decodes `%2F`, as proxies do that map one path to another."""
    assert quote("BREAD/BAKERY", safe="") == "BREAD%2FBAKERY"
    response = open_page(app, "/explain/1/BREAD/BAKERY")
    assert (response.status, base_of(response)) == (200, "../../")


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"accept": "*/*"}, id="anything"),
        pytest.param({"accept": "application/json"}, id="JSON"),
        pytest.param({"accept": "text/html;q=0.5, */*"}, id="HTML last"),
    ],
)
@pytest.mark.parametrize("path", ADDRESSES)
def test_other_clients_get_what_they_get_without_a_dashboard(
    app: Application, api_only: Application, path: str, accept: dict[str, str]
) -> None:
    """At `/` the list of paths, at `/explain` a 405, elsewhere a 404."""
    headers = {**accept, **bearer({"forecast", "explain"}), "x-request-id": "same"}
    expected, response = (send(each, path, **headers) for each in (api_only, app))
    assert (response.status, response.body) == (expected.status, expected.body)
    assert response.status == {"/": 200, "/explain": 405}.get(path, 404)
    assert send(app, path, **accept).code == (None if path == "/" else "AUTH_REQUIRED")


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_only_reads_get_a_page(app: Application, path: str, method: str) -> None:
    response = send(app, path, method, accept=BROWSER)
    assert response.headers["content-type"] == "application/problem+json"


def test_no_other_path_is_a_page(app: Application) -> None:
    for path in ("/nope", "/forecasts/", "/explain/1", "/docs/forecasts", "/Forecasts", "//"):
        assert open_page(app, path).code == "AUTH_REQUIRED"
        assert open_page(app, path, **bearer({"forecast"})).code == "NOT_FOUND"


def test_caches_keep_a_page_and_the_list_of_paths_apart(app: Application) -> None:
    assert varies_by(open_page(app, "/")) == {"Accept"}
    assert varies_by(send(app, "/", accept="application/json")) == {"Accept"}


@pytest.mark.parametrize("path", ["/", NESTED])
def test_a_page_that_the_browser_has_is_not_sent_again(app: Application, path: str) -> None:
    first = open_page(app, path)
    assert first.headers["cache-control"] == "private, no-cache"
    again = open_page(app, path, if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]


def test_pages_of_another_depth_have_another_entity_tag(app: Application) -> None:
    assert open_page(app, "/").headers["etag"] != open_page(app, NESTED).headers["etag"]


def test_a_page_loads_scripts_and_styles_of_this_server_only(app: Application) -> None:
    policy = open_page(app, "/").headers["content-security-policy"]
    sources = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert sources["default-src"] == "'none'"
    assert {sources[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert sources["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "coding", "body"),
    [
        pytest.param("", None, SCRIPT_BODY, id="no coding"),
        pytest.param("gzip, deflate, br", "br", b"brotli", id="a browser"),
        pytest.param("gzip", "gzip", gzip.compress(SCRIPT_BODY, mtime=0), id="gzip"),
        pytest.param("br;q=0.1, gzip", "gzip", gzip.compress(SCRIPT_BODY, mtime=0), id="weights"),
    ],
)
def test_a_file_is_sent_in_the_coding_that_the_client_prefers(
    app: Application, accepted: str, coding: str | None, body: bytes
) -> None:
    response = send(app, f"/static/{SCRIPT}", accept_encoding=accepted)
    assert (response.status, response.body) == (200, body)
    assert response.headers.get("content-encoding") == coding
    assert response.headers["content-length"] == str(len(body))
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert varies_by(response) == {"Accept-Encoding"}


def test_a_file_without_compressed_forms_is_sent_as_it_is(app: Application) -> None:
    response = send(app, f"/static/{FONT}", accept_encoding="br, gzip")
    assert (response.body, response.headers.get("content-encoding")) == (b"wOF2", None)


def test_a_file_is_kept_for_a_year_and_confirmed_by_its_tag(app: Application) -> None:
    path = f"/static/{SCRIPT}"
    plain, gzipped = send(app, path), send(app, path, accept_encoding="gzip")
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["etag"] != gzipped.headers["etag"], "other bytes"
    assert send(app, path, if_none_match=plain.headers["etag"]).status == 304
    other = send(app, path, accept_encoding="gzip", if_none_match=plain.headers["etag"])
    assert other.status == 200


@pytest.mark.parametrize("path", ["/", f"/static/{SCRIPT}"])
def test_the_head_is_answered_too(app: Application, path: str) -> None:
    get, head = open_page(app, path), send(app, path, "HEAD", accept=BROWSER)
    assert (head.status, head.headers["etag"]) == (200, get.headers["etag"])


@pytest.mark.parametrize(
    "name",
    [
        *(
            "none.js",
            "..",
            "../index.html",
            "..\\index.html",
            "%2e%2e",
            "index.html",
            SCRIPT + "\0",
        ),
        *(f"{SCRIPT}.br", f"{SCRIPT}.gz", f"{SCRIPT}/", f"/{SCRIPT}", SCRIPT.upper(), ""),
    ],
)
def test_nothing_but_the_files_of_the_build_is_sent(app: Application, name: str) -> None:
    response = send(app, f"/static/{name}", **bearer({"forecast"}))
    assert (response.status, response.code) == (404, "NOT_FOUND")


def test_a_missing_file_says_that_the_page_is_older_than_the_build(app: Application) -> None:
    assert "load the page again" in send(app, "/static/app-0.js").problem["detail"]


# --- around them ------------------------------------------------------------------------------


def test_opening_the_dashboard_leaves_an_anonymous_allowance_as_it_is(
    tmp_path: Path, trained: Store, serving_release: LoadedRelease, dashboard: Path
) -> None:
    tiers = {"anonymous": {"quota": 2, "window": 3600, "burst": 2}}
    app = compose(tmp_path, trained, serving_release, dashboard, tiers=tiers)
    opened = ["/", NESTED, *(f"/static/{name}" for name in (SCRIPT, STYLE, FONT))]
    statuses = [open_page(app, path).status for path in opened * 5]
    assert statuses == [200] * len(statuses)
    assert send(app, "/").headers["x-ratelimit-remaining"] == "1"


def test_their_metrics_have_templates_as_routes(app: Application) -> None:
    routes = {NESTED: "/explain/{store}/{family}", f"/static/{SCRIPT}": FILE_ROUTE}
    for path, route in routes.items():
        labels = {"endpoint": route, "method": "GET", "status": "200"}
        flush()
        before = REGISTRY.get_sample_value("mlrf_requests_total", labels) or 0
        open_page(app, path)
        flush()
        assert REGISTRY.get_sample_value("mlrf_requests_total", labels) == before + 1


def test_the_log_has_pages_but_not_the_files_that_they_load(app: Application) -> None:
    lines: list[bytes] = []
    request_log.configure(lines.append, logging.INFO)
    for path in (NESTED, f"/static/{SCRIPT}"):
        open_page(app, path)
    request_log.configure(lambda line: None, logging.INFO)
    (line,) = b"\n".join(lines).splitlines()
    assert orjson.loads(line)["route"] == "/explain/{store}/{family}"


def test_the_list_of_paths_is_the_only_read_that_shares_its_address_with_a_page() -> None:
    """A browser that follows a link to another operation gets its answer."""
    assert {each.path for each in OPERATIONS if each.method == "GET"} & {*PAGES} == {"/"}


# --- without a build --------------------------------------------------------------------------


def test_without_a_build_the_page_says_how_to_make_one(api_only: Application) -> None:
    response = open_page(api_only, "/")
    assert response.status == 200
    assert b"make dashboard" in response.body
    assert b'href="docs"' in response.body
    assert "script-src" not in response.headers["content-security-policy"]


def test_without_a_build_there_are_no_other_pages_and_no_files(api_only: Application) -> None:
    headers = bearer({"forecast", "explain"})
    for path in [*ADDRESSES[1:], f"/static/{SCRIPT}"]:
        code = open_page(api_only, path, **headers).code
        assert code == ("METHOD_NOT_ALLOWED" if path == "/explain" else "NOT_FOUND")


def test_a_missing_build_is_logged_at_the_start(tmp_path: Path, dashboard: Path) -> None:
    with capture_logs() as logs:
        note_missing_dashboard(dashboard)
        assert logs == []
        note_missing_dashboard(tmp_path)
    (line,) = logs
    assert line["event"] == "dashboard_missing"
    assert "make dashboard" in line["reason"]
