"""A steady load by k6 while something else happens; no request may fail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT
from typing import Any

from tools.checks.kube import PlayError

SCRIPT = Path(__file__).with_name("traffic.js")
K6 = shutil.which("k6", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or "k6"


@contextmanager
def traffic(folder: Path, url: str, api_key: str, rate: int) -> Iterator[None]:
    """Send `rate` requests a second until the block ends.

    Raises:
        PlayError: a request failed, or was not sent in time.
    """
    environment = {
        **os.environ,
        "K6_NO_USAGE_REPORT": "true",
        "URL": url,
        "API_KEY": api_key,
        "RATE": str(rate),
    }
    log, summary = folder / "k6.log", folder / "k6.json"
    command = [K6, "run", "--quiet", "--summary-export", str(summary), str(SCRIPT)]
    with log.open("wb") as written:
        load = subprocess.Popen(command, stdout=written, stderr=written, env=environment)
        try:
            yield
            expect(load.poll() is None, f"the load has ended:\n{log.read_text()}")
            load.send_signal(SIGINT)  # requests in flight do not count
            load.wait(60)
        finally:
            load.kill()
    _judge_metrics(json.loads(summary.read_text())["metrics"], log)


def _judge_metrics(metrics: Mapping[str, Any], log: Path) -> None:
    answered, failed = metrics["checks"]["passes"], metrics["checks"]["fails"]
    dropped = metrics.get("dropped_iterations", {}).get("count", 0)
    times = metrics["http_req_duration"]
    latencies = ", ".join(f"{name} {times[name]:.1f} ms" for name in ("p(50)", "p(95)", "max"))
    print_line(
        f"  under load: {answered} answered, {failed} failed, {dropped} not sent; {latencies}"
    )
    expect(answered > 0 and not failed and not dropped, log.read_text()[-3000:])


def expect(condition: bool, message: str) -> None:
    """Check a condition.

    Raises:
        PlayError: it does not hold.
    """
    if not condition:
        raise PlayError(message)


def print_line(text: str) -> None:
    print(text, flush=True)
