"""Outliers in words: what was sold, what was expected, and the days before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from features.data.screening.expectation import Floats
from features.data.screening.new_days import NewDays

_SAME_WEEKDAYS = 4


def number_text(units: float) -> str:
    """Return a number of units for people."""
    if np.isnan(units):
        return "not known"
    return f"{units:,.0f}" if abs(units) >= 10 else f"{units:.3g}"


def span_text(first: date, last: date) -> str:
    """Return a span of days, such as "on 2017-07-04" or "from 2017-07-04 to 2017-07-09"."""
    return f"on {first}" if first == last else f"from {first} to {last}"


def count_text(days: NewDays, first: int, last: int) -> str:
    """Return the number of steps of a span, such as "3 days"."""
    steps = last - first + 1
    return f"{steps} {days.panel.step}{'' if steps == 1 else 's'}"


def context_text(days: NewDays, units: Floats, first: int) -> str:
    """Return what was sold on the same weekdays and on the day before a judged day.

    Args:
        units: of one node in the window, shape (days,).
        first: the judged day.
    """
    at = days.judged.start + first
    weeks = [at - days.week * number for number in range(_SAME_WEEKDAYS, 0, -1)]
    values = [float(units[each]) for each in weeks if each >= 0]
    if days.week == 1:
        return f"{_list_text(values)} in the weeks before"
    weekday = days.date_of(first).strftime("%A")
    before = f"{_list_text(values)} on the {weekday}s before"
    return f"{before}, {number_text(float(units[at - 1]))} the day before" if at else before


def _list_text(values: Sequence[float]) -> str:
    texts = [number_text(value) for value in values]
    if len(texts) < 2:
        return "".join(texts) or "nothing known"
    return f"{', '.join(texts[:-1])} and {texts[-1]}"
