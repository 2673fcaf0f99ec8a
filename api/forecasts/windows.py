"""Origin and days of a requested date and horizon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from api.schemas.requests import Horizon, Previous
from errors import Code, FieldError, Problem
from features.data.snapshot import Snapshot
from features.state import first_origin

_WEEKS_OF_YEAR = 52


@dataclass(frozen=True)
class ForecastWindow:
    """Days to forecast from an origin.

    Attributes:
        origin: index of the origin on the snapshot's date axis.
        horizons: days after it, ascending.
    """

    origin: int
    horizons: NDArray[np.intp]

    @cached_property
    def days(self) -> NDArray[np.intp]:
        """Indices of the days on the date axis."""
        return self.origin + self.horizons


def window_of(
    snapshot: Snapshot, first: date | None, days: Horizon | int, *, pointer: str = "/date"
) -> ForecastWindow:
    """Return the window of `days` days that begins on `first`.

    A day whose sales are known is forecast from the day before it, as it would have been then;
    a later one from the newest origin.

    Args:
        pointer: to `first` in the request, for the problem.

    Raises:
        Problem: INVALID_DATE, with the earliest and the latest valid date; INVALID_HORIZON, with
            the largest.
    """
    newest, reach = snapshot.newest_origin, snapshot.horizon
    if days > reach:
        detail = f"A number of at most {reach} is expected, not {days}"
        raise Problem.in_field(Code.INVALID_HORIZON, pointer.replace("date", "horizon"), detail)
    start = newest + 1 if first is None else snapshot.index_of(first)
    origin = min(start - 1, newest)
    earliest, latest = first_origin(snapshot.step) + 1, newest + reach - days + 1
    if not earliest <= start <= latest:
        detail = (
            f"A forecast of {_length(snapshot, days)} may begin from "
            f"{snapshot.date_at(earliest)} to {snapshot.date_at(latest)}, not on {first}."
        )
        raise Problem(Code.INVALID_DATE, detail, errors=[FieldError(pointer, detail)])
    return ForecastWindow(origin=origin, horizons=np.arange(start - origin, start - origin + days))


def reference_window(
    snapshot: Snapshot, window: ForecastWindow, first: date, days: int | None
) -> ForecastWindow:
    """Return the window that the forecast of another is compared with, from the same origin.

    Args:
        days: of the reference; None for as many as `window` has.

    Raises:
        Problem: INVALID_HORIZON, unless `days` are as many, or `window` is a single day;
            INVALID_DATE, with the earliest and the latest valid date.
    """
    length = len(window.horizons)
    days = days or length
    if length > 1 and days != length:
        detail = (
            f"A period of {length} is compared with one of {length}, not of {days}; only one "
            f"{snapshot.step} may be compared with the mean of several"
        )
        raise Problem.in_field(Code.INVALID_HORIZON, "/against_horizon", detail)
    if days > snapshot.horizon:
        detail = f"A number of at most {snapshot.horizon} is expected, not {days}"
        raise Problem.in_field(Code.INVALID_HORIZON, "/against_horizon", detail)
    earliest, latest = window.origin + 1, window.origin + snapshot.horizon - days + 1
    start = snapshot.index_of(first)
    if not earliest <= start <= latest:
        detail = (
            f"A reference of {_length(snapshot, days)} may begin from "
            f"{snapshot.date_at(earliest)} to {snapshot.date_at(latest)}, not on {first}: it must "
            f"be forecast from sales up to {snapshot.date_at(window.origin)}, as what it is "
            "compared with"
        )
        raise Problem.in_field(Code.INVALID_DATE, "/against", detail)
    at = start - window.origin
    return ForecastWindow(origin=window.origin, horizons=np.arange(at, at + days))


def _length(snapshot: Snapshot, days: int) -> str:
    step = snapshot.step
    return f"one {step}" if days == 1 else f"{days} {step}s"


def previous_days(
    snapshot: Snapshot, window: ForecastWindow, previous: Previous = Previous.PERIOD
) -> slice | None:
    """Return a period before the window with its length and its weekdays, as days of sales.

    Return None where sales of that period are not known: the window begins too late or too early.
    """
    length = len(window.horizons)
    week = snapshot.step.week
    weeks = _WEEKS_OF_YEAR if previous is Previous.YEAR else -(-length // week)
    start = int(window.days[0]) - week * weeks
    return slice(start, start + length) if 0 <= start <= snapshot.n_days - length else None
