"""Training rows: origins × horizons, sampled up to the last day that may be a target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.blocks import Rows
from features.contract import UNKNOWN_CODE
from features.data.snapshot import Snapshot
from features.expected import EXPECTED
from features.matrix import MatrixBuilder, Plans
from features.state import PastState, first_origin
from models.engine import Progress
from training.history import TooLittleHistoryError, first_day
from training.recipe import Recipe, Segment
from training.state_files import PastStates, most_chosen, training_parts

_OUTAGE_UNITS, _OUTAGE_SHARE = 20.0, 0.02
"""A series that usually sells more than so many units on such a day has an outage if it sells less
than this share of them; of a Poisson count with that mean, that would happen twice in 10^9 days."""
_MAY_BE_SHUT = 0.5
"""Share of series that sold on the date in past years, below which sites may be shut."""


@dataclass(frozen=True)
class TrainingSet:
    """Rows and targets.

    Attributes:
        rows: shape (n, features), float32, in the contract's order.
        units: sales on the forecast day, shape (n,), float64.
        origin: index of each row's origin, shape (n,).
        node: index of each row's bottom node, shape (n,).
        names: of the features.
    """

    rows: NDArray[np.float32]
    units: NDArray[np.float64]
    origin: NDArray[np.int64]
    node: NDArray[np.int32]
    names: tuple[str, ...]

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> TrainingSet:
        """Return a copy of chosen rows: by a mask, or by their positions and in that order."""
        return TrainingSet(
            self.rows[chosen],
            self.units[chosen],
            self.origin[chosen],
            self.node[chosen],
            self.names,
        )


def training_rows(
    builder: MatrixBuilder,
    recipe: Recipe,
    *,
    last_target: int,
    share: Rows | None = None,
    states: PastStates | None = None,
    threads: int = 1,
    progress: Progress = lambda done, total: None,
) -> list[TrainingSet]:
    """Draw the rows of each segment, of bottom series, with targets no later than `last_target`.

    A series gives rows from origins by which it has sold. At every origin the series are split at
    random into groups that draw horizons of their own; where even one row of each series would
    exceed the limit of the segment, a part of the series is drawn. The number of days on which
    covariates are known is drawn too, and those beyond it are masked, so that one model serves
    forecasts with and without them. Days of a long event, such as an earthquake, are no targets,
    because they teach nothing about other days; neither are undelivered days, outliers and outages.

    Args:
        share: bottom nodes to make rows of; all by default. No random draw depends on it: the
            shares of a partition of the bottoms together give the rows of all bottoms.
        states: of the origins; computed by default.
        threads: that make the rows; their number does not affect the rows.

    Raises:
        TooLittleHistoryError: there is not enough for a single row.
    """
    origins = list_origins(builder.snapshot, recipe, last_target=last_target)
    draws = _Draws(
        builder,
        recipe,
        origins,
        last_target=last_target,
        share=share,
        states=states or PastStates(),
    )
    every_origin = np.unique(np.concatenate(origins)).tolist()
    parts: list[list[TrainingSet]] = [[] for _ in recipe.segments]
    with ThreadPoolExecutor(threads) as pool:  # numpy releases the GIL for most of it
        for done, of_origin in enumerate(pool.map(draws.at, every_origin)):
            for number, part in of_origin.items():
                parts[number].append(part)
            progress(done + 1, len(every_origin))
    rows = []
    for of_segment in parts:
        rows.append(_concatenate(of_segment))
        of_segment.clear()  # as large as the rows that were made of them
    if share is None and not all(len(each.units) for each in rows):
        raise TooLittleHistoryError(
            f"there is no {builder.snapshot.step} of sales to learn from up to "
            f"{builder.snapshot.date_at(last_target)}"
        )
    return rows


def list_origins(
    snapshot: Snapshot, recipe: Recipe, *, last_target: int
) -> list[NDArray[np.int64]]:
    """Return the origins of each segment's rows, the oldest first.

    Raises:
        TooLittleHistoryError: a segment has none.
    """
    step, begin = snapshot.step, min(first_day(snapshot), last_target)
    origins = [
        _list_origins(segment, last_target - 1, begin=begin, snapshot=snapshot)
        for segment in recipe.segments
    ]
    if not all(map(len, origins)):
        raise TooLittleHistoryError(
            f"training needs at least {first_origin(step) + 2} {step}s of sales, "
            f"not {last_target + 1 - begin}"
        )
    return origins


def most_rows(segment: Segment, snapshot: Snapshot, *, last_target: int) -> int:
    """Return how many rows a segment has if all series have sold from the beginning."""
    begin = min(first_day(snapshot), last_target)
    origins = _list_origins(segment, last_target - 1, begin=begin, snapshot=snapshot)
    bottoms = snapshot.hierarchy.n_bottom
    each = _count_rows_each(segment, origins, bottoms)
    if each < 1:
        return len(origins) * math.ceil(each * bottoms)
    return len(origins) * bottoms * min(int(each), segment.last_horizon)


def _count_rows_each(segment: Segment, origins: NDArray[np.int64], bottoms: int) -> float:
    """Return how many rows each series may have at each origin; less than 1 for many series."""
    return segment.max_rows / max(len(origins) * bottoms, 1)


class _Draws:
    """Sampler of the rows of one origin, deterministic for each origin.

    Args:
        origins: of each segment, shape (origins,).
    """

    def __init__(
        self,
        builder: MatrixBuilder,
        recipe: Recipe,
        origins: Sequence[NDArray[np.int64]],
        *,
        last_target: int,
        share: Rows | None,
        states: PastStates,
    ) -> None:
        bottoms = builder.snapshot.hierarchy.n_bottom
        self._builder = builder
        self._recipe = recipe
        self._last_target = last_target
        self._share = share
        self._states = states
        self._parts = training_parts(builder.snapshot)
        self._segments = [
            (segment, frozenset(drawn.tolist()), _count_rows_each(segment, drawn, bottoms))
            for segment, drawn in zip(recipe.segments, origins, strict=True)
        ]

    def at(self, origin: int) -> dict[int, TrainingSet]:
        """Return the rows of the segments that have the origin, by the number of the segment."""
        # The draws come first, for all series. Then the states of the parts are computed one after
        # the other, shared by the segments because they take longest, and each row is written to
        # the place that its draw has. So the rows do not depend on the parts, not even in order.
        snapshot, upper = self._builder.snapshot, self._builder.snapshot.hierarchy.n_upper
        choices = {
            number: self._choose(origin, segment, rows_each)
            for number, (segment, origins, rows_each) in enumerate(self._segments)
            if origin in origins
        }
        nodes = np.concatenate([each.nodes for each in choices.values()])
        bottoms = np.unique(nodes) - upper
        past, pooled = self._states.past_at(snapshot, origin)
        known = {number: past.with_lead(choice.lead) for number, choice in choices.items()}
        for part in self._parts:
            first, last = np.searchsorted(bottoms, (part.start, part.stop))
            if first == last:
                continue
            chosen = most_chosen(part, bottoms[first:last])
            state = self._states.state_of(past, pooled, part, chosen)
            for number, choice in choices.items():
                plans = known[number].plans_of(part, chosen)
                choice.make_rows(self._builder, state, plans, part.nodes(upper))
        return {number: self._finish(origin, choice) for number, choice in choices.items()}

    def _choose(self, origin: int, segment: Segment, rows_each: float) -> _Choice:
        """Draw the series and the horizons of an origin, and reduce the series to the share."""
        # Every random draw is made for the whole panel, from a generator seeded by the origin, and
        # only then reduced to the share. So threads and Dask workers, in any order and number,
        # give the same rows as one process. A draw that depended on the share, or a change in the
        # order of draws, would change the training set of every recipe.
        snapshot, last_target = self._builder.snapshot, self._last_target
        draw = np.random.default_rng([self._recipe.seed, segment.last_horizon, origin])
        reach = np.arange(1, min(segment.last_horizon, last_target - origin) + 1)
        reach = reach[~snapshot.calendar.singular[origin + reach]]
        count = min(max(int(rows_each), 1), len(reach))
        # plans of the days after the last target, which a row's week may reach, are not known then
        lead = min(_draw_lead(draw, snapshot.horizon), last_target - origin)
        bottoms = np.arange(snapshot.hierarchy.n_upper, len(snapshot.hierarchy))
        series = draw.permutation(bottoms[snapshot.first_sale[bottoms] <= origin])
        if rows_each < 1:  # too many series for a row of each at every origin
            series = series[: math.ceil(rows_each * len(series))]
        groups = []
        for group in np.array_split(series, self._recipe.groups):
            horizons = np.sort(draw.choice(reach, count, replace=False))
            nodes = group if self._share is None else group[np.isin(group, self._share)]
            groups.append(_Group(nodes, horizons, len(self._builder.contract.names)))
        return _Choice(lead, groups)

    def _finish(self, origin: int, choice: _Choice) -> TrainingSet:
        """Return the rows of a choice that can be learned from, with their targets."""
        snapshot, names = self._builder.snapshot, self._builder.contract.names
        parts = []
        for group in choice.groups:
            horizons, rows = group.horizons, group.rows.reshape(-1, len(names))
            units = snapshot.targets(group.nodes, origin + horizons).reshape(-1)
            node = np.repeat(group.nodes.astype(np.int32), len(horizons))
            drawn = TrainingSet(rows, units, np.full(len(units), origin), node, names)
            usable = ~(np.isnan(units) | _mark_outages(rows, units, names))
            parts.append(drawn if usable.all() else drawn.take(usable))
        return _concatenate(parts)


class _Group:
    """Series that share horizons, with the rows of each.

    Attributes:
        nodes: of the series, in the order in which they were drawn; shape (n,).
        horizons: shape (h,).
        rows: shape (n, h, features); undefined until they are made.
    """

    def __init__(self, nodes: Rows, horizons: Rows, features: int) -> None:
        self.nodes = nodes
        self.horizons = horizons
        self.rows = np.empty((len(nodes), len(horizons), features), dtype=np.float32)


@dataclass(frozen=True)
class _Choice:
    """Random draws of a segment at an origin.

    Attributes:
        lead: days after the origin on which covariates count as known.
    """

    lead: int
    groups: Sequence[_Group]

    @property
    def nodes(self) -> Rows:
        """Nodes of all groups."""
        return np.concatenate([group.nodes for group in self.groups])

    def make_rows(
        self, builder: MatrixBuilder, state: PastState, plans: Plans, within: slice
    ) -> None:
        """Make the rows of the series of a part.

        Args:
            within: nodes of the part, of which state and plans are.
        """
        for group in self.groups:
            places = np.flatnonzero((group.nodes >= within.start) & (group.nodes < within.stop))
            if len(places):
                made = builder.matrix(state, plans, group.nodes[places], group.horizons)
                group.rows[places] = made.reshape(len(places), *group.rows.shape[1:])


def _mark_outages(
    rows: NDArray[np.float32], units: NDArray[np.float64], names: Sequence[str]
) -> NDArray[np.bool_]:
    """Return which rows are of a series that all but stopped selling on its day; shape (n,).

    Such as an article that was not delivered, or a site that was shut for a month. Nothing at the
    origin says so, and a few months of it teach the trees that the family sells nothing then. Days
    on which sites may be shut are no outages, and neither are weekdays without sales.
    """

    def column(name: str, default: float) -> NDArray[np.float32]:
        missing = np.full(len(rows), default, dtype=np.float32)  # weeks have no such feature
        return rows[:, names.index(name)] if name in names else missing

    expected = np.expm1(column(EXPECTED, 0))
    stopped = (expected > _OUTAGE_UNITS) & (units < _OUTAGE_SHARE * expected)
    plain = (column("holiday", UNKNOWN_CODE) == UNKNOWN_CODE) & (column("local_day_off", 0) == 0)
    shut = column("date_open", 1) < _MAY_BE_SHUT
    return np.asarray(stopped & plain & ~shut)


def _concatenate(parts: Sequence[TrainingSet]) -> TrainingSet:
    rows, units, origin, node = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("rows", "units", "origin", "node")
    )
    return TrainingSet(rows, units, origin, node, parts[0].names)


def _list_origins(
    segment: Segment, last: int, *, begin: int, snapshot: Snapshot
) -> NDArray[np.int64]:
    """Return origins up to `last`, the newest that has a target; oldest first.

    They begin a year after the first day with sales (`begin`), from where features of the year
    before exist, unless that left less than another year of targets. Counted back from the newest
    day of the data, those of models with other last targets coincide, and so do their states.
    """
    step = snapshot.step
    start = begin + (step.year if last > begin + 2 * step.year else first_origin(step))
    start = max(start, last - round(segment.years * step.year))
    aligned = last - (last - (snapshot.newest_origin - 1)) % segment.origin_step
    newest = aligned if aligned >= start else last
    return np.arange(newest, start - 1, -segment.origin_step)[::-1]


def _draw_lead(draw: np.random.Generator, horizon: int) -> int:
    """Draw the days on which covariates are known: none, all, or any number, equally likely."""
    kind = draw.integers(3)
    return (0, horizon, int(draw.integers(1, max(horizon, 2))))[kind]
