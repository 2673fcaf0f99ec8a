"""Forecasts for any origin: a slice of stored ones for the newest origin, else computed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Protocol

import anyio
import anyio.to_thread
import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from models import base_forecasts
from models.exceptions import band_origin
from models.scenario import Adjustment, Scenario, ScenarioRows, bottoms_below
from models.serving.forecast_store import is_moved
from models.serving.release import LoadedRelease
from telemetry.metrics import INFERENCE_ROWS
from telemetry.stages import Stage, timed

MAX_CONCURRENT = 2
"""Concurrent computations over the whole hierarchy; further ones wait. Each keeps the rows of all
its days in memory (60 MB for 1,782 series and 90 days) and occupies a core."""

SMALL_ROWS = 5_000
"""Up to this many rows, such as those of a store and 90 days, a computation is small: it does not
wait for one over the whole hierarchy. They take 2 MB."""

MAX_SMALL = 8
"""Concurrent small computations; further ones wait."""

SUMMED_ROWS = 8_192
"""Nodes whose days are added up at a time."""

PAST_OUTPUTS = 4
"""Past origins whose outputs of the model are cached: 0.7 MB each for 1,870 nodes and 90 days, and
more than a second. A planner who tries values of a past day reads the same ones again."""


class Inferring(Protocol):
    """Interface of the model runner, in this or another process."""

    def infer(
        self, bundle: str, snapshot: str, rows: NDArray[np.float32]
    ) -> Awaitable[NDArray[np.float32]]: ...


class Reconciling(Protocol):
    """Interface of the reconciliation runner, in this or another process."""

    def reconcile(
        self, bundle: str, snapshot: str, base: NDArray[np.float64]
    ) -> Awaitable[NDArray[np.float64]]: ...


class RunnerError(RuntimeError):
    """A runner that failed or cannot be reached; the cause is chained."""


PastKey = tuple[int, bytes]
"""An origin and days after it."""


def _past_key(origin: int, horizons: NDArray[np.intp]) -> PastKey:
    return origin, horizons.tobytes()


class Slots:
    """Bounds on concurrent computations."""

    def __init__(self) -> None:
        self._large, self._small = anyio.Semaphore(MAX_CONCURRENT), anyio.Semaphore(MAX_SMALL)

    def of(self, rows: int) -> anyio.Semaphore:
        """Return the slots of computations of so many rows of the model."""
        return self._small if rows <= SMALL_ROWS else self._large


@dataclass(frozen=True)
class Comparison:
    """Coherent forecasts without and with adjustments.

    Attributes:
        baseline, scenario: units, shape (nodes, days).
        predicted: whether the scenario alters a row of the node itself, shape (nodes,).
        levels_as_planned: levels whose plans are read as they are without the adjustments.
    """

    baseline: NDArray[np.float64]
    scenario: NDArray[np.float64]
    predicted: NDArray[np.bool_]
    levels_as_planned: tuple[str, ...] = ()


@dataclass(frozen=True)
class Forecaster:
    """Forecasts of one serving release, computed through the runners."""

    release: LoadedRelease
    onnx: Inferring
    reconciler: Reconciling
    slots: Slots = field(default_factory=Slots, repr=False, compare=False)
    past_outputs: LRUCache[PastKey, NDArray[np.float32]] = field(
        default_factory=lambda: LRUCache(PAST_OUTPUTS), init=False, repr=False, compare=False
    )

    async def forecast(
        self, origin: int, horizons: NDArray[np.intp], nodes: NDArray[np.intp] | None = None
    ) -> NDArray[np.float64]:
        """Return coherent forecasts in units, shape (nodes, horizons).

        Args:
            origin: index of the last day whose sales are used, not before the first origin.
            horizons: days after it, ascending.
            nodes: rows of the hierarchy, in any order; all of them by default.

        Raises:
            RunnerError: the model or the reconciliation failed, or cannot be reached.
        """
        engine = self.release.engine
        stored = self._find_stored(origin, horizons)
        if stored is not None:
            rows = slice(None) if nodes is None else nodes[:, None]
            return stored[rows, horizons - 1]
        if nodes is None:
            return await self._compute_all(origin, horizons)
        if not engine.is_separable:
            return (await self._compute_all(origin, horizons))[nodes]
        return await self._compute_some(origin, horizons, nodes)

    def _find_stored(self, origin: int, horizons: NDArray[np.intp]) -> NDArray[np.float64] | None:
        """Return the stored forecasts of all nodes from an origin that have some days, or None."""
        snapshot, forecasts = self.release.engine.snapshot, self.release.forecasts
        if origin == snapshot.newest_origin:
            return forecasts.mean
        recent = forecasts.recent
        if recent is None or origin != band_origin(snapshot):
            return None
        return recent if int(horizons.max(initial=0)) <= recent.shape[1] else None

    def is_stored(self, origin: int, horizons: NDArray[np.intp]) -> bool:
        """Return whether forecasts are read rather than computed."""
        return self._find_stored(origin, horizons) is not None

    async def total(self, origin: int, horizons: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return coherent forecasts of all nodes, added up over the horizons; shape (nodes,).

        Args:
            origin, horizons: as in `forecast`.

        Raises:
            RunnerError: see `forecast`.
        """
        engine = self.release.engine
        if origin != engine.snapshot.newest_origin:
            return np.asarray((await self.forecast(origin, horizons)).sum(axis=1))
        # Block by block, because a copy of all nodes and days is large. A block is taken from the
        # rows first: its sums have the bits of those over all rows, whose days are added one after
        # the other. Of a single row they would be added in pairs, so every block has several.
        mean = self.release.forecasts.mean
        blocks = -(-len(mean) // SUMMED_ROWS)
        ends = [len(mean) * block // blocks for block in range(blocks + 1)]
        sums = [mean[start:end][:, horizons - 1].sum(axis=1) for start, end in pairwise(ends)]
        return np.concatenate(sums)

    async def _compute_all(self, origin: int, horizons: NDArray[np.intp]) -> NDArray[np.float64]:
        engine = self.release.engine
        if engine.is_divided:
            count = len(engine.snapshot.hierarchy) * len(horizons)
            base = await self._forecast_parts(engine.base_forecasts, origin, horizons, rows=count)
            return await self._reconcile(origin, base)

        def prepare() -> NDArray[np.float32]:
            with timed(Stage.FEATURES, {"mlrf.horizon": len(horizons)}):
                return engine.rows(engine.state(origin), engine.covariates(origin), horizons)

        async with self.slots.of(len(engine.snapshot.hierarchy) * len(horizons)):
            outputs = self.past_outputs.get(past := _past_key(origin, horizons))
            if outputs is None:
                rows = await anyio.to_thread.run_sync(prepare)
                outputs = await self._infer(origin, rows)
                self.past_outputs[past] = outputs.reshape(-1, len(horizons))
            return await self._reconcile(origin, engine.base(origin, horizons, outputs))

    async def _compute_some(
        self, origin: int, horizons: NDArray[np.intp], nodes: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return the forecasts of some nodes, for which only the series below them are predicted.

        They equal those of `_compute_all` bit for bit: a node is the sum of the same series in the
        same order.
        """
        engine = self.release.engine
        hierarchy = engine.snapshot.hierarchy
        summing = hierarchy.summing[nodes]
        below = hierarchy.n_upper + np.unique(summing.indices).astype(np.intp)
        if engine.is_divided:
            count = len(below) * len(horizons)
            of_below = partial(engine.base_forecasts_of, bottoms=below)
            base = np.full((hierarchy.n_bottom, len(horizons)), np.nan)
            base[below - hierarchy.n_upper] = await self._forecast_parts(
                of_below, origin, horizons, rows=count
            )
            return np.asarray(summing @ base)

        def prepare() -> NDArray[np.float32]:
            with timed(Stage.FEATURES):
                return engine.rows_of(origin, below, horizons)

        async with self.slots.of(len(below) * len(horizons)):
            outputs = await self._infer(origin, await anyio.to_thread.run_sync(prepare))
        base = engine.base(origin, horizons, outputs, below)
        return np.asarray(summing @ base[hierarchy.n_upper :])

    async def _forecast_parts(
        self,
        forecast: Callable[[int, NDArray[np.intp]], NDArray[np.float64]],
        origin: int,
        horizons: NDArray[np.intp],
        *,
        rows: int,
        wait: bool = True,
    ) -> NDArray[np.float64]:
        """Forecast many series part by part, in a thread: all of their rows would not fit.

        Args:
            wait: whether for a slot; False if the caller has one.
        """

        def run() -> NDArray[np.float64]:
            with timed(Stage.INFERENCE, {"mlrf.rows": rows}):
                return forecast(origin, horizons)

        INFERENCE_ROWS.observe(rows)
        async with self.slots.of(rows) if wait else nullcontext():
            with _wrap_runner_errors(origin):
                return await anyio.to_thread.run_sync(run)

    async def base(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return base forecasts in units, shape (n,), of rows of shape (n, features).

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
        """Forecast with the known covariates, and with those below a node adjusted.

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
        hierarchy = self.release.engine.snapshot.hierarchy
        nodes = len(bottoms_below(hierarchy, node))
        if (
            _past_key(origin, horizons) not in self.past_outputs
            and self._find_missing_days(origin, np.ones(len(horizons), dtype=np.bool_)).any()
        ):
            nodes = len(hierarchy)
        async with self.slots.of(nodes * len(horizons)):
            return await self._compute_comparison(origin, horizons, node, adjustments)

    async def _compute_comparison(
        self,
        origin: int,
        horizons: NDArray[np.intp],
        node: int,
        adjustments: Sequence[Adjustment],
    ) -> Comparison:
        engine = self.release.engine
        is_newest = origin == engine.snapshot.newest_origin
        past = self.past_outputs.get(_past_key(origin, horizons))
        modelled_nodes = engine.reconciliation.modelled_nodes

        def prepare(
            part: NDArray[np.intp], changed: NDArray[np.bool_], is_last: bool
        ) -> tuple[ScenarioRows, NDArray[np.bool_], NDArray[np.float32]]:
            with timed(Stage.FEATURES, {"mlrf.horizon": len(horizons)}):
                rows = scenario.make_rows(part)
                missing = np.zeros(len(horizons), dtype=np.bool_)
                if is_last and past is None:
                    days = changed.any(axis=0) | rows.days
                    missing = self._find_missing_days(origin, days)
                if engine.is_divided or not missing.any():
                    return rows, missing, rows.altered
                state, covariates = engine.state(origin), engine.covariates(origin)
                baseline = engine.rows(state, covariates, horizons[missing])
                return rows, missing, np.concatenate((baseline, rows.altered))

        # The cost is in the model, so it runs only for rows whose outputs are not known: those that
        # the scenario alters, and the baseline's of the missing days. It runs once, unless there
        # are more altered rows than fit into memory. Reconciliation works day by day, so it is
        # repeated for the altered days only; the other days of the scenario are copied from the
        # baseline, which makes their difference exactly zero.
        scenario = await anyio.to_thread.run_sync(
            Scenario.of, engine, origin, horizons, node, adjustments
        )
        parts = scenario.divide_reached(base_forecasts.PART_ROWS)
        changed = np.zeros((len(modelled_nodes), len(horizons)), dtype=np.bool_)
        altered_outputs = []
        for number, part in enumerate(parts, start=1):
            rows, missing, requested = await anyio.to_thread.run_sync(
                prepare, part, changed, number == len(parts)
            )
            changed |= rows.changed
            outputs = await self._infer(origin, requested) if len(requested) else requested[:, 0]
            split = len(outputs) - len(rows.altered)
            altered_outputs.append(outputs[split:])
        # in two steps, which is many times faster than both indices at once
        stored = self._stored_base[modelled_nodes][:, horizons - 1] if past is None else past
        before = stored.astype(np.float32)
        if engine.is_divided and missing.any():
            of_days = await self._forecast_parts(
                engine.base_forecasts,
                origin,
                horizons[missing],
                rows=len(modelled_nodes) * int(missing.sum()),
                wait=False,
            )
            before[:, missing] = of_days[modelled_nodes]
        else:
            before[:, missing] = outputs[:split].reshape(len(before), -1)
        after = before.copy()
        after[changed] = np.concatenate(altered_outputs)
        baseline = self.release.forecasts.mean[:, horizons - 1]
        if not is_newest:
            self.past_outputs[_past_key(origin, horizons)] = before
            baseline = await self._reconcile(origin, engine.base(origin, horizons, before))
        result, days = baseline.copy(), changed.any(axis=0)
        if days.any():
            base = engine.base(origin, horizons[days], after[:, days])
            announced = self._announced_elsewhere(node)
            if len(announced):  # their analogues may be below the node, but they are not
                planned = engine.base(origin, horizons[days], before[:, days])
                base[announced] = planned[announced]
            result[:, days] = await self._reconcile(origin, base)
        predicted = np.zeros(len(engine.snapshot.hierarchy), dtype=np.bool_)
        predicted[modelled_nodes] = changed.any(axis=1)
        return Comparison(baseline, result, predicted, rows.levels_as_planned)

    def _announced_elsewhere(self, node: int) -> NDArray[np.intp]:
        """Return the rows of the announced series that are not below a node."""
        engine = self.release.engine
        hierarchy = engine.snapshot.hierarchy
        elsewhere = np.setdiff1d(engine.analogues.new, bottoms_below(hierarchy, node))
        return hierarchy.n_upper + elsewhere

    @property
    def _stored_base(self) -> NDArray[np.floating]:
        """Forecasts of the newest origin before reconciliation, shape (nodes, horizon).

        Where they are not stored, reconciliation has moved nothing, or `_find_missing_days` has
        them computed.
        """
        forecasts = self.release.forecasts
        return forecasts.mean if forecasts.base is None else forecasts.base

    def _find_missing_days(self, origin: int, changed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the days whose base forecasts of the baseline must be computed; shape (days,).

        Args:
            changed: days that the scenario alters, shape (days,).
        """
        release = self.release
        if origin != release.engine.snapshot.newest_origin:
            return np.ones_like(changed)
        stored = release.forecasts.base is not None or not is_moved(
            release.engine, release.forecasts.clipped
        )
        return np.zeros_like(changed) if stored else changed

    async def _infer(self, origin: int, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        INFERENCE_ROWS.observe(len(rows))
        with _wrap_runner_errors(origin), timed(Stage.INFERENCE, {"mlrf.rows": len(rows)}):
            return await self.onnx.infer(*self._names, rows)

    async def _reconcile(self, origin: int, base: NDArray[np.float64]) -> NDArray[np.float64]:
        with _wrap_runner_errors(origin), timed(Stage.RECONCILIATION, {"mlrf.nodes": len(base)}):
            return await self.reconciler.reconcile(*self._names, base)

    @property
    def _names(self) -> tuple[str, str]:
        """Bundle and snapshot, sent with every call, so that a runner uses the same release."""
        return self.release.engine.bundle.name, self.release.engine.snapshot.name


@contextmanager
def _wrap_runner_errors(origin: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of the connection, the other process, or the model
        raise RunnerError(f"a runner failed for the origin {origin}: {error}") from error
