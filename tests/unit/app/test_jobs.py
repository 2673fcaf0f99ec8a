"""Logs, metrics and events of jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.jobs import note_job_end, report_end
from lifecycle.job_ends import newest_ends
from lifecycle.jobs import Job, JobEnd, JobKind, JobProgress, State
from storage.artifacts import Store
from telemetry.instruments import REGISTRY

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
    before = REGISTRY.get_sample_value("mlrf_jobs_total", labels) or 0
    with capture_logs() as lines:
        report_end(job_of(state, kind))
    (line,) = lines
    assert (line["log_level"], line["event"]) == (level, event)
    assert (line["source"], line["by"]) == ("may", "anna")
    if state is State.FAILED:
        assert line["reason"] == "train.csv, row 3: wrong"
        assert line["phase"] == "reading the tables"
    assert REGISTRY.get_sample_value("mlrf_jobs_total", labels) == before + 1


def test_a_payload_which_may_name_a_thousand_nodes_is_not_logged() -> None:
    job = job_of(State.SUCCEEDED, JobKind.EXPORT)
    request = {"snapshot": "s", "payload": {"nodes": ["total"] * 1000}}
    with capture_logs() as lines:
        report_end(job.model_copy(update={"request": request}))
    (line,) = lines
    assert (line["event"], line["snapshot"]) == ("export_succeeded", "s")
    assert "payload" not in line


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
@pytest.mark.parametrize("kind", JobKind)
def test_jobs_are_counted_from_the_start(kind: JobKind, outcome: str) -> None:
    """To Prometheus a count that appears with its first failure has not increased."""
    labels = {"kind": kind.value, "outcome": outcome}
    assert REGISTRY.get_sample_value("mlrf_jobs_total", labels) is not None


def test_the_newest_end_of_each_outcome_is_noted_beside_the_artifacts(tmp_path: Path) -> None:
    """So it is the same after a restart, and on servers that do not execute jobs."""
    store = Store(tmp_path)
    for state, hour in ((State.SUCCEEDED, 3), (State.FAILED, 4), (State.FAILED, 5)):
        note_job_end(store, job_of(state, finished=AT.replace(hour=hour)))
    noted = {end.outcome: end for end in newest_ends(store)}
    assert {state: end.at.hour for state, end in noted.items()} == {
        State.SUCCEEDED: 3,
        State.FAILED: 5,
    }
    assert {end.kind for end in noted.values()} == {JobKind.RELOAD}
