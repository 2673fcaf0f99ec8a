"""CORS: pages of allowed origins may call and read; preflights need no key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from errors import Code, InputError, Problem
from middleware.cors import CorsMiddleware
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware

DASHBOARD = "http://localhost:5173"
ORIGINS = (DASHBOARD, "http://127.0.0.1:5173")


async def require_key(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse every request with 401, as the inner application without a key."""
    raise Problem(Code.AUTH_REQUIRED, "A key is needed.")


async def unreachable(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("a preflight went inside")


def with_cors(app: ASGIApp, origins: tuple[str, ...] = ORIGINS) -> ASGIApp:
    return RequestIdMiddleware(CorsMiddleware(ProblemMiddleware(app), origins=origins))


def preflight(**headers: str) -> dict[str, str]:
    return {"method": "OPTIONS", "Origin": DASHBOARD, **headers}


# --- preflights -------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_preflight_is_answered_without_the_inner_application(
    call: Callable, origin: str, method: str
) -> None:
    headers = {
        "Origin": origin,
        "Access_Control_Request_Method": method,
        "Access_Control_Request_Headers": "content-type,x-api-key",
    }
    sent = call(with_cors(unreachable), method="OPTIONS", **headers)
    assert sent.error is None
    assert sent.status == 200
    assert sent.headers["access-control-allow-origin"] == origin
    assert method in sent.headers["access-control-allow-methods"].split(", ")
    assert sent.headers["access-control-max-age"] == "600"
    assert "Origin" in sent.headers["vary"].split(", ")
    assert "access-control-allow-credentials" not in sent.headers
    assert "x-request-id" in sent.headers


@pytest.mark.parametrize(
    "name",
    [
        *("Content-Type", "X-API-Key", "Authorization", "X-Request-ID", "Idempotency-Key"),
        *("If-None-Match", "Cache-Control"),
    ],
)
def test_a_page_may_send_the_headers_of_the_contract(call: Callable, name: str) -> None:
    headers = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": name}
    sent = call(with_cors(unreachable), **preflight(**headers))
    assert sent.status == 200
    assert name in sent.headers["access-control-allow-headers"].split(", ")


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        pytest.param(
            {"Origin": "https://evil.example", "Access_Control_Request_Method": "GET"},
            ["Origin"],
            id="origin",
        ),
        pytest.param(
            {"Origin": "null", "Access_Control_Request_Method": "GET"}, ["Origin"], id="null"
        ),
        pytest.param(
            {"Origin": f"{DASHBOARD}.evil.example", "Access_Control_Request_Method": "GET"},
            ["Origin"],
            id="an origin that begins like an allowed one",
        ),
        pytest.param(
            {"Access_Control_Request_Method": "TRACE"},
            ["Access-Control-Request-Method"],
            id="method",
        ),
        pytest.param(
            {
                "Access_Control_Request_Method": "GET",
                "Access_Control_Request_Headers": "content-type, x-evil",
            },
            ["Access-Control-Request-Headers"],
            id="header",
        ),
        pytest.param(
            {
                "Access_Control_Request_Method": "GET",
                "Access_Control_Request_Private_Network": "true",
            },
            ["Access-Control-Request-Private-Network"],
            id="private network",
        ),
        pytest.param(
            {"Origin": "https://evil.example", "Access_Control_Request_Method": "TRACE"},
            ["Origin", "Access-Control-Request-Method"],
            id="two at once",
        ),
    ],
)
def test_a_refused_preflight_is_a_problem(
    call: Callable, headers: dict[str, str], fields: list[str]
) -> None:
    sent = call(with_cors(unreachable), **preflight(**headers), X_Request_ID="a")
    assert sent.error is None
    assert sent.status == 400
    assert sent.problem["code"] == "INVALID_REQUEST"
    assert sent.problem["request_id"] == "a"
    assert [error["pointer"] for error in sent.problem["errors"]] == fields
    assert "Origin" in sent.headers["vary"].split(", ")
    allowed = "Origin" not in fields
    assert ("access-control-allow-origin" in sent.headers) == allowed


# --- requests ---------------------------------------------------------------------------------


def test_a_page_of_an_allowed_origin_may_read_the_answer(
    call: Callable, answering: Callable
) -> None:
    sent = call(with_cors(answering(200, b"{}", headers={"vary": "Accept"})), Origin=DASHBOARD)
    assert sent.headers["access-control-allow-origin"] == DASHBOARD
    assert sent.headers["vary"] == "Accept, Origin"
    exposed = set(sent.headers["access-control-expose-headers"].split(", "))
    assert exposed >= {"X-Request-ID", "X-Cache", "ETag", "Retry-After", "RateLimit"}
    assert exposed >= {"RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining"}


def test_a_page_may_read_a_refusal(call: Callable) -> None:
    sent = call(with_cors(require_key), Origin=DASHBOARD)
    assert sent.problem["code"] == "AUTH_REQUIRED"
    assert sent.headers["access-control-allow-origin"] == DASHBOARD


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://evil.example"}, id="another origin"),
        pytest.param({"Origin": "null"}, id="null"),
        pytest.param({}, id="no page"),
    ],
)
def test_other_origins_get_a_response_without_cors_headers(
    call: Callable, answering: Callable, headers: dict[str, str]
) -> None:
    """`Vary` is set too: a cache must not give this response to an allowed page."""
    sent = call(with_cors(answering(200, b"{}")), **headers)
    assert sent.status == 200
    assert "access-control-allow-origin" not in sent.headers
    assert sent.headers["vary"] == "Origin"


def test_options_without_preflight_headers_reach_the_application(call: Callable) -> None:
    assert call(with_cors(require_key), method="OPTIONS", Origin=DASHBOARD).status == 401


def test_a_stream_passes_chunk_by_chunk(call: Callable, answering: Callable) -> None:
    sent = call(with_cors(answering(200, b"a", b"b")), Origin=DASHBOARD)
    assert [message.get("body") for message in sent.messages] == [None, b"a", b"b"]


# --- which origins ----------------------------------------------------------------------------


def test_every_origin_may_be_allowed_without_credentials(
    call: Callable, answering: Callable
) -> None:
    sent = call(with_cors(answering(200), ("*",)), Origin="https://anybody.example")
    assert sent.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in sent.headers


def test_credentials_are_allowed_for_listed_origins_only(
    call: Callable, answering: Callable
) -> None:
    app = CorsMiddleware(answering(200), origins=ORIGINS, credentials=True)
    for origin, allowed in ((DASHBOARD, DASHBOARD), ("https://evil.example", None)):
        sent = call(app, Origin=origin)
        assert sent.headers.get("access-control-allow-origin") == allowed


def test_an_origin_is_compared_without_case(call: Callable, answering: Callable) -> None:
    app = CorsMiddleware(answering(200), origins=["https://Shop.Example"])
    assert "access-control-allow-origin" in call(app, Origin="https://shop.example").headers


@pytest.mark.parametrize(
    ("origins", "credentials"),
    [
        pytest.param(["*"], True, id="all with credentials"),
        pytest.param([DASHBOARD, "*"], True, id="all and one, with credentials"),
        pytest.param([DASHBOARD, "*"], False, id="all and one"),
        pytest.param([f"{DASHBOARD}/"], False, id="a slash at the end"),
        pytest.param(["https://shop.example/app"], False, id="a path"),
        pytest.param(["shop.example"], False, id="no scheme"),
        pytest.param(["https://*.example"], False, id="a pattern"),
        pytest.param(["https://user@shop.example"], False, id="a user"),
        pytest.param(["null"], False, id="null"),
        pytest.param([""], False, id="empty"),
    ],
)
def test_origins_that_are_unsafe_or_never_match_are_refused(
    answering: Callable, origins: list[str], credentials: bool
) -> None:
    with pytest.raises(InputError):
        CorsMiddleware(answering(200), origins=origins, credentials=credentials)
