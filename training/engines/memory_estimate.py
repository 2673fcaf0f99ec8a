"""Estimate of the memory that a training takes on each worker of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from distributed.system import MEMORY_LIMIT

from errors import InputError
from features.data.snapshot import Snapshot
from training.recipe import Recipe
from training.sampling import most_rows
from training.state_files import count_nodes_at_once

_GIB = 1024**3
_PROCESS = 400 * 1024**2
"""Bytes of a worker with its libraries and without any rows."""
_STATE_DAYS, _STATE_ARRAYS = 784, 10
"""Days of the past of a part's nodes, and arrays of them, that the features of an origin take."""
_ROW_COLUMNS = 24
"""Bytes of a row beside its features: units, origin, node."""
_FIT_COLUMNS = 64
"""Bytes of a row in a fit beside its features: target, weight and offset, each of them twice, and
score, gradient and draws of LightGBM."""


def require_memory(
    workers: Mapping[str, Mapping[str, Any]],
    snapshot: Snapshot,
    recipe: Recipe,
    *,
    features: int,
    last_target: int,
    here: bool,
) -> None:
    """Refuse a training whose rows do not fit into the memory of the workers.

    Workers that state no limit are not judged, unless they are on this machine.

    Args:
        workers: what the scheduler knows of them, by their addresses.
        here: whether they all share the memory of this machine.

    Raises:
        InputError: a worker has less than it needs.
    """
    own = MEMORY_LIMIT // len(workers) if here else 0
    limits = [limit for worker in workers.values() if (limit := worker["memory_limit"] or own)]
    if not limits:
        return
    rows = [most_rows(each, snapshot, last_target=last_target) for each in recipe.segments]
    need = estimate_bytes(
        rows, features=features, nodes=count_nodes_at_once(snapshot), workers=len(workers)
    )
    if need > min(limits):
        raise InputError(
            f"the training would need about {need / _GIB:.1f} GiB of memory on each of "
            f"{len(workers)} workers, and they have {min(limits) / _GIB:.1f} GiB: use more or "
            "larger workers"
        )


def estimate_bytes(rows: Sequence[int], *, features: int, nodes: int, workers: int) -> int:
    """Return the bytes that a worker takes at most.

    Args:
        rows: of each segment, on all workers together.
        nodes: whose past a worker computes at once.
    """
    each = np.array(rows) / workers
    row = 4 * features + _ROW_COLUMNS
    # made rows are copied once into their order, beside the past of a part
    making = each.sum() + each.max()
    # a fit reads a copy of a segment's rows, joins its parts into another, and keeps bins of them
    # by column and by row
    fit = each.max() * (2 * 4 * features + 2 * features + _FIT_COLUMNS)
    past = nodes * _STATE_DAYS * _STATE_ARRAYS * 8
    return int(_PROCESS + max(making * row + past, each.sum() * row + fit))
