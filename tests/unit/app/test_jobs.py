"""Logs, metrics and events of jobs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from app.jobs import report_end, show_last_reloads
from lifecycle.jobs import Job, JobEnd, JobKind, JobProgress, State
from telemetry import metrics

AT = datetime(2026, 11, 21, 7, 31, tzinfo=UTC)


def job_of(state: State, kind: JobKind = JobKind.RELOAD, finished: datetime = AT) -> Job:
    return Job(
        id="35663b4b35663b4b",
        kind=kind,
        request={"source": "may"},
        by="anna",
        queued_at=AT,
        state=state,
        progress=JobProgress(phase="reading the tables"),
        cancelled_by="berta" if state is State.CANCELLED else None,
        outcome=JobEnd(state=state, finished_at=finished, detail="train.csv, row 3: wrong"),
    )


@pytest.mark.parametrize(
    ("kind", "state", "level", "event"),
    [
        (JobKind.RELOAD, State.FAILED, "error", "reload_failed"),
        (JobKind.RELOAD, State.SUCCEEDED, "info", "reload_succeeded"),
        (JobKind.TRAINING, State.FAILED, "error", "training_failed"),
        (JobKind.TRAINING_CHECK, State.SUCCEEDED, "info", "training_check_succeeded"),
        (JobKind.UPLOAD, State.CANCELLED, "info", "upload_cancelled"),
    ],
)
def test_the_end_of_a_job_is_a_log_line_and_counted(
    kind: JobKind, state: State, level: str, event: str
) -> None:
    labels = {"kind": kind.value, "outcome": state.value}
    before = metrics.REGISTRY.get_sample_value("mlrf_jobs_total", labels) or 0
    with capture_logs() as lines:
        report_end(job_of(state, kind))
    (line,) = lines
    assert (line["log_level"], line["event"]) == (level, event)
    assert (line["source"], line["by"]) == ("may", "anna")
    if state is State.FAILED:
        assert line["reason"] == "train.csv, row 3: wrong"
        assert line["phase"] == "reading the tables"
    assert metrics.REGISTRY.get_sample_value("mlrf_jobs_total", labels) == before + 1


def test_reloads_have_metrics_of_their_own_from_the_start() -> None:
    """Alerts count on `mlrf_reloads_total`, which other jobs do not change."""
    labels = {"outcome": "failed"}
    before = metrics.REGISTRY.get_sample_value("mlrf_reloads_total", labels)
    assert before is not None, "it is zero from the start"
    report_end(job_of(State.FAILED, JobKind.TRAINING))
    assert metrics.REGISTRY.get_sample_value("mlrf_reloads_total", labels) == before
    report_end(job_of(State.FAILED))
    assert metrics.REGISTRY.get_sample_value("mlrf_reloads_total", labels) == before + 1


def test_the_last_success_and_failure_are_those_of_the_queue() -> None:
    """They are the same after a restart."""
    show_last_reloads(
        [
            job_of(State.SUCCEEDED, finished=AT.replace(hour=3)),
            job_of(State.FAILED, finished=AT.replace(hour=4)),
            job_of(State.FAILED, finished=AT.replace(hour=5)),
            job_of(State.FAILED, JobKind.TRAINING, finished=AT.replace(hour=6)),
        ]
    )
    for state, hour in ((State.SUCCEEDED, 3), (State.FAILED, 5)):
        value = metrics.REGISTRY.get_sample_value(
            "mlrf_reload_last_timestamp_seconds", {"outcome": state.value}
        )
        assert value == AT.replace(hour=hour).timestamp()
