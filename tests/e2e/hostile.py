"""Hostile requests: altered bytes of valid ones, and bodies that are expensive to process.

Every draw follows from the seed, so a failure can be repeated.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Sequence

import orjson

from api.docs.examples import examples
from api.operations import OPERATIONS

KIB, MIB = 1024, 1024**2

_CELLS = ("1", "DAIRY", "15", "", "x" * 900, '"', '""', "=1+1", "2024-01-01", "1e9", "\x00", "é")
_SCALARS = (None, True, 0, -1, 1.0, 80.5, 10**18, 1e300, "", "DAIRY", "x" * 3000, "\x00", "2024-1")
_NAMES = ("store_nbr", "family", "date", "horizon", "features", "adjustments", "predictions", "a")
_FIELDS = (
    *("Host: y", "Content-Length: 5", "Transfer-Encoding: chunked", "Expect: 100-continue"),
    *("Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c", "Content-Encoding: gzip"),
    *("Content-Encoding: br", "X-API-Key: mlrf_x", "Authorization: Basic x", "Origin: http://e"),
    *("X-Forwarded-For: 1.2.3.4", "Cache-Control: no-cache", "If-None-Match: *", "A: " + "b" * 999),
    *("Accept-Encoding: gzip;q=0", "Content-Type: text/csv", "Content-Type: application/json"),
)


def _expensive_bodies() -> dict[str, bytes]:
    """Return bodies that took seconds to process in the past, or resemble such ones."""
    simple = b'{"store_nbr":1,"family":"DAIRY","horizon":15,'
    return {
        "wrong items": simple + b'"intervals":[' + 300_000 * b'"a",' + b"1]}",
        "wrong items that fit": simple + b'"intervals":[' + 3_000 * b'"a",' + b"1]}",
        "unknown fields": b"{" + b",".join(b'"k%d":1' % n for n in range(900)) + b"}",
        "adjustments": b'{"horizon":15,"adjustments":{'
        + b",".join(b'"k%d":{"op":1}' % n for n in range(190))
        + b"}}",
        "lists": b"[" + 500_000 * b"[]," + b"[]]",
        "deep": 60 * b'{"a":[' + b"1" + 60 * b"]}",
        "deeper": 500 * b"[" + 500 * b"]",
        "doubled": b'{"a":1,"a":2}',
        "digits": b'{"store_nbr":' + 15_000 * b"9" + b"}",
        "exponent": b'{"store_nbr":1e999999}',
        "a wide batch": b'{"predictions":['
        + b",".join(100 * [simple + b'"intervals":[' + b"80," * 49 + b"80]}"])
        + b"]}",
        "a batch of nothing": b'{"predictions":[' + 6_000 * b"0," + b"0]}",
        "a tensor of nothing": b'{"inputs":[{"name":"rows","shape":[2000,90],"datatype":"FP32",'
        b'"data":[' + 200_000 * b"0," + b"0]}]}",
        "a huge shape": b'{"inputs":[{"name":"rows","shape":[999999999,90,9999999999],'
        b'"datatype":"INT8","data":[1]}]}',
        "a wide header": b"\x00\x01\x7f," * 200_000 + b"\n1,2,3\n",
        "a table of empty lines": b"store_nbr,family,horizon\n" + b"\n" * MIB,
        "a misspelt table": b"store_nbr,family,horizon\n" + 3_000 * b"1,DIARYY,15\n",
        "an open quote": b'store_nbr,family,horizon\n1,"' + b"a\n" * 400_000,
        "a bomb": gzip.compress(bytes(40 * MIB)),
    }


class HostileRequests:
    """A generator of requests as bytes, each for a connection of its own.

    Args:
        key: a valid key, which most requests contain.
    """

    def __init__(self, seed: int, key: str) -> None:
        self._random = random.Random(seed)
        self._key = key
        self._expensive_bodies = list(_expensive_bodies().values())
        self._paths = [call.path.replace("{id}", "nobody") for call in OPERATIONS]
        self._posts = [call.path for call in OPERATIONS if call.method == "POST"]
        self._bodies = {e.path: orjson.dumps(e.body) for e in examples() if e.body is not None}
        self._kinds: Sequence[Callable[[], bytes]] = (
            *(self.draw_valid, self._draw_altered, self._draw_altered, self._draw_document),
            *(
                self._draw_table,
                self._draw_expensive_body,
                self._draw_framing,
                self._draw_noise,
                self._draw_head,
            ),
        )

    def __call__(self) -> bytes:
        return self._random.choice(self._kinds)()

    def draw_valid(self) -> bytes:
        """Draw a request of the contract's examples, with any method."""
        path = self._random.choice(list(self._bodies))
        return self._build_request(path, self._bodies[path], "Content-Type: application/json")

    def _build_request(self, path: str, body: bytes, *fields: str) -> bytes:
        method = self._random.choice(("POST", "POST", "POST", "GET", "PUT", "OPTIONS", "HEAD"))
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: x",
            f"Content-Length: {len(body)}",
            *([f"X-API-Key: {self._key}"] if self._random.random() < 0.9 else []),
            *fields,
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def _draw_altered(self) -> bytes:
        """Draw a valid request, and replace, delete or repeat some of its bytes."""
        sent = bytearray(self.draw_valid())
        for _ in range(self._random.randint(1, 5)):
            at = self._random.randrange(len(sent))
            match self._random.randrange(3):
                case 0:
                    sent[at] = self._random.randrange(256)
                case 1:
                    del sent[at : at + self._random.randint(1, 9)]
                case _:
                    sent[at:at] = sent[at : at + self._random.randint(1, 40)]
        return bytes(sent)

    def _draw_document(self) -> bytes:
        body = orjson.dumps(self._draw_value(4))
        return self._build_request(self._random.choice(self._posts), body)

    def _draw_value(self, depth: int) -> object:
        if depth and self._random.random() < 0.6:
            values = [self._draw_value(depth - 1) for _ in range(self._random.randint(0, 5))]
            if self._random.random() < 0.3:
                return values
            return {self._random.choice(_NAMES): value for value in values}
        return self._random.choice(_SCALARS)

    def _draw_table(self) -> bytes:
        header = self._random.choice(("store_nbr,family,horizon", "store_nbr,family,horizon,date"))
        rows = [
            ",".join(self._random.choices(_CELLS, k=3)) for _ in range(self._random.randint(0, 9))
        ]
        body = "\n".join([header, *rows]).encode()
        return self._build_request("/predict/batch", body, "Content-Type: text/csv")

    def _draw_expensive_body(self) -> bytes:
        body = self._random.choice(self._expensive_bodies)
        media_type = "text/csv" if body[:1] in b"s\x00" else "application/json"
        fields = [f"Content-Type: {media_type}"]
        fields += ["Content-Encoding: gzip"] if body[:2] == b"\x1f\x8b" else []
        return self._build_request(self._random.choice(self._posts), body, *fields)

    def _draw_framing(self) -> bytes:
        fields = self._random.choices(_FIELDS, k=self._random.randint(1, 4))
        chunks = b"2\r\n{}\r\n0\r\nX-API-Key: a\r\n\r\n"
        return self._build_request(self._random.choice(self._paths), chunks, *fields)

    def _draw_noise(self) -> bytes:
        return self._random.randbytes(self._random.randint(1, 300)) + b"\r\n\r\n"

    def _draw_head(self) -> bytes:
        """Draw a head with many or long fields, or with a long target."""
        match self._random.randrange(3):
            case 0:
                fields = [f"a{n}: b" for n in range(self._random.randint(50, 3000))]
                return self._build_request("/livez", b"", *fields)
            case 1:
                return self._build_request(
                    "/livez", b"", "a: " + "b" * self._random.randint(1, 200_000)
                )
            case _:
                query = "&".join(["a=1"] * self._random.randint(1, 4000))
                return self._build_request(f"/hierarchy?{query}", b"")
