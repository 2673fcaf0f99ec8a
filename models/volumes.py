"""Volume classes: the nodes of a level by how much they have sold of late.

Errors of large and small nodes differ in more than their scale, so live errors are summed, and
intervals adapted, for each class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.data.snapshot import Snapshot

VOLUMES = ("low", "medium", "high")
"""Names of the classes: the thirds of the nodes of a level, by units."""

NO_VOLUME = -1
"""Class of a node that has none."""

_DAYS = 28
_LEAST_NODES = 30


def volumes_of(snapshot: Snapshot) -> NDArray[np.intp]:
    """Return the class of each node by its units in the newest 28 days, shape (nodes,).

    Nodes that never sold have none, nor have those of a level of less than 30 others.
    """
    steps = max(_DAYS // snapshot.step.days, 1)
    units = snapshot.history[:, -steps:].sum(axis=1)
    sold = snapshot.first_sale < snapshot.n_days
    classes = np.full(len(units), NO_VOLUME, dtype=np.intp)
    for rows in snapshot.hierarchy.slices.values():
        nodes = np.arange(rows.start, rows.stop)[sold[rows]]
        if len(nodes) >= _LEAST_NODES:
            borders = np.quantile(units[nodes], (1 / 3, 2 / 3))
            classes[nodes] = np.searchsorted(borders, units[nodes])
    return classes
