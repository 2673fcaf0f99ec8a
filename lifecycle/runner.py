"""The runner: executes the jobs of the queue, each in a process of its own.

One runner works on a store: it holds a lock on the volume for as long as it lives, and others wait
for that. So a job that was running when a runner starts has lost its process, and is reported as
interrupted. It is not started again: what ended it, such as too little memory, would do so each
time, and a training of hours that nobody expects any more must not change what is served.

Jobs that build run one at a time; so do checks of tables and exports, beside them. The process of a
job is killed when it is cancelled, and dies with its runner.
"""

from __future__ import annotations

import logging
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any

import orjson
import structlog
from filelock import Timeout

from config.margins import MARGINS, Margins
from config.outliers import OutlierPolicy
from lifecycle.exports import ExportRules
from lifecycle.job_queue import (
    APPLICATION,
    JOB,
    QUEUES,
    SCHEMA,
    JobQueue,
    import_dbos,
    queue_of,
)
from lifecycle.job_task import JobOrder
from lifecycle.jobs import (
    INTERRUPTED,
    Document,
    Job,
    JobEnd,
    JobKind,
    State,
    jobs_folder,
    log_path,
    now,
    runner_lock,
)
from models.faults import public_message
from storage.artifacts import Store
from storage.database import open_queue_database
from storage.errors import StorageError

BEAT_SECONDS = 5.0
"""Interval of the runner's signs of life."""

SWEEP_SECONDS = 600.0
WRITE_SECONDS = 1.0
"""Least time between two writes of a job's progress, and between two looks if it is cancelled."""

GRACE_SECONDS = 5.0
"""Time that the process of a cancelled job has to end by itself."""

PROCESSES = {
    JobKind.RELOAD: "lifecycle.refresh",
    JobKind.TRAINING: "training.job",
    JobKind.TRAINING_CHECK: "training.job",
    JobKind.UPLOAD: "lifecycle.upload_check",
    JobKind.SCORING: "lifecycle.monitoring.job",
    JobKind.EXPORT: "api.exports.job",
}
"""Modules that do the work of jobs, by kind, started by name: a runner loads none of them."""
START = "lifecycle.job_start"
"""Module that starts them, at low priority."""

STOPPED = "The job was interrupted, because its runner was stopped. Ask again."
_CANCELLED = "It was cancelled."
_NEEDED_TO_TRAIN = ("training", "lightgbm", "onnx", "onnxmltools", "polars")
_ROOT = Path(__file__).resolve().parents[1]
_VERSION = "1"  # of the workflow: DBOS recovers those of its own version only

_log = structlog.get_logger(__name__)


def can_train() -> bool:
    """Return whether this installation has what a training needs."""
    return all(find_spec(name) for name in _NEEDED_TO_TRAIN)


class Runner:
    """Runner of the jobs of a store.

    Args:
        url: of the database.
        data: the folder below which sources lie (``DATA_DIR``).
        margins: by which a model that is trained may be worse than the one that serves.
        outliers: treatment of outliers on newer days of tables.
        memory_mib: memory that reading tables may take; None for a share of what there is.
        adapt_intervals: as in `lifecycle.monitoring.scoring.score`.
        exports: rules of the exports; without, none is made.
        python: interpreter of the processes of jobs.
        on_end: called with each job that has ended.
        on_beat: called with the queue at each sign of life.
        on_sweep: called now and then with the ids of the jobs that run, to tidy up what others
            have left behind.
    """

    def __init__(
        self,
        url: str,
        store: Store,
        data: Path,
        *,
        margins: Margins = MARGINS,
        outliers: OutlierPolicy = OutlierPolicy.WARN,
        memory_mib: int | None = None,
        adapt_intervals: bool | None = None,
        exports: ExportRules | None = None,
        python: str = sys.executable,
        on_end: Callable[[Job], object] = lambda job: None,
        on_beat: Callable[[JobQueue], object] = lambda queue: None,
        on_sweep: Callable[[Collection[str]], object] = lambda running: None,
    ) -> None:
        self._url = url
        self._store = Store(store.root.resolve())
        self._data = data.resolve()
        self._queue = JobQueue(url)
        self._margins = margins
        self._outliers = outliers
        self._memory_mib = memory_mib
        self._adapt_intervals = adapt_intervals
        self._exports = exports
        self._python = python
        self._on_end = on_end
        self._on_beat = on_beat
        self._on_sweep = on_sweep
        self._stopping = Event()
        self._executing: set[str] = set()
        self._locks = {queue: Lock() for queue in QUEUES}

    def stop(self) -> None:
        """End: the processes of jobs are ended first."""
        self._stopping.set()

    def run(self) -> None:
        """Execute jobs until stopped; wait for the lock of another runner before."""
        folder = jobs_folder(self._store)
        folder.mkdir(parents=True, exist_ok=True)
        lock = runner_lock(self._store)
        waiting = False
        while not self._stopping.is_set():
            try:
                with lock.acquire(timeout=1):
                    self._run_locked()
                    return
            except Timeout:
                if not waiting:
                    _log.info("runner_waiting", reason="another one works on these artifacts")
                waiting = True

    def _run_locked(self) -> None:
        while not self._stopping.is_set():
            try:
                self._launch()
                break
            except Exception as error:  # the database may be down, as while both start
                _log.error("runner_not_started", reason=str(error), retry_seconds=BEAT_SECONDS)
                self._stopping.wait(BEAT_SECONDS)
        swept = -SWEEP_SECONDS
        while not self._stopping.is_set():
            try:
                self._queue.note_runner(host=platform.node(), trains=can_train())
                self._on_beat(self._queue)
                if monotonic() - swept >= SWEEP_SECONDS:
                    swept = monotonic()
                    self._sweep()
            except (StorageError, OSError) as error:
                _log.warning("runner_not_noted", reason=str(error))
            self._stopping.wait(BEAT_SECONDS)
        until = monotonic() + 2 * GRACE_SECONDS
        while self._executing and monotonic() < until:
            Event().wait(0.05)

    def _launch(self) -> None:
        """Start the library's threads, which call `_execute` for each job."""
        dbos = import_dbos()
        dbos.DBOS.destroy(destroy_registry=True)  # what a failed attempt has left
        app = dbos.DBOS(
            config={
                "name": APPLICATION,
                "system_database_engine": open_queue_database(self._url),
                "dbos_system_schema": SCHEMA,
                "serializer": dbos.DBOSPortableJSONSerializer(),
                "application_version": _VERSION,
                "executor_id": "runner",  # there is one: what it began, its successor recovers
                "use_listen_notify": False,  # needs a connection that no pooler shares
                "enable_otlp": False,
                "log_level": "WARNING",
            }
        )
        _log_as_ours()

        @app.workflow(name=JOB)  # type: ignore[untyped-decorator]
        def execute(kind: str, request: Document) -> None:
            self._execute_workflow(app.workflow_id)

        dbos.DBOS.launch()
        for queue in QUEUES:
            dbos.DBOS.register_queue(queue, global_concurrency=1, polling_interval_sec=0.5)
        self._end_abandoned()
        _log.info("runner_started", trains=can_train())

    def _end_abandoned(self) -> None:
        """Record the end of jobs that were cancelled while they lost their runner."""
        for job in self._queue.all():
            if job.state is State.RUNNING and job.cancelled_by:
                self._end(job, State.CANCELLED, detail=_CANCELLED)

    def _execute_workflow(self, name: str) -> None:
        """Execute a job, and record how it ended; never raise."""
        job = self._insist(lambda: self._queue.find(name))
        if job is None:
            return
        # The queue runs one at a time, but starts what it recovers beside it.
        with self._locks[queue_of(job.kind)]:
            if self._stopping.is_set():  # it has not begun: the next runner executes it
                Event().wait()
            self._executing.add(name)
            try:
                self._begin(self._insist(lambda: self._queue.find(name)))
            finally:
                self._executing.discard(name)
            with suppress(OSError):
                self._on_sweep(frozenset(self._executing))

    def _begin(self, job: Job | None) -> None:
        """Execute a job, unless it was cancelled or has lost its process."""
        if job is None or job.ended:
            return
        if job.cancelled_by:
            self._end(job, State.CANCELLED, detail=_CANCELLED)
            return
        if job.started_at is not None:
            self._end(job, State.FAILED, detail=INTERRUPTED)
            return
        try:
            self._execute(job)
        except Exception as error:
            _log.exception("job_not_executed", job=job.id)
            self._end(job, State.FAILED, detail=public_message(error, self._store.root))

    def _execute(self, job: Job) -> None:
        self._insist(lambda: self._queue.update(job.id, started_at=now().isoformat()))
        order = JobOrder(
            job=job.id,
            kind=job.kind,
            request=job.request,
            runner=os.getpid(),
            root=self._store.root,
            data=self._data,
            database=self._url,
            by=job.by,
            margins=self._margins,
            outliers=self._outliers,
            memory_mib=self._memory_mib,
            adapt_intervals=self._adapt_intervals,
            exports=self._exports,
        )
        try:
            process = JobProcess(self._python, order, log_path(self._store, job.id))
        except OSError as error:
            reason = f"Its process cannot be started ({public_message(error)})."
            self._end(job, State.FAILED, detail=reason)
            return
        wanted: State | None = None  # how the job ends if its process is told to
        written_at = checked_at = 0.0
        written: Document | None = None
        while process.wait_for_report():
            if wanted is None and self._stopping.is_set():
                wanted = State.FAILED
                process.end()
            if wanted is None and monotonic() - checked_at >= WRITE_SECONDS:
                checked_at = monotonic()
                if self._is_cancelled(job.id):
                    wanted = State.CANCELLED
                    process.end()
            if process.progress != written and monotonic() - written_at >= WRITE_SECONDS:
                written_at, written = monotonic(), process.progress
                with suppress(StorageError):  # a later report says more
                    self._queue.update(job.id, progress=written)
        self._conclude(job, process, wanted)

    def _conclude(self, job: Job, process: JobProcess, wanted: State | None) -> None:
        """Record the end of a job whose process has ended.

        A result counts even if the job was cancelled: what it reports has happened.
        """
        code = process.wait()
        log = log_path(self._store, job.id)
        with suppress(OSError):
            if not log.stat().st_size:  # before the end is recorded, so that no reader sees it
                log.unlink()
        if process.result is not None:
            self._end(job, State.SUCCEEDED, process, result=process.result)
        elif wanted is State.CANCELLED:
            self._end(job, State.CANCELLED, process, detail=_CANCELLED)
        elif wanted is State.FAILED:
            self._end(job, State.FAILED, process, detail=STOPPED)
        elif process.failure is not None:
            self._end(job, State.FAILED, process, detail=process.failure)
        else:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            detail = f"The job was interrupted: its process ended with {how}."
            self._end(job, State.FAILED, process, detail=detail)

    def _end(
        self,
        job: Job,
        state: State,
        process: JobProcess | None = None,
        *,
        detail: str | None = None,
        result: Document | None = None,
    ) -> None:
        outcome = JobEnd(state=state, finished_at=now(), detail=detail, result=result)
        more = {"progress": process.progress} if process and process.progress else {}
        document = outcome.model_dump(mode="json")
        current = self._insist(lambda: self._queue.find(job.id))
        if current is None or current.outcome is not None:
            return
        self._insist(lambda: self._queue.update(job.id, outcome=document, **more))
        ended = self._insist(lambda: self._queue.find(job.id))
        if ended is not None:
            self._on_end(ended)

    def _is_cancelled(self, name: str) -> bool:
        try:
            job = self._queue.find(name)
        except StorageError:  # looked at again
            return False
        return job is not None and job.cancelled_by is not None

    def _insist(self, act: Callable[[], Any]) -> Any:
        """Repeat a call of the database until it succeeds: an outcome must not be lost."""
        while True:
            try:
                return act()
            except StorageError as error:
                _log.error("job_not_recorded", reason=str(error), retry_seconds=WRITE_SECONDS)
                Event().wait(WRITE_SECONDS)

    def _sweep(self) -> None:
        """Remove old jobs, the files of jobs that are gone, and what uploads have left."""
        stays = set(self._queue.trim())
        for path in jobs_folder(self._store).glob("[!.]*"):
            if path.stem not in stays | self._executing:
                path.unlink(missing_ok=True)
        self._on_sweep(frozenset(self._executing))


class JobProcess:
    """The process of a job, as its runner sees it.

    Attributes:
        progress, result, failure: of its last report.
    """

    def __init__(self, python: str, order: JobOrder, log: Path) -> None:
        self.progress: Document | None = None
        self.result: Document | None = None
        self.failure: str | None = None
        self._killed_at: float | None = None
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [python, "-m", START, PROCESSES[order.kind]],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # a Ctrl+C at a terminal is for the runner
            )
        self._messages: SimpleQueue[bytes | None] = SimpleQueue()
        Thread(target=self._read, daemon=True).start()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as stdin:  # it has ended already
            stdin.write(order.model_dump_json().encode())

    def wait_for_report(self) -> bool:
        """Wait a moment for a report; return whether more may follow."""
        if self._killed_at is not None and monotonic() > self._killed_at:
            self._signal(signal.SIGKILL)
        try:
            line = self._messages.get(timeout=0.2)
        except Empty:
            return True
        if line is None:
            return False
        with suppress(orjson.JSONDecodeError):  # of a line that a kill has cut
            self._take(orjson.loads(line))
        return True

    def end(self) -> None:
        """Ask the process to end, and kill it if it has not after `GRACE_SECONDS`."""
        self._killed_at = monotonic() + GRACE_SECONDS
        self._signal(signal.SIGTERM)

    def wait(self) -> int:
        """Return the exit code of the process, which has closed its output."""
        try:
            return self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            return self._process.wait()

    def _take(self, report: Document) -> None:
        self.progress = report.get("progress", self.progress)
        self.result = report.get("result", self.result)
        self.failure = report.get("failure", self.failure)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)  # what it has started, too

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._messages.put(line)
        self._messages.put(None)


def _log_as_ours() -> None:
    """Send the lines of the library through the handler of the root logger."""
    logger = logging.getLogger("dbos")
    logger.handlers, logger.propagate = [], True
