"""The command: its output, its files and its exit status."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from load import record, run
from load.driver import Run
from load.generator import GeneratorError
from load.outcome import Verdict
from load.record import Table
from load.report import Outcome
from load.server import NotReadyError
from storage.artifacts import ArtifactError, Release

Made = Callable[..., Outcome]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Return the runs that the command starts."""
    return []


@pytest.fixture
def call(
    runs: list[Run], outcome: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Return the command with a run that yields an outcome or fails."""
    app = typer.Typer()
    app.command()(run.main)

    def call(*arguments: str, came_to: Outcome | Exception | None = None) -> Result:
        def make(self: Run) -> Outcome:
            runs.append(self)
            self.folder.mkdir(exist_ok=True)
            if isinstance(came_to, Exception):
                raise came_to
            return came_to or outcome()

        monkeypatch.setattr(Run, "make", make)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run, "out", run.Console(width=200, file=None))
            return CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])

    return call


def test_a_run_that_meets_its_thresholds_succeeds(
    call: Callable[..., Result], tmp_path: Path
) -> None:
    done = call("ramp")
    assert done.exit_code == 0
    assert "✓ simple, ms: p(95)<20, measured: 12.34" in done.output
    assert (tmp_path / "out" / "report.html").exists()


def test_a_failed_threshold_is_named_and_fails_the_command(
    call: Callable[..., Result], outcome: Made, tmp_path: Path
) -> None:
    failed = Verdict("explain, ms", "p(95)<50", 61.5, False)
    done = call("ramp", came_to=outcome(verdicts=[failed], wrong={"explain: 200, JSON": 2}))
    assert done.exit_code == 1
    assert "FAILED: explain, ms: p(95)<50, measured: 61.5" in done.output
    assert "explain: 200, JSON: not so 2 times" in done.output
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ArtifactError(Path("models/CURRENT"), "does not exist"), id="no model"),
        pytest.param(NotReadyError("The server ended:\nlast line"), id="server"),
        pytest.param(GeneratorError("k6 ended with exit code 107"), id="k6"),
    ],
)
def test_a_run_that_cannot_start_is_reported_in_one_message(
    call: Callable[..., Result], error: Exception
) -> None:
    done = call("ramp", came_to=error)
    assert done.exit_code == 1
    assert f"load: {error}" in done.output
    assert "Traceback" not in done.output


def test_options_reach_the_run(call: Callable[..., Result], runs: list[Run]) -> None:
    pair = ("--pair", "bundle-1/snapshot-2", "--artifacts", "/srv/artifacts")
    options = ("--key", "large", "--workers", "3", "--seconds", "4", "--rate", "200")
    call("open", *options, "--traced", "0.01", *pair)
    (made,) = runs
    assert (made.key, made.workers, made.artifacts) == ("large", 3, Path("/srv/artifacts"))
    assert made.release == Release("bundle-1", "snapshot-2")
    assert made.plan.measured == 4
    assert made.plan.steps[0].rate == 200
    assert made.traced == 0.01


def test_without_options_a_run_follows_the_scenario(
    call: Callable[..., Result], runs: list[Run]
) -> None:
    call("spike")
    (made,) = runs
    assert (made.key, made.workers, made.release, made.traced, dict(made.environment)) == (
        "unlimited",
        2,
        None,
        None,
        {},
    )


@pytest.mark.parametrize("pair", ["bundle", "/snapshot", "bundle/"])
def test_a_release_is_two_names(call: Callable[..., Result], runs: list[Run], pair: str) -> None:
    done = call("ramp", "--pair", pair)
    assert done.exit_code == 2
    assert runs == []


def test_only_a_requested_record_is_written(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[Outcome] = []
    monkeypatch.setattr(run, "write_record", recorded.append)
    call("ramp")
    assert recorded == []
    call("ramp", "--record")
    assert [outcome.scenario for outcome in recorded] == ["ramp"]


# --- the record -------------------------------------------------------------------------------


def table(name: str, value: float = 1.0) -> Table:
    return Table(id=name, caption=name, columns=("call", "p95 ms"), rows=(("simple", value),))


def test_a_record_keeps_other_scenarios_and_replaces_its_own(outcome: Made, tmp_path: Path) -> None:
    soak = outcome(scenario="soak", tables=[table("soak-calls")], memory=table("soak-memory"))
    run.write_record(soak, folder=tmp_path)
    run.write_record(outcome(tables=[table("ramp-calls"), table("ramp-old")]), folder=tmp_path)
    run.write_record(outcome(tables=[table("ramp-calls", 2.0)]), folder=tmp_path)
    stored = record.read("load", folder=tmp_path)
    names = [stored_table.id for stored_table in stored.tables]
    assert names == ["ramp-calls", "ramp-memory", "soak-calls", "soak-memory"]
    assert stored.table("ramp-calls").column("p95 ms") == [2.0]


def test_records_of_two_machines_are_not_mixed(
    outcome: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = record.machine()
    other = here.model_copy(update={"cpu": "another"})
    with monkeypatch.context() as patch:
        patch.setattr(record, "machine", lambda: other)
        run.write_record(outcome(scenario="soak", tables=[table("soak-calls")]), folder=tmp_path)
    run.write_record(outcome(tables=[table("ramp-calls")]), folder=tmp_path)
    names = [stored.id for stored in record.read("load", folder=tmp_path).tables]
    assert names == ["ramp-calls", "ramp-memory"]
