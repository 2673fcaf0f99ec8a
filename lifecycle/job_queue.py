"""The queue of jobs, in a database that all servers and runners share.

The library DBOS keeps it. A job is one of its workflows: the request is the workflow's input, and
progress and outcome are its attributes, which are replaced in place. The library is imported at
the first call, because servers that are asked for no job do not need its 24 MB.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from secrets import token_hex
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from errors import InputError
from lifecycle.jobs import MAX_JOBS, Job, JobEnd, JobKind, JobProgress, State, now
from storage.audit import Actor
from storage.database import open_queue_database, translating_errors
from storage.errors import IdempotencyKeyReusedError
from storage.idempotency import IdempotencyKey

if TYPE_CHECKING:
    from dbos import DBOSClient, EnqueueOptions, WorkflowStatus

APPLICATION = "mlrf"
SCHEMA = "mlrf_jobs"
"""Schema of the queue in PostgreSQL; SQLite has a file of its own."""

JOB = "job"
"""Name of the workflow that executes a job."""

BUILDS, CHECKS, EXPORTS = "builds", "checks", "exports"
"""Queues: of jobs that may change what is served, of exports, and of the others. Each runs one job
at a time."""

QUEUES = (BUILDS, CHECKS, EXPORTS)

MAX_WAITING = 20
"""Number of jobs of a queue that may wait: callers of one cannot fill the others."""

LISTED = 200
PRESENCE_SECONDS = 30
"""Time after which a runner that was not seen is not expected to take a job."""

_PRESENCE = "runner"
# SQLSTATE of an undefined table, schema or column: a runner makes them in PostgreSQL one by one
_UNDEFINED = ("42P01", "3F000", "42703")
_importing = Lock()


class QueueFullError(InputError):
    """So many jobs wait that no more are accepted."""


class JobEndedError(InputError):
    """A job that has ended cannot be cancelled."""


class NoRunnerError(RuntimeError):
    """No runner works on such jobs; the message says what would."""


def queue_of(kind: JobKind) -> str:
    """Return the queue of the jobs of a kind."""
    if kind is JobKind.EXPORT:
        return EXPORTS
    return BUILDS if kind.builds else CHECKS


def job_id_of(idempotency: IdempotencyKey) -> str:
    """Return the id of the job that a request with a key of idempotency makes."""
    return hashlib.sha256(idempotency.name.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Presence:
    """The runner that works on the queue.

    Attributes:
        host: name of its machine.
        seen_at: time of its last sign of life, aware.
        trains: whether it has the libraries of a training.
    """

    host: str
    seen_at: datetime
    trains: bool

    @property
    def is_alive(self) -> bool:
        return now() - self.seen_at < timedelta(seconds=PRESENCE_SECONDS)


def import_dbos() -> Any:
    """Import DBOS, without its ways to run code from the database, and return it.

    A row of its tables names the format of its values, and DBOS would unpickle those that name
    pickle, whichever serializer it was given. What can write the database could thereby run code
    in every process that reads it. Ours write JSON only, so unpickling is refused.
    """
    with _importing:
        import dbos
        from dbos import _serialization

        _serialization.DefaultSerializer.deserialize = _refuse_pickle  # type: ignore[assignment]
        _serialization.DefaultSerializer.serialize = _refuse_pickle  # type: ignore[assignment]
        logging.getLogger("dbos").setLevel(logging.WARNING)
        return dbos


def _refuse_pickle(self: object, value: object) -> NoReturn:
    raise TypeError("values of the job queue are JSON, and this one is pickled")


class JobQueue:
    """The jobs of all servers that share a database.

    Its methods block; they raise StorageError where the database fails.

    Args:
        url: of the database of keys; that of the queue is beside it.
    """

    def __init__(self, url: str) -> None:
        self.engine = open_queue_database(url)

    def add(
        self,
        kind: JobKind,
        request: dict[str, Any],
        *,
        by: Actor,
        idempotency: IdempotencyKey | None = None,
    ) -> tuple[Job, bool]:
        """Add a job, and return it with whether it is new: a repeated request adds none.

        Raises:
            IdempotencyKeyReusedError: the earlier request was another one.
            NoRunnerError: no runner would execute it.
            QueueFullError: too many jobs wait.
        """
        job_id = job_id_of(idempotency) if idempotency else token_hex(8)
        fingerprint = idempotency.fingerprint if idempotency else None
        if idempotency and (existing := self.find(job_id)) is not None:
            return self._match_fingerprint(existing, fingerprint), False
        self._check_runner(kind)
        queue = queue_of(kind)
        jobs = self.all([each for each in JobKind if queue_of(each) == queue])
        waiting = [job for job in jobs if job.state is State.QUEUED]
        if len(waiting) >= MAX_WAITING:
            raise QueueFullError(
                f"{len(waiting)} jobs wait already: wait until some have ended, or cancel some"
            )
        mark = token_hex(8)
        options: EnqueueOptions = {
            "workflow_name": JOB,
            "queue_name": queue,
            "workflow_id": job_id,
            "attributes": {
                "by": by.name,
                "queued_at": now().isoformat(),
                "fingerprint": fingerprint,
                "mark": mark,
            },
        }
        with translating_errors(self.engine):
            self._client.enqueue(options, str(kind), request)
        job = self.find(job_id)
        assert job is not None, "it was added"
        is_new = self._attributes(job_id).get("mark") == mark
        return self._match_fingerprint(job, fingerprint), is_new

    def find(self, name: str) -> Job | None:
        """Return a job by its id; None if there is none."""
        if not name.isalnum() or len(name) > 64:  # of a caller: no name of a job contains more
            return None
        statuses = self._read(workflow_ids=[name], name=JOB)
        jobs = _jobs_of(statuses)
        return jobs[0] if jobs else None

    def all(self, kinds: Sequence[JobKind] = tuple(JobKind)) -> list[Job]:
        """Return the newest jobs, the newest first."""
        jobs = _jobs_of(self._read(name=JOB, sort_desc=True, limit=LISTED))
        jobs.sort(key=lambda job: job.queued_at, reverse=True)
        return [job for job in jobs if job.kind in kinds]

    def cancel(self, name: str, *, by: Actor) -> Job | None:
        """Cancel a job that waits; ask the runner to end one that runs. None if there is none.

        Raises:
            JobEndedError: it has ended.
        """
        job = self.find(name)
        if job is None:
            return None
        if job.ended:
            raise JobEndedError(f"job {job.id} has ended ({job.state}), and cannot be cancelled")
        self.update(name, cancelled_by=by.name)
        if job.state is State.QUEUED:
            with translating_errors(self.engine):
                self._client.cancel_workflow(name)
        return self.find(name)

    def update(self, name: str, **attributes: Any) -> None:
        """Replace attributes of a job: `started_at`, `progress`, `outcome`, `cancelled_by`."""
        with translating_errors(self.engine):
            self._client.update_workflow_attributes(name, attributes, merge=True)

    def trim(self, keep: int = MAX_JOBS) -> list[str]:
        """Remove old jobs that have ended, and return the ids of those that are left."""
        jobs = self.all()
        ended = {kind: [job for job in jobs if job.ended and job.kind is kind] for kind in JobKind}
        removed = [job.id for each in ended.values() for job in each[keep:]]
        if removed:
            self.remove(removed)
        return [job.id for job in jobs if job.id not in removed]

    def remove(self, names: Sequence[str]) -> None:
        """Remove jobs that have ended."""
        with translating_errors(self.engine):
            self._client.delete_workflows(list(names))

    def runner(self) -> Presence | None:
        """Return the runner that was seen last; None if there never was one."""
        about = self._attributes(_PRESENCE)
        if not about:
            return None
        return Presence(about["host"], datetime.fromisoformat(about["seen_at"]), about["trains"])

    def note_runner(self, *, host: str, trains: bool) -> None:
        """Record a sign of life of the runner."""
        seen = {"host": host, "seen_at": now().isoformat(), "trains": trains}
        if self._attributes(_PRESENCE):
            self.update(_PRESENCE, **seen)
            return
        options: EnqueueOptions = {
            "workflow_name": _PRESENCE,
            "queue_name": _PRESENCE,  # which no runner listens to: the row is never executed
            "workflow_id": _PRESENCE,
            "attributes": seen,
        }
        with translating_errors(self.engine):
            self._client.enqueue(options)

    def close(self) -> None:
        """Close the connections to the database."""
        self.engine.dispose()

    @cached_property
    def _client(self) -> DBOSClient:
        dbos = import_dbos()
        client: DBOSClient = dbos.DBOSClient(
            system_database_engine=self.engine,
            dbos_system_schema=SCHEMA,
            serializer=dbos.DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,  # the caller is told, instead of waiting
        )
        return client

    def _read(self, **query: Any) -> list[WorkflowStatus]:
        with translating_errors(self.engine):
            try:
                return self._client.list_workflows(load_output=False, **query)
            except (OperationalError, ProgrammingError) as error:
                if not _is_missing_table(error):
                    raise
                return []

    def _attributes(self, name: str) -> dict[str, Any]:
        statuses = self._read(workflow_ids=[name], load_input=False)
        return (statuses[0].attributes if statuses else None) or {}

    def _match_fingerprint(self, job: Job, fingerprint: str | None) -> Job:
        if self._attributes(job.id).get("fingerprint") != fingerprint:
            raise IdempotencyKeyReusedError
        return job

    def _check_runner(self, kind: JobKind) -> None:
        runner = self.runner()
        if runner is None or not runner.is_alive:
            last = "" if runner is None else f" since {runner.seen_at:%Y-%m-%d %H:%M:%S} UTC"
            raise NoRunnerError(
                f"No runner of jobs has been seen{last}: a server with DATA_DIR that may write the "
                "artifacts starts one within seconds; elsewhere run `mlrf work`."
            )
        if kind.trains and not runner.trains:
            raise NoRunnerError(
                f"The runner on {runner.host} cannot train, because its image only serves: run "
                "`mlrf work` in the image mlrf-train, and JOB_RUNNER=false on the servers."
            )


def _is_missing_table(error: DBAPIError) -> bool:
    """Return whether no runner has made the tables of the queue yet, or not all of them."""
    sqlstate = getattr(error.orig, "sqlstate", None)
    return sqlstate in _UNDEFINED or "no such table" in str(error.orig)


def _jobs_of(statuses: Sequence[WorkflowStatus]) -> list[Job]:
    """Return the jobs whose requests can be read: not those of a newer version, or of others."""
    jobs = []
    for status in statuses:
        if isinstance(status.input, dict):  # else it could not be decoded
            with suppress(ValidationError):
                jobs.append(_job_of(status, *status.input["args"]))
    return jobs


def _job_of(status: WorkflowStatus, kind: str, request: dict[str, Any]) -> Job:
    about = status.attributes or {}
    outcome = _outcome_of(status, about)
    state = State.RUNNING if "started_at" in about else State.QUEUED
    return Job(
        id=status.workflow_id,
        kind=kind,
        request=request,
        by=about.get("by", ""),
        queued_at=about.get("queued_at") or _time_of(status.created_at),
        state=outcome.state if outcome else state,
        started_at=about.get("started_at"),
        progress=JobProgress(**about["progress"]) if about.get("progress") else None,
        cancelled_by=about.get("cancelled_by"),
        outcome=outcome,
    )


def _outcome_of(status: WorkflowStatus, about: dict[str, Any]) -> JobEnd | None:
    """Return the outcome that the runner has recorded, or that of a job that it never began."""
    if about.get("outcome"):
        return JobEnd(**about["outcome"])
    finished_at = _time_of(status.completed_at or status.updated_at)
    if status.status == "CANCELLED" and "started_at" not in about:
        return JobEnd(state=State.CANCELLED, finished_at=finished_at)
    if status.status in ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "SUCCESS"):
        return JobEnd(
            state=State.FAILED,
            finished_at=finished_at,
            detail="The runner failed; its log lines have more.",
        )
    return None


def _time_of(milliseconds: int | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)
