"""Past sales without unusual days: holidays, events, and days on which a site was shut.

A level that counts them says little about the days ahead: a store that was shut on one of the last
seven days would, in logarithms, seem to sell a third. So levels read, in place of such a day, the
mean of its neighbours: the same weekdays of the two weeks before and after. What holidays do to
sales is measured by itself (`features.events`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from features.data.specification import TOTAL

Flags = NDArray[np.bool_]
Values64 = NDArray[np.float64]

_NEIGHBOURS = (-2, -1, 1, 2)
"""Weeks from a day to the days that stand for it."""
NEIGHBOUR_WEEKS = max(_NEIGHBOURS)
"""Weeks before the days of which `replace_unusual` gives all values as of the whole past."""
_BRIEF_DAYS = 2
"""Longest shut that is unusual; a longer one may be the new usual."""


def mark_brief_shuts(snapshot: Snapshot, past: slice) -> Flags:
    """Return on which days a site sold nothing, for at most `_BRIEF_DAYS`; (upper nodes, days).

    The site sold on the day before and on the day after, which must both be in `past`: whether a
    site that is shut on the last day will open again is not known.
    """
    shut = snapshot.selling[:, past] == 0
    brief: Flags = np.zeros_like(shut)
    days = shut.shape[1]
    for length in range(1, _BRIEF_DAYS + 1):
        # a run of `length` shut days between two on which the site sells
        starts = ~shut[:, : days - length - 1] & ~shut[:, length + 1 :]
        for day in range(1, length + 1):
            starts &= shut[:, day : days - length - 1 + day]
        for day in range(1, length + 1):
            brief[:, day : days - length - 1 + day] |= starts
    return brief


def replace_unusual(values: Values64, unusual: Flags, opened: Flags, *, week: int) -> Values64:
    """Return values with those of unusual days replaced by the mean of their neighbours.

    Neighbours that are unusual themselves do not count; a day without any stays as it is, and so
    do days before the opening.

    Args:
        values: of past days, shape (nodes, days).
        unusual: of the same shape.
        opened: whether the node had sold by the day, of the same shape.
        week: days of a week.
    """
    unusual, usable = unusual & opened, opened & ~unusual
    columns = np.flatnonzero(unusual.any(axis=0))
    total, count = np.zeros((len(values), len(columns))), np.zeros((len(values), len(columns)))
    for weeks in _NEIGHBOURS:
        beside = columns + week * weeks
        inside = (beside >= 0) & (beside < values.shape[1])
        beside = np.clip(beside, 0, values.shape[1] - 1)
        counted = inside & usable[:, beside]
        total += np.where(counted, values[:, beside], 0)
        count += counted
    result = values.copy()
    replaced = unusual[:, columns] & (count > 0)
    result[:, columns] = np.where(replaced, total / np.maximum(count, 1), values[:, columns])
    return result


def site_nodes(snapshot: Snapshot, nodes: slice | NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the node of the site of nodes, or the total where they have several; (nodes,)."""
    return snapshot.hierarchy.ancestor(site_level(snapshot))[nodes]


def site_level(snapshot: Snapshot) -> str:
    """Return the level of the sites; the total where they are no level above the bottom."""
    specification = snapshot.specification
    return next(
        (
            level
            for level in specification.between
            if specification.columns_of_level[level] == (specification.site,)
        ),
        TOTAL,
    )
