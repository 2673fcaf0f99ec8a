"""Tasks on the workers of a Dask cluster, each of which writes one file.

A task is a pure function of its inputs and writes its result under a name that they determine, by
rename. So a task may run twice, or on any worker, and the file is the same: one whose file exists
is not run again, which is how a run that was killed goes on. What is lost is

- with a worker: the task that it runs; Dask runs it on another one;
- with the scheduler or the client: the tasks that run, when the run is repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import median
from typing import Generic, Protocol, TypeVar

from distributed import CancelledError, Client, Future, KilledWorker

from errors import InputError
from models.base_forecasts import Progress
from storage.artifacts import ArtifactError

POLL_SECONDS = 0.5
STRAGGLER_FACTOR, STRAGGLER_SECONDS = 3.0, 20.0
"""A task is started a second time where workers are idle, and no task has ended for so many times
the median of all, or for so long where that is more."""
NO_WORKERS_SECONDS = 60.0
"""Time for which a cluster may be without any worker."""
SHARED_SECONDS = 60.0
"""Time after which the client sees a file of a worker: NFS remembers half a minute that there was
none."""


class FileTask(Protocol):
    """Inputs of a task, picklable; workers and client see its file under the same path."""

    @property
    def file(self) -> Path:
        """File that it writes."""


Task = TypeVar("Task", bound=FileTask)


def run_tasks(
    client: Client,
    function: Callable[[Task], object],
    tasks: Sequence[Task],
    *,
    progress: Progress = lambda done, total: None,
) -> None:
    """Run a function for each task whose file does not exist, on the workers of a cluster.

    Raises:
        InputError: the scheduler or all workers were lost, or several workers died with a task.
        ArtifactError: a file is not there although its task has ended.
        Exception: whatever the function raises.
    """
    missing = [task for task in tasks if not task.file.exists()]
    done = len(tasks) - len(missing)
    progress(done, len(tasks))
    run = _Run(client, function)
    try:
        for task in missing:
            run.start(task)
        while run.waiting:
            if run.wait():
                progress(len(tasks) - len(run.waiting), len(tasks))
    finally:
        run.cancel_all()


@dataclass
class _Run(Generic[Task]):
    """Tasks that have been started.

    Attributes:
        waiting: tasks without a result, by their files.
        futures: those of each task, of which the first that ends counts.
        ended: futures that have ended, in the order in which they did.
        seconds: durations of the tasks that have ended.
    """

    client: Client
    function: Callable[[Task], object]
    waiting: dict[Path, Task] = field(default_factory=dict)
    futures: dict[Path, list[Future]] = field(default_factory=dict)
    ended: SimpleQueue[tuple[Path, Future]] = field(default_factory=SimpleQueue)
    seconds: list[float] = field(default_factory=list)
    newest: float = field(default_factory=time.monotonic)
    without_workers: float | None = None

    def start(self, task: Task, *, workers: Sequence[str] | None = None) -> None:
        """Submit a task."""
        file = task.file
        self.waiting[file] = task
        where = {} if workers is None else {"workers": workers, "allow_other_workers": True}
        future = self.client.submit(_time, self.function, task, pure=False, **where)
        self.futures.setdefault(file, []).append(future)
        future.add_done_callback(lambda done: self.ended.put((file, done)))

    def wait(self) -> bool:
        """Wait for a moment; return whether a task has ended."""
        try:
            file, future = self.ended.get(timeout=POLL_SECONDS)
        except Empty:
            try:
                self._check_workers()
                self._start_stragglers()
            except OSError as error:
                raise self._lost() from error
            return False
        if file not in self.waiting:  # another copy was faster
            return False
        if future.status == "cancelled":
            raise self._lost()
        if future.status == "error":
            self._give_up(file, future)
            return False
        try:
            self.seconds.append(future.result())
        except CancelledError as error:
            raise self._lost() from error
        _wait_for_file(file)
        del self.waiting[file]
        self.client.cancel(self.futures.pop(file))
        self.newest = time.monotonic()
        return True

    def cancel_all(self) -> None:
        """Cancel what runs, unless the scheduler is lost."""
        if self.client.status == "running":
            self.client.cancel([each for copies in self.futures.values() for each in copies])

    def _give_up(self, file: Path, future: Future) -> None:
        """Drop a copy that failed; raise the reason if it was the last."""
        copies = self.futures[file]
        copies.remove(future)
        if copies:
            return
        error = future.exception()
        if isinstance(error, KilledWorker):
            raise InputError(
                f"several workers of the Dask cluster died with {file.name}; if they lacked memory,"
                " give them more. The parts that are ready are kept for the next run"
            ) from error
        raise error

    @staticmethod
    def _lost() -> InputError:
        return InputError(
            "the Dask scheduler was lost; run the command again, and it goes on with the parts "
            "that are ready"
        )

    def _check_workers(self) -> None:
        """Refuse to wait for a cluster that stays without workers."""
        if self.client.status != "running" or self.client.scheduler_info()["workers"]:
            self.without_workers = None
            return
        now = time.monotonic()
        self.without_workers = self.without_workers or now
        if now - self.without_workers > NO_WORKERS_SECONDS:
            raise InputError(
                f"the Dask cluster has had no worker for {NO_WORKERS_SECONDS:.0f} seconds; start "
                "some and run the command again, and it goes on with the parts that are ready"
            )

    def _start_stragglers(self) -> None:
        """Start the last tasks on idle workers too, if they take much longer than the others."""
        if not self.seconds:
            return
        limit = max(STRAGGLER_FACTOR * median(self.seconds), STRAGGLER_SECONDS)
        single = [task for file, task in self.waiting.items() if len(self.futures[file]) == 1]
        if not single or time.monotonic() - self.newest < limit:
            return
        busy = {worker for worker, keys in self.client.processing().items() if keys}
        idle = sorted(set(self.client.nthreads()) - busy)
        for task in single[: len(idle)]:
            self.start(task, workers=idle)


def _wait_for_file(file: Path) -> None:
    """Wait until the file of a task that has ended is here.

    Raises:
        ArtifactError: it does not come.
    """
    deadline = time.monotonic() + SHARED_SECONDS
    while not file.exists():
        if time.monotonic() > deadline:
            raise ArtifactError(
                file, "is not here though a worker wrote it: it must be on a volume that all share"
            )
        time.sleep(POLL_SECONDS)


def _time(function: Callable[[Task], object], task: Task) -> float:
    """Run a task on a worker, and return its seconds."""
    start = time.monotonic()
    function(task)
    return time.monotonic() - start
