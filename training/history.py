"""Refuse data that are too short to learn from, before the first of the long steps."""

from __future__ import annotations

import numpy as np

from errors import InputError
from features.calendar import LONG_EVENT_DAYS
from features.snapshot import MAX_HORIZON, Snapshot
from features.state import MIN_HISTORY_DAYS

MIN_TRAINING_DAYS = 240
"""Days that the first frozen model needs before the first origin of the calibration."""
MIN_CALIBRATION_ORIGINS = 8
NEEDED_DAYS = MAX_HORIZON + MIN_TRAINING_DAYS + 7 * MIN_CALIBRATION_ORIGINS + 1
"""Days of sales that training needs."""
MIN_ORDINARY_DAYS = 28
"""Days outside long events that the first frozen model learns from, and is judged on."""


class TooLittleHistoryError(InputError):
    """The data begin too late for what is asked of them, or hold too little to learn from."""


def first_day(snapshot: Snapshot) -> int:
    """Return the index of the first day on which anything was sold; `n_days` if nothing was."""
    return int(snapshot.first_sale[0])


def check_history(snapshot: Snapshot) -> None:
    """Refuse data with too few days of sales to train a model and to judge it.

    Raises:
        TooLittleHistoryError: nothing was sold, or for too few days.
    """
    begin, days = first_day(snapshot), snapshot.n_days
    span = f"{snapshot.facts.first_date} to {snapshot.facts.origin}"
    if begin == days:
        raise TooLittleHistoryError(
            f"training needs {NEEDED_DAYS} days of sales, and nothing was sold: the sales of all "
            f"{days} days of train, {span}, are 0"
        )
    if days - begin < NEEDED_DAYS:
        why = "" if not begin else f": the first sale of the table is on {snapshot.date_at(begin)}"
        raise TooLittleHistoryError(
            f"training needs {NEEDED_DAYS} days of sales, not {days - begin}{why}"
        )


def check_ordinary_days(snapshot: Snapshot, first_origin: int) -> None:
    """Refuse data of which nearly all days belong to events that nothing is learnt from.

    Args:
        first_origin: of the calibration: the first frozen model learns from the days up to it,
            and is judged on those after it.

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
