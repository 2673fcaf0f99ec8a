"""Training on a Dask cluster, for data whose rows outgrow one machine.

The workers receive only the path of the snapshot: each opens it (on a shared volume), makes the
rows of its share of the bottom series with the same `training_rows`, and holds them in memory.
LightGBM's distributed learner then grows each tree over all shares at once
(https://lightgbm.readthedocs.io/en/stable/Parallel-Learning-Guide.html#dask). The result is an
ordinary booster.

None of this is secured: Dask and LightGBM communicate unencrypted and accept any connection, and
LightGBM's workers listen on all addresses while they connect to each other; it has no setting for
that. Run a cluster in a network of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import dask.array as da
import lightgbm as lgb
import numpy as np
from dask.delayed import delayed
from distributed import Client, Future, KilledWorker, as_completed
from lightgbm.dask import DaskLGBMRegressor

from errors import InputError
from features.blocks import Rows
from features.contract import Contract
from features.data.hierarchy import Hierarchy
from features.data.snapshot_files import load_snapshot
from features.matrix import MatrixBuilder
from features.relative import RelativeColumns
from lifecycle.parts.dask_cluster import connect_dask
from models.engine import Progress
from training.engines.fitting_backend import SAMPLE_ROWS, FittedMembers, sample_evenly
from training.fit import parameters_of, target_of, weight_of
from training.progress import Clock
from training.recipe import Member, Recipe
from training.sampling import TrainingSet, training_rows


@dataclass(frozen=True)
class _Task:
    """Inputs of a worker that makes rows."""

    snapshot: Path
    contract: Contract
    recipe: Recipe
    last_target: int


@dataclass(frozen=True)
class DaskBackend:
    """Backend that fits on the workers of a cluster.

    The same data, recipe and number of workers give the same rows, but trees that differ from
    one machine's as much as those of another seed: each feature is binned on one worker's share,
    and sums are added in another order.

    Args:
        client: of the cluster.
        snapshots: folder of the snapshots, under a path that is valid on the workers too.
    """

    client: Client
    snapshots: Path
    name = "dask"

    def fit(
        self, builder: MatrixBuilder, recipe: Recipe, *, last_target: int, clock: Clock
    ) -> FittedMembers:
        snapshot, advance = builder.snapshot, clock.reporter.advance
        folder = (self.snapshots / snapshot.name).resolve()
        task = _Task(folder, builder.contract, recipe, last_target)
        with clock.step("make rows"):
            rows = self._make_rows(task, snapshot.hierarchy, advance)
        boosters: dict[str, lgb.Booster] = {}
        samples, count = [], 0
        for number, segment in enumerate(recipe.segments):
            parts = [
                self.client.submit(itemgetter(number), made, workers=[worker], pure=False)
                for worker, made in rows.items()
            ]
            with clock.step("fit"):
                for done, member in enumerate(segment.members):
                    boosters[member.name] = self._fit_booster(
                        member, parts, builder.contract, recipe.seed
                    )
                    advance(done + 1, len(segment.members))
            each = -(-SAMPLE_ROWS // len(parts))
            sample = [self._submit_on(part, _sample_rows, count=each) for part in parts]
            samples.append(np.concatenate(self.client.gather(sample))[:SAMPLE_ROWS])
            count += sum(self.client.gather([self._submit_on(part, _count_rows) for part in parts]))
        return FittedMembers(boosters, np.concatenate(samples), count)

    def _make_rows(
        self, task: _Task, hierarchy: Hierarchy, progress: Progress
    ) -> dict[str, Future]:
        """Make the rows of each worker's share, and leave them on the worker; by its address."""
        workers = sorted(self.client.nthreads())
        rows = {
            worker: self.client.submit(_make_rows, task, share, workers=[worker], pure=False)
            for worker, share in zip(workers, shares(hierarchy, len(workers)), strict=False)
        }
        for number, done in enumerate(as_completed([*rows.values()], loop=self.client.loop)):
            done.result()  # raises what the worker raised
            progress(number + 1, len(rows))
        return rows

    def _fit_booster(
        self, member: Member, parts: Sequence[Future], contract: Contract, seed: int
    ) -> lgb.Booster:
        relative = contract.relative_columns
        sizes = self.client.gather([self._submit_on(part, _count_rows) for part in parts])
        array = partial(_assemble_array, parts, sizes)
        model = DaskLGBMRegressor(
            client=self.client, n_estimators=member.trees, **parameters_of(member, seed=seed)
        )
        model.fit(
            array(partial(_read_as_trees, relative), (len(contract.names),), np.float32),
            array(partial(target_of, member), (), np.float64),
            init_score=array(partial(_get_offsets, relative), (), np.float32)
            if relative.references
            else None,
            sample_weight=self._compute_weights(member, parts, array)
            if member.volume_power
            else None,
            feature_name=list(contract.names),
        )
        return model.booster_

    def _compute_weights(
        self, member: Member, parts: Sequence[Future], array: Callable[..., Any]
    ) -> Any:
        """Return weights of mean 1 over all parts together."""
        weigh = partial(weight_of, member)
        means = self.client.gather([self._submit_on(part, _average, weigh) for part in parts])
        sizes = self.client.gather([self._submit_on(part, _count_rows) for part in parts])
        return array(weigh, (), np.float64) / np.average(means, weights=sizes)

    def _submit_on(
        self, part: Future, function: Callable[..., Any], *args: Any, **more: Any
    ) -> Future:
        return self.client.submit(function, part, *args, **more, pure=False)


@contextmanager
def dask_backend(snapshots: Path, *, scheduler: str | None, workers: int) -> Iterator[DaskBackend]:
    """Yield a backend on the cluster of a scheduler, or on a local one that ends with it.

    Args:
        scheduler: address such as ``tcp://scheduler:8786``; if None, a cluster on the loopback
            address of this machine is started, of `workers` processes with one thread each.

    Raises:
        InputError: there is no scheduler, it has no workers, or one died.
    """
    # LightGBM's network does not survive the loss of a worker: fail instead of waiting for it
    with connect_dask(scheduler, workers=workers, allowed_failures=0) as client:
        _silence_lightgbm()
        try:
            yield DaskBackend(client, snapshots)
        except KilledWorker as error:
            raise InputError(
                "a worker of the Dask cluster died; if it lacked memory, use more workers"
            ) from error


def shares(hierarchy: Hierarchy, count: int) -> list[Rows]:
    """Split the bottom nodes into at most `count` shares, site by site."""
    bottoms = np.arange(hierarchy.n_upper, len(hierarchy))
    sites = np.array(hierarchy.bottoms[hierarchy.specification.site])
    groups = np.array_split(np.unique(sites), min(count, len(np.unique(sites))))
    return [bottoms[np.isin(sites, group)] for group in groups]


def _silence_lightgbm() -> None:
    """Silence LightGBM's messages about ports and parameters; errors still raise."""
    logger = logging.getLogger("lightgbm")
    logger.setLevel(logging.ERROR)
    lgb.register_logger(logger)


# --- on the workers ---------------------------------------------------------------------------


def _make_rows(task: _Task, share: Rows) -> list[TrainingSet]:
    builder = MatrixBuilder(load_snapshot(task.snapshot), task.contract)
    return training_rows(builder, task.recipe, last_target=task.last_target, share=share)


def _read_as_trees(relative: RelativeColumns, rows: TrainingSet) -> Any:
    return relative.tree_rows(rows.rows)


def _get_offsets(relative: RelativeColumns, rows: TrainingSet) -> Any:
    return relative.offsets(rows.rows)


def _count_rows(rows: TrainingSet) -> int:
    return len(rows.rows)


def _average(rows: TrainingSet, value: Callable[[TrainingSet], Any]) -> float:
    return float(value(rows).mean())


def _sample_rows(rows: TrainingSet, *, count: int) -> Any:
    return sample_evenly(rows.rows, count)


def _assemble_array(
    parts: Sequence[Future],
    sizes: Sequence[int],
    value: Callable[[TrainingSet], Any],
    shape: tuple[int, ...],
    dtype: Any,
) -> Any:
    """Return a Dask array with a block for each part, computed on its worker; (n, *shape)."""
    lazy = delayed(value, pure=False)
    blocks = [
        da.from_delayed(lazy(part), (size, *shape), dtype)
        for part, size in zip(parts, sizes, strict=True)
    ]
    return da.concatenate(blocks)
