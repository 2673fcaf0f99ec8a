"""Garbage collection of a worker: none while it starts, and none of what lives as long as it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
