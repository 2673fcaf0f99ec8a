"""Running a benchmark module in a separate process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

ONE_THREAD = ("env", "OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1")
"""Command prefix for single-threaded linear algebra, which does not wait for a busy core."""


def run_module(module: str, *arguments: str, silent: bool = False) -> Any:
    """Run a module with one thread and return the JSON document in its last line of output.

    Args:
        silent: whether to drop its standard error, such as a log.

    Raises:
        CalledProcessError: the module failed.
    """
    done = subprocess.run(
        [*ONE_THREAD, sys.executable, "-m", module, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if silent else None,
        text=True,
        cwd=ROOT,
    )
    return json.loads(done.stdout.splitlines()[-1])
