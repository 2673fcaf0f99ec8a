"""Priority of processes that build and compare: below those that answer requests."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_NICENESS = 10
_AUTOGROUP = Path("/proc/self/autogroup")


def yield_to_workers() -> None:
    """Lower the priority of this process, and of its threads to come.

    It keeps a tenth of a core that workers want all of: under SCHED_IDLE, or the highest niceness,
    a reload would not end for as long as a machine is fully busy.
    """
    os.nice(_NICENESS)


def yield_session_to_workers() -> None:
    """Do as `yield_to_workers`, for a process that has a session of its own.

    Where the kernel groups processes by session (autogroups, sched(7); the default of many hosts),
    niceness counts within a session only: the group of this one gets the same.
    """
    yield_to_workers()
    with suppress(OSError):  # there are no autogroups, or the kernel refuses
        _AUTOGROUP.write_text(str(_NICENESS), encoding="ascii")
