"""Checks that the data suffice for training, before the first long step."""

from __future__ import annotations

import numpy as np

from errors import InputError
from features.data.calendar import LONG_EVENT_DAYS
from features.data.snapshot import Snapshot
from features.state import first_origin

MIN_TRAINING_DAYS = 240
"""Days that the first frozen model has up to the first origin of the calibration."""
CALIBRATION_ORIGINS = 40
MIN_CALIBRATION_ORIGINS = 8

REQUIRED_WEEKS = 22
"""Weeks of sales that training needs."""
_SHORT_TRAINING_DAYS = 84
"""In place of `MIN_TRAINING_DAYS` where the history is short: what an origin needs, and 28 days."""
MIN_ORDINARY_DAYS = 28
"""Least days outside long events for training the first frozen model, and for its errors."""


class TooLittleHistoryError(InputError):
    """Data that begin too late for the request, or contain too few days to learn from."""


def first_day(snapshot: Snapshot) -> int:
    """Return the index of the first day on which anything was sold; `n_days` if nothing was."""
    return int(snapshot.first_sale[0])


def required_days(snapshot: Snapshot) -> int:
    """Return the days of sales that training needs; of weekly sales, the weeks."""
    return REQUIRED_WEEKS * snapshot.step.week


def plan_calibration(snapshot: Snapshot) -> tuple[int, int]:
    """Return the last origin of the calibration, and the number of its origins, a week apart."""
    # The newest origins know a few days of sales only, but those tell best what errors are like
    # now; at least MIN_CALIBRATION_ORIGINS older ones know the whole horizon. In a short history
    # models learn from no more than they must, so that some origins are left, and errors of days
    # further ahead than any of them knows are taken for those of the last days known.
    step = snapshot.step
    last = snapshot.newest_origin - step.week
    needed = -(-(snapshot.horizon - step.week) // step.week) + MIN_CALIBRATION_ORIGINS
    available = last - first_day(snapshot)
    learnt, most = step.steps_in(MIN_TRAINING_DAYS), max(CALIBRATION_ORIGINS, needed)
    if available - learnt < needed * step.week:
        learnt, most = step.steps_in(_SHORT_TRAINING_DAYS), needed
    return last, min(most, (available - learnt) // step.week)


def check_history(snapshot: Snapshot) -> None:
    """Refuse data with too few days of sales to train a model and to calibrate it.

    Raises:
        TooLittleHistoryError: nothing was sold, or for too few days.
    """
    begin, days, step = first_day(snapshot), snapshot.n_days, snapshot.step
    required = required_days(snapshot)
    span = f"{snapshot.facts.first_date} to {snapshot.facts.origin}"
    if begin == days:
        raise TooLittleHistoryError(
            f"training needs {required} {step}s of sales, and nothing was sold: the sales of all "
            f"{days} {step}s, {span}, are 0"
        )
    if days - begin < required:
        why = "" if not begin else f": the first sale of the table is on {snapshot.date_at(begin)}"
        raise TooLittleHistoryError(
            f"training needs {required} {step}s of sales, not {days - begin}{why}"
        )


def check_ordinary_days(snapshot: Snapshot, calibrated_from: int) -> None:
    """Refuse data of which nearly all days belong to long events, which training excludes.

    Args:
        calibrated_from: first origin of the calibration: the first frozen model learns from the
            days up to it, and its errors are collected on the days after it.

    Raises:
        TooLittleHistoryError: fewer than `MIN_ORDINARY_DAYS` of either are ordinary.
    """
    ordinary = ~snapshot.calendar.singular[: snapshot.n_days]
    step = snapshot.step
    minimum = step.steps_in(MIN_ORDINARY_DAYS)
    learnt = ordinary[first_day(snapshot) + first_origin(step) + 1 : calibrated_from + 1]
    least = int(min(np.count_nonzero(learnt), np.count_nonzero(ordinary[calibrated_from + 1 :])))
    if least < minimum:
        raise TooLittleHistoryError(
            f"training needs {minimum} ordinary {step}s of sales up to "
            f"{snapshot.date_at(calibrated_from)} and after it, not {least}: events of more than "
            f"{LONG_EVENT_DAYS} days take {np.count_nonzero(~ordinary)} of the {snapshot.n_days} "
            f"{step}s. List an event in holidays_events only on the days on which it moves sales"
        )
