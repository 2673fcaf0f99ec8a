"""Authorization of every call of the contract, and of every other spelling of its path."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Send

from api.contract import PARTS, contract_endpoints
from api.dashboard.build import BASE, Build
from api.dashboard.pages import Dashboard
from api.docs.documentation import PAGES
from api.http.operation import Access, Operation
from api.http.router import Router
from api.operations import OPERATIONS
from app.application import Application
from middleware.headers import JSON
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.artifacts import Store
from storage.keys import Scope
from tests.contract.composed import (
    BEHIND,
    EVERY_SCOPE,
    KEY,
    RawRequest,
    bearer,
    compose_application,
    send_requests,
)
from tests.contract.conftest import FixedServing, LocalRunners, routed
from tests.support.asgi import SentMessages, http_scope, run_exchange

SIGNED = "/exports/{id}/file"
"""The public path that needs a signature in place of a key."""

OPEN = {
    *("/", "/docs", "/docs/errors", "/docs/style.css", "/docs/try.js", "/openapi.json"),
    *("/livez", "/readyz", "/healthz", "/sign-in/options", SIGNED),
    *("/v2/health/live", "/v2/health/ready", "/v2/models/mlrf/ready"),
}
"""The public paths; a new one must be added here."""

SCOPES = {
    "/predict/batch": "batch",
    "/exports": "batch",
    "/exports/{id}": "batch",
    "/explain": "explain",
    "/whatif": "whatif",
    "/metrics": "monitor",
    "/metrics/prometheus": "monitor",
    "/actuals": "report",
    "/overrides/preview": "plan",
    "/outliers/{id}/acknowledge": "plan",
    "/feedback": "report",
    "/feedback/{id}": "report",
    "/admin/keys": "admin",
    "/admin/keys/{id}": "admin",
    "/admin/keys/{id}/rotate": "admin",
    "/admin/audit": "admin",
    "/admin/reload-features": "admin",
    "/admin/reload-features/{id}": "admin",
    "/admin/training": "admin",
    "/admin/data": "admin",
    "/admin/data/{name}": "admin",
    "/admin/data/{name}/{file}": "admin",
    "/admin/jobs": "admin",
    "/admin/jobs/{id}": "admin",
    "/admin/jobs/{id}/log": "admin",
    "/admin/jobs/{id}/cancel": "admin",
    "/admin/events": "admin",
    "/admin/events/{id}/resend": "admin",
    "/admin/models": "admin",
    "/admin/models/compare": "admin",
    "/admin/models/{bundle}": "admin",
    "/admin/models/{bundle}/metrics": "admin",
    "/admin/models/{bundle}/promote": "admin",
    "/admin/models/{bundle}/rollback": "admin",
    "/admin/models/{bundle}/retire": "admin",
    "/admin/models/{bundle}/shadow": "admin",
    "/admin/models/{bundle}/canary": "admin",
    "/admin/rollout": "admin",
    "/admin/rollout/stop": "admin",
}
"""The required scope by path; those of `ANY_KEY` take any key, and others need `forecast`."""

ANY_KEY = ["/caller", "/health"]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
ALL_BUT_ADMIN = EVERY_SCOPE - {Scope.ADMIN}
ALL = [pytest.param(call, id=call.name) for call in OPERATIONS]
CLOSED = [pytest.param(call, id=call.name) for call in OPERATIONS if call.path not in OPEN]
SCOPED = [pytest.param(call, id=call.name) for call in OPERATIONS if isinstance(call.scope, Scope)]


@pytest.fixture(scope="module")
def app(
    tmp_path_factory: pytest.TempPathFactory, trained: Store, serving_release: LoadedRelease
) -> Application:
    runners = LocalRunners(serving_release.engine)
    serving = FixedServing(Forecaster(serving_release, runners, runners))
    return compose_application(
        tmp_path_factory.mktemp("policies"), trained, serving_release, serving
    )


def request_for(call: Operation, headers: dict[str, str] | None = None) -> RawRequest:
    return RawRequest(call.method, call.path.replace("{id}", "0123456789ab"), headers or {})


def send_one(app: Application, request: RawRequest) -> SentMessages:
    (response,) = send_requests(app, request)
    return response


# --- calls ------------------------------------------------------------------------------------


def test_the_public_paths_are_exactly_these() -> None:
    assert {call.path for call in OPERATIONS if call.scope is Access.PUBLIC} | {*PAGES} == OPEN


def _expected_scope(call: Operation) -> str:
    """Return the scope by path; of overrides, reading needs another one than changing."""
    if call.path in ("/overrides", "/overrides/{id}") and call.method != "GET":
        return "plan"
    return SCOPES.get(call.path, "forecast")


def test_pages_and_files_of_the_dashboard_are_public_and_free() -> None:
    matches = (*DASHBOARD.endpoints(), *PAGES_BY_PATH.values())
    assert {(each.policy.scope, each.policy.cost) for each in matches} == {(None, 0)}


def test_every_call_requires_its_own_scope() -> None:
    closed = [call for call in OPERATIONS if call.path not in OPEN | {*ANY_KEY}]
    wrong = [call for call in closed if call.scope != _expected_scope(call)]
    assert wrong == []


@pytest.mark.parametrize("path", sorted(OPEN - {SIGNED}))
def test_an_open_path_answers_without_a_key(app: Application, path: str) -> None:
    assert send_one(app, RawRequest("GET", path)).status == 200


def test_the_file_of_an_export_is_open_to_whoever_has_a_link(app: Application) -> None:
    path = SIGNED.replace("{id}", "0123456789ab")
    response = run_exchange(
        app, http_scope("GET", path, query_string=f"expires=1&signature={'0' * 64}".encode())
    )
    assert (response.status, response.code) == (403, "LINK_INVALID")


@pytest.mark.parametrize("call", CLOSED)
def test_a_call_without_a_key_is_refused(app: Application, call: Operation) -> None:
    response = send_one(app, request_for(call))
    assert (response.status, response.code) == (401, "AUTH_REQUIRED")
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("call", SCOPED)
def test_a_call_without_its_scope_is_refused(app: Application, call: Operation) -> None:
    """All other scopes together do not replace the required one."""
    response = send_one(app, request_for(call, bearer(EVERY_SCOPE - {str(call.scope)})))
    assert (response.status, response.code) == (403, "FORBIDDEN")
    assert f'scope="{call.scope}"' in response.headers["www-authenticate"]


@pytest.mark.parametrize("call", SCOPED)
def test_a_call_with_its_scope_alone_is_answered(app: Application, call: Operation) -> None:
    assert send_one(app, request_for(call, bearer({str(call.scope)}))).status not in (401, 403)


def test_a_call_for_any_caller_takes_a_key_without_scopes(app: Application) -> None:
    calls = [call for call in OPERATIONS if call.scope is Access.AUTHENTICATED]
    assert [call.path for call in calls] == ANY_KEY
    assert [send_one(app, request_for(call, bearer(()))).status for call in calls] == [200, 200]


@pytest.mark.parametrize("call", ALL)
def test_the_key_of_the_environment_may_do_everything(app: Application, call: Operation) -> None:
    assert send_one(app, request_for(call, {"X-API-Key": KEY})).status not in (401, 403)


# --- other methods ----------------------------------------------------------------------------


def every_method(headers: dict[str, str] | None = None) -> list[tuple[Operation, RawRequest]]:
    """Return a request for each path of the contract with each method."""
    first = {call.path: call for call in OPERATIONS}
    return [
        (call, RawRequest(method, request_for(call).path, headers or {}))
        for call in first.values()
        for method in METHODS
    ]


def test_no_method_opens_a_closed_path(app: Application) -> None:
    requests = [request for call, request in every_method() if call.path not in OPEN]
    answers = zip(requests, send_requests(app, *requests), strict=True)
    assert [request for request, response in answers if response.status != 401] == []


def test_no_method_bypasses_the_scope(app: Application) -> None:
    requests = [
        request
        for call, request in every_method(bearer(ALL_BUT_ADMIN))
        if call.scope is Scope.ADMIN
    ]
    answers = zip(requests, send_requests(app, *requests), strict=True)
    assert [request for request, response in answers if response.status != 403] == []


def test_an_unsupported_method_is_answered_with_the_allowed_ones(app: Application) -> None:
    offered = {
        path: {call.method for call in calls}
        for path, calls in groupby(sorted(OPERATIONS, key=attrgetter("path")), attrgetter("path"))
    }
    for call, request in every_method({"X-API-Key": KEY}):
        methods = offered[call.path] | ({"HEAD"} if "GET" in offered[call.path] else set())
        if request.method in methods:
            continue
        response = send_one(app, request)
        assert response.status == 405, request
        assert {*response.headers["allow"].split(", ")} == methods, request


def test_a_preflight_needs_no_key_and_reveals_nothing(app: Application) -> None:
    """A browser sends it without credentials; the request that follows needs them."""
    origin = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "POST"}
    response = send_one(app, RawRequest("OPTIONS", "/admin/keys", origin))
    assert (response.status, response.body) == (200, b"OK")
    assert (
        send_one(app, RawRequest("OPTIONS", "/admin/keys", {"Origin": origin["Origin"]})).status
        == 401
    )


# --- other paths ------------------------------------------------------------------------------

OF_BENTOML = (
    *("/docs.json", "/schema.json", "/static_content/index.css", "/metrics/"),
    *("/favicon.ico", "/ui", "/__call__", "/infer", "/reconcile", "/mlrf/infer", "/tasks"),
)
FRAMEWORK_PAGES = ("/docs.json", "/schema.json", "/static_content/index.css", "/assets/x.js")
LIKE_OPEN = (
    *("//", "///", "//docs", "/docs/", "/docs//errors", "/DOCS", "/Livez", "/livez/", "/livez/x"),
    *("/docs/../admin/keys", "/./docs", "/livez/../metrics", "/docs/..", "/%64ocs", "/docs%2e"),
    *("/docs;admin", "/docs?x", "/docs#x", "/docs\x00", "/docs ", "/docs\\..\\admin"),
    *("/v2/", "/v2/health", "/v2/health/live/", "/v2/models/other/ready", "/openapi.json/"),
    *("", "*", "docs", "livez", "http://mlrf/livez"),
)
LIKE_ADMIN = (
    *("/admin", "/admin/", "/admin/keys/", "//admin/keys", "/admin//keys", "/ADMIN/keys"),
    *(
        "/admin/./keys",
        "/livez/../admin/keys",
        "/admin/keys\n",
        "/admin/keys\r\n",
        "/admin/keys\x00",
    ),
    *("/admin/keys/0123456789ab/", "/admin/keys/0123456789ab\n", "/admin/keys/a/b/rotate"),
    *("/admin/keys/0123456789ab/rotate\n", "/admin/keys/\n", "/admin/audit\n", "/admin/audit/"),
    *("/admin/reload-features\n", "/admin/reload-features/x\n", "/metrics\n", "/explain\n"),
    *("/whatif\n", "/predict/batch\n", "/metrics/prometheus\n"),
)


@pytest.mark.parametrize("path", [*OF_BENTOML, *LIKE_OPEN, *LIKE_ADMIN])
def test_a_path_outside_the_contract_is_not_public(app: Application, path: str) -> None:
    requests = [RawRequest(method, path) for method in METHODS]
    assert [response.code for response in send_requests(app, *requests)] == ["AUTH_REQUIRED"] * len(
        METHODS
    )


@pytest.mark.parametrize("path", LIKE_ADMIN)
def test_another_spelling_of_a_path_needs_the_same_scope(app: Application, path: str) -> None:
    """Otherwise it is not found: the router must accept no path that the policy does not know."""
    requests = [RawRequest(method, path, bearer(())) for method in METHODS]
    for request, response in zip(requests, send_requests(app, *requests), strict=True):
        assert response.code in {"FORBIDDEN", "NOT_FOUND"}, request


@pytest.mark.parametrize("path", FRAMEWORK_PAGES)
def test_pages_of_bentoml_need_the_scope_admin(app: Application, path: str) -> None:
    others = RawRequest("GET", path, bearer(EVERY_SCOPE - {"admin"}))
    assert send_one(app, others).code == "FORBIDDEN"
    assert send_one(app, RawRequest("GET", path, bearer({"admin"}))).body == BEHIND


@pytest.mark.parametrize("path", sorted({*OF_BENTOML, *LIKE_OPEN} - {*FRAMEWORK_PAGES}))
def test_no_other_path_reaches_the_framework(app: Application, path: str) -> None:
    response = send_one(app, RawRequest("GET", path, bearer(EVERY_SCOPE)))
    assert (response.status, response.code) == (404, "NOT_FOUND")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_framework_redirects_nowhere(status: int) -> None:
    async def behind(scope: Any, receive: Receive, send: Send) -> None:
        await RedirectResponse("https://elsewhere.example/", status)(scope, receive, send)

    sent = run_exchange(routed(Router([], behind)), http_scope(path="/static_content"))
    types = [message["type"] for message in sent.messages]
    assert types == ["http.response.start", "http.response.body"]
    assert sent.status == 404
    assert b"elsewhere" not in str(sent.messages).encode()


def test_another_spelling_of_a_path_costs_the_same(app: Application) -> None:
    headers = bearer({"explain"}, tier="standard", subject="payer")
    response = send_one(app, RawRequest("POST", "/explain\n", headers))
    assert int(response.headers["x-ratelimit-remaining"]) <= 200 - 25


def test_websockets_are_closed_and_do_not_reach_the_framework_behind(app: Application) -> None:
    scope: dict[str, Any] = {"type": "websocket", "path": "/", "headers": [], "client": None}
    sent = run_exchange(app, scope, {"type": "websocket.connect"})
    assert [message["type"] for message in sent.messages] == ["websocket.close"]


# --- the match --------------------------------------------------------------------------------


NOTHING: Any = None
ENDPOINTS = contract_endpoints(NOTHING, NOTHING, dict.fromkeys(PARTS), NOTHING, seconds=1)
DASHBOARD = Dashboard(Build(BASE, {}, {}))
PAGES_BY_PATH = DASHBOARD.pages()
ENDPOINTS += DASHBOARD.endpoints()
ROUTER = Router(ENDPOINTS, NOTHING, PAGES_BY_PATH)
INDEX = ROUTER.match(http_scope(path="/"))  # wrapped by the router: a page has its address too
BOUND = {(each.policy, id(each.app)) for each in (*ENDPOINTS, *PAGES_BY_PATH.values(), INDEX)}
PATHS = sorted({policy.route for policy, _ in BOUND})
ACCEPTED = ("", "*/*", JSON, "text/html,*/*;q=0.8")
PIECES = ("/", "//", "\n", "\r\n", "\x00", "%2f", "%0a", ".", "..", ";", " ", "x", "?a", "\u2028")


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """A path of the contract with pieces put in, repeated, left out, or in another case."""
    path = draw(st.sampled_from(PATHS)).replace("{id}", draw(st.sampled_from(("a1", "{id}", "b"))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(path)))
        cut = draw(st.integers(0, 2))
        path = path[:at] + draw(st.sampled_from(PIECES)) + path[at + cut :]
    return path.upper() if draw(st.booleans()) and draw(st.booleans()) else path


@given(
    path=spellings() | st.text(max_size=20),
    method=st.sampled_from((*METHODS, "get", "", "X")),
    accept=st.sampled_from(ACCEPTED),
)
def test_no_path_reaches_a_handler_whose_policy_was_not_applied(
    path: str, method: str, accept: str
) -> None:
    """The layers read the policy of the match, and its application answers: they are a pair."""
    match = ROUTER.match(http_scope(method, path, {"accept": accept}))
    if (match.policy, id(match.app)) in BOUND:
        return
    if isinstance(match.app, Response):
        assert match.app.status_code in (404, 405)
        return
    assert match.policy.scope == Scope.ADMIN  # the framework's own pages
    assert path.startswith(("/static_content", "/assets", "/docs.json", "/schema.json"))


def test_a_request_that_was_not_matched_reaches_no_handler(app: Application) -> None:
    """The layers apply the strictest policy to it, and `dispatch` refuses to guess."""
    request = RawRequest("GET", "/livez")
    (response,) = send_requests(app._app, request)  # type: ignore[arg-type]
    assert response.code == "AUTH_REQUIRED"
    (response,) = send_requests(app._app, replace(request, headers={"X-API-Key": KEY}))  # type: ignore[arg-type]
    assert response.code == "INTERNAL_ERROR"
