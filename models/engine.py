"""From an origin to coherent forecasts of the whole hierarchy: the steps, each callable alone.

Rows → model → base forecasts → reconciliation. The service runs the two middle steps through
its runners; `ForecastEngine.forecast` runs all of them here, for training and for the store of
forecasts of the newest origin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.matrix import Covariates, MatrixBuilder, known_covariates
from features.snapshot import MAX_HORIZON, Snapshot
from features.state import State, state_at
from models.bundle import Bundle
from models.intervals import Intervals
from models.reconciliation import Coherent, Reconciliation

ALL_HORIZONS = np.arange(1, MAX_HORIZON + 1)


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

    def rows(
        self, state: State, covariates: Covariates, horizons: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Rows of all nodes that need a base forecast; shape (nodes × horizons, features)."""
        return self.builder.matrix(state, covariates, self.reconciliation.needed, horizons)

    def base(
        self, state: State, horizons: NDArray[np.intp], outputs: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Base forecasts, shape (nodes, horizons), from the model's outputs for `rows`.

        A node that has never sold is forecast to sell nothing. Upper nodes without a base
        forecast of their own have NaN.
        """
        needed = self.reconciliation.needed
        base = np.full((len(self.snapshot.hierarchy), len(horizons)), np.nan)
        base[needed] = outputs.reshape(len(needed), len(horizons))
        base[needed[~state.sold[needed]]] = 0
        return base

    def forecast(
        self,
        origin: int,
        horizons: NDArray[np.intp] = ALL_HORIZONS,
        *,
        promotion_lead: int | None = None,
    ) -> Coherent:
        """Coherent forecasts of all nodes from one origin; values of shape (nodes, horizons)."""
        state = state_at(self.snapshot, origin)
        covariates = known_covariates(self.snapshot, origin, promotion_lead=promotion_lead)
        outputs = self.bundle.model.predict(self.rows(state, covariates, horizons))
        return self.reconciliation.reconcile(self.base(state, horizons, outputs))
