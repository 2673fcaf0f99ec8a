"""Reloads of the retailer's data under load, and their effect on request latency."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np

from config.tiers import UNLIMITED
from load.outcome import ALL, MEASURED, Verdict, limits
from load.record import Cell, Table
from load.serving import ADMIN, Product

RELOADS = 3
"""Number of consecutive reloads: one of small data ends before many requests are sent."""

LOOKS = 20
"""Consecutive answers from newer data that show, in all likelihood, that every worker has them."""

RATIO = "p95 during ÷ before"

_POINT = '{"metric":"http_req_duration"'


class ReloadFailedError(RuntimeError):
    """A reload that failed, or none that ended before the load did."""


class Request(NamedTuple):
    """A counted request, with its start and end in seconds since 1970."""

    call: str
    began: float
    ended: float


@dataclass(frozen=True)
class Span:
    """The times of a completed reload, in seconds since 1970.

    Attributes:
        began: when it was requested.
        built: when the newer snapshot and its forecasts were stored.
        ended: when a worker was last seen to answer from the older snapshot.
    """

    began: float
    built: float
    ended: float


def newer_tables(tables: Path | None, folder: Path) -> Path:
    """Write a DATA_DIR into a folder, with one source for each reload, and return it.

    The sources are copies of the given tables with more units in every row of the last day of
    sales, so that each source leads to a different snapshot.

    Args:
        tables: of the retailer whose release serves; the demo's if None.
    """
    import polars as pl  # imported here because no other scenario uses it

    if tables is None:
        tables = folder / ".demo"
        mlrf = str(Path(sys.executable).with_name("mlrf"))
        subprocess.run([mlrf, "demo", str(tables)], check=True, capture_output=True)
    for number, source in enumerate(_sources(), 1):
        shutil.copytree(tables, folder / source)
        train = sorted((folder / source).glob("train.*"))[-1]  # Parquet is read before CSV
        is_csv = train.suffix == ".csv"
        frame = pl.read_csv(train) if is_csv else pl.read_parquet(train)
        more = pl.when(pl.col("date") == pl.col("date").max()).then(float(number)).otherwise(0.0)
        frame = frame.with_columns(sales=pl.col("sales") + more)
        if is_csv:
            frame.write_csv(train)
        else:
            frame.write_parquet(train)
    return folder


def _sources() -> list[str]:
    return [f"newer-{number}" for number in range(1, RELOADS + 1)]


class Reload:
    """A watcher that starts consecutive reloads, `after` seconds after the start of the load.

    Attributes:
        spans: the reloads completed so far.
    """

    def __init__(self, product: Product, *, scenario: str, after: float) -> None:
        self.spans: list[Span] = []
        self._product = product
        self._scenario = scenario
        self._after = after
        self._steps = self._run()

    def look(self, elapsed: float) -> None:
        """Advance the reloads by one step, once `after` seconds have passed."""
        if elapsed >= self._after:
            next(self._steps, None)

    # A generator that yields whenever it has to wait: the driver resumes it at each look, so that
    # polling needs no thread. A reload ends when all workers answer from the newer snapshot, which
    # cannot be read from one of them. Every poll therefore opens a new connection, which any worker
    # may take, and any answer from the older snapshot restarts the count of consecutive newer ones;
    # the time of the last older answer is the end of the reload.
    def _run(self) -> Iterator[None]:
        while not self._has_runner():  # a server is ready before its runner of jobs
            yield
        for source in _sources():
            before = self._snapshot()
            began = time.time()
            job = self._send("POST", "/admin/reload-features", json={"source": source})
            while job["state"] not in ("succeeded", "failed"):
                yield
                job = self._send("GET", f"/admin/reload-features/{job['id']}")
            if job["state"] == "failed":
                raise ReloadFailedError(f"The reload failed while {job['phase']}: {job['detail']}")
            built = last_old = time.time()
            looks = 0
            while looks < LOOKS:
                looks += 1
                if self._snapshot() == before:
                    last_old, looks = time.time(), 0
                    yield
            self.spans.append(Span(began, built, last_old))
            yield

    def table(self, requests: Sequence[Request]) -> Table:
        """Return the latencies before, during and after the reloads, by call.

        Raises:
            ReloadFailedError: no reload had ended when the load did.
        """
        if not self.spans:
            raise ReloadFailedError("No reload had ended when the load did; give more seconds.")
        calls = [*dict.fromkeys(request.call for request in requests), ALL]
        building = _format_range([span.built - span.began for span in self.spans])
        following = _format_range([span.ended - span.began for span in self.spans])
        return Table(
            id=f"{self._scenario}-during",
            caption=f"Scenario `{self._scenario}`: requests before, during and after "
            f"{len(self.spans)} reloads. Each made snapshot and forecasts in {building}; after "
            f"{following} every worker answered from them.",
            columns=(
                *("call", "requests before", "requests during", "before p50 ms", "before p95 ms"),
                *("during p50 ms", "during p95 ms", RATIO, "after p95 ms"),
            ),
            rows=tuple(
                self._row(call, [r for r in requests if call in (ALL, r.call)]) for call in calls
            ),
        )

    def verdicts(self, requests: Sequence[Request]) -> list[Verdict]:
        """Return the verdict on p95 during the reloads relative to before them."""
        limit = limits("reload", self._scenario)["p95_during_over_before"]
        table = self.table(requests)
        ratio = table.column(RATIO)[table.column("call").index(ALL)]
        measured = float(ratio) if isinstance(ratio, int | float) else None
        holds = measured is not None and measured < limit
        return [Verdict(f"{ALL}, p95 during reloads ÷ before", f"<{limit}", measured, holds)]

    def _row(self, call: str, requests: Sequence[Request]) -> tuple[Cell, ...]:
        first, last = self.spans[0].began, self.spans[-1].ended
        before = [r for r in requests if r.ended < first]
        during = [
            r
            for r in requests
            if any(r.ended >= s.began and r.began <= s.ended for s in self.spans)
        ]
        # an incomplete reload runs until the end of the load: then no request is after all reloads
        complete = len(self.spans) == RELOADS
        after = [r for r in requests if r.began > last and complete]
        (b50, b95), (d50, d95), (_, a95) = map(_quantiles, (before, during, after))
        ratio = None if b95 is None or d95 is None else d95 / b95
        return call, len(before), len(during), b50, b95, d50, d95, ratio, a95

    def _has_runner(self) -> bool:
        runner = self._send("GET", "/admin/jobs")["runner"]
        return runner is not None and bool(runner["alive"])

    def _snapshot(self) -> Any:
        """Return the snapshot that the worker which accepts a new connection answers from."""
        return self._send("GET", "/meta", key=UNLIMITED)["snapshot"]

    def _send(
        self, method: str, path: str, *, key: str = ADMIN, **options: Any
    ) -> Mapping[str, Any]:
        """Send a request with one of the product's keys; return its JSON answer."""
        headers = {"X-API-Key": self._product.keys[key]}
        url = self._product.url + path
        response = httpx.request(
            method, url, headers=headers, timeout=30, trust_env=False, **options
        )
        if not response.is_success:
            raise ReloadFailedError(f"{method} {path}: {response.status_code} {response.text}")
        document: Mapping[str, Any] = response.json()
        return document


def read_requests(points: Path) -> list[Request]:
    """Return the counted requests in the file of measurements that k6 wrote."""
    with points.open(encoding="utf-8") as lines:
        return [request for line in lines if (request := _parse_request(line)) is not None]


def _parse_request(line: str) -> Request | None:
    if not line.startswith(_POINT):
        return None
    point = json.loads(line)
    if point["type"] != "Point":
        return None
    data = point["data"]
    name, _, value = MEASURED.partition(":")
    if data["tags"].get(name) != value:
        return None
    ended = datetime.fromisoformat(data["time"]).timestamp()
    return Request(data["tags"]["call"], ended - data["value"] / 1000, ended)


def _quantiles(requests: Sequence[Request]) -> tuple[float | None, float | None]:
    """Return the median and p95 in milliseconds; None without requests."""
    if not requests:
        return None, None
    times = [(request.ended - request.began) * 1000 for request in requests]
    p50, p95 = np.quantile(times, (0.5, 0.95)).tolist()
    return p50, p95


def _format_range(seconds: Sequence[float]) -> str:
    least, most = f"{min(seconds):.1f}", f"{max(seconds):.1f}"
    return f"{least} s" if least == most else f"{least} to {most} s"
