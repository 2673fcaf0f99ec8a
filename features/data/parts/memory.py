"""The memory and the disk that reading and building may take."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from errors import InputError

MIB = 2**20
SHARE = 0.6
"""Share of the memory of the machine, or of its group of processes, that is used by default."""

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


class MemoryLimitError(InputError):
    """Tables that do not fit into the memory or the disk that there is."""


@dataclass(frozen=True)
class Memory:
    """A budget of memory, from which the number of parts follows.

    Attributes:
        limit: bytes that the process may take.
        parts: number of parts whatever the limit; for trials.
        batch_rows: rows that are read at once whatever the limit; for trials.
    """

    limit: int
    parts: int | None = None
    batch_rows: int | None = None

    @classmethod
    def of_setting(cls, mib: int | None) -> Memory:
        """Return the budget of a setting; a share of what there is if it is None."""
        return cls(int(SHARE * available_memory()) if mib is None else mib * MIB)


def available_memory() -> int:
    """Return the bytes of memory of the machine, or of the process's control group if less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # no such group, or "max"
            total = min(total, int(path.read_text(encoding="ascii")))
    return total


def check_disk(folder: Path, needed: int, setting: str) -> None:
    """Refuse to begin what does not fit on the disk of a folder.

    Raises:
        MemoryLimitError: less is free than is needed.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise MemoryLimitError(
            f"{folder}: {needed / MIB:,.0f} MiB of disk are needed, and {free / MIB:,.0f} MiB are "
            f"free; free some, or set {setting} to a folder on a larger disk"
        )
