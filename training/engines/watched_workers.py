"""Calls on fixed workers of a Dask cluster, which end when a worker or the scheduler is lost.

Dask computes the tasks of a lost worker on another one. LightGBM's learner cannot: its processes
wait for each other, some of those that are left notice a lost one and fail, and others read from
its closed connection for ever (https://github.com/lightgbm-org/LightGBM/issues/5920). A task that
is bound to a lost worker waits for ever too. So the call runs in a thread, with a client of its own
that is closed as soon as a worker is missing, which cancels all that the call has submitted.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, wait
from concurrent.futures import Future as ThreadFuture
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from distributed import Client, KilledWorker, get_worker
from lightgbm.basic import LightGBMError

from errors import InputError
from models.engine import Progress

_T = TypeVar("_T")
_LOOK_SECONDS = 0.5
"""Interval at which the workers are counted and the progress is shown."""
_ANSWER_SECONDS = 120.0
"""Time in which the scheduler must answer."""
_REPORT_SECONDS = 0.5
"""Least interval between two reports of a task."""
PAUSED_SECONDS = 120.0
"""Time after which a worker that lacks memory and takes no tasks counts as lost."""


class WorkerLostError(Exception):
    """Workers were lost, or failed together, while they worked on one task."""


class SchedulerLostError(InputError):
    """The scheduler of a cluster was lost, or the connection to it."""

    def __init__(self, client: Client) -> None:
        super().__init__(
            f"the connection to the Dask scheduler at {address_of(client)} was lost; if the "
            "scheduler ended, start it again, then repeat the command"
        )


@dataclass(eq=False)
class Reports:
    """Sender of a task's progress to the client that waits for it; picklable.

    Attributes:
        topic: that the client listens to.
        part: that the task works on.
        only: address of the worker that reports, if not all do.
    """

    topic: str
    part: int = 0
    only: str | None = None
    _sent: float = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Report, unless the last report is a moment ago and there is more to do."""
        now = time.monotonic()
        if done < total and now - self._sent < _REPORT_SECONDS:
            return
        self._sent = now
        worker = get_worker()
        if self.only in (None, worker.address):
            worker.log_event(self.topic, (self.part, done, total))


class WatchedWorkers:
    """Workers that calls are bound to, and a client that lives no longer than they do.

    Args:
        client: that looks whether the workers are still there.
        addresses: of the workers.
    """

    def __init__(self, client: Client, addresses: Sequence[str]) -> None:
        self.addresses = tuple(addresses)
        self.topic = f"mlrf-{uuid.uuid4().hex}"
        self.client = Client(address_of(client), security=client.security, set_as_default=False)
        self._watching = client
        self._reports: dict[int, tuple[int, int]] = {}
        self._paused_since: float | None = None
        self.client.subscribe_topic(self.topic, self._record)

    def run(
        self,
        call: Callable[[Client], _T],
        advance: Progress = lambda done, total: None,
        *,
        parts: int = 1,
    ) -> _T:
        """Return what a call returns that submits its tasks with the client that it gets.

        Args:
            advance: shows the progress that tasks send by `Reports`.
            parts: number of tasks that report.

        Raises:
            WorkerLostError: a worker was lost, or LightGBM's network failed.
            SchedulerLostError: the scheduler does not answer.
        """
        self._reports.clear()
        future: ThreadFuture[_T] = ThreadFuture()
        threading.Thread(target=_fulfil, args=(future, call, self.client), daemon=True).start()
        while not wait([future], _LOOK_SECONDS).done:
            self._require_workers()
            self._show(advance, parts)
        error = future.exception()
        if error is None:
            self._show(advance, parts)
            return future.result()
        if isinstance(error, KilledWorker | LightGBMError):
            raise WorkerLostError(str(error)) from error
        if isinstance(error, CancelledError | OSError):
            self._require_workers()
        if isinstance(error, CancelledError):  # by a client that has lost its connection
            raise SchedulerLostError(self._watching) from error
        raise error

    def _require_workers(self) -> None:
        """Raise an error if a worker or the scheduler is gone."""
        present = list_workers(self._watching)
        if missing := set(self.addresses) - set(present):
            raise WorkerLostError(f"{', '.join(sorted(missing))} ended")
        self._require_running(present)

    def _require_running(self, workers: dict[str, dict[str, Any]]) -> None:
        paused = [name for name in self.addresses if workers[name]["status"] == "paused"]
        if not paused:
            self._paused_since = None
        elif self._paused_since is None:
            self._paused_since = time.monotonic()
        elif time.monotonic() - self._paused_since > PAUSED_SECONDS:
            raise WorkerLostError(f"{', '.join(paused)} lacked memory")

    def _record(self, event: tuple[float, tuple[int, int, int]]) -> None:
        part, done, total = event[1]
        self._reports[part] = done, total

    def _show(self, advance: Progress, parts: int) -> None:
        reports = [*self._reports.values()]
        if reports:
            advance(sum(done for done, _ in reports), max(total for _, total in reports) * parts)


def address_of(client: Client) -> str:
    """Return the address of a client's scheduler."""
    scheduler: Any = client.scheduler
    return str(scheduler.address)


def list_workers(client: Client) -> dict[str, dict[str, Any]]:
    """Return what the scheduler knows of its workers, by their addresses.

    Raises:
        SchedulerLostError: the scheduler does not answer.
    """
    if client.status != "running":
        raise SchedulerLostError(client)
    scheduler: Any = client.scheduler
    try:
        identity = client.sync(scheduler.identity, n_workers=-1, callback_timeout=_ANSWER_SECONDS)
    except OSError as error:
        raise SchedulerLostError(client) from error
    workers: dict[str, dict[str, Any]] = identity["workers"]
    return workers


@contextmanager
def reporting_lost_scheduler(client: Client) -> Iterator[None]:
    """Raise `SchedulerLostError` in place of what Dask raises once the scheduler is gone."""
    try:
        yield
    except OSError:
        list_workers(client)  # otherwise the error has another cause
        raise


def require_workers(client: Client) -> dict[str, dict[str, Any]]:
    """Return what the scheduler knows of its workers, of which there is at least one.

    Raises:
        InputError: there are none.
        SchedulerLostError: the scheduler does not answer.
    """
    workers = list_workers(client)
    if not workers:
        raise InputError(f"the Dask scheduler at {address_of(client)} has no workers")
    return workers


@contextmanager
def watched_workers(client: Client, addresses: Sequence[str]) -> Iterator[WatchedWorkers]:
    """Yield workers to run calls on; all that the calls have left there is freed at the end."""
    watched = WatchedWorkers(client, addresses)
    try:
        yield watched
    finally:
        watched.client.close(timeout=5)


def _fulfil(future: ThreadFuture[_T], call: Callable[[Client], _T], client: Client) -> None:
    try:
        future.set_result(call(client))
    except BaseException as error:
        future.set_exception(error)
