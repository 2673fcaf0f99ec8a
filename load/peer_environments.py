"""Environments of the servers whose versions do not fit into that of the benchmarks."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path

from config.paths import ROOT

LOCKS = ROOT / "requirements" / "peers"
FOLDER = ROOT / ".venv-peers"
_INSTALL = ROOT / "tools" / "install.py"


class NotInstalledError(RuntimeError):
    """An environment that could not be installed."""


def install(lock: Path, environment: Path) -> Path:
    """Install a lock into an environment of its own unless it is there; return its Python.

    Raises:
        NotInstalledError: pip failed; it has written why.
    """
    python, stamp = environment / "bin" / "python", environment / "installed.txt"
    if stamp.is_file() and stamp.read_bytes() == lock.read_bytes():
        return python
    arguments = ("--only-lock", str(environment), str(lock))
    if subprocess.run([sys.executable, str(_INSTALL), *arguments]).returncode:
        raise NotInstalledError(f"{lock.name} could not be installed")
    stamp.write_bytes(lock.read_bytes())
    return python


def version_in(environment: Path, package: str) -> str:
    """Return the version of a package that is installed in an environment.

    Raises:
        StopIteration: it is not installed there.
    """
    folders = [str(folder) for folder in environment.glob("lib/python*/site-packages")]
    return next(iter(Distribution.discover(name=package, path=folders))).version
