"""Checks that the data suffice for training, before the first long step."""

from __future__ import annotations

import numpy as np

from errors import InputError
from features.data.calendar import LONG_EVENT_DAYS
from features.data.snapshot import MAX_HORIZON, Snapshot
from features.state import MIN_HISTORY_DAYS

MIN_TRAINING_DAYS = 240
"""Days that the first frozen model needs up to the first origin of the calibration."""
MIN_CALIBRATION_ORIGINS = 8
REQUIRED_DAYS = MAX_HORIZON + MIN_TRAINING_DAYS + 7 * MIN_CALIBRATION_ORIGINS + 1
"""Days of sales that training needs."""
MIN_ORDINARY_DAYS = 28
"""Least days outside long events for training the first frozen model, and for its errors."""


class TooLittleHistoryError(InputError):
    """Data that begin too late for the request, or contain too few days to learn from."""


def first_day(snapshot: Snapshot) -> int:
    """Return the index of the first day on which anything was sold; `n_days` if nothing was."""
    return int(snapshot.first_sale[0])


def check_history(snapshot: Snapshot) -> None:
    """Refuse data with too few days of sales to train a model and to calibrate it.

    Raises:
        TooLittleHistoryError: nothing was sold, or for too few days.
    """
    begin, days = first_day(snapshot), snapshot.n_days
    span = f"{snapshot.facts.first_date} to {snapshot.facts.origin}"
    if begin == days:
        raise TooLittleHistoryError(
            f"training needs {REQUIRED_DAYS} days of sales, and nothing was sold: the sales of all "
            f"{days} days of train, {span}, are 0"
        )
    if days - begin < REQUIRED_DAYS:
        why = "" if not begin else f": the first sale of the table is on {snapshot.date_at(begin)}"
        raise TooLittleHistoryError(
            f"training needs {REQUIRED_DAYS} days of sales, not {days - begin}{why}"
        )


def check_ordinary_days(snapshot: Snapshot, first_origin: int) -> None:
    """Refuse data of which nearly all days belong to long events, which training excludes.

    Args:
        first_origin: of the calibration: the first frozen model learns from the days up to it,
            and its errors are collected on the days after it.

    Raises:
        TooLittleHistoryError: fewer than `MIN_ORDINARY_DAYS` of either are ordinary.
    """
    ordinary = ~snapshot.calendar.singular[: snapshot.n_days]
    learnt = ordinary[first_day(snapshot) + MIN_HISTORY_DAYS : first_origin + 1]
    least = int(min(np.count_nonzero(learnt), np.count_nonzero(ordinary[first_origin + 1 :])))
    if least < MIN_ORDINARY_DAYS:
        raise TooLittleHistoryError(
            f"training needs {MIN_ORDINARY_DAYS} ordinary days of sales up to "
            f"{snapshot.date_at(first_origin)} and after it, not {least}: events of more than "
            f"{LONG_EVENT_DAYS} days take {np.count_nonzero(~ordinary)} of the {snapshot.n_days} "
            "days. List an event in holidays_events only on the days on which it moves sales"
        )
