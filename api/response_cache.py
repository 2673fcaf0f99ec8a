"""Answers that are kept: a successful body depends on model, data and request alone.

What a request means is kept too, by the bytes of the request: one that came before is answered
without being parsed, checked and named again, and a large answer that was compressed before is
not compressed again.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import anyio.to_thread
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.answers import JSON, REVALIDATE, Raw, body_of, etag_of, is_held
from api.costs import charge, charged
from api.parsing import sent_body
from cache.answers import AnswerCache, Outcome
from cache.bounded import ByteBoundedCache
from cache.keys import CacheKey, key_of
from models.forecaster import Forecaster

STATE_KEY = "kept"
"""Where a request finds them."""

CACHED_REQUESTS_BYTES = 16 * 2**20
"""Of remembered requests with their meanings; the least recently sent give way."""

LONGEST = 512
"""Bytes of query, media type and body together up to which a request is remembered: its sender
chooses them, and may choose ever other ones."""

LARGE = 8_192
"""Bytes from which a body is sent compressed to who takes that."""

ENCODED_BYTES = 16 * 2**20
"""Of compressed bodies that are kept."""

_MEANING_BYTES = 250  # of the two tuples and the number
_SENT_KEY = "sent"
_LEVEL = 6

_Sent = tuple[str, str, bytes, bytes, bytes]
"""Version, path, query, media type and body: all that an answer depends on."""


class CachedRequest(NamedTuple):
    """What a request that was answered before asks for.

    Attributes:
        key: of the answer.
        extra: units that it costs beside the call's flat cost.
        tag: of an answer that has an ETag.
    """

    key: CacheKey
    extra: int
    tag: str | None


class ResponseCache:
    """The kept answers of a worker, as requests reach them."""

    def __init__(self, answers: AnswerCache) -> None:
        self._answers = answers
        self._requests: ByteBoundedCache[_Sent, CachedRequest] = ByteBoundedCache(
            CACHED_REQUESTS_BYTES, _request_bytes
        )
        self._encoded: ByteBoundedCache[CacheKey, bytes] = ByteBoundedCache(
            ENCODED_BYTES, _encoded_bytes
        )

    async def at_once(self, version: str, request: Request) -> Response | None:
        """The answer to a request whose like was answered before, if this process holds it.

        Args:
            version: of what answers.

        Raises:
            Problem: the caller cannot pay for it.
        """
        scope = request.scope
        media_type = b""
        for name, value in scope["headers"]:
            if name == b"cache-control":
                return None
            if name == b"content-type" and not media_type:  # the first counts, as when it is read
                media_type = value
        body = await sent_body(request)
        query = scope["query_string"]
        if len(body) + len(query) + len(media_type) > LONGEST:
            return None
        sent = (version, scope["path"], query, media_type, body)
        known = self._requests.get(sent)
        held = None if known is None else self._answers.held(known.key)
        if known is None or held is None:
            scope["state"][_SENT_KEY] = sent
            return None
        await charge(request, known.extra)
        return await self._told(request, known, held, Outcome.HIT)

    async def answer(
        self,
        forecaster: Forecaster,
        request: Request,
        asked: BaseModel,
        compute: Callable[[], Awaitable[Any]],
        *,
        shared: bool,
        with_etag: bool,
    ) -> Response:
        """See `kept`."""

        async def body() -> bytes:
            return body_of(await compute())

        key = key_of(
            forecaster.release.engine.version,
            request.scope["path"],
            asked.model_dump_json(by_alias=True, warnings=False).encode(),
        )
        bypass = "no-cache" in request.headers.get("cache-control", "")
        found = await self._answers.get(key, body, shared=shared, bypass=bypass)
        known = CachedRequest(key, charged(request), etag_of(found.body) if with_etag else None)
        sent = request.scope["state"].get(_SENT_KEY)
        if sent is not None:
            self._requests.put(sent, known)
        return await self._told(request, known, found.body, found.outcome)

    async def _told(
        self, request: Request, known: CachedRequest, body: bytes, outcome: Outcome
    ) -> Response:
        headers: Raw = [(b"x-cache", outcome.encode())]
        large, tag = len(body) >= LARGE, known.tag
        gzipped = large and _takes_gzip(request)
        if large:
            headers.append((b"vary", b"Accept-Encoding"))
        if tag is not None:
            tag = f'{tag[:-1]}-gzip"' if gzipped else tag  # other bytes (RFC 9110 section 8.8.3)
            headers += [(b"etag", tag.encode()), (b"cache-control", REVALIDATE.encode())]
            if is_held(request, tag):
                return RawResponse(b"", headers, status=304)
        headers.append((b"content-type", JSON.encode()))
        if gzipped:
            body = await self._compressed(known.key, body, outcome)
            headers.append((b"content-encoding", b"gzip"))
        return RawResponse(body, headers)

    async def _compressed(self, key: CacheKey, body: bytes, outcome: Outcome) -> bytes:
        encoded = None if outcome is Outcome.BYPASS else self._encoded.get(key)
        if encoded is None:
            encoded = await anyio.to_thread.run_sync(_zipped, body)
            if outcome is not Outcome.BYPASS:
                self._encoded.put(key, encoded)
        return encoded


class RawResponse(Response):
    """A body with headers as they are sent; Starlette would encode them for each answer."""

    def __init__(self, body: bytes, headers: Raw, *, status: int = 200) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        length = [] if status == 304 else [(b"content-length", b"%d" % len(body))]
        self.raw_headers = [*length, *headers]


async def cached_response(
    forecaster: Forecaster,
    request: Request,
    asked: BaseModel,
    compute: Callable[[], Awaitable[Any]],
    *,
    shared: bool,
    with_etag: bool = False,
) -> Response:
    """The answer to a request, from the cache if it is there.

    A client that sends ``Cache-Control: no-cache`` has it computed anew.

    Args:
        asked: the request as it was checked, defaults included.
        compute: makes the content of the answer; its exception is not kept.
        shared: whether computing takes so long that other workers should be asked first.
        lasting: whether the answer gets an ETag.
    """
    answers: ResponseCache = request.scope["state"][STATE_KEY]
    return await answers.answer(
        forecaster, request, asked, compute, shared=shared, with_etag=with_etag
    )


def _takes_gzip(request: Request) -> bool:
    """Whether Accept-Encoding names gzip, other than to refuse it (RFC 9110 section 12.5.3)."""
    for part in request.headers.get("accept-encoding", "").split(","):
        coding, _, weight = part.partition(";")
        if coding.strip().lower() == "gzip":
            return weight.replace(" ", "").lower() not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _request_bytes(sent: _Sent, known: CachedRequest) -> int:
    texts = (*sent, known.key, known.tag or "")
    return _MEANING_BYTES + sum(map(sys.getsizeof, texts))


def _encoded_bytes(key: CacheKey, encoded: bytes) -> int:
    return sys.getsizeof(key) + sys.getsizeof(encoded)


def _zipped(body: bytes) -> bytes:
    return gzip.compress(body, _LEVEL, mtime=0)
