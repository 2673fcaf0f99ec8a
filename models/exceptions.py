"""Exceptions: nodes that deviate from what was to be expected, which a planner looks at first.

A deviation compares a number of units with another one: a forecast with the past, or what was sold
with what was forecast. How much it matters is the difference in units, so that deviations of
different kinds have one order.

*Invariants*

- What is compared is known: a node with a day that is not delivered, or without a past that is as
  long as the comparison, is not listed by it.
- Nothing is listed only because its percentage is large: a change must also be of some units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from features.data.specification import Covariate
from features.data.stockouts import STOCKOUT_DAYS, STOCKOUT_WEEKS, is_stockout
from features.state import first_origin
from models.intervals import Intervals
from models.year_before import topmost, year_before

Values = NDArray[np.float64]
Rows = NDArray[np.intp]
Pair = tuple[Values, Values]

RECENT_DAYS = 28
"""Days before the forecast that count as recent: four of each weekday, so that one odd day weighs
a quarter."""

MIN_CHANGE = 0.2
"""Least difference from the past, as a share of it. Errors of a month's sum are mostly smaller."""

MIN_SHARE = 0.0005
"""Least difference in units, as a share of the forecast of the total. Of 1,782 series an average
one sells 0.06 % of the total: it is listed if nearly all of its units are at stake."""

MIN_PROMOTED = 0.2
"""Least difference of the shares of promoted days, before and after the newest origin."""

NOMINAL = 95
"""Coverage of the interval that sales are compared with, in percent."""


class DeviationKind(StrEnum):
    """Kind of a deviation.

    Attributes:
        LAST_YEAR: the forecast, from the sales on the same weekdays 52 weeks before.
        RECENT: the forecast, from the mean of the same weekdays of the last 28 days.
        OUTSIDE_BAND: sales of the last 28 days outside of the interval that was forecast for them.
        STOCKOUT: no sales in the last days, of a series that usually sells.
        PROMOTION: far more or fewer promotions in the days ahead than in the last 28.
        NEW_SERIES: announced, or first sold in the last 28 days; or in the last 52 weeks, so that
            there is no year before, if it sells enough.
    """

    LAST_YEAR = "last-year"
    RECENT = "recent"
    OUTSIDE_BAND = "outside-band"
    STOCKOUT = "stockout"
    PROMOTION = "promotion"
    NEW_SERIES = "new-series"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """The deviation of a node.

    Attributes:
        row: of the node in the hierarchy.
        first, last: days that are compared, as indices on the date axis.
        forecast: units that were to be expected on these days.
        reference: units that they are compared with.
        in_sample: whether the model was trained on these days.
        bounds: interval of the sales, in units; of `OUTSIDE_BAND`.
        days: number of days without a sale, without closed ones; of `STOCKOUT`.
        covariate: that is other than before; of `PROMOTION`.
        shares: of the days on which it is more than 0, before and ahead; of `PROMOTION`.
        comparable: forecast and reference of those of its series that have one, which are not new
            since then; of `LAST_YEAR` and `RECENT`.
    """

    kind: DeviationKind
    row: int
    first: int
    last: int
    forecast: float
    reference: float
    in_sample: bool = False
    bounds: tuple[float, float] = (0.0, 0.0)
    days: int = 0
    covariate: str = ""
    shares: tuple[float, float] = (0.0, 0.0)
    comparable: tuple[float, float] | None = None

    @property
    def units(self) -> float:
        """Units at stake; negative where less is forecast than the reference."""
        return self.forecast - self.reference

    @property
    def change(self) -> float | None:
        """The units as a share of the reference; None where that is 0."""
        return self.units / self.reference if self.reference else None


def fair_selection(deviations: Iterable[Deviation], limit: int) -> list[Deviation]:
    """Return at most so many deviations, the largest first, with a fair share for each kind.

    The largest of each kind come first, then the second of each, and so on: a kind with thousands
    of entries leaves room for one with two.
    """
    by_kind = groupby(sorted(deviations, key=attrgetter("kind")), key=attrgetter("kind"))
    ranked = [
        (rank, _order(deviation), deviation)
        for _, of_kind in by_kind
        for rank, deviation in enumerate(sorted(of_kind, key=_order))
    ]
    ranked.sort(key=lambda entry: entry[:2])
    return sorted((deviation for _, _, deviation in ranked[:limit]), key=_order)


def _order(deviation: Deviation) -> tuple[float, str, int]:
    return -abs(deviation.units), deviation.kind, deviation.row


@dataclass(frozen=True)
class Outlook:
    """The forecast of the days ahead, and the nodes whose deviations are looked for.

    Attributes:
        snapshot: the data.
        mean: forecasts from the newest origin in units, shape (nodes, steps).
        rows: nodes to look at, shape (n,).
    """

    snapshot: Snapshot
    mean: Values
    rows: Rows

    @property
    def steps(self) -> int:
        count: int = self.mean.shape[1]
        return count

    @property
    def recent(self) -> int:
        """Steps that count as recent."""
        return count_recent_days(self.snapshot)

    @property
    def least_units(self) -> float:
        """Units below which no deviation matters."""
        return MIN_SHARE * float(self.mean[0].sum())

    @property
    def first_day(self) -> int:
        """Index of the first day ahead."""
        return self.snapshot.n_days

    def usual(self) -> Values:
        """Return the mean of the recent same weekdays on the days ahead, shape (nodes, steps).

        Days that are not delivered are left out. NaN for a node that has sold for less time, and
        for a weekday of which no day is delivered.
        """
        snapshot, week = self.snapshot, self.snapshot.step.week
        recent = snapshot.sales[:, -self.recent :].reshape(len(snapshot.hierarchy), -1, week)
        mean = _mean_of_known(recent, axis=1)
        mean[snapshot.first_sale > snapshot.n_days - self.recent] = np.nan
        return mean[:, np.arange(self.steps) % week]

    def deviating_nodes(
        self, kind: DeviationKind, sums: Pair, like_for_like: Pair, steps: int
    ) -> list[Deviation]:
        """Return the nodes whose forecast differs enough from a reference.

        It must differ to the same side with and without the series that are new since: it is no
        news of a family that a new store sells it, too.

        Args:
            sums: forecast and reference of all nodes, each of shape (nodes,).
            like_for_like: the same of the series of each node that have a reference.
            steps: that are compared.
        """
        differs = self._sides(*sums)
        listed = (differs != 0) & (differs == self._sides(*like_for_like))
        return [
            Deviation(
                kind=kind,
                row=row,
                first=self.first_day,
                last=self.first_day + steps - 1,
                forecast=float(sums[0][row]),
                reference=float(sums[1][row]),
                comparable=(float(like_for_like[0][row]), float(like_for_like[1][row])),
            )
            for row in self.rows[listed[self.rows]].tolist()
        ]

    def _sides(self, forecast: Values, reference: Values) -> Values:
        """Return where the forecast is far above (1) and far below (-1) the reference, else 0."""
        units = forecast - reference
        # a NaN is at least nothing
        far = (np.abs(units) >= self.least_units) & (np.abs(units) >= MIN_CHANGE * reference)
        return np.where(far, np.sign(units), 0)


def find_last_year(outlook: Outlook) -> list[Deviation]:
    """Compare the forecast with the same weekdays 52 weeks before, for 52 weeks at most."""
    year = year_before(outlook.snapshot, outlook.mean, outlook.first_day)
    if year is None:
        return []
    previous = np.where(outlook.snapshot.first_sale > year.start, np.nan, year.previous)
    like_for_like = year.comparable_prediction, year.comparable_previous
    steps = min(outlook.steps, outlook.snapshot.step.year)
    return outlook.deviating_nodes(
        DeviationKind.LAST_YEAR, (year.prediction, previous), like_for_like, steps
    )


def find_recent(outlook: Outlook) -> list[Deviation]:
    """Compare the forecast with the mean of the recent same weekdays."""
    hierarchy = outlook.snapshot.hierarchy
    forecast, usual = outlook.mean.sum(axis=1), outlook.usual().sum(axis=1)
    known = ~np.isnan(usual[hierarchy.n_upper :])
    like_for_like = (
        hierarchy.aggregate(np.where(known, forecast[hierarchy.n_upper :], 0)),
        hierarchy.aggregate(np.where(known, usual[hierarchy.n_upper :], 0)),
    )
    return outlook.deviating_nodes(
        DeviationKind.RECENT, (forecast, usual), like_for_like, outlook.steps
    )


def find_new_series(outlook: Outlook) -> list[Deviation]:
    """List nodes that are announced or have started to sell, with what they sold so far.

    The reference is what they sold in as many days before the forecast as it has. Of a new node,
    such as a store, the new nodes within it are left out.
    """
    snapshot, rows = outlook.snapshot, outlook.rows
    first = snapshot.first_sale[rows]
    forecast = outlook.mean[rows].sum(axis=1)
    started = first < snapshot.n_days
    recent = started & (first > snapshot.n_days - outlook.recent)
    start = snapshot.n_days - snapshot.step.year
    young = started & (first > start) & (start >= 0) & (forecast >= outlook.least_units)
    listed = (recent | young | snapshot.announced[rows]) & (forecast > 0)
    sold = np.nansum(snapshot.sales[:, -outlook.steps :], axis=1)
    return [
        Deviation(
            kind=DeviationKind.NEW_SERIES,
            row=row,
            first=outlook.first_day,
            last=outlook.first_day + outlook.steps - 1,
            forecast=float(outlook.mean[row].sum()),
            reference=float(sold[row]),
        )
        for row in topmost(snapshot.hierarchy, rows[listed].tolist())
    ]


def promotions_of(snapshot: Snapshot) -> list[Covariate]:
    """Return the covariates that tell promoted days: counts and flags that are known ahead."""
    return [each for each in snapshot.specification.known_ahead if each.kind.adds_up]


def find_promotions(outlook: Outlook) -> list[Deviation]:
    """List nodes with far more or fewer promoted days ahead than recently.

    Only the days up to which the covariate of all series of a node is known are compared. The
    reference is the mean of the recent same weekdays.
    """
    usual = outlook.usual()
    covariates = promotions_of(outlook.snapshot)
    return [
        deviation
        for covariate in covariates
        for deviation in _find_promotions_of(outlook, covariate, usual)
    ]


def _find_promotions_of(
    outlook: Outlook, covariate: Covariate, usual: Values
) -> Iterator[Deviation]:
    snapshot, rows, steps = outlook.snapshot, outlook.rows, outlook.steps
    values = snapshot.covariates[covariate.name]
    origin = snapshot.newest_origin
    past = _share_of_series(snapshot, values[:, origin + 1 - outlook.recent : origin + 1])
    plan = _share_of_series(snapshot, values[:, origin + 1 : origin + 1 + steps])
    days = np.minimum(snapshot.known_lead[covariate.name][rows], steps)
    known = np.arange(steps) < days[:, None]
    before = _mean_of_known(past[rows], axis=1)
    ahead = _mean_of_known(np.where(known, plan[rows], np.nan), axis=1)
    forecast = np.where(known, outlook.mean[rows], 0).sum(axis=1)
    reference = np.where(known, usual[rows], 0).sum(axis=1)
    listed = (np.abs(ahead - before) >= MIN_PROMOTED) & (forecast >= outlook.least_units)
    for at in np.flatnonzero(listed & ~np.isnan(reference)).tolist():
        yield Deviation(
            kind=DeviationKind.PROMOTION,
            row=int(rows[at]),
            first=outlook.first_day,
            last=outlook.first_day + int(days[at]) - 1,
            forecast=float(forecast[at]),
            reference=float(reference[at]),
            covariate=covariate.name,
            shares=(float(before[at]), float(ahead[at])),
        )


def _share_of_series(snapshot: Snapshot, values: NDArray[np.float32]) -> Values:
    """Return the share of each node's series with a value above 0, shape (nodes, days).

    NaN on a day on which no value is known.
    """
    known = snapshot.average((~np.isnan(values)).astype(np.float64))
    shares = np.full_like(known, np.nan)
    promoted = snapshot.average((values > 0).astype(np.float64))
    np.divide(promoted, known, out=shares, where=known > 0)
    return shares


def find_stockouts(outlook: Outlook) -> list[Deviation]:
    """List series without a sale in the last days that usually sell.

    The forecast is what the same weekdays of the weeks before their last sale sold on average.
    Days that are closed, not delivered or otherwise do not count are left out on both sides. A
    series that has sold nothing for longer than the recent days is not listed: it is gone.
    """
    # Each series has a last sale of its own, from which both the days without a sale and the weeks
    # before it are counted. Series of the same last sale are computed at once, so there is a turn
    # of the loop for each of the recent days instead of one for each series.
    snapshot, step = outlook.snapshot, outlook.snapshot.step
    upper = snapshot.hierarchy.n_upper
    before = STOCKOUT_WEEKS * step.week
    span = before + outlook.recent
    bottoms = outlook.rows[outlook.rows >= upper]
    first_day = snapshot.n_days - span
    if first_day < 0 or not len(bottoms):
        return []
    sales = snapshot.targets(bottoms, np.arange(first_day, snapshot.n_days))
    sold = sales > 0
    last_sale = np.where(sold.any(axis=1), span - 1 - sold[:, ::-1].argmax(axis=1), 0)
    idle = (sales == 0) & (np.arange(span) > last_sale[:, None])
    least = max(step.steps_in(STOCKOUT_DAYS), 1)
    able = (idle.sum(axis=1) >= least) & (last_sale >= before - 1)
    return [
        deviation
        for last in np.unique(last_sale[able]).tolist()
        for at in [np.flatnonzero(able & (last_sale == last))]
        for deviation in _find_stockouts_since(
            outlook, bottoms[at], sales[at, last + 1 - before : last + 1], idle[at], last + 1
        )
    ]


def _find_stockouts_since(
    outlook: Outlook, rows: Rows, past: Values, idle: NDArray[np.bool_], start: int
) -> Iterator[Deviation]:
    """Yield the stockouts among series of one last sale.

    Args:
        rows: their nodes, shape (n,).
        past: sales of the weeks up to the last sale, shape (n, days); NaN where they do not count.
        idle: days without a sale, shape (n, span).
        start: position of the day after the last sale in the span.
    """
    snapshot, week = outlook.snapshot, outlook.snapshot.step.week
    idle = idle[:, start:]
    weekdays = np.nan_to_num(_mean_of_known(past.reshape(len(rows), -1, week), axis=1))
    usual = np.where(idle, weekdays[:, np.arange(idle.shape[1]) % week], 0)
    expected, days = usual.sum(axis=1), idle.sum(axis=1)
    sold_share = _mean_of_known(np.where(np.isnan(past), np.nan, past > 0), axis=1)
    listed = is_stockout(expected, days, sold_share, snapshot.step)
    begin = snapshot.n_days - idle.shape[1]
    for at in np.flatnonzero(listed).tolist():
        on = np.flatnonzero(idle[at])
        yield Deviation(
            kind=DeviationKind.STOCKOUT,
            row=int(rows[at]),
            first=begin + int(on[0]),
            last=begin + int(on[-1]),
            forecast=float(expected[at]),
            reference=0.0,
            days=int(days[at]),
        )


def count_recent_days(snapshot: Snapshot) -> int:
    """Return how many steps count as recent."""
    return snapshot.step.steps_in(RECENT_DAYS)


def band_origin(snapshot: Snapshot) -> int | None:
    """Return the origin whose forecast the recent sales are compared with; None if too early."""
    origin = snapshot.newest_origin - count_recent_days(snapshot)
    return origin if origin >= first_origin(snapshot.step) else None


def find_outside_band(
    outlook: Outlook, intervals: Intervals, origin: int, mean: Values, *, in_sample: bool
) -> list[Deviation]:
    """List nodes whose recent sales lie outside of the interval that was forecast for them.

    The interval is that of the sum of the days, up to the last one that is delivered of the node.

    Args:
        intervals: with residual paths, from which intervals of sums are computed.
        origin: that of `band_origin`.
        mean: forecasts of all nodes from this origin on the recent days, shape (nodes, days).
        in_sample: whether the model was trained on these days.
    """
    # An interval of a sum takes a loop over the nodes, so it is computed only where the difference
    # is large enough to be listed. Nodes that are delivered up to the same day go together.
    snapshot, rows = outlook.snapshot, outlook.rows
    rows = rows[snapshot.first_sale[rows] <= origin]
    steps = snapshot.sales_known_through[rows] - origin
    return [
        deviation
        for count in np.unique(steps[steps >= snapshot.step.week]).tolist()
        for deviation in _find_outside_band_of(
            outlook, intervals, origin, mean[:, :count], rows[steps == count], in_sample
        )
    ]


def _find_outside_band_of(
    outlook: Outlook,
    intervals: Intervals,
    origin: int,
    mean: Values,
    rows: Rows,
    in_sample: bool,
) -> Iterator[Deviation]:
    snapshot, steps = outlook.snapshot, mean.shape[1]
    horizons = np.arange(1, steps + 1)
    sold = snapshot.sales[rows, origin + 1 : origin + 1 + steps].sum(axis=1)
    rows = rows[np.abs(mean[rows].sum(axis=1) - sold) >= outlook.least_units]
    if not len(rows):
        return
    ((lower, upper),) = intervals.bounds_of_sums(
        rows,
        mean[rows],
        horizons,
        [0],
        [NOMINAL],
        sold=np.ones(len(rows), dtype=np.bool_),
        closed=snapshot.closed_nodes(rows, origin, horizons),
    )
    for row, low, high in zip(
        rows.tolist(), lower[:, 0].tolist(), upper[:, 0].tolist(), strict=True
    ):
        units = float(snapshot.sales[row, origin + 1 : origin + 1 + steps].sum())
        if not low <= units <= high:
            yield Deviation(
                kind=DeviationKind.OUTSIDE_BAND,
                row=row,
                first=origin + 1,
                last=origin + steps,
                forecast=float(mean[row].sum()),
                reference=units,
                in_sample=in_sample,
                bounds=(low, high),
            )


def _mean_of_known(values: Values, *, axis: int) -> Values:
    """Return the mean of the values that are not NaN along an axis; NaN where there is none."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    mean: Values = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean
