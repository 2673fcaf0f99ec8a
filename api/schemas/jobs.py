"""Requests and answers of jobs: reloads, trainings, and checks of uploads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import Field

from api.schemas.answer import Answer
from api.schemas.models import VerdictAnswer
from api.schemas.requests import Request
from api.schemas.verdict import build_verdict
from features.data.findings import Severity
from features.data.reading.layout import DateOrder, DecimalMark, Delimiter
from lifecycle.job_queue import Presence
from lifecycle.jobs import Job, JobKind, State
from lifecycle.training_request import Effort, Promote


class ReloadRequest(Request):
    """Tables to serve from now on."""

    source: str
    """A folder below `DATA_DIR`, as a path relative to it."""
    force: Annotated[bool, Field(strict=True)] = False
    """Serve them even if their newest day is before that of the data served now."""


@dataclass(frozen=True, slots=True)
class ReloadAnswer(Answer):
    """A reload."""

    id: str
    source: str
    force: bool
    state: State
    queued_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    phase: str | None
    """Current step, or the last one of a reload that has ended."""
    detail: str | None
    """Reason of its failure."""
    previous_snapshot: str | None
    bundle: str | None
    snapshot: str | None
    """Snapshot that is served since it succeeded."""

    @classmethod
    def of(cls, job: Job) -> Self:
        """Return the answer of a job."""
        names = ("previous_snapshot", "bundle", "snapshot")
        return cls.from_attributes(
            job,
            source=job.request["source"],
            force=job.request["force"],
            **{name: job.result.get(name) for name in names},
        )


@dataclass(frozen=True, slots=True)
class ReloadsAnswer(Answer):
    """Reloads, the newest first."""

    jobs: list[ReloadAnswer]


class TrainingPayload(Request):
    """A training."""

    data: str | None = None
    """A folder of tables below `DATA_DIR`, as a path relative to it; the built-in demo data if left
    out, which never take the place of a retailer's."""
    recipe: Effort = Effort.DEFAULT
    """Cost: `fast` is about a third of the default, to try an idea; `best` four times as much."""
    promote: Promote = Promote.IF_BETTER
    """When to serve the model: `always`; `if-better`, only if its errors on days that the model
    that serves has not seen are smaller, beyond chance; or `never`, to leave it as a candidate."""
    dry_run: Annotated[bool, Field(strict=True)] = False
    """Check the tables and report what would be trained, without training."""
    delimiter: Delimiter = Delimiter.COMMA
    """Character that separates the values of a CSV file."""
    decimal: DecimalMark = DecimalMark.POINT
    """Character that separates the fraction of a number in text."""
    dates: DateOrder = DateOrder.YMD
    """Order of a date's parts beside YYYY-MM-DD: 31.12.2023 is `dmy`."""


class JobsQuery(Request):
    """A filter of jobs."""

    kind: JobKind | None = None
    """Only those of this kind."""


@dataclass(frozen=True, slots=True)
class ProgressAnswer(Answer):
    """Progress of a job."""

    phase: str
    """Name of the current step, or of the last one of a job that has ended."""
    step: int | None
    """Number of the step, from 1."""
    steps: int | None
    """Number of all steps; null until it is known."""
    done: int | None
    """Parts of the step that are done, of `total`; null where it has no parts."""
    total: int | None
    seconds_remaining: float | None
    """Estimate for the whole job; null until there is one."""


@dataclass(frozen=True, slots=True)
class FindingAnswer(Answer):
    """One thing that is wrong in a table, or looks wrong."""

    file: str
    """Name of the file; empty for the folder itself."""
    message: str
    row: int | None
    """Line of a CSV file, header included, or row of a Parquet file."""
    column: str | None
    value: str | None
    advice: str | None


@dataclass(frozen=True, slots=True)
class FindingsAnswer(Answer):
    """Findings of one kind."""

    severity: Severity
    code: str
    """Stable name of the kind."""
    count: int
    """Number of them; the first are in `findings`."""
    findings: list[FindingAnswer]


@dataclass(frozen=True, slots=True)
class TablesAnswer(Answer):
    """Result of a check of tables."""

    usable: bool
    """Whether there is no error."""
    published: bool | None
    """Whether uploaded tables are a source since then."""
    reason: str | None
    """Why correct tables cannot be trained on, if they cannot."""
    errors: list[FindingsAnswer]
    warnings: list[FindingsAnswer]
    understood: list[TopicAnswer]
    """What was understood of the tables; empty where there is an error."""
    rows: int | None
    """Rows of sales, of a training that was checked."""
    series: int | None
    first: dt.date | None
    """First day of sales."""
    origin: dt.date | None
    """Last day whose sales are known."""
    seconds: float | None
    """Estimated time of the training, from that of the model that serves; null without one of the
    same recipe."""

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Self:
        """Return the answer of the result of a check."""
        names = ("published", "reason", "rows", "series", "first", "origin", "seconds")
        return cls(
            usable=result["usable"],
            errors=_findings_of(result["report"]["errors"]),
            warnings=_findings_of(result["report"]["warnings"]),
            understood=[TopicAnswer(*topic) for topic in result["understood"]],
            **{name: result.get(name) for name in names},
        )


@dataclass(frozen=True, slots=True)
class TopicAnswer(Answer):
    """What was understood of tables about one topic."""

    topic: str
    text: str


@dataclass(frozen=True, slots=True)
class JobResultAnswer(Answer):
    """Result of a job that succeeded; what does not apply to its kind is null."""

    bundle: str | None
    """Bundle that is served since a reload, or that a training made."""
    snapshot: str | None
    previous_snapshot: str | None
    """Snapshot that was served before a reload."""
    served: bool | None
    """Whether the model that was trained serves since then; otherwise it is a candidate."""
    verdict: VerdictAnswer | None
    """How it compared with the model that served; null where they were not compared."""
    tables: TablesAnswer | None
    """What a check of tables says."""
    outliers: list[str] | None
    """What is probably wrong on the newer days of a reload or a training, at most 20."""

    @classmethod
    def of(cls, job: Job) -> Self:
        """Return the result of a job."""
        names = ("bundle", "snapshot", "previous_snapshot", "served", "outliers")
        checks = "report" in job.result
        return cls(
            **{name: job.result.get(name) for name in names},
            verdict=build_verdict(job.result.get("verdict")),
            tables=TablesAnswer.of(job.result) if checks else None,
        )


@dataclass(frozen=True, slots=True)
class JobAnswer(Answer):
    """A job."""

    id: str
    kind: JobKind
    subject: str
    """Name of the source that it reads; `demo data` for those."""
    by: str
    """Who asked for it, as the audit log names the caller."""
    state: State
    queued_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    progress: ProgressAnswer | None
    """Null until it has begun."""
    cancelled_by: str | None
    """Who asked to cancel it; until its process has ended, its state is `running` still."""
    detail: str | None
    """Reason why it failed or was cancelled."""
    result: JobResultAnswer | None
    """Null until it has succeeded."""

    @classmethod
    def of(cls, job: Job) -> Self:
        """Return the answer of a job."""
        progress = job.progress and ProgressAnswer.from_attributes(job.progress)
        result = JobResultAnswer.of(job) if job.state is State.SUCCEEDED else None
        return cls.from_attributes(job, subject=subject_of(job), progress=progress, result=result)


@dataclass(frozen=True, slots=True)
class RunnerAnswer(Answer):
    """The runner that executes jobs."""

    host: str
    seen_at: dt.datetime
    """Time of its last sign of life, which it gives every few seconds."""
    alive: bool
    """Whether that was recent enough for new jobs to be accepted."""
    trains: bool
    """Whether it can train."""

    @classmethod
    def of(cls, runner: Presence) -> Self:
        """Return the answer of a runner."""
        return cls.from_attributes(runner, alive=runner.is_alive)


@dataclass(frozen=True, slots=True)
class JobsAnswer(Answer):
    """Jobs, the newest first."""

    jobs: list[JobAnswer]
    runner: RunnerAnswer | None
    """Null where there never was one."""
    reads_tables: bool
    """Whether this server has a folder of tables (`DATA_DIR`), as new jobs need."""


def subject_of(job: Job) -> str:
    """Return the name of the source, or of the snapshot, that a job reads."""
    names = (job.request.get(name) for name in ("source", "data", "snapshot"))
    return next((str(name) for name in names if name), "demo data")


def _findings_of(kinds: Sequence[Mapping[str, Any]]) -> list[FindingsAnswer]:
    return [
        FindingsAnswer(
            severity=kind["severity"],
            code=kind["code"],
            count=kind["count"],
            findings=[FindingAnswer(**finding) for finding in kind["findings"]],
        )
        for kind in kinds
    ]
