"""A schedule as tests use it, and tables of the small shops as they were on other days."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from config.paths import ROOT
from load.server import free_port
from storage.artifacts import Store
from tests.support.shops import LAST
from tests.support.waiting import wait_until

PROJECT = ROOT / "deploy" / "dagster"
ENVIRONMENT = ROOT / ".venv-schedule"
CODE = ("-m", "mlrf_schedule.definitions", "-d", str(PROJECT))
START_SECONDS = 120
"""A busy machine takes many times the 7 seconds of a quiet one."""


@dataclass
class Schedule:
    """A schedule over a folder of its own."""

    folder: Path
    tables: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return Store(self.folder / "artifacts")

    @property
    def home(self) -> Path:
        """Folder of Dagster's records."""
        return self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "MLRF": str(Path(sys.executable).parent / "mlrf"),
            "PYTHONPATH": str(ROOT),
            "ARTIFACTS_DIR": str(self.store.root),
            "DATABASE_URL": f"sqlite:///{self.folder}/mlrf.db",
            "DAGSTER_HOME": str(self.home),
            "MAX_DATA_AGE_DAYS": "100000",
            "SCHEDULE_TABLES": str(self.tables),
            "SCHEDULE_DAYS": str(self.folder / "days"),
            "SCHEDULE_FORECASTS": str(self.folder / "forecasts"),
            "SCHEDULE_FIRST_DAY": "2023-04-01",
            "SCHEDULE_RECIPE": "fast",
            "SCHEDULE_RETRY_SECONDS": "0.1",
        }
        return {"PATH": os.environ["PATH"], **own, **self.variables}

    def copy(self, folder: Path) -> Schedule:
        """Return one with the same models and records in another folder."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Schedule(folder, self.tables)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the schedule's environment to its end."""
        assert ENVIRONMENT.exists(), "make schedule-test makes the environment first"
        self.home.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / "dagster.yaml", self.home)
        return subprocess.run(
            [ENVIRONMENT / "bin" / program, *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )

    def execute(self, job: str) -> subprocess.CompletedProcess[str]:
        return self.run("dagster", "job", "execute", *CODE, "-j", job)

    def materialize(self, *steps: str) -> subprocess.CompletedProcess[str]:
        """Run some steps on what the steps before them have left."""
        return self.run("dagster", "asset", "materialize", *CODE, "--select", ",".join(steps))

    @contextmanager
    def running(self) -> Iterator[Page]:
        """Run the page and the daemon, as `make schedule` does, until the block ends."""
        port = free_port()
        log = self.folder / "start.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [ENVIRONMENT / "bin" / "python", PROJECT / "start.py", "--port", str(port)],
                env=self.environment,
                stdout=output,
                stderr=output,
            )
        page = Page(f"http://127.0.0.1:{port}")
        try:
            wait_until(lambda: process.poll() is not None or page.is_up(), START_SECONDS)
            assert process.poll() is None, log.read_text()
            yield page
        finally:
            process.terminate()
            process.wait(60)


@dataclass(frozen=True)
class Page:
    """The page of a running schedule, by its GraphQL interface."""

    url: str

    def is_up(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/server_info", timeout=5).close()
        except OSError:
            return False
        return True

    def query(self, text: str, **variables: object) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.url}/graphql",
            json.dumps({"query": text, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            document = json.load(response)
        assert "errors" not in document, document
        data: dict[str, Any] = document["data"]
        return data

    def backfill(self, days: list[str]) -> None:
        launched = self.query(
            "mutation($wanted: LaunchBackfillParams!) {"
            " launchPartitionBackfill(backfillParams: $wanted) { __typename } }",
            wanted={"assetSelection": [{"path": ["past_forecast"]}], "partitionNames": days},
        )
        assert launched["launchPartitionBackfill"]["__typename"] == "LaunchBackfillSuccess"

    def launch(self, job: str) -> None:
        launched = self.query(
            "mutation($wanted: ExecutionParams!) {"
            " launchRun(executionParams: $wanted) { __typename } }",
            wanted={
                "selector": {
                    "repositoryLocationName": "mlrf_schedule.definitions",
                    "repositoryName": "__repository__",
                    "jobName": job,
                }
            },
        )
        assert launched["launchRun"]["__typename"] == "LaunchRunSuccess"

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs, with their tags as a dictionary."""
        results = self.query(
            "{ runsOrError { ... on Runs { results"
            " { status jobName startTime endTime tags { key value } } } } }"
        )["runsOrError"]["results"]
        return [
            {**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in results
        ]


def write_day(shops: Path, folder: Path, day: date) -> Path:
    """Write the tables as they were on a day: sales up to it, later days as days ahead."""
    shutil.copytree(shops, folder)
    sales = pl.read_csv(shops / "sales.csv", try_parse_dates=True)
    future = pl.read_csv(shops / "future.csv", try_parse_dates=True)
    ahead = sales.filter(pl.col("Tag") > day).select(future.columns)
    sales.filter(pl.col("Tag") <= day).write_csv(folder / "sales.csv")
    pl.concat((ahead, future)).write_csv(folder / "future.csv")
    return folder


def add_day(shops: Path, folder: Path) -> Path:
    """Write the tables of the day after: sales like those of a week before."""
    shutil.copytree(shops, folder)
    sales = pl.read_csv(shops / "sales.csv", try_parse_dates=True)
    future = pl.read_csv(shops / "future.csv", try_parse_dates=True)
    day = LAST + timedelta(1)
    newest = sales.filter(pl.col("Tag") == day - timedelta(7)).with_columns(Tag=pl.lit(day))
    pl.concat((sales, newest)).write_csv(folder / "sales.csv")
    future.filter(pl.col("Tag") > day).write_csv(folder / "future.csv")
    return folder
