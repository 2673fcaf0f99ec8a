"""Sequential tests: their false alarms over many years, and how soon they notice a change."""

from __future__ import annotations

import numpy as np
import pytest

from models.drift.sequential import (
    LEAST_DAYS,
    MIN_REFERENCE_DAYS,
    Cells,
    Span,
    accumulate,
    begins,
    find_spans,
    fit_cells,
)

REFERENCE_DAYS, YEAR, GROUPS = 280, 365, 40
RATE = 1.0
RETAILERS = 8
SD, CHANGE = 0.1, 0.1


def draw_days(draw: np.random.Generator, days: int, correlation: float) -> np.ndarray:
    """Draw days of groups that err together, each day like the one before, with a weekday."""
    noise = np.sqrt(0.5) * draw.normal(size=(days, GROUPS, 2))
    noise += np.sqrt(0.5) * draw.normal(size=(days, 1, 1))
    noise *= np.sqrt(1 - correlation**2)
    for day in range(1, days):
        noise[day] += correlation * noise[day - 1]
    weekend = 0.2 * (np.arange(days) % 7 == 6)
    return SD * noise + weekend[:, None, None]


def weekdays(days: int) -> np.ndarray:
    return np.arange(days) % 7


def fit(values: np.ndarray) -> Cells:
    return fit_cells(values, weekdays(len(values)), change=CHANGE, rate=RATE, year=YEAR, both=True)


def spans_of(cells: Cells, scores: np.ndarray, group: int, *, down: bool = False) -> list[Span]:
    """Return the spans of a group whose change is at least `CHANGE`, and over below half of it."""
    signed = -scores[:, group] if down else scores[:, group]
    change = CHANGE / cells.sd[group]

    def mean(bucket: int, first: int, last: int) -> float:
        return float(np.nanmean(signed[first : last + 1, bucket]))

    return find_spans(
        signed,
        cells.slack[group],
        (cells.limit_down if down else cells.limit)[group],
        is_large=lambda bucket, first, last: mean(bucket, first, last) >= change[bucket],
        is_small=lambda bucket, day: mean(bucket, max(day - 13, 0), day) < change[bucket] / 2,
        quiet=5,
    )


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_false_alarms_of_all_groups_together_are_at_most_as_many_as_stated(
    correlation: float,
) -> None:
    """Eight retailers of four years each, every one with a reference of its own."""
    alarms = {"sequential": 0, "single days": 0}
    for seed in range(RETAILERS):
        days = REFERENCE_DAYS + 4 * YEAR
        values = draw_days(np.random.default_rng(seed), days, correlation)
        cells = fit(values[:REFERENCE_DAYS])
        later = values[REFERENCE_DAYS:]
        scores = cells.standardise(later, weekdays(days)[REFERENCE_DAYS:])
        alarms["sequential"] += sum(
            len(spans_of(cells, scores, group, down=down))
            for group in range(GROUPS)
            for down in (False, True)
        )
        alarms["single days"] += int((np.abs(scores) >= cells.day_limit).any(axis=(1, 2)).sum())
    assert alarms["sequential"] <= RATE * RETAILERS * 4
    assert alarms["single days"] <= RATE * RETAILERS * 4


@pytest.mark.parametrize(
    ("shift", "most"),
    [pytest.param(0.3, 15, id="three deviations"), pytest.param(0.15, 60, id="one and a half")],
)
def test_a_lasting_change_of_one_group_is_noticed(shift: float, most: int) -> None:
    values = draw_days(np.random.default_rng(3), REFERENCE_DAYS + 200, 0.5)
    cells = fit(values[:REFERENCE_DAYS])
    later = values[REFERENCE_DAYS:].copy()
    later[100:, 7] += shift
    scores = cells.standardise(later, weekdays(len(values))[REFERENCE_DAYS:])
    (span,) = spans_of(cells, scores, 7)
    assert LEAST_DAYS - 1 <= span.opened - 100 <= most
    assert abs(span.start - 100) <= 10
    assert spans_of(cells, scores, 7, down=True) == spans_of(cells, scores, 8) == []


def test_an_alarm_ends_after_the_change_does() -> None:
    values = draw_days(np.random.default_rng(3), REFERENCE_DAYS + 300, 0.5)
    cells = fit(values[:REFERENCE_DAYS])
    later = values[REFERENCE_DAYS:].copy()
    later[100:150, 7] += 0.3
    scores = cells.standardise(later, weekdays(len(values))[REFERENCE_DAYS:])
    (span,) = spans_of(cells, scores, 7)
    assert span.closed is not None
    assert 150 <= span.closed <= 175


def test_one_day_however_strange_raises_no_alarm() -> None:
    values = draw_days(np.random.default_rng(3), REFERENCE_DAYS, 0.5)
    cells = fit(values)
    later = np.zeros((30, GROUPS, 2))
    later[:] = cells.mean[weekdays(30)]
    later[10] += 1e6
    scores = cells.standardise(later, weekdays(30))
    assert (accumulate(scores, cells.slack) < cells.limit).all()
    assert (np.abs(scores[10]) > cells.day_limit).all()


def test_weekdays_are_no_drift() -> None:
    values = draw_days(np.random.default_rng(3), REFERENCE_DAYS, 0.0)
    cells = fit(values)
    assert np.mean(cells.mean[6] - cells.mean[0]) == pytest.approx(0.2, abs=0.05)
    assert np.nanmedian(cells.sd) == pytest.approx(SD, rel=0.1)


def test_a_cell_of_few_days_is_not_tested() -> None:
    values = draw_days(np.random.default_rng(3), REFERENCE_DAYS, 0.0)
    values[MIN_REFERENCE_DAYS - 1 :, 0, 0] = np.nan
    cells = fit(values)
    assert np.isnan(cells.sd[0, 0])
    scores = cells.standardise(values + 5, weekdays(REFERENCE_DAYS))
    sums = accumulate(scores, cells.slack)[-1]
    assert np.isnan(cells.limit[0, 0])
    assert (sums[1:] >= cells.limit[1:]).all()


def test_a_day_that_is_not_known_changes_no_sum() -> None:
    scores = np.array([2.0, np.nan, 2.0])[:, None]
    sums = accumulate(scores, np.array([0.5]))
    assert sums[:, 0].tolist() == [1.5, 1.5, 3.0]


def test_a_drift_is_dated_from_the_day_on_which_its_sum_left_zero() -> None:
    sums = np.array([0.0, 1, 0, 0, 2, 3])[:, None]
    assert begins(sums)[:, 0].tolist() == [0, 1, 2, 3, 4, 4]


def test_a_change_that_is_not_large_opens_nothing_and_one_that_returns_opens_again() -> None:
    scores = np.concatenate([np.zeros(5), np.full(20, 3.0), np.zeros(20), np.full(20, 3.0)])[
        :, None
    ]
    slack, limit = np.array([0.5]), np.array([9.0])

    def spans(large: bool) -> list[Span]:
        return find_spans(
            scores,
            slack,
            limit,
            is_large=lambda bucket, first, last: large,
            is_small=lambda bucket, day: bool(scores[day, bucket] < 1),
            quiet=3,
        )

    assert spans(large=False) == []
    assert spans(large=True) == [Span(0, 5, 8, 27), Span(0, 45, 48, None)]


def test_a_day_that_is_not_known_is_no_quiet_day() -> None:
    scores = np.array([3.0, 3, 3, 3, 0, np.nan, np.nan, 0, 0])[:, None]
    (span,) = find_spans(
        scores,
        np.array([0.5]),
        np.array([9.0]),
        is_large=lambda bucket, first, last: True,
        is_small=lambda bucket, day: bool(scores[day, bucket] < 1),
        quiet=3,
    )
    assert (span.opened, span.closed) == (3, 8)
