"""Work that is measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

ONE_THREAD = ("env", "OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1")
"""Before a command: its linear algebra does not wait for another core that others keep busy."""


def told(module: str, *arguments: str, silent: bool = False) -> Any:
    """What a module, run with one thread, says in the last line that it prints, as JSON.

    Args:
        silent: whether what it writes to standard error is dropped, such as a log.

    Raises:
        CalledProcessError: it failed.
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
