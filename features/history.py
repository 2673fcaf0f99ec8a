"""The sales that features read where those of the tables cannot be learnt from.

A day that has not been delivered and an outlier both would move every feature of the past: a mean
of a week that holds a zero or a barcode is the state of no store. In their place stands an
*estimate*: the mean of the same weekday over the last `WEEKS` weeks in which it is known. An
estimate describes the past to the model and is nothing else. It is no target of the training, no
error that calibrates an interval, no actual that a forecast is judged by or that is shown.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

WEEKS = 4
_WEEK = 7

Float = TypeVar("Float", bound=np.floating)
Cells = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns of cells of a panel."""


def with_estimates(panel: NDArray[Float], *unusable: Cells) -> NDArray[Float]:
    """Return a panel with estimates in the place of some cells.

    Args:
        panel: shape (series, days). May hold NaN where a cell is among the unusable ones.

    Returns:
        The panel itself where there is no such cell. An estimate is 0 where the weekday was not
        known before. Nothing after a cell changes its estimate.
    """
    rows = np.concatenate([cells[0] for cells in unusable])
    days = np.concatenate([cells[1] for cells in unusable])
    if not len(rows):
        return panel
    usable = np.ones(panel.shape, dtype=np.bool_)
    usable[rows, days] = False
    total, count = np.zeros(len(rows)), np.zeros(len(rows))
    for before in range(_WEEK, int(days.max()) + 1, _WEEK):
        day = np.maximum(days - before, 0)
        counted = (days >= before) & usable[rows, day] & (count < WEEKS)
        total += np.where(counted, panel[rows, day], 0)
        count += counted
        if (count == WEEKS).all():
            break
    result = panel.copy()
    result[rows, days] = total / np.maximum(count, 1)
    return result


def without_gaps(items: NDArray[Float]) -> NDArray[Float]:
    """Return promotions of the past with estimates where they are not known.

    The panel itself where all are known.
    """
    rows, days = np.nonzero(np.isnan(items))
    return with_estimates(items, (rows, days))
