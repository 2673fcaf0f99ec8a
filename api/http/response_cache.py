"""Responses from the answer cache: a successful body depends on model, data and request only.

In front of that cache, whose keys are made of validated requests, are two of this module. One maps
the bytes of a request to the key of its answer, so that a repeated request is answered without
being parsed, validated and hashed again. The other has large answers in compressed form.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Any, NamedTuple

import anyio.to_thread
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.http.negotiation import negotiate_coding
from api.http.operation import Computation
from api.http.parsing import read_body
from api.http.pricing import charge
from api.http.representation import RawResponse, Representation, encode_table
from api.http.responses import REVALIDATE, Raw, body_of, etag_matches, etag_of
from config.version import __version__
from middleware.headers import JSON
from middleware.routing import policy_of
from storage.cache.answers import AnswerCache, CacheTier, Outcome
from storage.cache.bounded import ByteBoundedCache
from storage.cache.keys import CacheKey, key_of
from telemetry import spans
from telemetry.metrics import COMPUTATION_SECONDS

CACHED_REQUESTS_BYTES = 16 * 2**20
"""Of requests that are mapped to their answers; the least recently used are evicted."""

LONGEST = 512
"""Bytes of query, media type and body together up to which a request is cached: clients choose
them, and could otherwise fill the cache with few large requests."""

LARGE = 8_192
"""Bytes from which a body is compressed for clients that accept it."""

ENCODED_BYTES = 16 * 2**20
"""Of compressed bodies in the cache."""

CACHE, COMPUTATION = "cache", "computation"
"""Names of spans. A computation is within the lookup that did not find its answer."""

_IN_MEMORY = {"mlrf.cache.tier": CacheTier.MEMORY.value}
_ENTRY_BYTES = 250  # of an entry's two tuples and its number, without their texts
_GZIP_LEVEL = 6
_GZIP_WINDOW = 31  # of zlib: the largest, in the format of gzip

CacheableRequest = tuple[str, str, str, bytes, bytes, bytes]
"""Version of the release, path, media type of the answer, query, media type of the body, and body:
all that an answer depends on."""


class CachedRequest(NamedTuple):
    """The result of parsing a request that was answered before.

    Attributes:
        key: of the answer.
        extra: units that it costs in addition to the operation's flat cost.
        tag: entity tag of the answer, if it has one.
        form: of the answer.
    """

    key: CacheKey
    extra: int
    tag: str | None
    form: Representation


class ResponseCache:
    """The answer cache of a worker, with its requests and its compressed bodies."""

    def __init__(self, answers: AnswerCache) -> None:
        self._answers = answers
        self._requests: ByteBoundedCache[CacheableRequest, CachedRequest] = ByteBoundedCache(
            CACHED_REQUESTS_BYTES, _request_bytes
        )
        self._encoded: ByteBoundedCache[CacheKey, bytes] = ByteBoundedCache(
            ENCODED_BYTES, _encoded_bytes
        )

    async def cacheable_request(
        self, version: str, path: str, request: Request, form: Representation
    ) -> CacheableRequest | None:
        """Return all of a request that its answer depends on; None if it is not looked up by that.

        Args:
            version: of the release that answers.
            path: of the operation.
            form: of the answer.
        """
        # The bytes of a request stand for its meaning only together with all else that decides the
        # answer: `CacheableRequest` must have whatever a handler comes to depend on. A request with
        # Cache-Control is parsed, so that `no-cache` is seen.
        scope = request.scope
        media_type = b""
        for name, value in scope["headers"]:
            if name == b"cache-control":
                return None
            if name == b"content-type" and not media_type:  # the first counts, as when it is read
                media_type = value
        body = await read_body(request)
        query = scope["query_string"]
        if len(body) + len(query) + len(media_type) > LONGEST:
            return None
        return version, path, form.media_type, query, media_type, body

    async def find(self, cacheable: CacheableRequest, request: Request) -> Response | None:
        """Return the response to a request that was answered before, if it is in this process.

        It is charged what it was charged when it was computed, so that a hit does not change what
        a caller pays.

        Raises:
            Problem: the caller cannot pay for it.
        """
        known = self._requests.get(cacheable)
        cached = None if known is None else self._answers.get_local(known.key)
        if known is None or cached is None:
            return None
        # no span of its own: it took some microseconds, and the request's span says the same
        spans.request_span().set(_IN_MEMORY)
        await charge(request, known.extra)
        return await self._respond(request, known, cached, Outcome.HIT)

    def key(self, version: str, path: str, payload: BaseModel, form: Representation) -> CacheKey:
        """Return the key of the answer to a validated request, defaults included."""
        document = payload.model_dump_json(by_alias=True, warnings=False)
        call = path if form.media_type == JSON else f"{path} {form.media_type}"
        return key_of(version, call, document.encode())

    async def answer(
        self,
        request: Request,
        cacheable: CacheableRequest | None,
        key: CacheKey,
        computation: Computation[Any],
        form: Representation,
        *,
        with_etag: bool,
    ) -> Response:
        """Return the response to a request, from the cache if its answer is there.

        For a client that sends ``Cache-Control: no-cache`` it is computed.

        Args:
            cacheable: under which the same request hits the cache from now on.
        """
        if computation.stream is not None:
            return await self._stream(request, key, computation.stream(form.media_type), form)

        async def body() -> bytes:
            began = perf_counter()
            try:
                with spans.child(COMPUTATION):
                    return await _compute_body(computation, form)
            finally:
                endpoint = policy_of(request.scope).route
                COMPUTATION_SECONDS.observe(perf_counter() - began, endpoint)

        bypass = is_cache_bypassed(request)
        with spans.child(CACHE) as span:
            cached = await self._answers.get(key, body, shared=computation.shared, bypass=bypass)
            span.set({"mlrf.cache": cached.outcome, "mlrf.cache.tier": cached.tier})
        tag = etag_of(cached.body) if with_etag else None
        known = CachedRequest(key, computation.cost, tag, form)
        if cacheable is not None:
            self._requests.put(cacheable, known)
        return await self._respond(request, known, cached.body, cached.outcome)

    async def _stream(
        self, request: Request, key: CacheKey, body: AsyncIterator[bytes], form: Representation
    ) -> Response:
        """Return the response whose body is sent as it is made.

        Its entity tag is of what decides the body, which is not known before its head is sent. It
        is weak (RFC 9110 section 8.8.1): another machine may round a last digit otherwise.
        """
        tag = f"W/{etag_of(f'{__version__} {key}'.encode())}"
        headers: Raw = [cache_header(Outcome.BYPASS), *form.headers]
        headers += [(b"etag", tag.encode()), (b"cache-control", REVALIDATE.encode())]
        if form.compressible:
            headers.append((b"vary", b"Accept-Encoding"))
        if etag_matches(request, tag.removeprefix("W/")):
            return RawResponse(b"", headers, status=304)
        headers.append((b"content-type", form.content_type))
        parts = _timed(body, policy_of(request.scope).route)
        if form.compressible and negotiate_coding(request.scope, ("gzip",)) == "gzip":
            headers.append((b"content-encoding", b"gzip"))
            parts = _compress_parts(parts)
        first = await anext(parts)  # what cannot be computed is still a problem
        response = StreamingResponse(_chain(first, parts))
        response.raw_headers = headers
        return response

    async def _respond(
        self, request: Request, known: CachedRequest, body: bytes, outcome: Outcome
    ) -> Response:
        headers: Raw = [cache_header(outcome), *known.form.headers]
        large, tag = known.form.compressible and len(body) >= LARGE, known.tag
        gzipped = large and negotiate_coding(request.scope, ("gzip",)) == "gzip"
        if large:
            headers.append((b"vary", b"Accept-Encoding"))
        if tag is not None:
            tag = f'{tag[:-1]}-gzip"' if gzipped else tag  # other bytes (RFC 9110 section 8.8.3)
            headers += [(b"etag", tag.encode()), (b"cache-control", REVALIDATE.encode())]
            if etag_matches(request, tag):
                return RawResponse(b"", headers, status=304)
        headers.append((b"content-type", known.form.content_type))
        if gzipped:
            body = await self._compress_cached(known.key, body, outcome)
            headers.append((b"content-encoding", b"gzip"))
        return RawResponse(body, headers)

    async def _compress_cached(self, key: CacheKey, body: bytes, outcome: Outcome) -> bytes:
        encoded = None if outcome is Outcome.BYPASS else self._encoded.get(key)
        if encoded is None:
            encoded = await anyio.to_thread.run_sync(_compress, body)
            if outcome is not Outcome.BYPASS:
                self._encoded.put(key, encoded)
        return encoded


async def _timed(body: AsyncIterator[bytes], endpoint: str) -> AsyncIterator[bytes]:
    """Yield the parts of a body, and observe the time in which they were made and sent."""
    began = perf_counter()
    async for part in body:
        yield part
    COMPUTATION_SECONDS.observe(perf_counter() - began, endpoint)


async def _compress_parts(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the parts of a body as those of one gzip member."""
    stream = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WINDOW)
    async for part in parts:
        if compressed := await anyio.to_thread.run_sync(stream.compress, part):
            yield compressed
    yield stream.flush()


async def _chain(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in others:
        yield part


def is_cache_bypassed(request: Request) -> bool:
    """Return whether the client wants an answer that is computed for it."""
    return "no-cache" in request.headers.get("cache-control", "")


def cache_header(outcome: Outcome) -> tuple[bytes, bytes]:
    """Return the header that tells whether an answer was cached."""
    return b"x-cache", outcome.encode()


async def _compute_body(computation: Computation[Any], form: Representation) -> bytes:
    if form.media_type == JSON:
        return body_of(await computation.compute())
    assert computation.table is not None, "an operation with tables returns one"
    return await encode_table(form.media_type, await computation.table())


def _request_bytes(request: CacheableRequest, known: CachedRequest) -> int:
    texts = (*request, known.key, known.tag or "")
    return _ENTRY_BYTES + sum(map(sys.getsizeof, texts))


def _encoded_bytes(key: CacheKey, encoded: bytes) -> int:
    return sys.getsizeof(key) + sys.getsizeof(encoded)


def _compress(body: bytes) -> bytes:
    return gzip.compress(body, _GZIP_LEVEL, mtime=0)
