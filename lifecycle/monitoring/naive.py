"""Forecasts that are no better than last week's same weekday, by what was sold since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from lifecycle.monitoring.findings import Finding
from lifecycle.monitoring.live_accuracy import ALL_DAYS, LiveFigures
from storage.drift_events import Detector, Severity

WINDOW_DAYS = 28
"""Newest days that are compared."""

_LEAST_DAYS = 7


def find_worse_than_naive(figures: Sequence[LiveFigures], day: date) -> list[Finding]:
    """Return the levels at which the forecasts are no better than last week's same weekday.

    An event opens where that is beyond chance: the lower bound of the error is above the error of
    the rule. It stays open for as long as the error itself is.

    Args:
        figures: of whole levels on the newest days.
        day: the last of them.
    """
    return [
        Finding(
            detector=Detector.WORSE_THAN_NAIVE,
            subject=each.level,
            severity=Severity.CRITICAL,
            figure=each.wape.value,
            reference=each.naive_wape,
            ratio=each.wape.low / each.naive_wape,
            since=day,
            opened=day,
            message=f"Forecasts of the level {each.level} err by {each.wape.value:.1%} on the last "
            f"{each.days} days, and last week's same weekday by {each.naive_wape:.1%}.",
            look=f"/accuracy?window={WINDOW_DAYS}",
        )
        for each in figures
        if each.days_ahead == ALL_DAYS
        and each.days >= _LEAST_DAYS
        and each.wape.value is not None
        and each.wape.low is not None
        and each.naive_wape
        and each.wape.value >= each.naive_wape
    ]
