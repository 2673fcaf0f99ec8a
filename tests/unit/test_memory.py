"""Everything in a worker that callers can fill, filled with the worst input.

Each is given a bound of 1 MiB, because measuring takes long, and several times as much to hold.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import numpy as np
import pytest
from starlette.requests import Request
from starlette.types import Scope

from api.http import response_cache
from api.http.representation import ONLY_JSON
from api.http.response_cache import CachedRequest, ResponseCache
from config.tiers import TIERS
from middleware import address
from middleware.auth import identity as identity_module
from middleware.auth.audit_buffer import AuditBuffer, refusal_event
from middleware.auth.cached_key_store import MOST_USES, CachedKeyStore, _Entry
from middleware.auth.caller import Caller
from middleware.auth.identity import CredentialIdentity, EnvironmentKey
from middleware.auth.token_keys import SharedSecret
from middleware.auth.tokens import TokenVerifier
from middleware.auth.verified_token import VerifiedToken
from middleware.context import context_of
from middleware.ratelimit.limiter import Limiter
from middleware.ratelimit.local import LocalLimits
from models.engine import ForecastEngine
from storage.cache.answers import AnswerCache
from storage.cache.keys import key_of
from storage.keys import ApiKey

pytestmark = pytest.mark.slow

MIB = 2**20
NOW = datetime(2026, 5, 1, tzinfo=UTC)
SLACK = 128 * 1024
"""Bytes allowed for the measurement itself and for over-allocated containers."""


@pytest.fixture
def growth() -> Iterator[Callable[[], int]]:
    """Return a function that gives the bytes allocated since the start of the test."""
    gc.collect()
    tracemalloc.start()
    begin = tracemalloc.get_traced_memory()[0]

    def grown() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - begin

    yield grown
    tracemalloc.stop()


def text(number: int, length: int) -> str:
    return f"{number:0{length}d}"


class NoKeys:
    """A database that has every key, or none."""

    def __init__(self, *, holds: bool) -> None:
        self.holds = holds

    def find(self, public_id: str) -> ApiKey | None:
        if not self.holds:
            return None
        return ApiKey(
            id=public_id,
            client=public_id.rjust(100, "c"),
            scopes=frozenset(),
            tier="standard",
            created_at=NOW,
            expires_at=None,
            revoked_at=None,
            last_used_at=None,
            digest=public_id.rjust(64, "0"),
        )

    def record_uses(self, times: object) -> None: ...


def test_verified_credentials(growth: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A valid key can be written in many ways: with spaces around it, and in either header."""
    monkeypatch.setattr(identity_module, "MOST_VERIFIED", 1000)
    key = "k" * 40
    identity = CredentialIdentity(
        CachedKeyStore(NoKeys(holds=False), ttl=60, grace=60),
        environment=EnvironmentKey(key, tier="unlimited", scopes=()),
    )

    async def fill() -> None:
        for number in range(5_000):
            spaces = b" " * (number % 300)
            headers = [(b"x-api-key", key.encode() + spaces)]
            caller = await identity.identify({"headers": headers}, text(number, 20))
            assert caller.client == "API_KEY"

    asyncio.run(fill())
    assert growth() < MIB + SLACK
    assert 0 < len(identity._verified) <= 1000


@pytest.mark.parametrize("part", ["query", "type", "body"])
@pytest.mark.parametrize("length", [1, 500, 5_000], ids=["short", "long", "too long"])
def test_remembered_requests(
    growth: Callable[[], int], monkeypatch: pytest.MonkeyPatch, part: str, length: int
) -> None:
    monkeypatch.setattr(response_cache, "CACHED_REQUESTS_BYTES", MIB)
    answers = ResponseCache(AnswerCache())

    async def fill() -> None:
        for number in range(4_000 if length < 5_000 else 500):
            value = text(number, max(length, 5)).encode()
            query, media_type, body = (
                value if part == name else b"" for name in ("query", "type", "body")
            )
            scope: Scope = {
                "type": "http",
                "path": text(number, 30),
                "query_string": query,
                "headers": [(b"content-type", media_type)],
            }
            context_of(scope).body = body
            await remember(answers, scope, number)

    asyncio.run(fill())
    assert growth() < MIB + SLACK
    assert answers._requests.nbytes <= MIB
    assert (len(answers._requests) == 0) is (length == 5_000)


async def remember(answers: ResponseCache, scope: Scope, number: int) -> None:
    """Send a request and remember its canonical form, as a response does."""
    request = Request(scope)
    version = f"{'v' * 40}{number % 3}"
    sent = await answers.cacheable_request(version, scope["path"], request, ONLY_JSON)
    if sent is not None:
        assert await answers.find(sent, request) is None
        key = key_of("v" * 40, "/predict/simple", text(number, 20).encode())
        answers._requests.put(sent, CachedRequest(key, 19, f'"{number:032d}"', ONLY_JSON))


@pytest.mark.parametrize("length", [10, 100_000], ids=["small", "large"])
def test_compressed_answers(
    growth: Callable[[], int], monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(response_cache, "ENCODED_BYTES", MIB)
    answers = ResponseCache(AnswerCache())
    for number in range(5_000 if length == 10 else 40):
        answers._encoded.put(key_of("v", "c", text(number, 9).encode()), bytes(length))
    assert growth() < MIB + SLACK


@pytest.mark.parametrize("length", [10, 100_000], ids=["small", "large"])
def test_answers(growth: Callable[[], int], length: int) -> None:
    cache = AnswerCache(max_bytes=MIB)

    async def fill() -> None:
        for number in range(5_000 if length == 10 else 40):

            async def compute() -> bytes:
                return bytes(length)

            await cache.get(key_of("v", "c", text(number, 9).encode()), compute, shared=False)

    asyncio.run(fill())
    assert growth() < MIB + SLACK
    assert cache._flights == {}


@pytest.mark.parametrize("holds", [True, False], ids=["keys", "ids"])
def test_keys_and_unknown_ids(growth: Callable[[], int], holds: bool) -> None:
    store = NoKeys(holds=holds)
    lookup = CachedKeyStore(store, known_bytes=MIB, unknown_bytes=MIB)
    for number in range(6_000):
        public_id = text(number, 12)
        lookup._cache_entry(public_id, _Entry(store.find(public_id), float(number)))
    assert growth() < MIB + SLACK


def test_uses_that_wait_to_be_written(growth: Callable[[], int]) -> None:
    lookup = CachedKeyStore(NoKeys(holds=True))
    for number in range(2 * MOST_USES):
        lookup.record_use(text(number, 12))
    assert len(lookup._last_uses) == MOST_USES
    assert growth() < 4 * MIB


def test_verified_tokens(growth: Callable[[], int]) -> None:
    verifier = TokenVerifier(
        SharedSecret("s" * 32),
        audience="a",
        scopes=["forecast"],
        tiers=TIERS,
        default_tier="free",
        cached_bytes=MIB,
    )
    for number in range(2_000):
        subject = text(number, 9) + "\U0001f600" * 119
        digest = number.to_bytes(32)
        verifier._cache[digest] = VerifiedToken(
            subject, frozenset({"forecast"}), "free", 4e9 + number
        )
    assert growth() < MIB + SLACK


def test_times_of_callers(growth: Callable[[], int]) -> None:
    limits = LocalLimits(max_bytes=MIB)
    for number in range(5_000):
        limits.charge(f"jwt:{text(number, 9)}{'ü' * 119}", TIERS["standard"], 1)
    assert growth() < MIB + SLACK


def test_leases_of_callers(growth: Callable[[], int]) -> None:
    class UnavailableRedis:
        async def run(self, operation: object) -> Any:
            raise AssertionError("only accounts are made here")

    limiter = Limiter(UnavailableRedis(), max_bytes=MIB)
    for number in range(5_000):
        account = limiter._lease_for(f"jwt:{text(number, 9)}{'ü' * 119}", TIERS["standard"])
        account._units, account._units_until, account._reset_at = number, 1e9 + number, 2e9 + number
        account._refused_until, account._retry_at = 3e9 + number, 4e9 + number
    assert growth() < MIB + SLACK


def test_refusals_that_wait_to_be_written(growth: Callable[[], int]) -> None:
    buffer = AuditBuffer(lambda events: None)
    for number in range(2_000):
        subject, place = f"jwt:{text(number, 9)}{'ü' * 119}", text(number, 40)
        caller = Caller(subject, subject, "free", frozenset(), True, place)
        scope: Scope = {
            "method": "M" * 10_000,
            "path": text(number, 100_000),
        }
        context = context_of(scope)
        context.caller, context.request_id = caller, "r" * 128
        buffer.record(refusal_event(scope, "unknown_key", at=NOW, subject=text(number, 12)))
    assert len(buffer._waiting) == 256
    assert growth() < 256 * 2_048


def test_addresses(growth: Callable[[], int]) -> None:
    for number in range(2_000):
        headers = [(b"x-forwarded-for", text(number, 50_000).encode())]
        scope = {"client": ("127.0.0.1", 1), "headers": headers}
        address.client_address(scope, [ip_network("127.0.0.0/8")])
    assert growth() < MIB


def test_quantiles_of_a_calibration(engine: ForecastEngine, growth: Callable[[], int]) -> None:
    """Callers choose the probabilities."""
    assert engine.intervals
    nodes, horizons = np.array([0]), np.array([1])
    call: Any = (nodes, np.ones((1, 1)), horizons)
    for share in np.linspace(0.01, 0.99, 3_000).tolist():
        engine.intervals.quantiles(*call, (share,), sold=np.array([True]))
    assert growth() < MIB
