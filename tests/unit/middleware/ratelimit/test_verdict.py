"""The rate-limit headers."""

from __future__ import annotations

import pytest

from config.tiers import TIERS
from middleware.ratelimit.verdict import HEADERS, Verdict, headers_of

FREE, STANDARD = TIERS["free"], TIERS["standard"]


def test_headers_state_remaining_units_and_reset_time() -> None:
    verdict = Verdict(FREE, allowed=True, remaining=7, reset=107.2)
    assert headers_of(verdict, now=1_000_000.5) == {
        "RateLimit-Policy": '"free";q=100;w=3600;mlrf-burst=10',
        "RateLimit": '"free";r=7;t=108',
        "X-RateLimit-Limit": "10",
        "X-RateLimit-Remaining": "7",
        "X-RateLimit-Reset": "1000109",
    }


def test_a_refusal_states_the_same_time_in_every_header() -> None:
    """Retry-After is not earlier than the time at which `t` has passed."""
    verdict = Verdict(FREE, allowed=False, remaining=0, reset=360, retry_after=35.1)
    headers = headers_of(verdict, now=1000)
    assert verdict.wait == 36
    assert headers["RateLimit"] == '"free";r=0;t=36'
    assert headers["X-RateLimit-Reset"] == "1036"


@pytest.mark.parametrize("retry_after", [0.000001, 0.9, 1.0])
def test_retry_after_is_never_zero(retry_after: float) -> None:
    assert Verdict(STANDARD, allowed=False, retry_after=retry_after).wait == 1


def test_an_unlimited_tier_has_no_headers() -> None:
    assert headers_of(Verdict(TIERS["unlimited"], allowed=True), now=0) == {}


def test_every_header_is_exposed_to_scripts() -> None:
    assert set(headers_of(Verdict(FREE, allowed=True), now=0)) == set(HEADERS)
