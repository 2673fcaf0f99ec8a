"""The headers that tell a caller where they stand."""

from __future__ import annotations

import pytest

from middleware.limits.verdict import HEADERS, Verdict, headers_of
from tiers import TIERS

FREE, STANDARD = TIERS["free"], TIERS["standard"]


def test_what_is_left_and_when_it_is_back() -> None:
    verdict = Verdict(FREE, allowed=True, remaining=7, reset=107.2)
    assert headers_of(verdict, now=1_000_000.5) == {
        "RateLimit-Policy": '"free";q=100;w=3600;mlrf-burst=10',
        "RateLimit": '"free";r=7;t=108',
        "X-RateLimit-Limit": "10",
        "X-RateLimit-Remaining": "7",
        "X-RateLimit-Reset": "1000109",
    }


def test_a_refusal_names_one_time_everywhere() -> None:
    """Retry-After must not be earlier than the end of RateLimit's window."""
    verdict = Verdict(FREE, allowed=False, remaining=0, reset=360, retry_after=35.1)
    headers = headers_of(verdict, now=1000)
    assert verdict.wait == 36
    assert headers["RateLimit"] == '"free";r=0;t=36'
    assert headers["X-RateLimit-Reset"] == "1036"


@pytest.mark.parametrize("retry_after", [0.000001, 0.9, 1.0])
def test_nobody_is_sent_back_at_once(retry_after: float) -> None:
    assert Verdict(STANDARD, allowed=False, retry_after=retry_after).wait == 1


def test_no_limit_has_no_headers() -> None:
    assert headers_of(Verdict(TIERS["unlimited"], allowed=True), now=0) == {}


def test_scripts_can_be_told_of_every_header() -> None:
    assert set(headers_of(Verdict(FREE, allowed=True), now=0)) == set(HEADERS)
