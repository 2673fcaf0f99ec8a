#!/usr/bin/env python3
"""Start the schedule: its page on 127.0.0.1, and the daemon that starts what is due.

    SCHEDULE_TABLES=/path/to/tables make schedule

The records are in DAGSTER_HOME (var/schedule): SQLite, or PostgreSQL where SCHEDULE_DATABASE_URL
names a database. Ends when it is told to (SIGINT, SIGTERM), or when one of the two processes ends.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import MutableMapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
ROOT = PROJECT.parents[1]
STOP_SECONDS = 30


def prepare(environment: MutableMapping[str, str]) -> None:
    """Set the defaults of a checkout, and write dagster.yaml into the folder of records."""
    own = ROOT / ".venv" / "bin" / "mlrf"
    if not environment.get("MLRF") and own.exists():
        environment["MLRF"] = str(own)
    environment.setdefault("SCHEDULE_FORECASTS", str(ROOT / "var" / "forecasts"))
    home = Path(environment.setdefault("DAGSTER_HOME", str(ROOT / "var" / "schedule"))).absolute()
    environment["DAGSTER_HOME"] = str(home)  # Dagster refuses a relative one
    home.mkdir(parents=True, exist_ok=True)
    parts = ["dagster.yaml"]
    if url := environment.get("SCHEDULE_DATABASE_URL"):
        # SQLAlchemy would take psycopg 3 by default, and Dagster comes with psycopg 2
        scheme = re.compile(r"postgres(ql)?://")
        environment["SCHEDULE_DATABASE_URL"] = scheme.sub("postgresql+psycopg2://", url, count=1)
        parts.append("postgresql.yaml")
    text = "".join((PROJECT / part).read_text(encoding="utf-8") for part in parts)
    (home / "dagster.yaml").write_text(text, encoding="utf-8")


def commands(host: str, port: int) -> list[list[str]]:
    """Return the commands of the page and of the daemon."""
    folder = Path(sys.executable).parent
    what = ["-m", "mlrf_schedule.definitions", "-d", str(PROJECT)]
    return [
        [str(folder / "dagster-webserver"), "-h", host, "-p", str(port), *what],
        [str(folder / "dagster-daemon"), "run", *what],
    ]


def _set_at_end(process: subprocess.Popen[bytes], ended: threading.Event) -> None:
    process.wait()
    ended.set()


def main() -> int:
    """Start both processes, wait, and end both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="the page has no passwords")
    parser.add_argument("--port", type=int, default=3070)
    arguments = parser.parse_args()
    prepare(os.environ)
    from mlrf_schedule.settings import Settings, SettingsError

    try:
        Settings.from_environment()
        import mlrf_schedule.definitions  # noqa: F401  checks what only Dagster can
    except SettingsError as error:
        print(f"schedule: {error}", file=sys.stderr)
        return 1
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    processes = [subprocess.Popen(each) for each in commands(arguments.host, arguments.port)]
    for process in processes:
        threading.Thread(target=_set_at_end, args=(process, ended), daemon=True).start()
    ended.wait()
    status = max((process.poll() or 0) for process in processes)
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    return abs(status)


if __name__ == "__main__":
    sys.exit(main())
