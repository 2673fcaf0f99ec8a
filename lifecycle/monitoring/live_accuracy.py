"""Accuracy of the forecasts that were served, on the days whose sales are known since."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from models.bootstrap import draw_blocks, widening
from models.error_sums import NOMINALS
from storage.database import reading
from storage.performance import Performance, newest_scored, read_performance
from storage.tables import PERFORMANCE_SUMS

Values = NDArray[np.float64]

ALL_DAYS = "all"
"""Name of all days ahead together."""

_BLOCK_DAYS = 7
_DRAWS = 500
_TAIL = 0.05
_LEAST_DAYS = 4
"""Days of which there is an interval."""
_AT = {name: at for at, name in enumerate(PERFORMANCE_SUMS)}


@dataclass(frozen=True)
class Estimate:
    """A measure, with the bounds of its 90 % interval over draws of days; None where unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def within(self, least: float, most: float) -> Estimate:
        """Return it with bounds that the measure can have.

        An interval is as wide on both sides of the value as its draws say, also where the value is
        near the end of what is possible.
        """
        if self.low is None or self.high is None:
            return self
        return replace(self, low=max(self.low, least), high=min(self.high, most))


@dataclass(frozen=True)
class LiveFigures:
    """Measures of one group of nodes, so many days ahead.

    Attributes:
        level, node: as in `models.error_sums.Group`.
        days_ahead: name of the bucket, or `ALL_DAYS`.
        days: number of days that were compared.
        values: number of forecasts that were compared.
        sold: units, counted once for each forecast.
        wape, bias: as in `models.metrics`; so is `rmsle`.
        coverage: share of the sales within the intervals, by their coverage in percent.
        wis: mean weighted interval score, in units.
        naive_wape, base_wape: of last week's same weekday, and of the forecasts before
            reconciliation.
    """

    level: str
    node: str
    days_ahead: str
    days: int
    values: int
    sold: float
    wape: Estimate
    bias: Estimate
    rmsle: float | None
    coverage: Mapping[int, Estimate]
    wis: float | None
    naive_wape: float | None
    base_wape: float | None


@dataclass(frozen=True)
class LiveAccuracy:
    """Accuracy of a bundle's forecasts on a span of days; no days where nothing is compared yet.

    Attributes:
        daily: figures of each day, of all days ahead together, if they were asked for.
    """

    first: date | None
    last: date | None
    figures: Sequence[LiveFigures]
    daily: Sequence[tuple[date, LiveFigures]]


def read_live_accuracy(
    database: Engine,
    bundle: str,
    days: int,
    *,
    node: str | None = "",
    level: str | None = None,
    daily: bool = False,
) -> LiveAccuracy:
    """Measure the newest days of a bundle that were compared.

    Args:
        days: of the calendar, up to the newest one.
        node, level: as in `storage.performance.read_performance`.
        daily: whether to measure each day by itself too.

    Raises:
        StorageError: the database fails.
    """
    with reading(database) as connection:
        last = newest_scored(connection, bundle)
        if last is None:
            return LiveAccuracy(None, None, (), ())
        first = last - timedelta(days - 1)
        rows = read_performance(connection, bundle, first, last, node=node, level=level)
    return LiveAccuracy(first, last, measure(rows), measure_days(rows) if daily else ())


def measure(rows: Sequence[Performance]) -> list[LiveFigures]:
    """Return the figures of each group of nodes and bucket in sums of days, in their order."""
    cells: dict[tuple[str, str, str], dict[date, Values]] = defaultdict(dict)
    for row in rows:
        sums = np.array([row.sums[name] for name in PERFORMANCE_SUMS])
        for bucket in (ALL_DAYS, row.days_ahead):
            of_cell = cells[row.level, row.node, bucket]
            of_cell[row.day] = of_cell.get(row.day, 0) + sums
    return [
        _measure_cell(*key, np.stack([of_cell[day] for day in sorted(of_cell)]))
        for key, of_cell in sorted(cells.items(), key=lambda item: _order_of(item[0]))
    ]


def measure_days(rows: Sequence[Performance]) -> list[tuple[date, LiveFigures]]:
    """Return the figures of each day and group of nodes, of all days ahead together."""
    by_day: dict[date, list[Performance]] = defaultdict(list)
    for row in rows:
        by_day[row.day].append(row)
    return [
        (day, each)
        for day in sorted(by_day)
        for each in measure(by_day[day])
        if each.days_ahead == ALL_DAYS
    ]


def _order_of(key: tuple[str, str, str]) -> tuple[str, str, int]:
    level, node, bucket = key
    return level, node, -1 if bucket == ALL_DAYS else int(bucket.partition("-")[0])


def _measure_cell(level: str, node: str, bucket: str, daily: Values) -> LiveFigures:
    """Measure a cell.

    Args:
        daily: sums, shape (days, sums).
    """
    drawn = _draw(daily)
    total = daily.sum(axis=0)

    def ratio(of: str, over: str) -> float | None:
        return _known(_divide(total[_AT[of]], total[_AT[over]]))

    def estimate(of: str, over: str, less: float = 0.0, most: float = math.inf) -> Estimate:
        value = ratio(of, over)
        if value is None or drawn is None:
            return Estimate(None if value is None else value - less)
        draws = _divide(drawn[:, _AT[of]], drawn[:, _AT[over]])
        interval = _with_interval(value - less, draws - less, len(daily))
        return interval.within(0.0 - less, most)  # not -0.0, which is written with its sign

    squared = ratio("squared_logs", "known")
    return LiveFigures(
        level=level,
        node=node,
        days_ahead=bucket,
        days=len(daily),
        values=int(total[_AT["known"]]),
        sold=float(total[_AT["sold"]]),
        wape=estimate("absolute", "sold"),
        bias=estimate("forecast", "sold", less=1.0),
        rmsle=None if squared is None else float(np.sqrt(squared)),
        coverage={each: estimate(f"within_{each}", "judged", most=1.0) for each in NOMINALS},
        wis=ratio("interval_score", "judged"),
        naive_wape=ratio("naive_absolute", "sold"),
        base_wape=ratio("base_absolute", "sold"),
    )


def compare_wape(before: Sequence[Performance], after: Sequence[Performance]) -> Estimate:
    """Return by which share the WAPE changes, averaged over the levels.

    Args:
        before, after: sums of whole levels on the same days, of two models.
    """
    levels = sorted({row.level for row in before} & {row.level for row in after})
    days = sorted({row.day for row in before})
    errors = [_errors_by_day(rows, levels, days) for rows in (before, after)]
    counts = np.concatenate((np.ones((1, len(days))), _count_days(len(days))))
    wapes = [
        _divide(np.tensordot(counts, wrong, axes=1), np.tensordot(counts, sold, axes=1))
        for wrong, sold in errors
    ]
    changes = np.nanmean(_divide(wapes[1], wapes[0]) - 1, axis=1)
    if len(days) < _LEAST_DAYS:
        return Estimate(_known(changes[0]))
    return _with_interval(float(changes[0]), changes[1:], len(days))


def _errors_by_day(
    rows: Sequence[Performance], levels: Sequence[str], days: Sequence[date]
) -> tuple[Values, Values]:
    """Return absolute errors and units sold, each of shape (days, levels)."""
    wrong, sold = np.zeros((2, len(days), len(levels)))
    at_day = {day: at for at, day in enumerate(days)}
    for row in rows:
        if row.level in levels:
            place = at_day[row.day], levels.index(row.level)
            wrong[place] += row.sums["absolute"]
            sold[place] += row.sums["sold"]
    return wrong, sold


def _with_interval(value: float, draws: Values, days: int) -> Estimate:
    deviations = (draws - value) * widening(days, _TAIL, block=_BLOCK_DAYS)
    low, high = np.nanquantile(deviations, (_TAIL, 1 - _TAIL))
    return Estimate(value, value + float(low), value + float(high))


def _draw(daily: Values) -> Values | None:
    """Return the sums of draws of days, shape (draws, sums); None of too few days."""
    return None if len(daily) < _LEAST_DAYS else np.asarray(_count_days(len(daily)) @ daily)


@lru_cache(maxsize=8)  # most nodes of a window have as many days
def _count_days(days: int) -> Values:
    """Return how often each day is in a draw, shape (draws, days)."""
    if days < _LEAST_DAYS:
        return np.zeros((0, days))
    draws = draw_blocks(days, _DRAWS, block=_BLOCK_DAYS)
    counts = np.zeros((_DRAWS, days))
    np.add.at(counts, (np.arange(_DRAWS)[:, None], draws), 1)
    return counts


def _divide(of: Values, over: Values) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(over > 0, of / over, np.nan))


def _known(value: Values) -> float | None:
    return float(value) if np.isfinite(value) else None
