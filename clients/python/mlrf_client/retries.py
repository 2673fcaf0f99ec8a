"""Policy of retries, without I/O: which failures are retried, and after how many seconds."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from mlrf_client.errors import ApiError

Outcome = ApiError | httpx.TransportError
"""Failure of an attempt: a problem that was answered, or no answer at all."""

_RETRIED_STATUSES = frozenset({429, 503})
_PERMANENT_CODES = frozenset({"EXPLANATION_UNAVAILABLE", "INTERVALS_UNAVAILABLE"})
"""Problems of status 503 that waiting does not solve."""

_RETRIED_FAILURES = (httpx.NetworkError, httpx.ConnectTimeout, httpx.RemoteProtocolError)
"""Failures of a connection. A time-out of reading is none: the server is busy with the request."""


@dataclass(frozen=True)
class Retries:
    """Bounds of the retries of a request.

    The delay doubles from `first_delay` to `longest_delay`. A random part of it, up to a half, is
    left out, so that clients that failed together do not return together. A `Retry-After` of the
    server is waited for as long as it says.

    Attributes:
        number: repetitions of a request; 0 for none.
        seconds: from the first attempt to the last one. A retry that would come later is not made.
    """

    number: int = 4
    seconds: float = 60.0
    first_delay: float = 0.5
    longest_delay: float = 8.0


class Attempts:
    """Attempts of one request, which decide whether there is another one."""

    def __init__(
        self,
        retries: Retries,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._retries = retries
        self._clock = clock
        self._draw = draw
        self._began = clock()
        self._failed = 0

    def delay_after(self, outcome: Outcome) -> float | None:
        """Return the seconds until the next attempt; None if there is none."""
        self._failed += 1
        if self._failed > self._retries.number or not _may_pass_later(outcome):
            return None
        delay = self._backoff()
        if isinstance(outcome, ApiError) and outcome.retry_after is not None:
            delay = max(delay, outcome.retry_after)
        elapsed = self._clock() - self._began
        return delay if elapsed + delay <= self._retries.seconds else None

    def _backoff(self) -> float:
        longest = self._retries.first_delay * 2.0 ** (self._failed - 1)
        return min(longest, self._retries.longest_delay) * (1 - self._draw() / 2)


def _may_pass_later(outcome: Outcome) -> bool:
    if isinstance(outcome, ApiError):
        return outcome.status in _RETRIED_STATUSES and outcome.code not in _PERMANENT_CODES
    return isinstance(outcome, _RETRIED_FAILURES)


def retry_after_of(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Return the seconds of `Retry-After`: a number, or a date (RFC 9110, 10.2.3).

    A date is compared with the server's own `Date`, where there is one: the clocks may differ.

    Args:
        headers: of a response, with names of any case.
        now: with a time zone.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until = _parse_date(text)
    if until is None:
        return None
    sent = _parse_date(headers.get("date", "")) or now
    return max(0.0, (until - sent).total_seconds())


def _parse_date(text: str) -> dt.datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.timezone.utc)
