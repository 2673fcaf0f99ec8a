"""Limits on a real server: two workers that share them in a real Valkey."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from features.data.snapshot import Snapshot
from storage.artifacts import Store
from tests.support.servers import Server, running, workers_of
from tests.support.valkey import running_valkey
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TIERS = {
    "metered": {"quota": 100, "window": 1, "burst": 50},
    "bill": {"quota": 1, "window": 3600, "burst": 1000},  # nothing is refilled during a test
    "small": {"quota": 60, "window": 60, "burst": 30},
    "anonymous": {"quota": 60, "window": 60, "burst": 20},
}
SECONDS = 4.0
CLIENTS = 8
PROXY, STRANGER = "127.0.0.2", "127.0.0.3"
"""Two addresses of this machine: one of the proxy that the server trusts."""

SERIES: dict[str, Any] = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("limits")
    settings = {
        "WORKERS": "2",
        "AUTH_MODE": "required",
        "API_KEY": KEY,
        "TIERS": json.dumps(TIERS),
        "TRUSTED_PROXIES": f"{PROXY}/32",
    }
    with (
        running_valkey() as valkey,
        running(folder, trained, REDIS_URL=valkey.url(), **settings) as started,
    ):
        started.wait_for("/readyz")
        wait_until(lambda: len(workers_of(started)) == 2)
        yield started


def create_key(server: Server, tier: str) -> dict[str, str]:
    """Create a key for a new client in a tier, and return its headers."""
    body = {"client": f"{tier}-{time.monotonic_ns()}", "tier": tier}
    made = server.request("POST", "/admin/keys", json=body, headers={"X-API-Key": KEY})
    assert made.status_code == 201, made.text
    return {"X-API-Key": made.json()["key"]}


def remaining(response: httpx.Response) -> int:
    return int(response.headers["x-ratelimit-remaining"])


# --- the rate ---------------------------------------------------------------------------------


async def hammer(url: str, headers: dict[str, str]) -> tuple[Counter[int], float]:
    """Return statuses of requests that clients send as fast as they can, and the seconds taken."""
    statuses: Counter[int] = Counter()

    async def ask(client: httpx.AsyncClient, until: float) -> None:
        while time.monotonic() < until:
            response = await client.get("/v2")
            statuses[response.status_code] += 1
            assert all(name in response.headers for name in HEADERS), response.headers
            assert ("retry-after" in response.headers) == (response.status_code == 429)

    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, verify=False)
            )
            for _ in range(CLIENTS)
        ]
        # probes are free; they open the connections before the burst
        await asyncio.gather(*(client.get("/livez") for client in clients))
        began = time.monotonic()
        await asyncio.gather(*(ask(client, began + SECONDS) for client in clients))
        return statuses, time.monotonic() - began


HEADERS = (
    *("ratelimit", "ratelimit-policy"),
    *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
)


def test_two_workers_together_accept_what_the_tier_allows(server: Server) -> None:
    """Rate × time + burst, within two parts in a hundred."""
    headers = create_key(server, "metered")
    statuses, seconds = asyncio.run(hammer(server.url, headers))
    assert statuses.keys() == {200, 429}
    allowed = 100 * seconds + 50
    assert sum(statuses.values()) > 1.3 * allowed, "the clients asked for too little to tell"
    assert 0.98 * allowed - CLIENTS <= statuses[200] <= 1.02 * allowed + CLIENTS


def test_headers_report_the_state_of_the_limit(server: Server) -> None:
    headers = create_key(server, "small")
    first = server.request("GET", "/meta", headers=headers)
    assert first.headers["ratelimit-policy"] == '"small";q=60;w=60;mlrf-burst=30'
    assert first.headers["ratelimit"] == '"small";r=29;t=1'
    assert (first.headers["x-ratelimit-limit"], remaining(first)) == ("30", 29)
    assert abs(int(first.headers["x-ratelimit-reset"]) - time.time()) < 5

    missing = server.request("GET", "/nowhere", headers=headers)
    assert (missing.status_code, remaining(missing)) == (404, 28), "problems are charged too"
    refused = server.request("GET", "/admin/keys", headers=headers)
    assert (refused.status_code, "ratelimit" in refused.headers) == (403, True)

    last = first
    while last.status_code == 200:
        last = server.request("POST", "/explain", json=SERIES, headers=headers)
    assert (last.status_code, last.json()["code"]) == (429, "RATE_LIMITED")
    seconds = int(last.headers["retry-after"])
    assert 1 <= seconds <= 30
    assert last.headers["ratelimit"] == f'"small";r={remaining(last)};t={seconds}'


# --- costs ------------------------------------------------------------------------------------


def test_each_call_has_its_cost(server: Server, snapshot: Snapshot) -> None:
    headers = create_key(server, "bill")
    balance = 1000
    day = snapshot.facts.origin
    past = {"date": (day - timedelta(30)).isoformat()}
    week = {**SERIES, "horizon": 15}
    items = [{**week, "store_nbr": store} for store in (1, 2, 3, 1, 2)]

    def cost(method: str, path: str, **options: Any) -> int:
        nonlocal balance
        response = server.request(method, path, headers=headers, **options)
        assert response.status_code == 200, response.text
        before, balance = balance, remaining(response)
        return before - balance

    assert cost("POST", "/predict/simple", json=week) == 1
    assert cost("POST", "/predict/simple", json={**week, **past}) == 20
    assert cost("POST", "/predict/simple", json={**week, **past}) == 20, "cached or not"
    assert cost("GET", "/hierarchy", params={"horizon": 15}) == 1
    assert cost("GET", "/hierarchy", params={"horizon": 15, **past}) == 20
    assert cost("POST", "/explain", json=SERIES) == 25
    assert cost("POST", "/whatif", json={**week, "adjustments": {"onpromotion": 3}}) >= 20
    assert cost("POST", "/predict/batch", json={"predictions": items}) == 5
    with_past = [{**items[0], "date": _days_before(day, 40)}, *items]
    assert cost("POST", "/predict/batch", json={"predictions": with_past}) == 5 + 20
    free = server.request("GET", "/livez", headers=headers)
    assert "ratelimit" not in free.headers


def _days_before(day: date, count: int) -> str:
    return (day - timedelta(count)).isoformat()


def test_a_request_above_the_burst_is_refused_for_its_cost(server: Server) -> None:
    """It is charged nevertheless: repeating it must not be free."""
    headers = {**create_key(server, "small"), "Content-Type": "text/csv"}
    lines = ["store_nbr,family,horizon", *['1,"LIQUOR,WINE,BEER",15'] * 31]
    options = {"content": "\n".join(lines), "headers": headers}
    refused = server.request("POST", "/predict/batch", **options)
    assert (refused.status_code, refused.json()["code"]) == (400, "COST_TOO_HIGH")
    assert "31 units" in refused.json()["detail"]
    assert "30 at once" in refused.json()["detail"]
    assert remaining(refused) < 30
    fewer = "\n".join(lines[:11])
    answered = server.request("POST", "/predict/batch", content=fewer, headers=headers)
    assert answered.status_code == 200


# --- unauthenticated callers ------------------------------------------------------------------


def guess_keys(server: Server, address: str, *forwarded: str) -> Counter[int]:
    """Guess 40 keys from an address, with forwarded addresses, and return the statuses."""
    transport = httpx.HTTPTransport(local_address=address)
    statuses: Counter[int] = Counter()
    with httpx.Client(base_url=server.url, transport=transport) as client:
        for number in range(40):
            headers = {"X-API-Key": f"a-guess-{number}"}
            if forwarded:
                headers["X-Forwarded-For"] = forwarded[number % len(forwarded)]
            response = client.get("/meta", headers=headers)
            statuses[response.status_code] += 1
            assert ("retry-after" in response.headers) == (response.status_code == 429)
    return statuses


@pytest.mark.parametrize("address", [STRANGER, "127.0.0.1"])
def test_a_client_that_guesses_keys_is_limited_by_its_address(server: Server, address: str) -> None:
    """The limit holds over all workers, and forwarded addresses of a client are ignored.

    uvicorn by default trusts the headers from 127.0.0.1.
    """
    key = create_key(server, "small")
    for worker in workers_of(server):
        assert worker.get("/meta", headers=key).status_code == 200
    began = time.monotonic()
    statuses = guess_keys(server, address, *(f"198.51.100.{number}" for number in range(40)))
    seconds = time.monotonic() - began
    assert statuses.keys() == {401, 429}
    assert 20 <= statuses[401] <= 21 + seconds
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(base_url=server.url, transport=transport) as client:
        known = client.get("/meta", headers=key)
        assert known.status_code == 200, "a valid key is not limited by guesses from its address"
        assert client.get("/livez").status_code == 200


def test_a_trusted_proxy_is_believed_only_for_its_own_entry(server: Server) -> None:
    """Each caller behind it has a limit of its own; entries that a caller added are ignored."""
    first = guess_keys(server, PROXY, "203.0.113.1")
    assert first[429] > 0
    assert guess_keys(server, PROXY, "203.0.113.2")[401] >= 20
    spoofed = guess_keys(server, PROXY, *(f"10.0.0.{number}, 203.0.113.1" for number in range(40)))
    assert spoofed[401] <= 20 // 2, "still the first caller, whose limit is spent"
