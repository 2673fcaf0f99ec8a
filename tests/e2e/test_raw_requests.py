"""Bytes that no client library would send, to a real server."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator

import orjson
import pytest

from storage.artifacts import Store
from tests.support.raw_http import connect, read_all, send_bytes
from tests.support.servers import Server, running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
SIMPLE = b'{"store_nbr":1,"family":"DAIRY","horizon":15}'
MEGABYTE = 2**20
ANONYMOUS = {"quota": 36_000, "window": 3600, "burst": 10_000}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Iterator[Server]:
    settings = {
        "AUTH_MODE": "required",
        "API_KEY": KEY,
        "TRUSTED_PROXIES": "127.0.0.1/32",
        "HEADER_TIMEOUT_SECONDS": "1",
        "TIERS": orjson.dumps({"anonymous": ANONYMOUS}).decode(),
    }
    with running(tmp_path_factory.mktemp("raw"), trained, **settings) as started:
        started.wait_for("/readyz")
        yield started


def build_post(body: bytes = SIMPLE, *headers: str, key: str | None = KEY) -> bytes:
    lines = [
        "POST /predict/simple HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        "Connection: close",
        *([f"X-API-Key: {key}"] if key else []),
        *headers,
    ]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        pytest.param(b"GET /livez HTTP/1.1\r\n\r\n", 400, "INVALID_REQUEST", id="no Host"),
        pytest.param(GET + b"Host: y\r\n\r\n", 400, "INVALID_REQUEST", id="two Hosts"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01", 400, "INVALID_REQUEST", id="TLS"),
        pytest.param(b"nonsense\r\n\r\n", 400, "INVALID_REQUEST", id="nonsense"),
        pytest.param(
            GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            400,
            "INVALID_REQUEST",
            id="a WebSocket",
        ),
        pytest.param(GET + MEGABYTE * b"a:b\r\n", 431, "HEADERS_TOO_LARGE", id="many headers"),
        pytest.param(
            GET + b"a: " + MEGABYTE * b"b", 431, "HEADERS_TOO_LARGE", id="a header without end"
        ),
        pytest.param(b"GET /" + MEGABYTE * b"a", 414, "URI_TOO_LONG", id="a path without end"),
        pytest.param(GET + b"A: ", 408, "REQUEST_TIMEOUT", id="half a head"),
        pytest.param(
            build_post(8 * MEGABYTE * b"x", f"Content-Length: {8 * MEGABYTE}"),
            413,
            "PAYLOAD_TOO_LARGE",
            id="a body that is announced as too large",
        ),
        pytest.param(
            build_post(100 * (b"10000\r\n" + 65536 * b"x" + b"\r\n"), "Transfer-Encoding: chunked"),
            413,
            "PAYLOAD_TOO_LARGE",
            id="a body that is too large in chunks",
        ),
        pytest.param(
            build_post(b"zz\r\n", "Transfer-Encoding: chunked"),
            400,
            "INVALID_REQUEST",
            id="a bad chunk",
        ),
        pytest.param(
            build_post(
                gzip.compress(bytes(30 * MEGABYTE)),
                f"Content-Length: {len(gzip.compress(bytes(30 * MEGABYTE)))}",
                "Content-Encoding: gzip",
            ),
            413,
            "PAYLOAD_TOO_LARGE",
            id="a bomb",
        ),
        pytest.param(
            build_post(b"x", "Content-Length: 1", "Content-Encoding: br"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            id="another coding",
        ),
    ],
)
def test_a_refusal_can_be_read_and_is_a_problem(
    server: Server, sent: bytes, status: int, code: str
) -> None:
    """Also by a client that sends everything before it reads."""
    reply = send_bytes(server.url, sent)
    assert (reply.status, reply.problem["code"]) == (status, code)
    request_id = reply.headers["x-request-id"]
    wait_until(lambda: request_id in server.log.read_text(encoding="utf-8"))  # its line in the log


def test_an_idle_connection_is_closed(server: Server) -> None:
    with connect(server.url) as connection:
        assert read_all(connection) == b""


@pytest.mark.parametrize("encoded", [False, True], ids=["as it is", "gzip"])
def test_a_body_is_read_in_either_encoding(server: Server, encoded: bool) -> None:
    body = gzip.compress(SIMPLE) if encoded else SIMPLE
    coding = ["Content-Encoding: gzip"] if encoded else []
    reply = send_bytes(server.url, build_post(body, f"Content-Length: {len(body)}", *coding))
    assert (reply.status, orjson.loads(reply.body)["store_nbr"]) == (200, 1)


def build_chunked_post(trailer: str, *headers: str, key: str | None = None) -> bytes:
    body = b"%x\r\n%b\r\n0\r\n%b\r\n\r\n" % (len(SIMPLE), SIMPLE, trailer.encode())
    return build_post(body, "Transfer-Encoding: chunked", *headers, key=key)


def test_a_key_in_a_trailer_is_ignored(server: Server) -> None:
    reply = send_bytes(server.url, build_chunked_post(f"X-API-Key: {KEY}"))
    assert (reply.status, reply.problem["code"]) == (401, "AUTH_REQUIRED")
    assert send_bytes(server.url, build_chunked_post("Key: none", key=KEY)).status == 200


def test_an_address_in_a_trailer_is_ignored(server: Server) -> None:
    """The trusted proxy has written another one, and that one is charged."""
    remaining: Counter[str] = Counter()
    for number in range(5):
        forwarded = f"X-Forwarded-For: 6.6.{number}.6"
        reply = send_bytes(server.url, build_chunked_post(forwarded, "X-Forwarded-For: 5.5.5.5"))
        remaining[reply.headers["x-ratelimit-remaining"]] += 1
    assert len(remaining) >= 4, f"one caller has less and less: {remaining}"


def test_an_unparsable_request_is_charged_to_its_address(server: Server) -> None:
    reply = send_bytes(server.url, b"nonsense\r\n\r\n")
    assert reply.headers["ratelimit"].startswith('"anonymous"')
    assert int(reply.headers["x-ratelimit-remaining"]) < ANONYMOUS["burst"]
