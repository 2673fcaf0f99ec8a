"""The policy of repeated requests, without a request and without waiting."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from mlrf_client.errors import Problem, error_of
from mlrf_client.retries import Attempts, Outcome, Retries, retry_after_of
from tests.support.clock import Clock

NOW = datetime(2024, 7, 1, 12, tzinfo=UTC)
EXACT = Retries(number=3, seconds=100.0, first_delay=1.0, longest_delay=3.0)


def refused(status: int, code: str = "", retry_after: float | None = None) -> Outcome:
    return error_of(Problem(status, code, "Refused.", retry_after=retry_after))


def attempts(retries: Retries = EXACT, clock: Clock[float] | None = None) -> Attempts:
    """Attempts whose delays have no random part."""
    return Attempts(retries, clock=clock or Clock(0.0), draw=lambda: 0.0)


@pytest.mark.parametrize(
    ("outcome", "repeated"),
    [
        pytest.param(refused(429, "RATE_LIMITED"), True, id="429"),
        pytest.param(refused(503, "MODEL_UNAVAILABLE"), True, id="no model"),
        pytest.param(refused(503, "HTTP_503"), True, id="503 of a proxy"),
        pytest.param(refused(503, "EXPLANATION_UNAVAILABLE"), False, id="no explanations"),
        pytest.param(refused(503, "INTERVALS_UNAVAILABLE"), False, id="no intervals"),
        pytest.param(refused(400, "INVALID_NODE"), False, id="400"),
        pytest.param(refused(401, "AUTH_INVALID"), False, id="401"),
        pytest.param(refused(404), False, id="404"),
        pytest.param(refused(413), False, id="413"),
        pytest.param(refused(500, "INTERNAL_ERROR"), False, id="500"),
        pytest.param(refused(504, "TIMEOUT"), False, id="504"),
        pytest.param(httpx.ConnectError(""), True, id="not reached"),
        pytest.param(httpx.ReadError(""), True, id="connection lost"),
        pytest.param(httpx.ConnectTimeout(""), True, id="connecting took too long"),
        pytest.param(httpx.RemoteProtocolError(""), True, id="connection closed"),
        pytest.param(httpx.ReadTimeout(""), False, id="answering took too long"),
        pytest.param(httpx.ProxyError(""), False, id="proxy refused"),
    ],
)
def test_only_what_may_pass_later_is_repeated(outcome: Outcome, repeated: bool) -> None:
    assert (attempts().delay_after(outcome) is not None) == repeated


def test_delays_double_up_to_the_longest_and_their_number_is_bounded() -> None:
    one = attempts()
    delays = [one.delay_after(refused(503)) for _ in range(4)]
    assert delays == [1.0, 2.0, 3.0, None]


def test_half_of_a_delay_is_random() -> None:
    one = Attempts(EXACT, clock=Clock(0.0), draw=lambda: 1.0)
    assert one.delay_after(refused(503)) == 0.5


def test_no_retries_are_none() -> None:
    assert attempts(Retries(number=0)).delay_after(refused(503)) is None


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        pytest.param(20.0, 20.0, id="longer than the own delay"),
        pytest.param(0.0, 1.0, id="shorter than the own delay"),
        pytest.param(101.0, None, id="longer than may be waited"),
    ],
)
def test_the_stated_delay_is_waited_for(stated: float, expected: float | None) -> None:
    outcome = refused(429, "RATE_LIMITED", retry_after=stated)
    assert attempts().delay_after(outcome) == expected


def test_the_total_time_is_bounded() -> None:
    clock = Clock(0.0)
    one = attempts(Retries(number=9, seconds=10.0, first_delay=4.0, longest_delay=4.0), clock)
    assert one.delay_after(refused(503)) == 4.0
    clock.now = 6.0
    assert one.delay_after(refused(503)) == 4.0
    clock.now = 6.1
    assert one.delay_after(refused(503)) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"retry-after": "35"}, 35.0, id="seconds"),
        pytest.param({"retry-after": "Mon, 01 Jul 2024 12:01:00 GMT"}, 60.0, id="a date"),
        pytest.param(
            {
                "retry-after": "Mon, 01 Jul 2024 08:00:10 GMT",
                "date": "Mon, 01 Jul 2024 08:00:00 GMT",
            },
            10.0,
            id="a date of a clock that differs",
        ),
        pytest.param({"retry-after": "Mon, 01 Jul 2024 11:00:00 GMT"}, 0.0, id="a past date"),
        pytest.param({"retry-after": "soon"}, None, id="no number and no date"),
        pytest.param({"retry-after": "-3"}, None, id="negative"),
        pytest.param({"retry-after": "²"}, None, id="a digit that is no number"),
        pytest.param({}, None, id="absent"),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_of(headers, NOW) == seconds
