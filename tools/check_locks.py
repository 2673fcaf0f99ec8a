#!/usr/bin/env python3
"""Prove that locks can be installed: by the oldest pip that is supported, and by the newest.

    python3 tools/check_locks.py requirements/*.txt

The oldest installs with --no-deps, as tools/install.py does. The newest also resolves
dependencies; with --require-hashes pip refuses a package that the lock does not list, so a lock
that it accepts is complete. Nothing is installed, but packages are downloaded.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PIPS = {
    "pip==22.3": ("--no-deps",),  # bundled with Python 3.11.0
    "pip": (),  # the newest
}


def create_environment(folder: Path, release: str) -> Path:
    """Create an environment with a release of pip and return its interpreter."""
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--upgrade", release],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return python


def try_lock(python: Path, lock: str, options: tuple[str, ...]) -> str:
    """Return pip's error if it refuses to install the lock, else an empty string."""
    command = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    done = subprocess.run(
        [*command, *options, "--require-hashes", "-r", lock],
        capture_output=True,
        text=True,
    )
    return done.stderr if done.returncode else ""


def judge(folder: Path, release: str, options: tuple[str, ...], locks: list[str]) -> int:
    """Try every lock with one release of pip; return the number of refused locks."""
    python = create_environment(folder, release)
    refused = 0
    for lock in locks:
        reason = try_lock(python, lock, options)
        refused += bool(reason)
        print(f"{lock}: {'REFUSED' if reason else 'accepted'} by {release}", flush=True)
        print(reason, end="", file=sys.stderr)
    return refused


def main(locks: list[str]) -> int:
    """Try every lock with every release of pip in parallel; return 1 if one is refused."""
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor() as pool:
        results = [
            pool.submit(judge, Path(work) / str(number), release, options, locks)
            for number, (release, options) in enumerate(PIPS.items())
        ]
        return int(any(each.result() for each in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
