"""Tasks on the workers of a Dask cluster.

A task is a pure function of its inputs, so that it may run twice, or on any worker. What is lost is

- with a worker: the task that it runs; Dask runs it on another one;
- with the scheduler or the client: the tasks that run, when the run is repeated. Tasks whose
  results are files that their inputs name, written by rename, are not run again where the file
  exists, so that a run that was killed goes on. All others are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import median
from typing import Any, Generic, Protocol, TypeVar

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


Task = TypeVar("Task")
FileTasks = TypeVar("FileTasks", bound=FileTask)
Key = TypeVar("Key", bound=Path | int)
Result = TypeVar("Result")

_GOES_ON = "run the command again, and it goes on with the parts that are ready"
_BEGINS_AGAIN = "run the command again"


def run_tasks(
    client: Client,
    function: Callable[[FileTasks], object],
    tasks: Sequence[FileTasks],
    *,
    progress: Progress = lambda done, total: None,
) -> None:
    """Run a function for each task whose file does not exist, on the workers of a cluster.

    Raises:
        InputError: the scheduler or all workers were lost, or several workers died with a task.
        ArtifactError: a file is not there although its task has ended.
        Exception: whatever the function raises.
    """
    missing = {task.file: task for task in tasks if not task.file.exists()}
    done = len(tasks) - len(missing)
    progress(done, len(tasks))
    for file, _ in _iter_results(client, function, missing, advice=_GOES_ON):
        _wait_for_file(file)
        done += 1
        progress(done, len(tasks))


def iter_results(
    client: Client, function: Callable[[Task], Result], tasks: Sequence[Task]
) -> Iterator[Result]:
    """Yield what a function returns for each task, in their order, from the workers of a cluster.

    Raises:
        InputError: the scheduler or all workers were lost, or several workers died with a task.
        Exception: whatever the function raises.
    """
    ready: dict[int, Result] = {}
    following = 0
    for number, result in _iter_results(
        client, function, dict(enumerate(tasks)), advice=_BEGINS_AGAIN
    ):
        ready[number] = result
        while following in ready:
            yield ready.pop(following)
            following += 1


def _iter_results(
    client: Client, function: Callable[[Task], Result], tasks: Mapping[Key, Task], *, advice: str
) -> Iterator[tuple[Key, Result]]:
    """Yield keys and results of tasks as they end.

    Args:
        advice: what to do after an error.
    """
    run = _Run[Key, Task, Result](client, function, advice)
    try:
        for key, task in tasks.items():
            run.start(key, task)
        while run.waiting:
            if (ended := run.wait()) is not None:
                yield ended
    finally:
        run.cancel_all()


@dataclass
class _Run(Generic[Key, Task, Result]):
    """Tasks that have been started.

    Attributes:
        advice: what to do after an error.
        waiting: tasks without a result, by their keys.
        futures: those of each task, of which the first that ends counts.
        ended: futures that have ended, in the order in which they did.
        seconds: durations of the tasks that have ended.
    """

    client: Client
    function: Callable[[Task], Result]
    advice: str
    waiting: dict[Key, Task] = field(default_factory=dict)
    futures: dict[Key, list[Future]] = field(default_factory=dict)
    ended: SimpleQueue[tuple[Key, Future]] = field(default_factory=SimpleQueue)
    seconds: list[float] = field(default_factory=list)
    newest: float = field(default_factory=time.monotonic)
    without_workers: float | None = None

    def start(self, key: Key, task: Task, *, workers: Sequence[str] | None = None) -> None:
        """Submit a task."""
        self.waiting[key] = task
        where = {} if workers is None else {"workers": workers, "allow_other_workers": True}
        future = self.client.submit(_time, self.function, task, pure=False, **where)
        self.futures.setdefault(key, []).append(future)
        future.add_done_callback(lambda done: self.ended.put((key, done)))

    def wait(self) -> tuple[Key, Result] | None:
        """Wait for a moment; return key and result of a task if one has ended."""
        try:
            key, future = self.ended.get(timeout=POLL_SECONDS)
        except Empty:
            try:
                self._check_workers()
                self._start_stragglers()
            except OSError as error:
                raise self._lost() from error
            return None
        if key not in self.waiting:  # another copy was faster
            return None
        if future.status == "cancelled":
            raise self._lost()
        if future.status == "error":
            self._give_up(key, future)
            return None
        seconds: float
        result: Result
        try:
            seconds, result = future.result()
        except CancelledError as error:
            raise self._lost() from error
        self.seconds.append(seconds)
        del self.waiting[key]
        self.client.cancel(self.futures.pop(key))
        self.newest = time.monotonic()
        return key, result

    def cancel_all(self) -> None:
        """Cancel what runs, unless the scheduler is lost."""
        if self.client.status == "running":
            self.client.cancel([each for copies in self.futures.values() for each in copies])

    def _give_up(self, key: Key, future: Future) -> None:
        """Drop a copy that failed; raise the reason if it was the last."""
        copies = self.futures[key]
        copies.remove(future)
        if copies:
            return
        error = future.exception()
        if isinstance(error, KilledWorker):
            raise InputError(
                f"several workers of the Dask cluster died with {_label(key)}; if they lacked "
                f"memory, give them more; then {self.advice}"
            ) from error
        raise error

    def _lost(self) -> InputError:
        return InputError(f"the Dask scheduler was lost; {self.advice}")

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
                f"some and {self.advice}"
            )

    def _start_stragglers(self) -> None:
        """Start the last tasks on idle workers too, if they take much longer than the others."""
        if not self.seconds:
            return
        limit = max(STRAGGLER_FACTOR * median(self.seconds), STRAGGLER_SECONDS)
        single = [key for key in self.waiting if len(self.futures[key]) == 1]
        if not single or time.monotonic() - self.newest < limit:
            return
        busy = {worker for worker, keys in self.client.processing().items() if keys}
        idle = sorted(set(self.client.nthreads()) - busy)
        for key in single[: len(idle)]:
            self.start(key, self.waiting[key], workers=idle)


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


def _label(key: Path | int) -> str:
    return key.name if isinstance(key, Path) else f"part {key}"


def _time(function: Callable[[Task], Any], task: Task) -> tuple[float, Any]:
    """Run a task on a worker, and return its seconds and its result."""
    start = time.monotonic()
    result = function(task)
    return time.monotonic() - start, result
