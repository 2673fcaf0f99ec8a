"""Events that leave the service: their kinds, their data, and how they are published.

An event is written into the outbox in the transaction of what it tells, so that neither is without
the other. Servers send it later (`app.events`).

Data are small, and hold no values of requests, no keys, no names of callers and no sales: who may
know more asks the service. The fields of a kind only ever grow.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict
from sqlalchemy import Connection

from lifecycle.jobs import Job, JobKind, State
from storage.key_store import utc_now
from storage.keys import mask_keys
from storage.letters import Event
from storage.outbox import add_event

MAX_TEXT = 500
"""Most characters of a text of an event; longer ones are cut."""

Text = Annotated[str, AfterValidator(lambda text: mask_keys(text)[:MAX_TEXT])]


class EventKind(StrEnum):
    """Kind of an event, which is its CloudEvents type."""

    RELEASE_ACTIVATED = "mlrf.release.activated"
    RELEASE_ROLLED_BACK = "mlrf.release.rolled_back"
    RELEASE_ABORTED = "mlrf.release.aborted"
    JOB_SUCCEEDED = "mlrf.job.succeeded"
    JOB_FAILED = "mlrf.job.failed"
    JOB_CANCELLED = "mlrf.job.cancelled"
    DRIFT_OPENED = "mlrf.drift.opened"
    DRIFT_CLOSED = "mlrf.drift.closed"
    OUTLIER_DETECTED = "mlrf.outlier.found"
    ACCURACY_WORSE = "mlrf.accuracy.worse"
    ACCURACY_RECOVERED = "mlrf.accuracy.recovered"


class EventData(BaseModel):
    """Facts about an event."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ReleaseServed(EventData):
    """A release that serves from now on; the subject is its bundle.

    Attributes:
        previous_bundle, previous_snapshot: served until then; null if nothing did. The bundle is
            the same where only the data are newer.
        reason: that was given, or recorded by the service itself; may be empty.
    """

    bundle: Text
    snapshot: Text
    previous_bundle: Text | None
    previous_snapshot: Text | None
    reason: Text


class ReleaseAborted(EventData):
    """A release whose trial ended by itself; the subject is its bundle.

    Attributes:
        reason: fault that ended it.
    """

    bundle: Text
    snapshot: Text
    reason: Text


class JobEnded(EventData):
    """A job that has ended; the subject is its id. `GET /admin/jobs/{id}` has the details.

    Attributes:
        phase: the step at which it ended; null if it had not begun.
        bundle, snapshot: that it made; null if it made none.
    """

    job: Text
    kind: JobKind
    queued_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime
    phase: Text | None
    bundle: Text | None
    snapshot: Text | None


class DriftChanged(EventData):
    """A drift that began, or ended; the subject is its group.

    Attributes:
        drift: its number.
        detector: what noticed it.
        severity: how bad it is.
        group: level, or single node, whose forecasts or data drift.
        bucket: of days ahead; null if it concerns all.
        value, reference: figure that drifts, and what it is compared with.
        since: first day of the drift.
        until: last day of it; null while it is open.
    """

    drift: int
    detector: Text
    severity: Text
    group: Text
    bucket: Text | None = None
    value: float
    reference: float
    since: dt.date
    until: dt.date | None = None


class OutlierDetected(EventData):
    """Implausible values in new tables; the subject is their node.

    Attributes:
        outlier: its number.
        kind: of outlier.
        severity: how bad it is.
        first, last: days of it.
        snapshot: in which it is.
    """

    outlier: int
    kind: Text
    severity: Text
    first: dt.date
    last: dt.date
    snapshot: Text


class AccuracyChanged(EventData):
    """A live error that passed its threshold, or came back; the subject is its group.

    Attributes:
        measure: such as WAPE.
        group: level, or single node.
        bucket: of days ahead; null for all.
        first, last: days whose errors count.
        value, threshold: the error, and the one that it must not exceed.
    """

    measure: Text
    group: Text
    bucket: Text | None = None
    first: dt.date
    last: dt.date
    value: float
    threshold: float


DATA: dict[EventKind, type[EventData]] = {
    EventKind.RELEASE_ACTIVATED: ReleaseServed,
    EventKind.RELEASE_ROLLED_BACK: ReleaseServed,
    EventKind.RELEASE_ABORTED: ReleaseAborted,
    EventKind.JOB_SUCCEEDED: JobEnded,
    EventKind.JOB_FAILED: JobEnded,
    EventKind.JOB_CANCELLED: JobEnded,
    EventKind.DRIFT_OPENED: DriftChanged,
    EventKind.DRIFT_CLOSED: DriftChanged,
    EventKind.OUTLIER_DETECTED: OutlierDetected,
    EventKind.ACCURACY_WORSE: AccuracyChanged,
    EventKind.ACCURACY_RECOVERED: AccuracyChanged,
}
"""Type of the data of each kind."""

_KIND_BY_STATE = {
    State.SUCCEEDED: EventKind.JOB_SUCCEEDED,
    State.FAILED: EventKind.JOB_FAILED,
    State.CANCELLED: EventKind.JOB_CANCELLED,
}


def publish(
    connection: Connection,
    kind: EventKind,
    subject: str,
    data: EventData,
    *,
    at: dt.datetime | None = None,
    fact: str | None = None,
) -> None:
    """Record an event for all targets, in the caller's transaction; without any, do nothing.

    Args:
        data: of the type that the kind has in `DATA`.
        at: time at which it happened; now if left out.
        fact: name of what happened, different from those of all other events of this kind and
            subject. The same fact is sent once, however often it is published. Left out, every
            call is an event of its own.

    Raises:
        TypeError: the data are of another kind.
    """
    if type(data) is not DATA[kind]:
        raise TypeError(f"{kind} has data of {DATA[kind].__name__}, not {type(data).__name__}")
    now = utc_now()
    event = Event(
        id=str(uuid4()) if fact is None else _derive_id(kind, subject, fact),
        kind=kind,
        subject=subject,
        at=now if at is None else at,
        data=data.model_dump(mode="json"),
    )
    add_event(connection, event, now=now)


def publish_job_end(connection: Connection, job: Job) -> None:
    """Record that a job has ended; a repeated call does nothing.

    The queue has a database of its own, so the job's end and its event are two transactions, and
    the second one may have to be repeated.
    """
    if job.finished_at is None:
        return
    results: dict[str, Any] = {name: job.result.get(name) for name in ("bundle", "snapshot")}
    data = JobEnded(
        job=job.id,
        kind=job.kind,
        queued_at=job.queued_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        phase=job.phase,
        **results,
    )
    publish(connection, _KIND_BY_STATE[job.state], job.id, data, at=job.finished_at, fact="ended")


def _derive_id(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:32]
