"""Steps from an origin to coherent forecasts of the whole hierarchy, each callable by itself.

Rows → model → base forecasts → reconciliation. The service runs the two middle steps through
its runners; `ForecastEngine.forecast` runs all of them in this process, for training and for the
stored forecasts of the newest origin.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from threading import RLock

import numpy as np
from cachetools import LRUCache, cachedmethod
from numpy.typing import NDArray

from features.data.series_part import Part
from features.data.snapshot import Snapshot
from features.matrix import Covariates, known_covariates
from features.state import PastState, state_at
from features.state_parts import Pooled, UpperPast, state_in_parts
from models import base_forecasts
from models.adaptation import Adaptation
from models.analogues import Analogues
from models.base_forecasts import NodeForecaster, ScoreParts, score_parts_here
from models.base_forecasts import Progress as Progress
from models.bundle import Bundle
from models.intervals import Intervals
from models.methods import Method, methods_at
from models.part_rows import PartRows
from models.reconciliation import Coherent, Reconciliation
from models.uncertainty import Uncertainty
from models.volumes import volumes_of

_PAST_STATES = 2
"""Past origins whose states are cached: 8 MB each for 1,870 nodes, and a quarter of a second.

Of more series than a part has, it is what all parts read of the past that is cached."""


class ForecastEngine:
    """A bundle bound to a snapshot.

    Raises:
        ArtifactError: they do not fit each other.
    """

    def __init__(self, bundle: Bundle, snapshot: Snapshot) -> None:
        self.forecaster = NodeForecaster(bundle, snapshot)
        self.bundle = bundle
        self.snapshot = snapshot
        self.builder = self.forecaster.builder
        self.reconciliation = Reconciliation(snapshot.hierarchy, bundle.variances)
        self.intervals = self._make_intervals(None)
        self.unseen_series = bundle.find_unseen(snapshot)
        self._past_states: LRUCache[int, PastState] = LRUCache(_PAST_STATES)
        self._covariates: LRUCache[int, Covariates] = LRUCache(_PAST_STATES)
        self._part_rows: LRUCache[int, PartRows] = LRUCache(_PAST_STATES)
        self._newest_part_rows: PartRows | None = None
        self._lock, self._computing = RLock(), RLock()
        self.analogues = self._find_analogues()

    def adapt_intervals(self, adaptation: Adaptation) -> Intervals:
        """Return the intervals of a bundle that has them, adapted to later misses."""
        factors = adaptation.of_nodes(self.snapshot.hierarchy, volumes_of(self.snapshot))
        intervals = self._make_intervals(factors)
        assert intervals is not None, "a bundle without intervals serves nothing"
        return intervals

    def _make_intervals(self, factors: NDArray[np.float64] | None) -> Intervals | None:
        calibration, snapshot = self.bundle.calibration, self.snapshot
        if calibration is None:
            return None
        return Intervals(calibration, snapshot.hierarchy, new=snapshot.announced, factors=factors)

    @cached_property
    def version(self) -> str:
        """Version of the forecasts: ``<bundle>.<snapshot>``."""
        return f"{self.bundle.name}.{self.snapshot.name}"

    @property
    def all_horizons(self) -> NDArray[np.intp]:
        """The days after an origin that a forecast reaches."""
        return np.arange(1, self.snapshot.horizon + 1)

    @cached_property
    def _newest_state(self) -> PastState:
        return self._compute_state(self.snapshot.newest_origin)

    def state(self, origin: int) -> PastState:
        """Return the state at an origin; those of the newest and of few others are cached."""
        if origin == self.snapshot.newest_origin:
            return self._newest_state
        return self._past_state(origin)

    @cachedmethod(lambda self: self._past_states, lock=lambda self: self._lock)
    def _past_state(self, origin: int) -> PastState:
        return self._compute_state(origin)

    def _compute_state(self, origin: int) -> PastState:
        if not self.is_divided:
            return state_at(self.snapshot, origin)
        rows = self.part_rows(origin)
        return state_in_parts(rows.past, rows.pooled, self._parts)

    @property
    def is_divided(self) -> bool:
        """True if there are so many series that they are forecast part by part."""
        return len(self._parts) > 1

    @cached_property
    def _parts(self) -> list[Part]:
        return self.snapshot.split(_count_series(self.snapshot.horizon))

    @cached_property
    def _sites(self) -> list[Part]:
        return self.snapshot.split(1)

    def part_rows(self, origin: int) -> PartRows:
        """Return what makes rows of nodes at an origin, where series are forecast part by part.

        That of the newest origin and of few others is cached.
        """
        if origin != self.snapshot.newest_origin:
            return self._past_part_rows(origin)
        with self._computing:  # once, for all requests that need it
            if self._newest_part_rows is None:
                self._newest_part_rows = self._compute_part_rows(self.snapshot, origin)
            return self._newest_part_rows

    @cachedmethod(lambda self: self._part_rows, lock=lambda self: self._lock)
    def _past_part_rows(self, origin: int) -> PartRows:
        return self._compute_part_rows(self.snapshot, origin)

    def _compute_part_rows(self, snapshot: Snapshot, origin: int) -> PartRows:
        past = UpperPast.at(snapshot, origin, self._parts)
        return self._make_part_rows(past, past.pool(self._parts))

    def use_past(self, past: UpperPast, pooled: Pooled) -> None:
        """Make rows at the newest origin of what all parts read, which need not be computed."""
        self._newest_part_rows = self._make_part_rows(past, pooled)

    def _make_part_rows(self, past: UpperPast, pooled: Pooled) -> PartRows:
        size = _count_series(self.snapshot.horizon)
        return PartRows(self.builder, past, pooled, self._sites, size)

    def rows_of(
        self,
        origin: int,
        nodes: NDArray[np.intp],
        horizons: NDArray[np.intp],
        covariates: Covariates | None = None,
    ) -> NDArray[np.float32]:
        """Return the rows of some nodes from an origin, node by node.

        Where there are many series, only the state of the parts that hold the nodes is computed.

        Args:
            covariates: of the days ahead, if not those known at the origin.
        """
        if self.is_divided:
            return self.part_rows(origin).matrix(nodes, horizons, covariates)
        covariates = covariates or self.covariates(origin)
        return self.builder.matrix(self.state(origin), covariates, nodes, horizons)

    def rows_with_holidays(
        self, covariates: Covariates
    ) -> Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[np.float32]]:
        """Return what makes the rows of nodes and days from a snapshot that has other holidays.

        Args:
            covariates: of this snapshot and its calendar.
        """
        snapshot, origin = covariates.snapshot, covariates.origin
        if self.is_divided:
            part_rows = self._compute_part_rows(snapshot, origin)
            return partial(part_rows.matrix, covariates=covariates)
        return partial(self.builder.matrix, state_at(snapshot, origin), covariates)

    def missing_covariates(self) -> dict[str, float]:
        """Return the share of the days ahead of all series that lack a covariate, by its name."""
        values = self._newest_covariates.values
        return {name: float(np.isnan(each).mean()) for name, each in values.items()}

    def covariates(self, origin: int) -> Covariates:
        """Return the covariates as they were known at an origin; cached as `state` is."""
        if origin == self.snapshot.newest_origin:
            return self._newest_covariates
        return self._past_covariates(origin)

    @cachedmethod(lambda self: self._covariates, lock=lambda self: self._lock)
    def _past_covariates(self, origin: int) -> Covariates:
        return known_covariates(self.snapshot, origin)

    @cached_property
    def _newest_covariates(self) -> Covariates:
        return known_covariates(self.snapshot, self.snapshot.newest_origin)

    @property
    def is_separable(self) -> bool:
        """True if the forecast of a node depends on no series but those below it.

        That is so where reconciliation only adds up, and has no negative forecast to set to zero,
        which would move the others.
        """
        return self.bundle.model.non_negative and not len(self.reconciliation.weighted_upper)

    def rows(
        self, state: PastState, covariates: Covariates, horizons: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Return the rows of all modelled nodes; shape (nodes × horizons, features)."""
        return self.builder.matrix(state, covariates, self.reconciliation.modelled_nodes, horizons)

    def base(
        self,
        origin: int,
        horizons: NDArray[np.intp],
        outputs: NDArray[np.float32],
        nodes: NDArray[np.intp] | None = None,
    ) -> NDArray[np.float64]:
        """Return base forecasts, shape (nodes, horizons), from the model's outputs for `rows`.

        A series that falls back to a rule gets its forecast. A node that has never sold gets 0, and
        so does a bottom series on a day on which it is closed. At the newest origin, a series that
        is announced gets the mean of its analogues. Upper nodes that are not modelled get NaN.

        Args:
            nodes: rows of the hierarchy that the outputs are of, if not all that are modelled; the
                others get NaN, or what a rule says.
        """
        modelled = self.reconciliation.modelled_nodes if nodes is None else nodes
        base = np.full((len(self.snapshot.hierarchy), len(horizons)), np.nan)
        base[modelled] = outputs.reshape(len(modelled), len(horizons))
        self.forecaster.apply_rules(base, slice(0, len(base)), origin, horizons)
        base[modelled[self.snapshot.first_sale[modelled] > origin]] = 0
        bottoms = base[self.snapshot.hierarchy.n_upper :]
        closed = self.snapshot.closed_ahead(origin, horizons)
        if closed is not None:
            bottoms[closed] = 0
        self._forecast_announced(bottoms, origin, horizons)
        return base

    def forecast(
        self,
        origin: int,
        horizons: NDArray[np.intp] | None = None,
        *,
        lead: int | None = None,
        progress: Progress = lambda done, total: None,
        score_parts: ScoreParts | None = None,
    ) -> Coherent:
        """Return coherent forecasts of all nodes from one origin; shape (nodes, horizons).

        Args:
            horizons, lead, progress, score_parts: as in `base_forecasts`.
        """
        base = self.base_forecasts(
            origin, horizons, lead=lead, progress=progress, score_parts=score_parts
        )
        return self.reconciliation.reconcile(base)

    def base_forecasts(
        self,
        origin: int,
        horizons: NDArray[np.intp] | None = None,
        *,
        lead: int | None = None,
        progress: Progress = lambda done, total: None,
        score_parts: ScoreParts | None = None,
    ) -> NDArray[np.float64]:
        """Return the forecasts of all nodes from one origin before they are made coherent.

        Shape (nodes, horizons), NaN for upper nodes that are not modelled. State and rows are made
        for one part of the series after the other, so that they do not take more memory where
        there are more series. No forecast depends on how the series are divided.

        Args:
            horizons: days after the origin; all by default.
            lead: days after it on which covariates count as known; see `known_covariates`.
            progress: called with days done of one part, or parts done of several.
            score_parts: what forecasts the parts, if not this process.
        """
        horizons = self.all_horizons if horizons is None else horizons
        snapshot, upper = self.snapshot, self.snapshot.hierarchy.n_upper
        weighted = self.reconciliation.weighted_upper
        base = np.full((len(snapshot.hierarchy), len(horizons)), np.nan)
        parts = snapshot.split(_count_series(len(horizons)))
        forecast = self.forecaster.forecast
        if len(parts) == 1 and score_parts is None:
            state = state_at(snapshot, origin)
            covariates = known_covariates(snapshot, origin, lead=lead)
            base[weighted] = forecast(state, covariates, weighted, horizons)
            bottoms = np.arange(upper, len(base))
            base[upper:] = forecast(state, covariates, bottoms, horizons, progress=progress)
        else:
            past = UpperPast.at(snapshot, origin, parts, lead=lead)
            base[weighted] = forecast(past.state, past.plans, weighted, horizons)
            score = score_parts or score_parts_here

            def keep_pooled(pooled: Pooled) -> None:
                if lead is None and origin == snapshot.newest_origin:
                    self.use_past(past, pooled)

            for part, of_part in score(
                self.forecaster, past, parts, horizons, progress, keep_pooled
            ):
                base[part.nodes(upper)] = of_part
        self._forecast_announced(base[upper:], origin, horizons)
        return base

    def base_forecasts_of(
        self, origin: int, horizons: NDArray[np.intp], bottoms: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return the base forecasts of some bottom series from a past origin.

        Only the parts that have one of them are forecast.

        Args:
            bottoms: rows of the hierarchy, ascending.

        Returns:
            Shape (bottoms, horizons).
        """
        rows = self.part_rows(origin)
        upper = self.snapshot.hierarchy.n_upper
        forecasts = np.empty((len(bottoms), len(horizons)))
        for part in self._parts:
            first, last = np.searchsorted(bottoms - upper, (part.start, part.stop))
            if first < last:
                of_part = self.forecaster.forecast_part(rows.past, part, rows.pooled, horizons)
                forecasts[first:last] = of_part[bottoms[first:last] - upper - part.start]
        return forecasts

    def _forecast_announced(
        self, bottoms: NDArray[np.float64], origin: int, horizons: NDArray[np.intp]
    ) -> None:
        """Write the means of the analogues of series that are announced into the forecasts."""
        if not len(self.analogues.new) or origin != self.snapshot.newest_origin:
            return
        closed = self.snapshot.closed_ahead(origin, horizons)
        means = self.analogues.forecast(bottoms, is_open=None if closed is None else ~closed)
        means = np.nan_to_num(means)  # no analogue is open
        if closed is not None:
            means[closed[self.analogues.new]] = 0
        bottoms[self.analogues.new] = means

    def evaluate(
        self,
        intervals: Intervals,
        origin: int,
        nodes: NDArray[np.intp],
        mean: NDArray[np.float64],
        horizons: NDArray[np.intp],
        wanted: Uncertainty,
    ) -> NDArray[np.float64]:
        """Return bounds and quantiles of forecasts from an origin, shape (numbers, n, h).

        Args:
            intervals: those of the bundle, or adapted ones.
            nodes, mean, horizons, wanted: as in `Intervals.evaluate`.
        """
        snapshot = self.snapshot
        return intervals.evaluate(
            nodes,
            mean,
            horizons,
            wanted,
            sold=snapshot.may_sell(origin)[nodes],
            closed=snapshot.closed_nodes(nodes, origin, horizons),
        )

    def methods(self, origin: int, nodes: NDArray[np.intp]) -> list[Method]:
        """Return the forecast methods of nodes (rows of the hierarchy) from an origin."""
        if origin == self.snapshot.newest_origin:
            return [self._newest_methods[row] for row in nodes.tolist()]
        return self._compute_methods(origin, nodes)

    @cached_property
    def _newest_methods(self) -> list[Method]:
        every = np.arange(len(self.snapshot.hierarchy))
        return self._compute_methods(self.snapshot.newest_origin, every)

    def _compute_methods(self, origin: int, nodes: NDArray[np.intp]) -> list[Method]:
        return methods_at(
            self.snapshot, origin, nodes, self.unseen_series[nodes], self.fallback_of_node[nodes]
        )

    @cached_property
    def fallback_of_node(self) -> NDArray[np.object_]:
        """The rule that forecasts each node instead of the model, or None; shape (nodes,)."""
        rules = np.full(len(self.snapshot.hierarchy), None, dtype=np.object_)
        for rule, rows in self.forecaster.fallbacks.items():
            rules[rows] = rule
        return rules

    def _find_analogues(self) -> Analogues:
        """Return the analogues of the series that the snapshot announces."""
        snapshot, upper = self.snapshot, self.snapshot.hierarchy.n_upper
        new = np.flatnonzero(snapshot.announced[upper:])
        sold = snapshot.first_sale[upper:] <= snapshot.newest_origin
        return Analogues(snapshot.hierarchy, new, sold)


def _count_series(horizons: int) -> int:
    """Return how many series a part has where so many days are forecast."""
    return max(base_forecasts.PART_ROWS // max(horizons, 1), 1)
