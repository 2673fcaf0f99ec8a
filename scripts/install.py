#!/usr/bin/env python3
"""Install one lock into an environment, with one line of progress.

    python3 scripts/install.py .venv requirements/train.txt

Makes the environment where there is none, installs the lock and puts this checkout on its path.
Nothing is resolved: a lock is complete (tests/deploy/test_locks.py), and a pip that resolved one
would take newer releases of the index into account, which a lock must not notice. Standard
library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
import venv
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
PIP = ("-m", "pip", "--disable-pip-version-check")
REQUIREMENT = re.compile(r"[A-Za-z0-9]")
FETCHED = re.compile(r"(Collecting|Requirement already satisfied:) ")
LOG_SECONDS = 10
"""Between two lines of progress where there is no terminal."""


class Progress:
    """One line that is written over in a terminal; a line now and then in a log."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._began = time.monotonic()
        self._written = self._began
        self._terminal = sys.stderr.isatty()
        print(text, end="" if self._terminal else "\n", file=sys.stderr, flush=True)

    def show(self, step: str) -> None:
        """Show how far the installation is, and for how long it has been running."""
        now = time.monotonic()
        line = f"{self._text}: {step}, {now - self._began:.0f} s"
        if self._terminal:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        elif now - self._written >= LOG_SECONDS:
            self._written = now
            print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        """End the line with the time that it took."""
        done = f"{self._text}: done in {time.monotonic() - self._began:.0f} s"
        print(f"\r\x1b[K{done}" if self._terminal else done, file=sys.stderr, flush=True)


def locked(lock: Path) -> int:
    """Return how many packages a lock names."""
    return sum(1 for line in lock.read_text().splitlines() if REQUIREMENT.match(line))


def follow(lines: Iterable[str], total: int, progress: Progress) -> list[str]:
    """Show pip's progress from the lines it prints; return the lines."""
    seen: list[str] = []
    fetched = 0
    for line in lines:
        seen.append(line)
        if FETCHED.match(line):
            fetched += 1
            progress.show(f"{min(fetched, total)} of {total} packages fetched")
        elif line.startswith("Installing collected packages"):
            progress.show("unpacking")
    return seen


def pip(python: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the environment's pip, with its output to be read."""
    return subprocess.Popen(
        [python, *PIP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def install(environment: Path, lock: Path) -> int:
    """Install `lock` into `environment` and return pip's exit status.

    An installation that failed or was stopped is repeated by the next call: pip leaves what is
    complete alone.
    """
    python = environment / "bin" / "python"
    total = locked(lock)
    progress = Progress(f"Installing {total} packages of {lock} into {environment}")
    if not python.exists():
        venv.create(environment, with_pip=True, symlinks=True)
    checkout = ("--no-build-isolation", "--editable", str(ROOT))
    steps = [("--progress-bar", "off", "--require-hashes", "-r", str(lock)), checkout]
    for step in steps:
        process = pip(python, "install", "--no-deps", *step)
        assert process.stdout is not None
        lines = follow(process.stdout, total, progress)
        if process.wait():
            print(file=sys.stderr)
            wrong = [line for line in lines if line.startswith("ERROR")] or lines[-20:]
            print("".join(wrong), end="", file=sys.stderr)
            print(f"{lock} could not be installed; `make` tries again.", file=sys.stderr)
            return process.returncode
    progress.end()
    return 0


def main() -> int:
    """Read the arguments and install."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environment", type=Path)
    parser.add_argument("lock", type=Path)
    arguments = parser.parse_args()
    return install(arguments.environment, arguments.lock)


if __name__ == "__main__":
    sys.exit(main())
