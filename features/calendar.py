"""The forecast day: its weekday, date, and what holiday or event it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from features.blocks import Blocks, Floats, Rows
from features.data.calendar import Calendar
from features.feature import (
    CATEGORY,
    DAY_OF_MONTH,
    FLAG,
    MONTH,
    SHARE_OF_SITES,
    WEEKDAY,
    Feature,
    Group,
)

FEATURES = (
    Feature("weekday", "Weekday", Group.WEEKDAY, WEEKDAY, "weekday", daily=True),
    Feature("day_of_month", "Day of the month", Group.SEASON, DAY_OF_MONTH, "day of the month"),
    Feature("month", "Month", Group.SEASON, MONTH, "month"),
    Feature(
        "days_to_payday",
        "Time to payday",
        Group.SEASON,
        "days",
        "to the 15th or the last of the month",
        daily=True,
    ),
    Feature(
        "days_since_payday",
        "Time since payday",
        Group.SEASON,
        "days",
        "since the 15th or the last of the month",
        daily=True,
    ),
    Feature("national_day_off", "National day off", Group.HOLIDAY, FLAG, "a national day off"),
    Feature(
        "local_day_off",
        "Regional or local day off",
        Group.HOLIDAY,
        SHARE_OF_SITES,
        "a regional or local day off",
    ),
    Feature("event", "Event", Group.HOLIDAY, FLAG, "an event such as Black Friday or Mother's Day"),
    Feature("work_day", "Make-up working day", Group.HOLIDAY, FLAG, "a make-up working day"),
    Feature(
        "days_to_day_off",
        "Time to the next day off",
        Group.HOLIDAY,
        "days",
        "to the next national day off, at most 30",
    ),
    Feature(
        "days_since_day_off",
        "Time since the last day off",
        Group.HOLIDAY,
        "days",
        "since the last national day off, at most 30",
    ),
    Feature(
        "holiday",
        "Holiday or event of the day",
        Group.HOLIDAY,
        CATEGORY,
        "name of the national holiday or event",
    ),
)
"""In the order of the contract."""
_NAMES = frozenset(feature.name for feature in FEATURES)


def describe_days(
    calendar: Calendar,
    days: Rows,
    average_sites: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    code_holidays: Callable[[Sequence[str]], Floats],
) -> Blocks:
    """Return the blocks of some days.

    Args:
        days: indices on the date axis, shape (h,).
        average_sites: returns the means of values of sites, shape (sites, k), over those of the
            nodes, shape (n, k).
        code_holidays: returns the codes of names of holidays.
    """
    blocks: Blocks = {
        name: values[days][None]
        for name, values in calendar.day.items()
        if name in _NAMES  # the generator of the demo needs more of a day
    }
    blocks["weekday"] = calendar.weekday[days][None].astype(np.float32)
    blocks["holiday"] = code_holidays(calendar.names[days].tolist())[None]
    of_sites = [values[:, days].astype(np.float64) for values in calendar.site.values()]
    means = average_sites(np.concatenate(of_sites, axis=1))  # at once: it costs most by the call
    return blocks | dict(zip(calendar.site, np.split(means, len(of_sites), axis=1), strict=True))
