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


def main(locks: list[str]) -> int:
    """Try every lock with every pip; return 1 where one is refused."""
    refused = 0
    with tempfile.TemporaryDirectory() as work:
        for number, (release, options) in enumerate(PIPS.items()):
            python = environment(Path(work) / str(number), release)
            for lock in locks:
                reason = refusal(python, lock, options)
                refused += bool(reason)
                print(f"{lock}: {'REFUSED' if reason else 'accepted'} by {release}", flush=True)
                print(reason, end="", file=sys.stderr)
    return int(refused > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
