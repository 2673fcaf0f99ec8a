"""The newest days of the sales, with the weeks before that say what is to be expected of them."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.checks.panel import SalesGrid, Timeline
from features.data.reading.schema import OPEN as OPEN_COLUMN
from features.data.screening.expectation import (
    REFERENCE_WEEKS,
    Floats,
    common_to_group,
    deviations,
    expected_logs,
)
from features.data.specification import Missing, Specification
from features.data.step import Step

NEW_DAYS = 28
"""Newest days that are screened where nothing is served yet."""

MAX_NEW_DAYS = 91
"""Most days that are screened, however old what is served is."""

SCALE_WEEKS = 8
"""Weeks before the new days that say how far a series usually is from what is expected."""

_YEAR_DAYS = 371
"""Days before a new one that say what a series can reach: a year, and the week around it."""

_MOSTLY_KNOWN = 0.95

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Groups:
    """Nodes above the series, by some of the columns of the series.

    Attributes:
        columns: that name a node; none for the total.
        keys: values of these columns, of each node.
        of_series: number of each series' node, shape (series,).
    """

    columns: tuple[str, ...]
    keys: tuple[tuple[object, ...], ...]
    of_series: NDArray[np.intp]

    @classmethod
    def of_columns(cls, series: pl.DataFrame, columns: tuple[str, ...]) -> Groups:
        if not columns:
            return cls((), ((),), np.zeros(series.height, dtype=np.intp))
        distinct = series.select(columns).unique().sort(columns)
        numbered = series.select(columns).join(
            distinct.with_row_index("_number"), on=list(columns), maintain_order="left"
        )
        of_series = numbered["_number"].to_numpy().astype(np.intp)
        return cls(columns, tuple(distinct.rows()), of_series)


@dataclass(frozen=True)
class Residuals:
    """Sales of nodes beside what was expected, in logarithms; all of shape (nodes, days).

    The days are those of `NewDays.judged`.

    Attributes:
        units: sales; NaN where not known.
        expected: expectation of log(1 + units).
        values: log(1 + units) less the expectation.
        deviation: robust deviation of the values.
    """

    units: Floats
    expected: Floats
    values: Floats
    deviation: Floats


def first_new_day(grid: Timeline, served: date | None) -> int:
    """Return the position of the first day that is screened, given the newest that is served."""
    first = grid.n_days - grid.step.steps_in(NEW_DAYS)
    if served is not None:
        first = max(grid.index_of(served) + 1, grid.n_days - grid.step.steps_in(MAX_NEW_DAYS))
    return max(first, 0)


def first_day_read(first_new: int, step: Step) -> int:
    """Return the first day of which a screening reads the values of all series."""
    before = max((REFERENCE_WEEKS + SCALE_WEEKS) * step.week, _YEAR_DAYS // step.days)
    return max(first_new - before, 0)


class NewDays:
    """The newest days of the sales, and the weeks before.

    Positions of days are those of a window, which ends on the newest day of the sales.

    Args:
        panel: all rows of the sales.
        first_new: position in the panel of the first day that is screened.
        holidays: days on which nobody may sell anything.
    """

    def __init__(
        self,
        panel: SalesGrid,
        specification: Specification,
        first_new: int,
        holidays: Container[date] = (),
    ) -> None:
        self.panel, self.specification, self.holidays = panel, specification, holidays
        self.week = panel.step.week
        before = (REFERENCE_WEEKS + SCALE_WEEKS) * self.week
        self.start = max(first_new - before, 0)
        self.first_new = first_new - self.start
        self.n_days = panel.n_days - self.start
        self.sales = self._read_sales()
        self.sites = Groups.of_columns(panel.series, (specification.site,))
        self.products = Groups.of_columns(panel.series, specification.pooled)
        self.total = Groups.of_columns(panel.series, ())

    @property
    def judged(self) -> slice:
        """Days whose residuals are computed: those of the scale, and the new ones."""
        return slice(max(self.first_new - SCALE_WEEKS * self.week, 0), self.n_days)

    @property
    def new(self) -> slice:
        """The new days among the judged ones."""
        return slice(self.first_new - self.judged.start, self.n_days - self.judged.start)

    @property
    def step_days(self) -> int:
        return self.panel.step.days

    def date_of(self, judged_day: int) -> date:
        """Return the date of a judged day."""
        return self.panel.day(self.start + self.judged.start + int(judged_day))

    def _read_sales(self) -> Floats:
        """Return the sales of the window, shape (series, days); NaN where they are not known."""
        specification = self.specification
        window = (slice(None), slice(self.start, None))
        begins, after = (ends - self.start for ends in self.panel.spans)
        days = np.arange(self.n_days)
        within = (days >= begins[:, None]) & (days <= after[:, None])
        sales = self.panel.values("sales", window)
        if specification.missing is Missing.ZERO:
            sales = np.where(np.isnan(sales) & within, 0, sales)
        sales = np.where(within, np.maximum(sales, 0), np.nan)
        if specification.open is not None:
            sales = np.where(self.panel.values(OPEN_COLUMN, window) == 0, np.nan, sales)
        return sales.astype(np.float32)

    def totals(self, groups: Groups) -> Floats:
        """Return the sales of each group in the window; NaN where too many are not known."""
        known = ~np.isnan(self.sales)
        started = np.maximum.accumulate(known, axis=1)
        sums = np.zeros((len(groups.keys), self.n_days))
        n_known, n_started = np.zeros_like(sums), np.zeros_like(sums)
        np.add.at(sums, groups.of_series, np.nan_to_num(self.sales))
        np.add.at(n_known, groups.of_series, known)
        np.add.at(n_started, groups.of_series, started)
        mostly = (n_known > 0) & (n_known >= _MOSTLY_KNOWN * n_started)
        return np.where(mostly, sums, np.nan)

    def residuals_of(self, units: Floats) -> Residuals:
        """Return sales of the window beside what was expected of them."""
        logs = np.log1p(units)
        expected = expected_logs(logs, self.judged, week=self.week)
        values = logs[:, self.judged] - expected
        scale = deviations(values, expected, self.new.start)
        return Residuals(units[:, self.judged], expected, values, scale)

    @cached_property
    def series(self) -> Residuals:
        """Residuals of the series. A day on which a site sold nothing is no reference."""
        closed = (self.totals(self.sites) == 0)[self.sites.of_series]
        units = self.sales.copy()
        reference = np.where(closed, np.nan, np.log1p(units))
        expected = expected_logs(reference, self.judged, week=self.week)
        values = np.log1p(units[:, self.judged]) - expected
        scale = deviations(
            np.where(closed[:, self.judged], np.nan, values), expected, self.new.start
        )
        return Residuals(units[:, self.judged], expected, values, scale)

    @cached_property
    def common_to_products(self) -> Floats:
        """Median residual of the series of each product, for each of its series."""
        return common_to_group(self.series.values, self.products.of_series)

    @cached_property
    def common_to_sites(self) -> Floats:
        """Median of the rest in each site, for each of its series."""
        rest = self.series.values - self.common_to_products
        return common_to_group(rest, self.sites.of_series)

    def reached(self, members: NDArray[np.intp]) -> Floats:
        """Return the second largest value of nodes in the year before the new days.

        Args:
            members: series of one node, or the series of one node each (shape (n,)).
        """
        values = self._year_before(members)
        return np.sort(np.nan_to_num(values), axis=1)[:, -2]

    def reached_by_group(self, members: NDArray[np.intp]) -> float:
        """Return the second largest sum of some series in the year before the new days."""
        sums = np.nan_to_num(self._year_before(members)).sum(axis=0)
        return float(np.sort(sums)[-2])

    def _year_before(self, members: NDArray[np.intp]) -> Floats:
        end = self.start + self.first_new
        first = max(end - _YEAR_DAYS // self.step_days, 0)
        return self.panel.values("sales", (members, slice(first, end)))

    # --- names ---------------------------------------------------------------------------------

    def name_of_series(self, series: int) -> str:
        """Return the id of a series' node."""
        return self.specification.node_of(
            self.panel.series.columns, self.panel.series.row(int(series))
        )

    def name_of_group(self, groups: Groups, number: int) -> str:
        """Return the id of a group's node."""
        return self.specification.node_of(groups.columns, groups.keys[number])


def iter_spans(flags: Flags) -> Iterator[tuple[int, int, int]]:
    """Yield row, first and last position of each run of true; shape (rows, days)."""
    padded = np.zeros((flags.shape[0], flags.shape[1] + 2), dtype=np.int8)
    padded[:, 1:-1] = flags
    edges = np.diff(padded, axis=1)
    rows, first = np.nonzero(edges == 1)
    last = np.nonzero(edges == -1)[1] - 1
    yield from zip(rows.tolist(), first.tolist(), last.tolist(), strict=True)
