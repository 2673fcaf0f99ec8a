"""Answers forecasts for any origin: a slice where they are stored, a computation elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from features.matrix import known_covariates
from features.state import MIN_HISTORY_DAYS, State
from models.release import LoadedRelease
from models.scenario import Adjustment, ScenarioRows, scenario_rows

FIRST_ORIGIN = MIN_HISTORY_DAYS - 1

AT_ONCE = 2
"""Computations over the whole hierarchy that go on at a time: each holds the rows of all its days,
58 MB for 1,782 series and 90 days, and takes a core. The others wait."""


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
class Comparison:
    """Coherent forecasts without and with adjustments.

    Attributes:
        baseline, scenario: units, shape (nodes, days).
        predicted: nodes of whose own rows the scenario alters any, shape (nodes,).
    """

    baseline: NDArray[np.float64]
    scenario: NDArray[np.float64]
    predicted: NDArray[np.bool_]


@dataclass(frozen=True)
class Forecaster:
    """Forecasts of one serving release, computed through the runners."""

    release: LoadedRelease
    onnx: Inferring
    reconciler: Reconciling
    turns: anyio.Semaphore = field(
        default_factory=lambda: anyio.Semaphore(AT_ONCE), repr=False, compare=False
    )

    async def forecast(self, origin: int, horizons: NDArray[np.intp]) -> NDArray[np.float64]:
        """Coherent forecasts of all nodes in units, shape (nodes, horizons).

        Args:
            origin: index of the last day whose sales are used, `FIRST_ORIGIN` to the newest.
            horizons: days after it, 1 to 90, ascending.

        Raises:
            RunnerError: the model or the reconciliation failed, or cannot be reached.
        """
        engine = self.release.engine
        if origin == engine.snapshot.newest_origin:
            return self.release.forecasts.mean[:, horizons - 1]

        def prepare() -> tuple[State, NDArray[np.float32]]:
            state = engine.state(origin)
            covariates = known_covariates(engine.snapshot, origin)
            return state, engine.rows(state, covariates, horizons)

        async with self.turns:
            state, rows = await anyio.to_thread.run_sync(prepare)
            outputs = await self._infer(origin, rows)
            return await self._reconcile(origin, engine.base(state, horizons, outputs))

    async def base(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Base forecasts in units, shape (n,), of rows of shape (n, features).

        Raises:
            RunnerError: see `forecast`.
        """
        return await self._infer(self.release.engine.snapshot.newest_origin, rows)

    async def compare(
        self,
        origin: int,
        horizons: NDArray[np.intp],
        node: int,
        adjustments: Sequence[Adjustment],
    ) -> Comparison:
        """Forecast as `forecast` does, and as if the covariates below a node were adjusted.

        One call of the model predicts the rows that the adjustments alter, and those of the
        baseline whose base forecasts are not stored.

        Args:
            node: row of the hierarchy.

        Raises:
            AdjustmentError: an adjustment cannot be made.
            RunnerError: see `forecast`.
        """
        if not adjustments:
            baseline = await self.forecast(origin, horizons)
            return Comparison(baseline, baseline, np.zeros(len(baseline), dtype=np.bool_))
        async with self.turns:
            return await self._compared(origin, horizons, node, adjustments)

    async def _compared(
        self,
        origin: int,
        horizons: NDArray[np.intp],
        node: int,
        adjustments: Sequence[Adjustment],
    ) -> Comparison:
        engine = self.release.engine

        def prepare() -> tuple[ScenarioRows, NDArray[np.bool_], NDArray[np.float32]]:
            rows = scenario_rows(engine, origin, horizons, node, adjustments)
            missing = self._missing(origin, rows.days)
            return rows, missing, rows.asked(missing)

        rows, missing, asked = await anyio.to_thread.run_sync(prepare)
        outputs = await self._infer(origin, asked) if len(asked) else asked[:, 0]
        stored, modelled_nodes = self._stored(horizons), engine.reconciliation.modelled_nodes
        before, after = rows.both(missing, outputs, stored[modelled_nodes])
        baseline = stored
        if origin != engine.snapshot.newest_origin:
            baseline = await self._reconcile(origin, engine.base(rows.state, horizons, before))
        scenario, days = baseline.copy(), rows.days
        if days.any():  # a day on which no row changes keeps its very numbers
            base = engine.base(rows.state, horizons[days], after[:, days])
            scenario[:, days] = await self._reconcile(origin, base)
        predicted = np.zeros(len(engine.snapshot.hierarchy), dtype=np.bool_)
        predicted[modelled_nodes] = rows.changed.any(axis=1)
        return Comparison(baseline, scenario, predicted)

    def _stored(self, horizons: NDArray[np.intp]) -> NDArray[np.float64]:
        """A copy of the newest origin's coherent forecasts, shape (nodes, days)."""
        return self.release.forecasts.mean[:, horizons - 1]

    def _missing(self, origin: int, changed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Days whose base forecasts must be computed before those that changed can be put in.

        Those of the newest origin's bottom series are the stored forecasts, unless
        reconciliation moved them or negative ones were clipped.

        Args:
            changed: days that the scenario alters, shape (days,).
        """
        if origin != self.release.engine.snapshot.newest_origin:
            return np.ones_like(changed)
        moved = (
            len(self.release.engine.reconciliation.weighted_upper) or self.release.forecasts.clipped
        )
        return changed if moved else np.zeros_like(changed)

    async def _infer(self, origin: int, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        with _runner(origin):
            return await self.onnx.infer(*self._names, rows)

    async def _reconcile(self, origin: int, base: NDArray[np.float64]) -> NDArray[np.float64]:
        with _runner(origin):
            return await self.reconciler.reconcile(*self._names, base)

    @property
    def _names(self) -> tuple[str, str]:
        """Named in every call: a runner in another process must not answer from another release."""
        return self.release.engine.bundle.name, self.release.engine.snapshot.name


@contextmanager
def _runner(origin: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever the connection, the other process, or the model says
        raise RunnerError(f"a runner failed for the origin {origin}: {error}") from error
