"""Jobs of the schedule: each runs once for real, with the `mlrf` of this checkout."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import orjson
import polars as pl
import pytest

from deploy.dagster.tests.support import PROJECT, Schedule, add_day
from tests.support.shops import LAST

REPEATED = "STEP_UP_FOR_RETRY"
DESCRIBE = """
import json
import dagster as dg
from mlrf_schedule.definitions import defs
repository = defs.get_repository_def()
print(json.dumps({
    "schedules": {
        each.name: [each.job_name, each.cron_schedule, each.execution_timezone,
                    each.default_status.value]
        for each in repository.schedule_defs
    },
    "sensors": [each.name for each in repository.sensor_defs],
    "telemetry": dg.DagsterInstance.get().telemetry_enabled,
}))
"""
DECIDE = """
import json, sys
from mlrf_schedule.assets import decide
print(json.dumps([decide(*case)[0] for case in json.loads(sys.argv[1])]))
"""
CANDIDATE = {"bundle": "new", "active": "old"}


def run_python(schedule: Schedule, script: str, *arguments: str) -> str:
    schedule.variables["PYTHONPATH"] = str(PROJECT)
    done = schedule.run("python", "-c", script, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_command(schedule: Schedule, script: str) -> Path:
    """Make `mlrf` a script that ends or goes on as `"$MLRF"`; return a file that it may write."""
    file, mark = schedule.folder / "command", schedule.folder / "mark"
    command = schedule.environment["MLRF"]
    file.write_text(f'#!/bin/sh\nMLRF={command}\nMARK={mark}\n{script}\nexec "$MLRF" "$@"\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    schedule.variables["MLRF"] = str(file)
    return mark


def test_both_schedules_run_from_the_first_start_and_telemetry_is_off(schedule: Schedule) -> None:
    described = json.loads(run_python(schedule, DESCRIBE))
    assert described == {
        "schedules": {
            "refresh_schedule": ["refresh", "0 3 * * *", "UTC", "RUNNING"],
            "retrain_schedule": ["retrain", "0 3 1 * *", "UTC", "RUNNING"],
        },
        "sensors": [],
        "telemetry": False,
    }


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        pytest.param("SCHEDULE_TABLES", "", "SCHEDULE_TABLES is not set", id="no tables"),
        pytest.param("MLRF", "/nowhere/mlrf", "MLRF='/nowhere/mlrf' cannot be read", id="command"),
        pytest.param("SCHEDULE_FIRST_DAY", "1.4.2023", "SCHEDULE_FIRST_DAY='1.4.2023'", id="date"),
        pytest.param("SCHEDULE_REFRESH", "daily at 3", "SCHEDULE_REFRESH='daily at 3'", id="cron"),
        pytest.param("SCHEDULE_TIME_ZONE", "Mars", "SCHEDULE_TIME_ZONE='Mars'", id="time zone"),
        pytest.param("SCHEDULE_ALERT_URL", "file:///x", "SCHEDULE_ALERT_URL=", id="address"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(
    trained: Schedule, tmp_path: Path, variable: str, value: str, message: str
) -> None:
    schedule = Schedule(tmp_path, trained.tables, {variable: value})
    done = schedule.run("python", str(PROJECT / "start.py"))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"schedule: {message}")


def test_the_lock_is_complete(trained: Schedule) -> None:
    done = trained.run("python", "-m", "pip", "check")
    assert done.returncode == 0, done.stdout


# --- training ---------------------------------------------------------------------------------


def test_the_first_training_is_served(trained: Schedule) -> None:
    served = trained.store.current()
    assert [each.name for each in trained.store.bundles.iterdir()] == [served.bundle]
    assert served.snapshot.startswith(str(LAST))


def test_a_model_of_which_nothing_is_known_is_not_promoted(
    trained: Schedule, compared: Schedule
) -> None:
    """The model that serves has seen all but the newest day."""
    served, candidate = trained.store.current(), new_bundle(trained, compared)
    assert compared.store.read_build(candidate)["verdict"]["outcome"] == "unknown"
    assert compared.store.current() == served


@pytest.mark.parametrize("outcome", ["better", "worse"])
def test_a_model_is_promoted_only_if_it_is_better(
    trained: Schedule, compared: Schedule, tmp_path: Path, outcome: str
) -> None:
    schedule = compared.copy(tmp_path / "schedule")
    candidate = new_bundle(trained, compared)
    record = schedule.store.read_build(candidate)
    verdict = {**record["verdict"], "outcome": outcome, "why": "errors differ"}
    schedule.store.record_build(candidate, {**record, "verdict": verdict})
    done = schedule.materialize("verdict", "release")
    assert done.returncode == 0, done.stderr
    before = trained.store.current().bundle
    assert schedule.store.current().bundle == (candidate if outcome == "better" else before)


def test_a_candidate_is_promoted_if_better_than_what_it_was_compared_with(
    trained: Schedule, tmp_path: Path
) -> None:
    """In one process, because each takes seconds to load Dagster."""
    better, *others = (
        {"outcome": outcome, "why": "w"} for outcome in ("better", "equal", "worse", "unknown")
    )
    cases = {
        "none serves": (None, None, True),
        "none serves any more": (others[0], None, True),
        "better": (better, "old", True),
        "better, but another one serves since": (better, "other", False),
        **{verdict["outcome"]: (verdict, "old", False) for verdict in others},
        "not compared": (None, "old", False),
    }
    arguments = orjson.dumps([(CANDIDATE, *case[:2]) for case in cases.values()]).decode()
    decided = json.loads(run_python(Schedule(tmp_path, trained.tables), DECIDE, arguments))
    assert dict(zip(cases, decided, strict=True)) == {
        name: promotes for name, (_, _, promotes) in cases.items()
    }


def new_bundle(before: Schedule, after: Schedule) -> str:
    """Return the name of the bundle that one schedule has and the other has not."""
    both = [
        {each.name for each in schedule.store.bundles.iterdir()} for schedule in (after, before)
    ]
    (name,) = both[0] - both[1]
    return name


# --- refresh ----------------------------------------------------------------------------------


def test_newer_tables_are_served_with_the_same_model(schedule: Schedule) -> None:
    before = schedule.store.current()
    schedule.tables = add_day(schedule.tables, schedule.folder / "tables")
    done = schedule.execute("refresh")
    assert done.returncode == 0, done.stderr
    after = schedule.store.current()
    assert after.bundle == before.bundle
    assert after.snapshot.startswith(str(LAST + timedelta(1)))
    vintages = {each.name.partition(".")[2][:10] for each in schedule.store.vintages.iterdir()}
    assert vintages == {str(LAST), str(LAST + timedelta(1))}
    assert "verdict" in done.stderr + done.stdout


def test_a_wrong_table_ends_the_run_at_once_with_the_message_of_mlrf(schedule: Schedule) -> None:
    before = schedule.store.current()
    schedule.tables = add_day(schedule.tables, schedule.folder / "tables")
    sales = pl.read_csv(schedule.tables / "sales.csv", infer_schema=False)
    amount = pl.when(pl.int_range(pl.len()) == 5).then(pl.lit("many")).otherwise("Menge")
    sales.with_columns(Menge=amount).write_csv(schedule.tables / "sales.csv")
    done = schedule.execute("refresh")
    assert done.returncode == 1
    assert "sales.csv, column Menge" in done.stderr
    assert "row 7: 'many' where a number is expected" in done.stderr
    assert REPEATED not in done.stderr
    assert "mlrf refresh" not in done.stderr, "the step after it must not begin"
    assert schedule.store.current() == before


@pytest.mark.parametrize(
    "script",
    [
        pytest.param('[ -e "$MARK" ] || { touch "$MARK"; kill -9 $$; }', id="killed"),
        pytest.param('[ -e "$MARK" ] || { touch "$MARK"; exit 75; }', id="unavailable"),
    ],
)
def test_what_may_work_later_is_repeated(schedule: Schedule, script: str) -> None:
    mark = write_command(schedule, script)
    done = schedule.execute("refresh")
    assert done.returncode == 0, done.stderr
    assert mark.exists()
    assert done.stderr.count(REPEATED) == 1


def test_a_repetition_has_an_end(schedule: Schedule) -> None:
    write_command(schedule, "exit 75")
    done = schedule.execute("refresh")
    assert done.returncode == 1
    assert done.stderr.count(REPEATED) == 3


def test_old_data_are_served_and_fail_the_run(schedule: Schedule) -> None:
    schedule.variables["MAX_DATA_AGE_DAYS"] = "7"
    done = schedule.execute("refresh")
    assert done.returncode == 1
    assert f"The newest sales are of {LAST}" in done.stderr
    assert REPEATED not in done.stderr
