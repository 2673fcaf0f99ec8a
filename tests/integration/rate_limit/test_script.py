"""The script in Redis: the same arithmetic as in the process, its own clock, keys that expire."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, cast

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from config.tiers import TIERS
from middleware.ratelimit.gcra import MICROSECONDS, Rate, charge, rate_of, refund
from middleware.ratelimit.redis import SCRIPT
from tests.support.valkey import Valkey

START = 1_800_000_000 * MICROSECONDS  # as large as a server's clock is
RATES = st.builds(
    Rate,
    quota=st.integers(1, 10_000),
    period=st.sampled_from([1, 7, 60, 3600, 86_400]).map(lambda seconds: seconds * MICROSECONDS),
    burst=st.integers(1, 10_000),
)
STEPS = st.lists(
    st.tuples(
        st.one_of(st.just(0), st.integers(0, 10 * MICROSECONDS), st.integers(0, 2**36)),
        st.integers(1, 10_000),
    ),
    min_size=1,
    max_size=15,
)


class Script:
    """The script on a server, with the server's time or one of the test."""

    def __init__(self, port: int) -> None:
        self.client = redis.Redis(port=port)
        self._run = self.client.register_script(SCRIPT)

    def charge(self, key: str, rate: Rate, need: int, want: int, now: int | None = None) -> Any:
        arguments = [need, want, rate.quota, rate.period, rate.burst]
        return self._run([key], [*arguments, *([] if now is None else [now])])


@pytest.fixture(scope="module")
def script(shared_valkey: Valkey) -> Iterator[Script]:
    script = Script(shared_valkey.port)
    yield script
    script.client.close()


@settings(deadline=None)
@given(RATES, STEPS)
def test_redis_and_the_process_agree(
    script: Script, rate: Rate, steps: list[tuple[int, int]]
) -> None:
    """On every number of every decision, to the microsecond."""
    key, now, tat = uuid.uuid4().hex, START, START
    for pause, wanted in steps:
        now += pause
        cost = min(wanted, rate.burst)
        decision, tat = charge(tat, now, rate, cost)
        assert script.charge(key, rate, cost, cost, now) == list(decision)


@pytest.mark.parametrize(
    ("need", "want", "granted", "remaining"),
    [
        pytest.param(1, 1, 1, 9, id="exactly"),
        pytest.param(1, 5, 5, 5, id="as much as is wanted"),
        pytest.param(1, 50, 10, 0, id="as much as there is"),
        pytest.param(10, 10, 10, 0, id="all"),
        pytest.param(11, 50, 0, 10, id="not enough"),
    ],
)
def test_the_grant_is_between_need_and_want(
    script: Script, need: int, want: int, granted: int, remaining: int
) -> None:
    answer = script.charge(uuid.uuid4().hex, rate_of(TIERS["free"]), need, want, START)
    assert answer[:2] == [granted, remaining]


def test_the_clock_is_that_of_redis(script: Script) -> None:
    key, rate = uuid.uuid4().hex, rate_of(TIERS["free"])
    seconds, micros = script.client.time()
    assert script.charge(key, rate, 10, 10) == [10, 0, 0, 360 * MICROSECONDS]
    stored = int(cast(bytes, script.client.get(key)))
    lead = stored - (seconds * MICROSECONDS + micros)
    assert 360 * MICROSECONDS <= lead < 370 * MICROSECONDS
    granted, _, retry, _ = script.charge(key, rate, 1, 1)
    assert granted == 0
    assert 26 * MICROSECONDS < retry <= 36 * MICROSECONDS


def test_a_key_expires_soon_after_its_stored_time(script: Script) -> None:
    key = uuid.uuid4().hex
    script.charge(key, rate_of(TIERS["free"]), 10, 10)
    assert 360 < script.client.pttl(key) / 1000 <= 370


def test_a_refusal_writes_nothing(script: Script) -> None:
    key, rate = uuid.uuid4().hex, rate_of(TIERS["free"])
    script.charge(key, rate, 10, 10, START)
    before = script.client.get(key)
    script.charge(key, rate, 1, 1, START)
    assert script.client.get(key) == before


def test_a_clock_that_is_set_back_locks_no_caller_out(script: Script) -> None:
    """A stored time in the far future counts as an exhausted burst, not more."""
    key, rate = uuid.uuid4().hex, rate_of(TIERS["free"])
    script.charge(key, rate, 1, 1, START + 3600 * MICROSECONDS)
    assert script.charge(key, rate, 1, 1, START) == [
        *(0, 0),
        *(36 * MICROSECONDS, 360 * MICROSECONDS),
    ]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("nan", id="nan"),
        pytest.param("-inf", id="minus infinity"),
        pytest.param("-1e300", id="long ago"),
        pytest.param("a text", id="text"),
        pytest.param("", id="empty"),
        pytest.param("9" * 100_000 + "x", id="long text"),
        pytest.param(["a"], id="list"),
        pytest.param({"a": "b"}, id="hash"),
    ],
)
def test_a_planted_value_that_is_no_time_is_ignored_and_replaced(
    script: Script, value: str | list[str] | dict[str, str]
) -> None:
    key, rate = uuid.uuid4().hex, rate_of(TIERS["free"])
    plant(script, key, value)
    assert script.charge(key, rate, 10, 10)[:2] == [10, 0]
    assert script.charge(key, rate, 1, 1)[0] == 0
    assert 360 < script.client.pttl(key) / 1000 <= 370


@pytest.mark.parametrize("value", ["inf", "1e308", "9" * 400])
def test_a_planted_time_locks_out_for_at_most_the_refill_of_the_burst(
    script: Script, value: str
) -> None:
    key, rate = uuid.uuid4().hex, rate_of(TIERS["free"])
    plant(script, key, value)
    assert script.charge(key, rate, 1, 1, START)[:3] == [0, 0, 36 * MICROSECONDS]
    assert script.charge(key, rate, 1, 1, START + 36 * MICROSECONDS)[0] == 1


def plant(script: Script, key: str, value: str | list[str] | dict[str, str]) -> None:
    """Write a foreign value, without an expiry."""
    if isinstance(value, str):
        script.client.set(key, value)
    elif isinstance(value, list):
        script.client.rpush(key, *value)
    else:
        script.client.hset(key, mapping=value)


def test_refunded_units_can_be_spent_again_and_never_exceed_the_burst(
    script: Script,
) -> None:
    key, rate = uuid.uuid4().hex, rate_of(TIERS["free"])
    script.charge(key, rate, 10, 10, START)
    assert script.charge(key, rate, -4, -4, START)[:2] == [-4, 4]
    assert script.charge(key, rate, 4, 4, START)[:2] == [4, 0]
    assert script.charge(key, rate, -99, -99, START)[1] == 10
    assert script.charge(key, rate, 11, 11, START)[0] == 0


@settings(deadline=None)
@given(RATES, st.integers(1, 10_000), st.integers(1, 10_000))
def test_redis_and_the_process_refund_equally(
    script: Script, rate: Rate, cost: int, units: int
) -> None:
    key = uuid.uuid4().hex
    cost = min(cost, rate.burst)
    _, tat = charge(START, START, rate, cost)
    script.charge(key, rate, cost, cost, START)
    decision, _ = refund(tat, START, rate, units)
    assert script.charge(key, rate, -units, -units, START) == list(decision)
