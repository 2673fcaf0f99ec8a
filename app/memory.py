"""Memory of a worker: what is not collected as garbage, and what goes back to the system."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import anyio.to_thread

TRIM_SECONDS = 5.0
"""Interval at which free memory is given back: a burst of heavy calls reuses it meanwhile."""


@contextmanager
def collection_paused() -> Iterator[None]:
    """Collect no garbage in the block, which imports or loads what is not going to be garbage.

    Every collection walks all objects made so far. While a worker starts that is a quarter of its
    time, and frees next to nothing. `freeze_long_lived` collects nothing in the block either.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def freeze_long_lived(*, full: bool) -> None:
    """Exclude all present objects from later collections, after one that removes the garbage.

    A full collection stops the worker while it walks every object that is not frozen.

    Args:
        full: whether all generations are collected before; otherwise the two young ones.
    """
    if gc.isenabled():
        gc.collect(2 if full else 1)
    gc.freeze()


async def return_free_memory() -> None:
    """Give memory that is allocated but free back to the system; to be called every few seconds.

    The arrays of a what-if or of a past origin leave holes of 200 MB in the heap, which malloc
    keeps unless they are at its end. Giving them back takes 4 to 7 ms in a thread, and 0.1 ms where
    there is nothing to give. If malloc returned each large array at once, every call would fault
    its pages in again, for 40 % of the time of a forecast from a past origin.
    """
    trim = _malloc_trim()
    if trim is not None:
        await anyio.to_thread.run_sync(trim, 0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    """Return the function of the C library; None where it has none, as outside of glibc."""
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim
