"""How much memory some work takes at its peak, beside what the process holds already."""

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


def peak(work: Callable[[], Result]) -> tuple[Result, int]:
    """Do some work; its result, and by how many bytes the resident memory grew at the most.

    The kernel's own high-water mark, so that what libraries allocate outside Python counts too.
    What the process holds unused is given back first, so that it does not hide what is taken.
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
