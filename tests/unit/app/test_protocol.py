"""The HTTP protocol: accepted requests, refused requests, and closed connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import uvicorn.config
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.protocol import HttpProtocol, Limits, use_http_protocol
from tests.unit.app.conftest import Exchange

Send = Callable[..., Exchange]

GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: "
MEGABYTE = 2**20


def headers_of(exchange: Exchange, number: int = 0) -> dict[str, str]:
    return {n.decode(): v.decode() for n, v in exchange.scopes[number]["headers"]}


# --- accepted requests ------------------------------------------------------------------------


def test_a_request_reaches_the_application_and_the_connection_stays_open(exchange: Send) -> None:
    got = exchange(GET + b"Accept: a\r\n\r\n")
    assert (got.statuses, got.refusals, got.closed) == ([200], [None], False)
    assert headers_of(got) == {"host": "x", "accept": "a"}


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_request_may_arrive_in_parts_of_any_size(exchange: Send, size: int) -> None:
    sent = POST + b"Content-Length: 5\r\n\r\nabcde"
    got = exchange(*(sent[at : at + size] for at in range(0, len(sent), size)))
    assert (got.statuses, got.bodies) == ([200], [b"abcde"])


def test_requests_that_wait_on_a_connection_are_answered_in_turn(exchange: Send) -> None:
    got = exchange(3 * (POST + b"Content-Length: 1\r\n\r\na"))
    assert (got.statuses, got.closed) == ([200, 200, 200], False)


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        pytest.param(b"/a?b=c", "/a", b"b=c", "x", id="a path"),
        pytest.param(b"//a", "//a", b"", "x", id="two slashes"),
        pytest.param(b"http://y/a?b=c", "/a", b"b=c", "y", id="absolute"),
        pytest.param(b"http://y:81", "/", b"", "y:81", id="absolute without a path"),
    ],
)
def test_a_target_is_read_in_each_of_its_forms(
    exchange: Send, target: bytes, path: str, query: bytes, host: str
) -> None:
    got = exchange(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    (scope,) = got.scopes
    assert (scope["path"], scope["query_string"]) == (path, query)
    assert headers_of(got)["host"] == host, "the target's authority counts (RFC 9112 3.2.2)"


def test_an_upgrade_that_is_not_offered_is_ignored(exchange: Send) -> None:
    got = exchange(GET + UPGRADE + b"h2c\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n")
    assert (got.statuses, got.closed) == ([200], True)


# --- trailers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("split", [False, True], ids=["at once", "in parts"])
def test_trailers_never_become_headers(exchange: Send, split: bool) -> None:
    parts = [CHUNKED + b"1\r\na\r\n0\r\n", b"X-API-Key: stolen\r\nHost: evil\r\n\r\n"]
    got = exchange(*parts) if split else exchange(b"".join(parts))
    assert (got.statuses, got.bodies) == ([200], [b"a"])
    assert headers_of(got) == {"host": "x", "transfer-encoding": "chunked"}


def test_trailers_do_not_count_for_the_request_after(exchange: Send) -> None:
    got = exchange(CHUNKED + b"0\r\nX-API-Key: stolen\r\n\r\n" + GET + b"\r\n")
    assert got.statuses == [200, 200]
    assert headers_of(got, 1) == {"host": "x"}


# --- refused requests -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status", "why"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, "0 Host", id="no Host"),
        pytest.param(GET + b"Host: x\r\n\r\n", 400, "2 Host", id="two Hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "Host header", id="no host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "Host header", id="two words"),
        pytest.param(GET + b"A: b\r\n c\r\n\r\n", 400, "whitespace", id="a folded line"),
        pytest.param(GET + b"A : b\r\n\r\n", 400, "token", id="a space before the colon"),
        pytest.param(GET + b"A: b\0\r\n\r\n", 400, "value char", id="NUL"),
        pytest.param(b"GET / HTTP/1.1\nHost: x\n\n", 400, "CRLF", id="bare LF"),
        pytest.param(GET + b"A: b\rC: d\r\n\r\n", 400, "LF", id="bare CR"),
        pytest.param(GET + b": b\r\n\r\n", 400, "token", id="a header without a name"),
        pytest.param(
            POST + 2 * b"Content-Length: 1\r\n" + b"\r\na", 400, "Content-Length", id="two lengths"
        ),
        pytest.param(
            POST + b"Content-Length: +1\r\n\r\na", 400, "Content-Length", id="a signed length"
        ),
        pytest.param(
            POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "Content-Length",
            id="two framings",
        ),
        pytest.param(
            POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            400,
            "Transfer-Encoding",
            id="another transfer coding",
        ),
        pytest.param(
            CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n", 400, "Transfer-Enc", id="chunked 1.0"
        ),
        pytest.param(b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400, "HTTP/2.0", id="HTTP/2.0"),
        pytest.param(b"GET / HTTP/0.9\r\nHost: x\r\n\r\n", 400, "HTTP/0.9", id="HTTP/0.9"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "HTTP/2 is not", id="HTTP/2"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", 400, "TLS", id="TLS"),
        pytest.param(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "proxy", id="CONNECT"),
        pytest.param(b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400, "not a path", id="GET *"),
        pytest.param(
            b"GET http://u:p@x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "not a path", id="a password"
        ),
        pytest.param(b"nonsense\r\n\r\n", 400, "method", id="nonsense"),
        pytest.param(GET + UPGRADE + b"WebSocket\r\n\r\n", 400, "WebSockets", id="a WebSocket"),
        pytest.param(
            POST + UPGRADE + b"h2c\r\nContent-Length: 1\r\n\r\na", 400, "upgrade", id="h2c body"
        ),
        pytest.param(GET + 100 * b"a: b\r\n" + b"\r\n", 431, "100", id="101 fields"),
        pytest.param(GET + b"a: " + 33_000 * b"x" + b"\r\n\r\n", 431, "32768", id="a long field"),
        pytest.param(GET + b"a: " + MEGABYTE * b"x", 431, "32768", id="a field without end"),
        pytest.param(GET + MEGABYTE * b"a:b\r\n", 431, "100", id="fields without end"),
        pytest.param(
            b"GET /" + 8_192 * b"a" + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "8192", id="a long path"
        ),
        pytest.param(b"GET /" + MEGABYTE * b"a", 414, "8192", id="a path without end"),
    ],
)
def test_an_invalid_head_is_refused(exchange: Send, sent: bytes, status: int, why: str) -> None:
    got = exchange(sent, GET + b"\r\n")
    assert (got.statuses, got.closed) == ([status], True), "and nothing is read after it"
    assert why in (got.refusals[0] or "")
    assert got.scopes[0]["headers"] == [], "nothing may follow from what is not understood"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"zz\r\n", "chunk size", id="no size"),
        pytest.param(b"1\na", "CR", id="bare LF"),
        pytest.param(b"1 \r\na", "chunk size", id="a space after the size"),
        pytest.param(40_000 * b"1\r\nx\r\n", "framing", id="tiny chunks"),
        pytest.param(b"1;" + MEGABYTE * b"a", "framing", id="an extension without end"),
        pytest.param(b"0\r\nA: " + MEGABYTE * b"a", "framing", id="a trailer without end"),
        pytest.param(b"0\r\n" + MEGABYTE * b"A: b\r\n", "framing", id="trailers without end"),
    ],
)
def test_an_invalid_body_is_refused_while_it_is_read(exchange: Send, body: bytes, why: str) -> None:
    got = exchange(CHUNKED, body)
    assert (got.statuses, got.closed) == ([400], True)
    assert why in (got.refusals[0] or "")


def test_a_refusal_waits_for_the_responses_before_it(exchange: Send) -> None:
    got = exchange(GET + b"\r\n" + b"nonsense\r\n\r\n")
    assert got.statuses == [200, 400]


def test_each_request_of_a_connection_needs_its_own_host(exchange: Send) -> None:
    without = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    got = exchange(GET + b"\r\n", without, b"GET / HTTP/1.1\r\n\r\n")
    assert got.statuses[0] == 200
    assert 400 in got.statuses or got.closed
    assert exchange(GET + b"\r\n", b"GET / HTTP/1.1\r\n\r\n").statuses == [200, 400]


def test_a_body_may_follow_while_the_request_before_it_is_answered(exchange: Send) -> None:
    got = exchange(GET + b"\r\n" + POST + b"Content-Length: 2\r\n\r\na", b"b")
    assert (got.statuses, got.bodies) == ([200, 200], [b"", b"ab"])


UNREAD = b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"


def test_a_response_before_the_end_of_the_body_says_that_it_closes(exchange: Send) -> None:
    got = exchange(UNREAD + b"a", b"b" + UNREAD + b"ab")
    assert (got.statuses, got.closed) == ([200], True)
    assert b"connection: close" in got.transport.written


def test_a_body_that_is_here_keeps_the_connection_though_nobody_read_it(exchange: Send) -> None:
    got = exchange(UNREAD + b"ab", UNREAD + b"ab")
    assert (got.statuses, got.closed) == ([200, 200], False)
    assert b"connection: close" not in got.transport.written


def test_pipelined_requests_of_a_connection_are_bounded(exchange: Send) -> None:
    got = exchange(20 * (GET + b"\r\n"), limits=Limits(pipelined=3))
    assert got.statuses == [200, 200, 200, 200, 400]
    assert "more than 3 requests" in (got.refusals[-1] or "")


def test_a_refused_target_is_quoted_without_its_query(exchange: Send) -> None:
    got = exchange(b"GET /a?key=secret HTTP/1.1\r\nA : b\r\n\r\n")
    (scope,) = got.scopes
    assert (scope["method"], scope["path"], scope["query_string"]) == ("GET", "/a", b"")


# --- time -------------------------------------------------------------------------------------

SOON = Limits(head_seconds=0.05)


@pytest.mark.parametrize(
    ("parts", "statuses"),
    [
        pytest.param((), [], id="nothing"),
        pytest.param((b"\r\n",), [], id="an empty line"),
        pytest.param((GET + b"A: ",), [408], id="half a head"),
        pytest.param((GET, b"A: b\r\n", b"C: d\r\n"), [408], id="a head without end"),
        pytest.param((GET + b"\r\n", GET), [200, 408], id="half a second head"),
    ],
)
def test_a_connection_without_a_whole_head_is_closed(
    exchange: Send, parts: tuple[bytes, ...], statuses: list[int]
) -> None:
    got = exchange(*parts, limits=SOON, seconds=0.2)
    assert (got.statuses, got.closed) == (statuses, True)


def test_a_slow_head_gets_no_extra_time(exchange: Send) -> None:
    got = exchange(*(GET[at : at + 1] for at in range(len(GET))), limits=SOON, seconds=0.2)
    assert got.statuses == [408]


def test_a_connection_that_is_used_again_stays_open(exchange: Send) -> None:
    got = exchange(*(3 * [GET + b"\r\n"]), limits=SOON, seconds=0.2)
    assert (got.statuses, got.closed) == ([200, 200, 200], False), "uvicorn gives it 5 s"


def test_a_running_request_is_not_cut(exchange: Send) -> None:
    """The application bounds the time of the body."""
    got = exchange(POST + b"Content-Length: 9\r\n\r\na", limits=SOON, seconds=0.2)
    assert (got.statuses, got.closed) == ([], False)


# --- registration with uvicorn ----------------------------------------------------------------


@pytest.fixture
def registered() -> Iterator[None]:
    before, limits = uvicorn.config.HTTP_PROTOCOLS["auto"], HttpProtocol.limits
    yield
    uvicorn.config.HTTP_PROTOCOLS["auto"] = before
    HttpProtocol.limits = limits


def test_uvicorn_uses_the_protocol_by_default(registered: None) -> None:
    """BentoML does not choose a protocol."""
    use_http_protocol(Limits(head_seconds=3))
    config = Config(lambda: None, log_config=None)
    config.load()
    assert config.http_protocol_class is HttpProtocol
    assert HttpProtocol.limits.head_seconds == 3


@pytest.mark.parametrize(
    "name",
    [
        *("connection_made", "connection_lost", "data_received", "shutdown"),
        *("on_response_complete", "on_message_begin", "on_headers_complete"),
        *("on_body", "on_message_complete", "_start_asgi_task"),
    ],
)
def test_overridden_methods_exist_in_uvicorn(name: str) -> None:
    assert callable(getattr(HttpToolsProtocol, name))
