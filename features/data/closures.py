"""Days that do not count: closed ones, and long shuts of a site.

A day is *closed* if the specification says so: a flag that is 0, or a missing row where a missing
row means that. A *long shut* is found: a site sells nothing in any of its series for at least
`LONG_SHUT_DAYS` days, between days on which it sells, while other sites do. Neither is a target of
training, nor scored: it says nothing about a day on which the site is open, and a model that learns
from months of zeros forecasts the next such season too low.

Features read estimates in place of closed days, because on each day it is known that it is closed.
In place of a long shut they do not: that a shut will be long is known only at its end.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from features.data.step import Step

OPEN, CLOSED, LONG_SHUT, OUTLIER, NOT_STATED = range(5)
"""Status of a series on a day. That of a day ahead may not be stated."""

LONG_SHUT_DAYS = 28
USUALLY_CLOSED_WEEKS = 8
"""A weekday on which a series was closed in each of so many weeks is closed ahead too."""
Flags = NDArray[np.bool_]


def find_selling_days(sales: NDArray[np.floating], site: NDArray[np.intp]) -> Flags:
    """Return on which days each site sells something, shape (sites, days).

    Args:
        sales: units, shape (series, days); NaN where not known.
        site: number of each series' site, shape (series,).
    """
    sells = np.zeros((int(site.max()) + 1, sales.shape[1]), dtype=np.bool_)
    np.logical_or.at(sells, site, np.nan_to_num(sales) != 0)
    return sells


def find_long_shuts(sells: Flags, *, step: Step = Step.DAY) -> Flags:
    """Return the days of the long shuts of each site, shape (sites, days).

    Args:
        sells: whether each of all sites sells something on a day (see `find_selling_days`).
    """
    others_sell = sells.sum(axis=0) - sells > 0
    shut = np.zeros_like(sells)
    for number, days in enumerate(sells):
        selling = np.flatnonzero(days)
        for before, after in pairwise(selling):
            if others_sell[number, before + 1 : after].sum() >= LONG_SHUT_DAYS // step.days:
                shut[number, before + 1 : after] = True
    return shut


def usually_closed(
    status: NDArray[np.uint8], origin: int, horizons: NDArray[np.intp], *, step: Step = Step.DAY
) -> Flags:
    """Return whether series are expected to be closed on days ahead, by their weekdays.

    Only days up to the origin are read.

    Args:
        status: of the series, shape (series, days).
        origin: index of the last day that is known.
        horizons: days after it, shape (h,).

    Returns:
        Shape (series, h).
    """
    week = step.week
    weeks = min(USUALLY_CLOSED_WEEKS, (origin + 1) // week)
    if not weeks:
        return np.zeros((len(status), len(horizons)), dtype=np.bool_)
    recent = status[:, origin + 1 - weeks * week : origin + 1] == CLOSED
    always = np.asarray(recent.reshape(len(status), weeks, week).all(axis=1))
    usually: Flags = always[:, (horizons - 1) % week]
    return usually
