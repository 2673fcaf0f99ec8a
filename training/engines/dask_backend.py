"""Training on a Dask cluster, for data whose rows outgrow one machine.

The workers receive only paths: each opens the snapshot (on a shared volume), makes the rows of its
share of the bottom series with the same `training_rows`, and holds them in memory. What the shares
have in common at an origin, the past of the upper nodes and what is pooled over all series, is
computed by one of the workers and read by the others from a file.

LightGBM's distributed learner then grows each tree over all shares at once
(https://lightgbm.readthedocs.io/en/stable/Parallel-Learning-Guide.html#dask). The result is an
ordinary booster.

Connections of Dask are secured by certificates (`lifecycle.parts.dask_security`). LightGBM's are
not: its workers accept any connection, and listen on all addresses while they connect to each
other; it has no setting for that. Let a network policy open their ports to workers only.
"""

from __future__ import annotations

import logging
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dask.array as da
import lightgbm as lgb
import numpy as np
from dask.delayed import delayed
from dask.sizeof import sizeof
from distributed import Client, Future, KilledWorker, Lock, get_worker
from lightgbm.dask import DaskLGBMRegressor
from numpy.typing import NDArray

from errors import InputError
from features.blocks import Rows
from features.contract import Contract
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.matrix import MatrixBuilder
from features.relative import RelativeColumns
from lifecycle.parts.dask_cluster import connect_dask
from lifecycle.parts.dask_security import Certificates
from models.engine import Progress
from training.engines.fitting_backend import SAMPLE_ROWS, FittedMembers, even_positions
from training.engines.memory_estimate import require_memory
from training.engines.watched_workers import (
    Reports,
    WatchedWorkers,
    WorkerLostError,
    list_workers,
    reporting_lost_scheduler,
    require_workers,
    watched_workers,
)
from training.fit import parameters_of, target_of, weight_of
from training.progress import Clock
from training.recipe import Member, Recipe
from training.sampling import TrainingSet, list_origins, training_rows
from training.state_files import StateFiles, state_files

ATTEMPTS = 3
"""Attempts of a training before the loss of workers is an error."""
_RETURN_SECONDS = 60.0
"""Time that workers have to return after they were restarted."""
_LOCK, _LOCK_SECONDS = "mlrf-fit", 2.0
"""Lock of the trainings on a cluster, and the time after which a wait for it is reported."""
_PORT_SECONDS = 90.0
"""Time to wait for a free port; the system keeps one for a minute."""
_PEER_MINUTES = 30
"""Time that LightGBM waits for another worker, in minutes."""


@dataclass(frozen=True)
class _Task:
    """Inputs of a worker that makes rows.

    Attributes:
        states: files for what the shares have in common.
    """

    snapshot: Path
    contract: Contract
    recipe: Recipe
    last_target: int
    states: StateFiles


@dataclass(frozen=True)
class DaskBackend:
    """Backend that fits on the workers of a cluster.

    The rows of all workers together are those of one machine, whatever the number of workers. The
    trees are not: they differ from one machine's as much as those of another seed, because each
    feature is binned on one worker's share, and sums are added in another order.

    A worker that is lost ends the attempt, in which every worker waits for the others. The next
    attempt makes all rows again on the workers that are there then: shares take equally long at
    the same time, so that is as fast as to make the lost share alone. Boosters that were fitted
    are kept.

    Args:
        client: of the cluster.
        snapshots: folder of the snapshots, under a path that is valid on the workers too.
        fit_ports: on which LightGBM's processes listen for each other; any free ones if None.
    """

    client: Client
    snapshots: Path
    fit_ports: range | None = None
    name = "dask"

    def fit(
        self,
        builder: MatrixBuilder,
        recipe: Recipe,
        *,
        last_target: int,
        clock: Clock,
        states: StateFiles | None = None,
    ) -> FittedMembers:
        if states is None:
            with state_files(self.snapshots) as own:
                return self.fit(builder, recipe, last_target=last_target, clock=clock, states=own)
        snapshot = builder.snapshot
        folder = (self.snapshots / snapshot.name).resolve()
        task = _Task(folder, builder.contract, recipe, last_target, states.shared())
        origins = np.unique(np.concatenate(list_origins(snapshot, recipe, last_target=last_target)))
        boosters: dict[str, lgb.Booster] = {}
        lost: list[str] = []
        with reporting_lost_scheduler(self.client), self._exclusive(clock):
            while True:
                workers = require_workers(self.client)
                require_memory(
                    workers,
                    snapshot,
                    recipe,
                    features=len(task.contract.names),
                    last_target=last_target,
                    here=self.client.cluster is not None,
                )
                try:
                    with watched_workers(self.client, sorted(workers)) as watched:
                        return self._attempt(
                            watched, task, snapshot.hierarchy, origins, boosters, clock
                        )
                except WorkerLostError as error:
                    lost.append(str(error))
                    if len(lost) == ATTEMPTS:
                        raise InputError(
                            f"{ATTEMPTS} attempts to train on the Dask cluster failed with its "
                            f"workers ({'; '.join(lost)}); if they lacked memory, use more workers"
                        ) from error
                with clock.step("restart workers"):
                    self._restart([*workers])

    @contextmanager
    def _exclusive(self, clock: Clock) -> Iterator[None]:
        """Hold the cluster's lock of trainings.

        Two fits at once, each on some of the workers, would wait for each other for ever
        (https://github.com/lightgbm-org/LightGBM/issues/4942). A lock of a client that ended is
        released by the scheduler.
        """
        list_workers(self.client)  # raises if there is no scheduler, for which a lock would wait
        lock = Lock(_LOCK, scheduler_rpc=self.client.scheduler, loop=self.client.loop)
        if not lock.acquire(timeout=_LOCK_SECONDS):
            with clock.step("wait for another training on the cluster"):
                lock.acquire()
        try:
            yield
        finally:
            with suppress(OSError):  # without a scheduler there is no lock
                lock.release()

    def _restart(self, addresses: Sequence[str]) -> None:
        """Restart the workers that are left, and wait a while for as many as there were.

        Nothing else ends a fit that waits for a lost worker.
        """
        left = set(addresses).intersection(list_workers(self.client))
        # a time-out is no error here: those that return by then are enough
        with suppress(TimeoutError):
            self._restart_present([*left])
        with suppress(TimeoutError):
            self.client.wait_for_workers(len(addresses), timeout=_RETURN_SECONDS)

    def _restart_present(self, addresses: list[str]) -> None:
        try:
            self.client.restart_workers(addresses, _RETURN_SECONDS, raise_for_error=False)
        except ValueError as error:
            raise InputError(
                "a worker of the Dask cluster was lost, and the others cannot be restarted: start "
                "workers with a nanny, as `dask worker` does unless it has --no-nanny"
            ) from error

    def _attempt(
        self,
        workers: WatchedWorkers,
        task: _Task,
        hierarchy: Hierarchy,
        origins: NDArray[np.int64],
        boosters: dict[str, lgb.Booster],
        clock: Clock,
    ) -> FittedMembers:
        """Make the rows, and fit the members that `boosters` does not have yet.

        Args:
            origins: of the rows.
        """
        advance = clock.reporter.advance
        with clock.step("compute the common past"):
            self._store_past(workers, task, origins, advance)
        with clock.step("make rows"):
            rows = self._make_rows(workers, task, hierarchy, advance)
        samples, count = [], 0
        for number, segment in enumerate(task.recipe.segments):
            shares = workers.run(partial(_list_shares, rows, number))
            with clock.step("fit"):
                total, done = sum(member.trees for member in segment.members), 0
                for member in segment.members:
                    if member.name not in boosters:
                        boosters[member.name] = self._fit_booster(
                            workers, task, member, shares, _shift(advance, done, total)
                        )
                    done += member.trees
            samples.append(workers.run(partial(_gather_sample, shares)))
            count += sum(share.size for share in shares)
        return FittedMembers(boosters, np.concatenate(samples), count)

    def _store_past(
        self,
        workers: WatchedWorkers,
        task: _Task,
        origins: NDArray[np.int64],
        advance: Progress,
    ) -> None:
        """Store what the shares have in common; each worker does so for some of the origins."""
        count = len(workers.addresses)

        def submit(client: Client) -> None:
            client.gather(
                [
                    _submit_on(
                        *(client, worker, _store_past, task, origins[number::count]),
                        Reports(workers.topic, number),
                    )
                    for number, worker in enumerate(workers.addresses)
                ]
            )

        workers.run(submit, advance, parts=count)

    def _make_rows(
        self, workers: WatchedWorkers, task: _Task, hierarchy: Hierarchy, advance: Progress
    ) -> dict[str, Future]:
        """Make the rows of each worker's share, and leave them on the worker; by its address."""
        parts = shares(hierarchy, len(workers.addresses))

        def submit(client: Client) -> dict[str, Future]:
            rows = {
                worker: client.submit(
                    *(_make_rows, task, part, Reports(workers.topic, number)),
                    workers=[worker],
                    pure=False,
                )
                for number, (worker, part) in enumerate(zip(workers.addresses, parts, strict=False))
            }
            client.gather(list(client.map(len, [*rows.values()], pure=False)))  # raises
            return rows

        return workers.run(submit, advance, parts=len(parts))

    def _fit_booster(
        self,
        workers: WatchedWorkers,
        task: _Task,
        member: Member,
        shares: Sequence[_Share],
        advance: Progress,
    ) -> lgb.Booster:
        relative, names = task.contract.relative_columns, task.contract.names
        parameters = parameters_of(member, seed=task.recipe.seed)
        reports = Reports(workers.topic, only=shares[0].worker)

        def fit(client: Client) -> lgb.Booster:
            array = partial(_assemble_array, client, shares)
            if self.fit_ports is not None:
                workers_of_fit = [share.worker for share in shares]
                parameters["machines"] = assign_ports(client, workers_of_fit, self.fit_ports)
            model = DaskLGBMRegressor(
                client=client, n_estimators=member.trees, time_out=_PEER_MINUTES, **parameters
            )
            model.fit(
                array(partial(_read_as_trees, relative), (len(names),), np.float32),
                array(partial(target_of, member), (), np.float64),
                init_score=array(partial(_get_offsets, relative), (), np.float32)
                if relative.references
                else None,
                sample_weight=_compute_weights(client, member, shares)
                if member.volume_power
                else None,
                feature_name=list(names),
                callbacks=[_TreeReports(reports)],
            )
            return model.booster_

        return workers.run(fit, advance)


@dataclass(frozen=True)
class _Share:
    """Rows of a segment that a worker holds."""

    worker: str
    rows: Future
    size: int


@contextmanager
def dask_backend(
    snapshots: Path,
    *,
    scheduler: str | None,
    workers: int,
    certificates: Certificates | None = None,
    fit_ports: range | None = None,
) -> Iterator[DaskBackend]:
    """Yield a backend on the cluster of a scheduler, or on a local one that ends with it.

    Args:
        scheduler: address such as ``tls://scheduler:8786``; if None, a cluster on the loopback
            address of this machine is started, of `workers` processes with one thread each.
        certificates: of this client, for an address that begins with ``tls://``.
        fit_ports: see `DaskBackend`.

    Raises:
        InputError: there is no scheduler, it has no workers, or one died.
    """
    with connect_dask(scheduler, workers=workers, certificates=certificates) as client:
        _silence_lightgbm()
        try:
            yield DaskBackend(client, snapshots, fit_ports)
        except KilledWorker as error:
            raise InputError(
                "a worker of the Dask cluster died; if it lacked memory, use more workers"
            ) from error


def shares(hierarchy: Hierarchy, count: int) -> list[Rows]:
    """Split the bottom nodes into at most `count` contiguous ranges of whole sites."""
    sites = np.array(hierarchy.bottoms[hierarchy.specification.site])
    starts = np.flatnonzero(sites[1:] != sites[:-1]) + 1  # sites come first in the order of bottoms
    groups = np.array_split(np.append(0, starts), min(count, len(starts) + 1))
    bottoms = np.arange(hierarchy.n_upper, len(hierarchy))
    return np.split(bottoms, [int(group[0]) for group in groups[1:]])


def _silence_lightgbm() -> None:
    """Silence LightGBM's messages about ports and parameters; errors still raise."""
    logger = logging.getLogger("lightgbm")
    logger.setLevel(logging.ERROR)
    lgb.register_logger(logger)


def _shift(advance: Progress, before: int, total: int) -> Progress:
    """Return the progress of one task among others, of which `before` are done."""
    return lambda done, _: advance(before + done, total)


# --- with the client of an attempt --------------------------------------------------------------


def assign_ports(client: Client, workers: Sequence[str], ports: range) -> str:
    """Return LightGBM's list of machines: a free port for each worker, of its own on its host.

    A port of the last fit is often not free: where a listener closes its connections first, the
    system keeps them for a minute, and LightGBM cannot listen at their port meanwhile.

    Raises:
        InputError: a host has no free port.
    """
    taken: dict[str, list[int]] = defaultdict(list)
    machines = []
    for worker in workers:
        host = urlsplit(worker).hostname or ""
        port = _submit_on(client, worker, find_free_port, ports, taken[host]).result()
        if port is None:
            raise InputError(
                f"{host} has no free port among the {len(ports)} of CLUSTER_FIT_PORTS: each of its "
                "workers needs one, and every fit another one for a minute"
            )
        taken[host].append(port)
        machines.append(f"{host}:{port}")
    return ",".join(machines)


def _list_shares(rows: Mapping[str, Future], number: int, client: Client) -> list[_Share]:
    """Return the shares of a segment, of the workers that have rows of it."""
    pick = itemgetter(number)
    parts = {
        worker: client.submit(pick, made, workers=[worker], pure=False)
        for worker, made in rows.items()
    }
    sizes = client.gather(
        [_submit_on(client, worker, _count_rows, part) for worker, part in parts.items()]
    )
    shares = [
        _Share(worker, part, size)
        for (worker, part), size in zip(parts.items(), sizes, strict=True)
    ]
    return [share for share in shares if share.size]


def _gather_sample(shares: Sequence[_Share], client: Client) -> NDArray[np.float32]:
    """Return the rows that one machine's sample has, of the rows in the order of the shares."""
    ends = np.cumsum([share.size for share in shares])
    chosen = even_positions(int(ends[-1]), SAMPLE_ROWS)
    parts = [
        _submit_on(
            client,
            share.worker,
            _take_rows,
            share.rows,
            chosen[(end - share.size <= chosen) & (chosen < end)] - (end - share.size),
        )
        for share, end in zip(shares, ends.tolist(), strict=True)
    ]
    return np.concatenate(client.gather(parts))


def _compute_weights(client: Client, member: Member, shares: Sequence[_Share]) -> Any:
    """Return weights of mean 1 over all shares together."""
    weigh = partial(weight_of, member)
    means = client.gather(
        [_submit_on(client, share.worker, _average, share.rows, weigh) for share in shares]
    )
    mean = np.average(means, weights=[share.size for share in shares])
    return _assemble_array(client, shares, weigh, (), np.float64) / mean


def _assemble_array(
    client: Client,
    shares: Sequence[_Share],
    value: Callable[[TrainingSet], Any],
    shape: tuple[int, ...],
    dtype: Any,
) -> Any:
    """Return a Dask array with a block for each share, which stays on its worker; (n, *shape)."""
    blocks = [
        da.from_delayed(
            delayed(_submit_on(client, share.worker, value, share.rows)),
            (share.size, *shape),
            dtype,
        )
        for share in shares
    ]
    return da.concatenate(blocks)


def _submit_on(client: Client, worker: str, function: Callable[..., Any], *args: Any) -> Future:
    return client.submit(function, *args, workers=[worker], pure=False)


# --- on the workers -----------------------------------------------------------------------------


def find_free_port(ports: range, taken: Sequence[int]) -> int | None:
    """Return the first port at which LightGBM can listen, and wait a while for one."""
    deadline = time.monotonic() + _PORT_SECONDS
    candidates = [port for port in ports if port not in taken]
    while candidates:
        for port in candidates:
            with socket.socket() as listener, suppress(OSError):
                listener.bind(("", port))  # without SO_REUSEADDR, as LightGBM does
                return port
        if time.monotonic() > deadline:
            break
        time.sleep(1)
    return None


@sizeof.register(TrainingSet)
def _measure_bytes(rows: TrainingSet) -> int:
    """Return the bytes of rows, so that Dask knows when to spill them."""
    return sum(column.nbytes for column in (rows.rows, rows.units, rows.origin, rows.node))


@dataclass(eq=False)
class _TreeReports:
    """LightGBM's callback that reports the trees of a fit."""

    reports: Reports

    def __call__(self, step: lgb.callback.CallbackEnv) -> None:
        self.reports(step.iteration + 1, step.end_iteration)


@lru_cache(maxsize=1)
def _open_snapshot(folder: Path) -> Snapshot:
    """Open and verify a snapshot once, for all fits of a training."""
    return load_snapshot(folder)


def _store_past(task: _Task, origins: NDArray[np.int64], reports: Reports) -> None:
    snapshot = _open_snapshot(task.snapshot)
    for done, origin in enumerate(origins.tolist(), start=1):
        task.states.store_past(snapshot, origin)
        reports(done, len(origins))


def _make_rows(task: _Task, part: Rows, reports: Reports) -> list[TrainingSet]:
    builder = MatrixBuilder(_open_snapshot(task.snapshot), task.contract)
    made = training_rows(
        builder,
        task.recipe,
        last_target=task.last_target,
        share=part,
        states=task.states,
        threads=get_worker().state.nthreads,
        progress=reports,
    )
    return order_rows(made)


def order_rows(made: list[TrainingSet]) -> list[TrainingSet]:
    """Return the rows of each segment by node, then origin, then horizon; `made` is emptied.

    In this order the shares one after another are the rows of one machine, whatever their number.
    """
    ordered = []
    while made:
        rows = made.pop(0)  # is not needed beside its copy any longer than this
        ordered.append(rows.take(np.argsort(rows.node, kind="stable")))
    return ordered


def _read_as_trees(relative: RelativeColumns, rows: TrainingSet) -> Any:
    return relative.tree_rows(rows.rows)


def _get_offsets(relative: RelativeColumns, rows: TrainingSet) -> Any:
    return relative.offsets(rows.rows)


def _count_rows(rows: TrainingSet) -> int:
    return len(rows.rows)


def _average(rows: TrainingSet, value: Callable[[TrainingSet], Any]) -> float:
    return float(value(rows).mean())


def _take_rows(rows: TrainingSet, chosen: NDArray[np.int64]) -> NDArray[np.float32]:
    return rows.rows[chosen]
