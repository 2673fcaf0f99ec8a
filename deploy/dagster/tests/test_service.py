"""The running schedule: page, daemon, backfills and alerts, on PostgreSQL."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from threading import Thread
from typing import Any

import polars as pl

from deploy.dagster.tests.support import START_SECONDS, Page, Schedule, write_day
from tests.support.shops import LAST
from tests.support.waiting import wait_until

DAYS = [LAST - timedelta(days) for days in (3, 2, 1)]
MISSING = LAST - timedelta(10)
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
RUN_SECONDS = 3 * START_SECONDS


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the address of a webhook, and the documents that it has received."""
    documents: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            documents.append(json.loads(body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/alerts", documents
    finally:
        server.shutdown()


def by_partition(page: Page) -> dict[str, dict[str, Any]]:
    """Return the ended runs of a backfill."""
    return {
        run["tags"]["dagster/partition"]: run
        for run in page.runs()
        if "dagster/partition" in run["tags"] and run["status"] in ENDED
    }


def test_schedules_backfills_and_alerts_work_together(
    schedule: Schedule, postgresql_url: str
) -> None:
    """One start for all: it is what takes the time."""
    before = schedule.store.current()
    shutil.rmtree(schedule.home)  # records of the first training, in SQLite
    for day in DAYS:
        write_day(schedule.tables, schedule.folder / "days" / str(day), day)
    partitions = [str(day) for day in (*DAYS, MISSING)]
    with webhook() as (url, alerts):
        schedule.variables |= {
            "SCHEDULE_DATABASE_URL": postgresql_url,
            "SCHEDULE_REFRESH": "* * * * *",
            "SCHEDULE_ALERT_URL": url,
        }
        with schedule.running() as page:
            page.launch("refresh")
            page.backfill(partitions)
            wait_until(lambda: by_partition(page).keys() == set(partitions), RUN_SECONDS)
            wait_until(lambda: find_refresh(page, "refresh_schedule"), RUN_SECONDS)
            wait_until(lambda: find_refresh(page, None), RUN_SECONDS)
            wait_until(lambda: alerts, RUN_SECONDS)
            backfilled, runs = by_partition(page), page.runs()
    failed = [name for name, run in backfilled.items() if run["status"] == "FAILURE"]
    assert failed == [str(MISSING)]
    check_files(schedule)
    assert schedule.store.current() == before, "a backfill serves nothing"
    check_one_at_a_time(runs)
    (alert,) = alerts
    assert (alert["job"], alert["partition"]) == ("past_forecast", str(MISSING))
    assert alert["text"].startswith(
        f"MLRF: past_forecast of {MISSING} failed. past_forecast: mlrf:"
    )
    assert not list(schedule.home.glob("history/*.db")), "the records are in PostgreSQL"


def find_refresh(page: Page, schedule: str | None) -> dict[str, Any] | None:
    """Return a successful run that a schedule started; with None, one that was requested."""
    return next(
        (
            run
            for run in page.runs()
            if run["jobName"] == "refresh"
            and run["tags"].get("dagster/schedule_name") == schedule
            and run["status"] == "SUCCESS"
        ),
        None,
    )


def check_files(schedule: Schedule) -> None:
    """Check that each past day has a file, which begins on the day after it."""
    folder = schedule.folder / "forecasts"
    assert sorted(file.stem for file in folder.iterdir()) == [str(day) for day in DAYS]
    for day in DAYS:
        table = pl.read_csv(folder / f"{day}.csv", try_parse_dates=True)
        assert table["Tag"].min() == day + timedelta(1)
        assert "total" in table["node"], "all nodes are in it"


def check_one_at_a_time(runs: list[dict[str, Any]]) -> None:
    spans = sorted((run["startTime"], run["endTime"]) for run in runs if run["status"] in ENDED)
    assert len(spans) > len(DAYS)
    for (_, end), (start, _) in pairwise(spans):
        assert start >= end
