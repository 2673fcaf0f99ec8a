"""Peak memory of a piece of work, beyond what the process occupies already."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

_PROCESS = Path("/proc/self")
_RESET_PEAK = "5"  # of proc_pid_clear_refs(5)
MIB = 2**20


def measure_peak(work: Callable[[], Result]) -> tuple[Result, int]:
    """Run some work; return its result and the largest growth of resident memory, in bytes.

    The kernel's high-water mark (VmHWM) also counts what libraries allocate outside Python. Free
    memory of the process is returned to the kernel first: reusing it would hide the growth.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    (_PROCESS / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    before = _status("VmRSS")
    result = work()
    return result, max(_status("VmHWM") - before, 0)


def _status(name: str) -> int:
    for line in (_PROCESS / "status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)
