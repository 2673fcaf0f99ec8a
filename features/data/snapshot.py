"""The snapshot: the retailer's data as of its newest origin, as memory-mapped arrays.

`features.data.build` builds one from tables, and `features.data.snapshot_files` loads it. Days and
series are positions on the date axis and in the hierarchy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from scipy import sparse

from features.data.calendar import (
    Calendar,
    Dates,
    Holiday,
    Place,
    build_calendar,
    calendar_of_weeks,
)
from features.data.closures import CLOSED, NOT_STATED, OPEN, OUTLIER, usually_closed
from features.data.hierarchy import Hierarchy
from features.data.history import carry_backward, carry_forward, fill_gaps
from features.data.promotion_plan import PLAN_DAYS_BACK, find_plan_days
from features.data.series_part import Part
from features.data.specification import Covariate, Specification
from features.data.step import Step

Floats = NDArray[np.float64]

_CHUNK_CELLS = 2**22
"""Cells of an array that are read at a time, where all of them are."""

LATE_DAYS = 14
"""Days before the newest origin whose sales may not be delivered yet (see
`features.data.delivery`)."""


class SnapshotFacts(BaseModel):
    """Facts about the data in a snapshot's manifest.

    Attributes:
        known_through: last day for which a covariate that is known ahead has a value.
        demo: whether the data are the built-in demo's, which end on a fixed day, so that their
            age means nothing. Absent from the manifest of other data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    first_date: date
    origin: date
    # the alias is that of older snapshots
    known_through: date = Field(
        validation_alias=AliasChoices("known_through", "promotions_known_through")
    )
    demo: bool = False


@dataclass(frozen=True)
class Snapshot:
    """Panel, covariates, calendar and hierarchy as of the newest origin.

    Attributes:
        name: of the artifact; unique by content.
        facts: first date, origin, and the last date of covariates known ahead.
        hierarchy: nodes and how they add up.
        holidays: the holidays table.
        sales: units as the tables have them, shape (nodes, days up to the origin), float64; NaN
            where not delivered yet, and for a node above where a part is not.
        covariates: values by name, float32; NaN where not known. Of one that is known ahead,
            shape (bottoms, days up to origin + horizon); of others, shape (groups, days up to the
            origin), the groups being those of `Hierarchy.group_of` for the columns it varies with.
        estimated: ``sales`` with estimates in place of undelivered days and outliers (see
            `features.data.history`), of the same shape; None where there are neither.
        status: of each bottom series on each day, shape (bottoms, days up to origin + horizon),
            uint8 (see `features.data.closures`); None where all days count.
        begins: steps from the newest origin to the first day ahead of each bottom series that the
            tables announce without sales, 0 for the others; shape (bottoms,). None where there is
            no such series.

    Invariants: ``sales`` and ``estimated`` of a node are the sums of its bottoms'; ``estimated``
    has no NaN; no array is writable.
    """

    name: str
    facts: SnapshotFacts
    hierarchy: Hierarchy
    holidays: tuple[Holiday, ...]
    sales: NDArray[np.float64]
    covariates: Mapping[str, NDArray[np.float32]]
    estimated: NDArray[np.float64] | None = None
    status: NDArray[np.uint8] | None = None
    begins: NDArray[np.int64] | None = None

    @property
    def specification(self) -> Specification:
        return self.hierarchy.specification

    @property
    def step(self) -> Step:
        return self.specification.step

    @property
    def horizon(self) -> int:
        """Days after an origin that a forecast reaches."""
        return self.specification.horizon

    @property
    def history(self) -> NDArray[np.float64]:
        """The sales that features read, shape (nodes, days up to the origin); no NaN."""
        return self.sales if self.estimated is None else self.estimated

    @property
    def n_days(self) -> int:
        """Days with known sales; the newest origin is the last of them."""
        days: int = self.sales.shape[1]
        return days

    @property
    def newest_origin(self) -> int:
        """Index of the newest origin on the date axis."""
        return self.n_days - 1

    @cached_property
    def dates(self) -> Dates:
        """All days from the first to the last that a forecast from the newest origin reaches."""
        steps = np.arange(self.n_days + self.horizon) * self.step.days
        return np.datetime64(self.facts.first_date) + steps

    @cached_property
    def calendar(self) -> Calendar:
        places = [self._place_of(bottom) for bottom in self._first_of_site]
        if self.step is Step.DAY:
            return build_calendar(self.dates, self.holidays, places, known=self.n_days)
        days = (
            self.dates[0] - self.specification.shift + np.arange(len(self.dates) * self.step.days)
        )
        known = self.n_days * self.step.days
        return calendar_of_weeks(
            self.dates, build_calendar(days, self.holidays, places, known=known)
        )

    @cached_property
    def first_sale(self) -> NDArray[np.int64]:
        """Index of each node's first day with sales; `n_days` where there is none."""
        return self._find_first_sale(slice(0, len(self.hierarchy)))

    def first_sale_of(self, nodes: slice | NDArray[np.intp]) -> NDArray[np.int64]:
        """Return `first_sale` of some nodes; for a part of them, no others are read."""
        every = slice(0, len(self.hierarchy))
        if "first_sale" in vars(self) or not isinstance(nodes, slice) or nodes == every:
            return self.first_sale[nodes]
        return self._find_first_sale(nodes)

    def _find_first_sale(self, nodes: slice) -> NDArray[np.int64]:
        parts = [
            np.where(sold.any(axis=1), sold.argmax(axis=1), self.n_days)
            for sold in (self.history[rows] > 0 for rows in self._iter_rows(nodes))
        ]
        return np.concatenate([np.empty(0, dtype=np.int64), *parts])

    def _iter_rows(self, rows: slice) -> Iterator[slice]:
        """Yield slices of rows of which all days of a node or series fit into memory."""
        count = max(_CHUNK_CELLS // (self.n_days + self.horizon), 1)
        for start in range(rows.start, rows.stop, count):
            yield slice(start, min(start + count, rows.stop))

    @cached_property
    def announced(self) -> NDArray[np.bool_]:
        """Nodes that have sold nothing and of which a series is announced; shape (nodes,)."""
        if self.begins is None:
            return np.zeros(len(self.hierarchy), dtype=np.bool_)
        count = self.hierarchy.aggregate((self.begins > 0).astype(np.float64))
        return np.asarray((count > 0) & (self.first_sale == self.n_days))

    def may_sell(self, origin: int) -> NDArray[np.bool_]:
        """Return which nodes had sold by an origin, or are announced after it; shape (nodes,).

        It is the newest origin after which series are announced: what past tables announced is not
        known.
        """
        sold = self.first_sale <= origin
        return sold | self.announced if origin == self.newest_origin else sold

    @cached_property
    def selling(self) -> NDArray[np.float64]:
        """Number of bottom series below each upper node that sold, by day; shape (upper, days)."""
        upper = self.hierarchy.n_upper
        counts = np.zeros((upper, self.n_days))
        for rows in self._iter_rows(slice(0, self.hierarchy.n_bottom)):
            sold = self.history[upper + rows.start : upper + rows.stop] > 0
            counts += self.upper_summing[:, rows].tocsr() @ sold
        return counts

    @cached_property
    def upper_summing(self) -> sparse.csc_array:
        """The summing matrix of the upper nodes, shape (upper, bottoms), by columns."""
        return self.hierarchy.summing[: self.hierarchy.n_upper].tocsc()

    def targets(self, nodes: NDArray[np.intp] | slice, days: NDArray[np.intp]) -> Floats:
        """Return the sales that training and scoring may use, shape (nodes, days).

        NaN where they are not delivered or contain an outlier, where the day of a bottom series
        does not count, and of a series that is announced.
        """
        targets = self._known_targets(nodes, days)
        if self.begins is not None:
            targets[self.announced[nodes]] = np.nan
        return targets

    def _known_targets(self, nodes: NDArray[np.intp] | slice, days: NDArray[np.intp]) -> Floats:
        rows = np.arange(len(self.hierarchy))[nodes] if isinstance(nodes, slice) else nodes
        cells = np.ix_(rows, days)
        targets = self.sales[cells]
        if self.status is not None:
            bottom = rows >= self.hierarchy.n_upper
            status = self.status[np.ix_(rows[bottom] - self.hierarchy.n_upper, days)]
            targets[bottom] = np.where(status == OPEN, targets[bottom], np.nan)
            wrong = self.hierarchy.summing[rows] @ (self.status[:, days] == OUTLIER)
            return np.where(wrong > 0, np.nan, targets)
        if self.estimated is None:
            return targets
        return np.where(targets == self.estimated[cells], targets, np.nan)

    def _place_of(self, bottom: int) -> Place:
        regions, values = self.specification.holidays, self.hierarchy.bottoms
        return Place(
            city=values[regions.local][bottom] if regions.local else None,
            state=values[regions.regional][bottom] if regions.regional else None,
        )

    @cached_property
    def _site_of(self) -> NDArray[np.intp]:
        """Number of the site of each bottom series, shape (bottoms,)."""
        return self.hierarchy.group_of(self.specification.site)

    def split(self, size: int) -> list[Part]:
        """Return the bottom series in parts of whole sites, each of about `size` or one site.

        There is at least one part.
        """
        count, site = self.hierarchy.n_bottom, self._site_of
        last = np.zeros(int(site.max(initial=0)) + 1, dtype=np.intp)
        last[site] = np.arange(count)
        # a part may end after a series after which no site goes on
        ends = np.flatnonzero(np.maximum.accumulate(last[site]) == np.arange(count)) + 1
        parts: list[Part] = []
        start = 0
        while start < count:
            fitting = np.searchsorted(ends, start + size, side="right") - 1
            next_end = np.searchsorted(ends, start, side="right")
            stop = int(ends[max(fitting, next_end)])
            parts.append(Part(start, stop))
            start = stop
        return parts or [Part(0, 0)]

    @property
    def _first_of_site(self) -> NDArray[np.intp]:
        """The first bottom series of each site, shape (sites,)."""
        return np.unique(self._site_of, return_index=True)[1]

    @cached_property
    def site_share(self) -> sparse.csr_array:
        """Share of each site in the bottom series of each upper node; shape (upper, sites).

        Announced series count as in `of_nodes`. Most sites have no share in most nodes.
        """
        count, site = self.hierarchy.n_bottom, self._site_of
        started = np.ones(count) if self.begins is None else (self.begins == 0).astype(np.float64)
        counts, every = (
            self.upper_summing @ sparse.csr_array((of_site, (np.arange(count), site)))
            for of_site in (started, np.ones(count))
        )
        all_new = self.all_announced[: self.hierarchy.n_upper].astype(np.float64)
        counts = sparse.diags_array(1 - all_new) @ counts + sparse.diags_array(all_new) @ every
        shares = sparse.csr_array(counts)
        shares.data /= np.repeat(shares.sum(axis=1), np.diff(shares.indptr))
        return shares

    def average_sites(
        self, nodes: NDArray[np.intp], values: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the mean of the sites' values over the bottom series of nodes; (nodes, n).

        Args:
            nodes: rows of the hierarchy.
            values: shape (sites, n).
        """
        upper = nodes < self.hierarchy.n_upper
        means = np.empty((len(nodes), values.shape[1]))
        if upper.any():  # selecting no rows of a sparse array takes longer than the rest
            means[upper] = self.site_share[nodes[upper]] @ values
        means[~upper] = values[self._site_of[nodes[~upper] - self.hierarchy.n_upper]]
        return means

    @cached_property
    def pooled_group(self) -> NDArray[np.intp]:
        """Group of each node, shape (nodes,): bottoms that differ by their site; others single.

        An announced series is a group of its own, because it has no past to pool.
        """
        upper = np.arange(self.hierarchy.n_upper)
        pooled = self.hierarchy.group_of(*self.specification.pooled)
        if self.begins is not None:
            new = np.flatnonzero(self.begins)
            pooled[new] = pooled.max() + 1 + np.arange(len(new))
        return np.concatenate((upper, len(upper) + pooled))

    def of_nodes(self, covariate: Covariate, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return a covariate of every node from that of the bottoms: their sum or mean.

        Announced series count in nodes of which all series are announced alone: they have no past,
        and must not change what the model reads of the others.

        Args:
            values: shape (bottoms, days).

        Returns:
            Shape (nodes, days).
        """
        return self._sum_started(values) if covariate.kind.adds_up else self.average(values)

    def average(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the mean of each node's bottoms, shape (nodes, days), of (bottoms, days).

        Announced series count as in `of_nodes`.
        """
        return self._sum_started(values) / self.bottoms_of_node[:, None]

    @cached_property
    def bottoms_of_node(self) -> NDArray[np.float64]:
        """Number of the bottoms that count in each node, shape (nodes,); see `of_nodes`."""
        return self._sum_started(np.ones(self.hierarchy.n_bottom))

    @cached_property
    def all_announced(self) -> NDArray[np.bool_]:
        """Nodes of which all series are announced, shape (nodes,)."""
        if self.begins is None:
            return np.zeros(len(self.hierarchy), dtype=np.bool_)
        started = self.hierarchy.aggregate((self.begins == 0).astype(np.float64))
        return np.asarray(started == 0)

    def _sum_started(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Sum the bottoms that are not announced to every node; all of them where all are."""
        if self.begins is None:
            return self.hierarchy.aggregate(values)
        new = self.begins > 0
        started = values.copy()
        started[new] = 0
        sums = self.hierarchy.aggregate(started)
        sums[self.all_announced] = self.hierarchy.aggregate(values)[self.all_announced]
        return sums

    def closed_ahead(
        self, origin: int, horizons: NDArray[np.intp], part: Part | None = None
    ) -> NDArray[np.bool_] | None:
        """Return on which days after an origin the bottom series are closed; None if never.

        Where days are stated as open or closed, the stated days count as known for as long as
        those after the newest origin are. On other days the weekdays of the past decide. A series
        that is announced is closed until its first day.

        Args:
            part: the series; all by default.

        Returns:
            Shape (bottoms, horizons).
        """
        rows = slice(None) if part is None else part.bottoms
        closed = self._closed_of_status(origin, horizons, rows)
        if self.begins is None or origin != self.newest_origin:
            return closed
        before = horizons < self.begins[rows, None]
        return before if closed is None else closed | before

    def _closed_of_status(
        self, origin: int, horizons: NDArray[np.intp], rows: slice
    ) -> NDArray[np.bool_] | None:
        if self.status is None or not self._has_closed_days:
            return None
        status = self.status[rows]
        closed = usually_closed(status, origin, horizons, step=self.step)
        stated = horizons <= self._stated_lead
        closed[:, stated] = status[:, origin + horizons[stated]] == CLOSED
        return closed

    def closed_nodes(
        self, nodes: NDArray[np.intp], origin: int, horizons: NDArray[np.intp]
    ) -> NDArray[np.bool_] | None:
        """Return on which days all bottom series of some nodes are closed; None if never.

        Returns:
            Shape (nodes, horizons).
        """
        upper = self.hierarchy.n_upper
        own = nodes[nodes >= upper] - upper
        part = Part(0, self.hierarchy.n_bottom)
        if len(own) == len(nodes):  # what the others do is not read
            part = Part(int(own.min(initial=0)), int(own.max(initial=-1)) + 1)
        closed = self.closed_ahead(origin, horizons, part)
        if closed is None:
            return None
        of_nodes = np.empty((len(nodes), len(horizons)), dtype=np.bool_)
        of_nodes[nodes >= upper] = closed[own - part.start]
        if len(own) < len(nodes):
            still_open = self.hierarchy.summing[nodes[nodes < upper]] @ ~closed
            of_nodes[nodes < upper] = still_open == 0
        return of_nodes

    @cached_property
    def _has_closed_days(self) -> bool:
        return self.status is not None and any(
            bool((self.status[rows] == CLOSED).any())
            for rows in self._iter_rows(slice(0, len(self.status)))
        )

    @cached_property
    def _stated_lead(self) -> int:
        """Days after the newest origin up to which it is stated that series are open or closed."""
        if self.status is None or self.specification.open is None:
            return 0
        ahead = self.status[:, self.n_days :]
        stated = np.zeros(ahead.shape[1], dtype=np.bool_)
        for rows in self._iter_rows(slice(0, len(ahead))):
            stated |= (ahead[rows] != NOT_STATED).any(axis=0)
        return int(np.flatnonzero(stated)[-1]) + 1 if stated.any() else 0

    def past_values(
        self, covariate: Covariate, days: slice, part: Part | None = None
    ) -> NDArray[np.float32]:
        """Return a covariate for features of the past, shape (bottoms, days).

        Days on which a count is not known have estimates, as in `history`. Other quantities keep
        the value that was known before; where there was none they have the first of these days,
        so that none jumps when it is first known, and 0 where there is none either.

        Args:
            part: the series; all by default.
        """
        if part is None:
            values = self._past_values[covariate.name][:, days]
        else:  # what is filled in depends on the days before alone
            values = self._fill_gaps(covariate, part.bottoms, days.stop)[:, days]
        return values if covariate.kind.adds_up else carry_backward(values)

    @cached_property
    def _past_values(self) -> dict[str, NDArray[np.float32]]:
        return {
            covariate.name: self._fill_all_gaps(covariate)
            for covariate in self.specification.known_ahead
        }

    def _fill_all_gaps(self, covariate: Covariate) -> NDArray[np.float32]:
        values = self.covariates[covariate.name][:, : self.n_days]
        chunks = [*self._iter_rows(slice(0, len(values)))]
        if not any(np.isnan(values[rows]).any() for rows in chunks):
            return values
        filled = np.empty_like(values)
        for rows in chunks:
            filled[rows] = self._fill_gaps(covariate, rows, self.n_days)
        return filled

    def _fill_gaps(self, covariate: Covariate, rows: slice, end: int) -> NDArray[np.float32]:
        values = self.covariates[covariate.name][rows, :end]
        if covariate.kind.adds_up:
            return fill_gaps(values, step=self.step)
        return carry_forward(values)

    def planned_values(
        self, covariate: Covariate, days: slice, part: Part | None = None
    ) -> NDArray[np.float32]:
        """Return a covariate as it was planned, shape (bottoms, days); NaN where not known.

        Counts of past days are reconstructed (see `features.data.promotion_plan`), but not those of
        weeks; plans for days after the newest origin are returned unchanged.

        Args:
            part: the series; all by default.
        """
        rows = slice(0, self.hierarchy.n_bottom) if part is None else part.bottoms
        known = self.covariates[covariate.name][rows]
        values = np.array(known[:, days])
        if not covariate.kind.adds_up or self.step is Step.WEEK or days.start >= self.n_days:
            return values
        # no earlier day is read for the plan of one of these
        first = max(days.start - PLAN_DAYS_BACK, 0)
        past = known[:, first : max(min(days.stop, self.n_days), first)]
        site = self._site_of[rows] - self._site_of[rows].min(initial=0)
        of_site = find_plan_days(past, site)[:, days.start - first :] + first
        own = np.arange(days.start, days.start + of_site.shape[1])
        for column in np.flatnonzero((of_site != own).any(axis=0)):
            source = of_site[site, column]
            values[:, column] = known[np.arange(len(values)), source]
        return values

    @property
    def lead(self) -> int:
        """Days after the newest origin up to the last on which any covariate is known."""
        return (self.facts.known_through - self.facts.origin).days // self.step.days

    @cached_property
    def plan_known(self) -> dict[str, NDArray[np.bool_]]:
        """Days after the newest origin on which a covariate is known, shape (bottoms, 90)."""
        return {
            covariate.name: self.find_plan_known(covariate)
            for covariate in self.specification.known_ahead
        }

    def find_plan_known(self, covariate: Covariate, part: Part | None = None) -> NDArray[np.bool_]:
        """Return `plan_known` of a covariate and of some series; of all by default."""
        rows = slice(None) if part is None else part.bottoms
        return np.asarray(~np.isnan(self.covariates[covariate.name][rows, self.n_days :]))

    @cached_property
    def known_lead(self) -> dict[str, NDArray[np.intp]]:
        """Days after the newest origin up to which a covariate of all series of a node is known.

        By name, of those that are known ahead; shape (nodes,).
        """
        leads = {}
        for name, known in self.plan_known.items():
            unknown = self._sum_started(np.where(known, 0.0, 1.0)) > 0
            leads[name] = np.where(unknown.any(axis=1), unknown.argmax(axis=1), self.horizon)
        return leads

    @cached_property
    def sales_known_through(self) -> NDArray[np.intp]:
        """Index of the last day up to which the sales of each node are delivered; (nodes,)."""
        late = np.isnan(self.sales[:, -(LATE_DAYS // self.step.days) :])
        first = self.n_days - late.shape[1] + late.argmax(axis=1)
        return np.where(late.any(axis=1), first - 1, self.newest_origin)

    def index_of(self, day: date) -> int:
        """Return the position of a date on the date axis; it may lie outside."""
        return (day - self.facts.first_date).days // self.step.days

    def dates_of(self, index: int) -> set[date]:
        """Return the dates of a day, or of all days of a week."""
        first = self.date_at(index).toordinal() - self.specification.shift
        return {date.fromordinal(first + number) for number in range(self.step.days)}

    def date_at(self, index: int) -> date:
        if 0 <= index < len(self._dates):  # an answer has dozens of them
            return self._dates[index]
        return self._compute_date(index)

    @cached_property
    def _dates(self) -> list[date]:
        return [self._compute_date(index) for index in range(self.n_days + self.horizon)]

    def _compute_date(self, index: int) -> date:
        return date.fromordinal(self.facts.first_date.toordinal() + index * self.step.days)
