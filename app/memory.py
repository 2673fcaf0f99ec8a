"""Objects that live as long as the worker, excluded from garbage collection."""

from __future__ import annotations

import gc


def freeze_long_lived(*, full: bool) -> None:
    """Exclude all present objects from later collections, after one that removes the garbage.

    A full collection stops the worker while it walks every object that is not frozen.

    Args:
        full: whether all generations are collected before; otherwise the two young ones.
    """
    gc.collect(2 if full else 1)
    gc.freeze()
