#!/usr/bin/env python3
"""Install one lock into an environment, with one line of progress.

    python3 tools/install.py .venv requirements/train.txt

Creates the environment if necessary, installs the lock and adds this checkout to its path, unless
--only-lock says that the environment is not one of this checkout. Pip does not resolve
dependencies: a lock is complete (tests/deploy/test_locks.py), and a resolver would consider newer
releases in the index, which must not affect an installation from a lock. Uses the standard library
only, because it runs before anything is installed.
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
"""Interval between two lines of progress if the output is no terminal."""


class Progress:
    """A progress line: overwritten in a terminal, printed every `LOG_SECONDS` in a log."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._start = time.monotonic()
        self._written = self._start
        self._terminal = sys.stderr.isatty()
        print(text, end="" if self._terminal else "\n", file=sys.stderr, flush=True)

    def show(self, step: str) -> None:
        """Show the current step and the elapsed time."""
        now = time.monotonic()
        line = f"{self._text}: {step}, {now - self._start:.0f} s"
        if self._terminal:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        elif now - self._written >= LOG_SECONDS:
            self._written = now
            print(line, file=sys.stderr, flush=True)

    def end(self, outcome: str = "done") -> None:
        """Complete the line with the outcome and the total time."""
        done = f"{self._text}: {outcome} in {time.monotonic() - self._start:.0f} s"
        print(f"\r\x1b[K{done}" if self._terminal else done, file=sys.stderr, flush=True)


def count_packages(lock: Path) -> int:
    """Return the number of packages in a lock."""
    return sum(1 for line in lock.read_text().splitlines() if REQUIREMENT.match(line))


def show_progress(lines: Iterable[str], total: int, progress: Progress) -> list[str]:
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
    """Start the environment's pip with its output piped."""
    return subprocess.Popen(
        [python, *PIP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def install(environment: Path, lock: Path, *, with_checkout: bool = True) -> int:
    """Install `lock` into `environment` and return pip's exit status.

    A call after a failed or interrupted installation completes it: pip skips the packages that are
    installed already.
    """
    python = environment / "bin" / "python"
    total = count_packages(lock)
    progress = Progress(f"Installing {total} packages of {lock} into {environment}")
    if not python.exists():
        venv.create(environment, with_pip=True, symlinks=True)
    checkout = ("--no-build-isolation", "--editable", str(ROOT))
    steps = [("--progress-bar", "off", "--require-hashes", "-r", str(lock))]
    if with_checkout:
        steps.append(checkout)
    for step in steps:
        process = pip(python, "install", "--no-deps", *step)
        assert process.stdout is not None
        lines = show_progress(process.stdout, total, progress)
        if process.wait():
            print(file=sys.stderr)
            errors = [line for line in lines if line.startswith("ERROR")] or lines[-20:]
            print("".join(errors), end="", file=sys.stderr)
            print(f"{lock} could not be installed; `make` tries again.", file=sys.stderr)
            return process.returncode
    progress.end()
    return 0


def main() -> int:
    """Read the arguments and install."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environment", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--only-lock", action="store_true", help="without this checkout")
    arguments = parser.parse_args()
    return install(arguments.environment, arguments.lock, with_checkout=not arguments.only_lock)


if __name__ == "__main__":
    sys.exit(main())
