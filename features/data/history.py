"""Estimates for features, in place of sales that cannot be used: undelivered days and outliers.

An undelivered day and an outlier would both distort every feature of the past: a weekly mean that
contains a false zero, or a barcode read as a quantity, describes no store. They are replaced by an
*estimate*: the mean of the same weekday over the last `WEEKS` weeks in which it is known. An
estimate is an input of features only. It is never a training target, a residual of the interval
calibration, an actual that a forecast is scored against, or a value that is displayed.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from features.data.step import Step

WEEKS = 4

Float = TypeVar("Float", bound=np.floating)
Cells = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns of cells of a panel."""


def with_estimates(
    panel: NDArray[Float], *unusable: Cells, step: Step = Step.DAY
) -> NDArray[Float]:
    """Return a panel whose unusable cells are replaced by estimates.

    Args:
        panel: shape (series, days). May hold NaN where a cell is among the unusable ones.

    Returns:
        The panel itself if there is no such cell. An estimate is 0 where the weekday was not
        known before.

    Invariants: an estimate depends only on days before its cell.
    """
    # One pass over the weeks before, for all cells at once: step back a week, count the day if it
    # exists and is itself usable, stop at WEEKS counted days. Looking forward as well would leak
    # the future into features of a past origin; counting unusable days would average NaN and
    # outliers, the very values that are replaced, into the estimate.
    rows = np.concatenate([cells[0] for cells in unusable])
    days = np.concatenate([cells[1] for cells in unusable])
    if not len(rows):
        return panel
    usable = np.ones(panel.shape, dtype=np.bool_)
    usable[rows, days] = False
    total, count = np.zeros(len(rows)), np.zeros(len(rows))
    for before in range(step.week, int(days.max()) + 1, step.week):
        day = np.maximum(days - before, 0)
        counted = (days >= before) & usable[rows, day] & (count < WEEKS)
        total += np.where(counted, panel[rows, day], 0)
        count += counted
        if (count == WEEKS).all():
            break
    result = panel.copy()
    result[rows, days] = total / np.maximum(count, 1)
    return result


def fill_gaps(items: NDArray[Float], *, step: Step = Step.DAY) -> NDArray[Float]:
    """Return promotions of the past with estimates in place of NaN; unchanged if there is none."""
    rows, days = np.nonzero(np.isnan(items))
    return with_estimates(items, (rows, days), step=step)


def carry_forward(values: NDArray[Float]) -> NDArray[Float]:
    """Return values with the last known one in place of NaN; days before the first one stay NaN.

    Args:
        values: shape (series, days).
    """
    known = ~np.isnan(values)
    if known.all():
        return values
    last = np.maximum.accumulate(np.where(known, np.arange(values.shape[1]), 0), axis=1)
    return np.take_along_axis(values, last, axis=1)


def carry_backward(values: NDArray[Float]) -> NDArray[Float]:
    """Return values with the first known one on the days before it, and 0 where none is known.

    Args:
        values: shape (series, days), of `carry_forward`.
    """
    complete: NDArray[Float] = np.nan_to_num(carry_forward(values[:, ::-1])[:, ::-1])
    return complete
