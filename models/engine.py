"""From an origin to coherent forecasts of the whole hierarchy: the steps, each callable alone.

Rows → model → base forecasts → reconciliation. The service runs the two middle steps through
its runners; `ForecastEngine.forecast` runs all of them here, for training and for the store of
forecasts of the newest origin.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.contract import UNKNOWN_CODE
from features.matrix import Covariates, MatrixBuilder, known_covariates
from features.snapshot import MAX_HORIZON, Snapshot
from features.state import State, state_at
from models.bundle import Bundle
from models.intervals import Intervals
from models.methods import Method, methods_at
from models.reconciliation import Coherent, Reconciliation

ALL_HORIZONS = np.arange(1, MAX_HORIZON + 1)
Progress = Callable[[int, int], None]
"""Called with parts done and parts in all."""

_ROWS_AT_ONCE = 200_000
"""Rows of the model that `ForecastEngine.forecast` holds in memory, about 300 bytes each."""


class ForecastEngine:
    """A bundle and a snapshot, bound together.

    Raises:
        ArtifactError: they do not fit each other.
    """

    def __init__(self, bundle: Bundle, snapshot: Snapshot) -> None:
        bundle.check_fits(snapshot)
        self.bundle = bundle
        self.snapshot = snapshot
        self.builder = MatrixBuilder(snapshot, bundle.contract)
        self.reconciliation = Reconciliation(snapshot.hierarchy, bundle.variances)
        self.intervals = (
            None
            if bundle.calibration is None
            else Intervals(bundle.calibration, snapshot.hierarchy)
        )
        self._unseen = self._unseen_nodes()

    @cached_property
    def version(self) -> str:
        """Names what answers: ``<bundle>.<snapshot>``."""
        return f"{self.bundle.name}.{self.snapshot.name}"

    @cached_property
    def _newest_state(self) -> State:
        return state_at(self.snapshot, self.snapshot.newest_origin)

    def state(self, origin: int) -> State:
        """The state at an origin; that of the newest is kept, for requests that need a part."""
        if origin == self.snapshot.newest_origin:
            return self._newest_state
        return state_at(self.snapshot, origin)

    def rows(
        self, state: State, covariates: Covariates, horizons: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Rows of all nodes that need a base forecast; shape (nodes × horizons, features)."""
        return self.builder.matrix(state, covariates, self.reconciliation.modelled_nodes, horizons)

    def base(
        self, state: State, horizons: NDArray[np.intp], outputs: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Base forecasts, shape (nodes, horizons), from the model's outputs for `rows`.

        A node that has never sold is forecast to sell nothing. Upper nodes without a base
        forecast of their own have NaN.
        """
        modelled = self.reconciliation.modelled_nodes
        base = np.full((len(self.snapshot.hierarchy), len(horizons)), np.nan)
        base[modelled] = outputs.reshape(len(modelled), len(horizons))
        base[modelled[~state.sold[modelled]]] = 0
        return base

    def forecast(
        self,
        origin: int,
        horizons: NDArray[np.intp] = ALL_HORIZONS,
        *,
        promotion_lead: int | None = None,
        progress: Progress = lambda done, total: None,
    ) -> Coherent:
        """Coherent forecasts of all nodes from one origin; values of shape (nodes, horizons).

        The model's rows are made for a few days at a time, so that the memory they take does not
        grow with the number of days.
        """
        state = state_at(self.snapshot, origin)
        covariates = known_covariates(self.snapshot, origin, promotion_lead=promotion_lead)
        days = max(_ROWS_AT_ONCE // len(self.reconciliation.modelled_nodes), 1)
        parts = []
        for start in range(0, len(horizons), days):
            some = horizons[start : start + days]
            outputs = self.bundle.model.predict(self.rows(state, covariates, some))
            parts.append(self.base(state, some, outputs))
            progress(start + len(some), len(horizons))
        return self.reconciliation.reconcile(np.concatenate(parts, axis=1))

    def methods(self, origin: int, nodes: NDArray[np.intp]) -> list[Method]:
        """How the forecasts of nodes (rows of the hierarchy) from an origin are made."""
        return methods_at(self.snapshot, origin, nodes, self._unseen[nodes])

    def _unseen_nodes(self) -> NDArray[np.bool_]:
        """Bottom series whose store or family the model has not seen; shape (nodes,)."""
        hierarchy = self.snapshot.hierarchy
        unseen = np.zeros(len(hierarchy), dtype=np.bool_)
        for feature, column in (("store", "store_nbr"), ("family", "family")):
            codes = self.bundle.contract.code(feature, hierarchy.bottoms[column])
            unseen[hierarchy.n_upper :] |= codes == UNKNOWN_CODE
        return unseen
