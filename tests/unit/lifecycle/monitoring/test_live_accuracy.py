"""Live accuracy: figures of sums over errors, with their intervals."""

from __future__ import annotations

from datetime import date, timedelta

from lifecycle.monitoring.live_accuracy import measure
from storage.performance import Performance
from storage.tables import PERFORMANCE_SUMS


def days_of(*wrong: float) -> list[Performance]:
    """Return days on which 100 units sold, so many of them forecast wrongly, within all bounds."""
    known = {"known": 10.0, "judged": 10.0, "sold": 100.0, "forecast": 100.0}
    return [
        Performance(
            day=date(2024, 7, 1) + timedelta(number),
            level="store",
            node="",
            days_ahead="1-7",
            sums=dict.fromkeys(PERFORMANCE_SUMS, 0.0)
            | known
            | {"absolute": each, "within_80": 10.0 - (each > 50), "within_95": 10.0},
        )
        for number, each in enumerate(wrong)
    ]


def test_the_interval_of_an_error_has_no_bound_that_it_cannot_have() -> None:
    """One day of eight is out of all proportion: draws without it are far below the mean."""
    (figures, _) = measure(days_of(*[2.0] * 7, 900.0))
    assert str(figures.wape.low) == "0.0", "without a sign, which pages would write"
    assert figures.wape.value is not None
    assert figures.wape.high is not None
    assert figures.wape.high > figures.wape.value
    assert figures.coverage[80].high == 1
    assert figures.coverage[80].value == 79 / 80
    assert figures.coverage[80].low is not None
    assert figures.coverage[80].low < 79 / 80


def test_few_days_have_no_interval() -> None:
    (figures, _) = measure(days_of(2.0, 2.0, 2.0))
    assert (figures.wape.low, figures.wape.high) == (None, None)
