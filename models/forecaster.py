"""Answers forecasts for any origin: a slice where they are stored, a computation elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from features.matrix import known_covariates
from features.state import MIN_HISTORY_DAYS, State, state_at
from models.pair import ServingPair

FIRST_ORIGIN = MIN_HISTORY_DAYS - 1


class Inferring(Protocol):
    """The model, here or in another process."""

    def infer(
        self, bundle: str, snapshot: str, rows: NDArray[np.float32]
    ) -> Awaitable[NDArray[np.float32]]: ...


class Reconciling(Protocol):
    """The reconciliation, here or in another process."""

    def reconcile(
        self, bundle: str, snapshot: str, base: NDArray[np.float64]
    ) -> Awaitable[NDArray[np.float64]]: ...


class RunnerError(RuntimeError):
    """A runner gave no answer; the cause is chained."""


@dataclass(frozen=True)
class Forecaster:
    """Forecasts of one serving pair, computed through the runners."""

    pair: ServingPair
    onnx: Inferring
    reconciler: Reconciling

    async def forecast(self, origin: int, horizons: NDArray[np.intp]) -> NDArray[np.float64]:
        """Coherent forecasts of all nodes in units, shape (nodes, horizons).

        Args:
            origin: index of the last day whose sales are used, `FIRST_ORIGIN` to the newest.
            horizons: days after it, 1 to 90, ascending.

        Raises:
            RunnerError: the model or the reconciliation failed, or cannot be reached.
        """
        engine = self.pair.engine
        if origin == engine.snapshot.newest_origin:
            return self.pair.forecasts.mean[:, horizons - 1]

        def prepare() -> tuple[State, NDArray[np.float32]]:
            state = state_at(engine.snapshot, origin)
            covariates = known_covariates(engine.snapshot, origin)
            return state, engine.rows(state, covariates, horizons)

        state, rows = await anyio.to_thread.run_sync(prepare)
        # named in every call: a runner in another process must not answer from another pair
        names = (engine.bundle.name, engine.snapshot.name)
        try:
            outputs = await self.onnx.infer(*names, rows)
            return await self.reconciler.reconcile(*names, engine.base(state, horizons, outputs))
        except Exception as error:  # whatever the connection, the other process, or the model says
            raise RunnerError(f"a runner failed for the origin {origin}: {error}") from error
