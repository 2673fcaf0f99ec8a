"""Logs and metrics of reloads."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from structlog.testing import capture_logs

from app.reloads import ReloadWatch, report_end
from lifecycle.jobs import Job, Jobs, State
from lifecycle.reload import Reloader
from storage.artifacts import Store
from telemetry import metrics

AT = datetime(2026, 11, 21, 7, 31, tzinfo=UTC)


def job_of(state: State, finished: datetime = AT, name: str = "20261121T073120-35663b4b") -> Job:
    return Job(
        id=name,
        source="may",
        force=False,
        state=state,
        queued_at=AT,
        finished_at=finished,
        phase="reading the tables",
        detail="train.csv, row 3: wrong",
    )


@pytest.mark.parametrize(
    ("state", "level", "event"),
    [(State.FAILED, "error", "reload_failed"), (State.SUCCEEDED, "info", "reload_succeeded")],
)
def test_the_end_of_a_reload_is_a_log_line_and_counted(
    state: State, level: str, event: str
) -> None:
    labels = {"outcome": state.value}
    before = metrics.REGISTRY.get_sample_value("mlrf_reloads_total", labels)
    assert before is not None, "it is zero from the start"
    with capture_logs() as lines:
        report_end(job_of(state))
    (line,) = lines
    assert (line["log_level"], line["event"], line["source"]) == (level, event, "may")
    if state is State.FAILED:
        assert line["reason"] == "train.csv, row 3: wrong"
        assert line["phase"] == "reading the tables"
    assert metrics.REGISTRY.get_sample_value("mlrf_reloads_total", labels) == before + 1


def test_the_last_success_and_failure_are_those_of_the_files(tmp_path: Path) -> None:
    """They are the same for every worker, and after a restart."""
    store = Store(tmp_path)
    jobs = Jobs(store)
    jobs.folder.mkdir()
    jobs.save(job_of(State.SUCCEEDED, AT.replace(hour=3), "20261121T030000-00000001"))
    jobs.save(job_of(State.FAILED, AT.replace(hour=4), "20261121T040000-00000002"))
    jobs.save(job_of(State.FAILED, AT.replace(hour=5), "20261121T050000-00000003"))
    anyio.run(ReloadWatch(Reloader(store, tmp_path)).observe)
    for state, hour in ((State.SUCCEEDED, 3), (State.FAILED, 5)):
        value = metrics.REGISTRY.get_sample_value(
            "mlrf_reload_last_timestamp_seconds", {"outcome": state.value}
        )
        assert value == AT.replace(hour=hour).timestamp()
