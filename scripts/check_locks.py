#!/usr/bin/env python3
"""Prove that locks can be installed: by the oldest pip that is supported, and by the newest.

    python3 scripts/check_locks.py requirements/*.txt

The oldest installs as scripts/install.py does. The newest resolves beside it, and in the mode of
hashes pip refuses what a lock does not name: so what it accepts is complete. Nothing is installed,
but packages are fetched.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PIPS = {
    "pip==22.3": ("--no-deps",),  # what Python 3.11.0 brings
    "pip": (),  # the newest
}


def environment(folder: Path, release: str) -> Path:
    """Make an environment with that pip and return its interpreter."""
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--upgrade", release],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return python


def refusal(python: Path, lock: str, options: tuple[str, ...]) -> str:
    """Return what pip says against installing the lock; nothing where it would."""
    command = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    done = subprocess.run(
        [*command, *options, "--require-hashes", "-r", lock],
        capture_output=True,
        text=True,
    )
    return done.stderr if done.returncode else ""


def judge(folder: Path, release: str, options: tuple[str, ...], locks: list[str]) -> int:
    """Try every lock with one pip; return how many it refuses."""
    python = environment(folder, release)
    refused = 0
    for lock in locks:
        reason = refusal(python, lock, options)
        refused += bool(reason)
        print(f"{lock}: {'REFUSED' if reason else 'accepted'} by {release}", flush=True)
        print(reason, end="", file=sys.stderr)
    return refused


def main(locks: list[str]) -> int:
    """Try every lock with every pip, side by side; return 1 where one is refused."""
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor() as pool:
        tries = [
            pool.submit(judge, Path(work) / str(number), release, options, locks)
            for number, (release, options) in enumerate(PIPS.items())
        ]
        return int(any(each.result() for each in tries))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
