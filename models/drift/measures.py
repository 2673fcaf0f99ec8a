"""Daily measures of forecasts, from sums over the forecasts of a day.

A measure is an array of shape (days, groups, buckets), NaN where nothing is known. Holidays, events
and long events are no days of a measure: a model errs more on them in every year, and a year of
reference has each of them once.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from features.data.calendar import NO_HOLIDAY, Calendar
from features.data.step import Step

Values = NDArray[np.float64]

LARGEST_LOSS, SMALLEST_LOSS = 100.0, 1e-3
"""Range of a day's WAPE before its logarithm: nothing sold makes it infinite, and none wrong 0."""

LOSS, BIAS, COVERAGE_80, COVERAGE_95 = MEASURES = ("loss", "bias", "coverage_80", "coverage_95")


def compute_measures(sums: Mapping[str, Values]) -> dict[str, Values]:
    """Return the measures of sums by day, group and bucket.

    Args:
        sums: `known`, `sold`, `forecast`, `absolute`, `excess`, `within_80` and `within_95`, each
            of shape (days, groups, buckets).

    Returns:
        By name, of the same shape: the logarithm of the WAPE; the excess of the forecasts over the
        mean of forecasts and sales, from -2 to 2, which is defined for a day without sales, too;
        and the shares of values that miss their intervals of 80 and 95 %.
    """
    known, sold, forecast = sums["known"], sums["sold"], sums["forecast"]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(sold > 0, sums["absolute"] / sold, LARGEST_LOSS)
        measures = {
            LOSS: np.log(np.clip(share, SMALLEST_LOSS, LARGEST_LOSS)),
            BIAS: 2 * sums["excess"] / (forecast + sold),
            COVERAGE_80: 1 - sums["within_80"] / known,
            COVERAGE_95: 1 - sums["within_95"] / known,
        }
    measures[LOSS] = np.where((sold > 0) | (sums["absolute"] > 0), measures[LOSS], np.nan)
    return {name: np.where(known > 0, values, np.nan) for name, values in measures.items()}


def find_plain_days(calendar: Calendar, step: Step) -> NDArray[np.bool_]:
    """Return which dates of a calendar are neither holidays nor events, shape (dates,).

    Most weeks of some months contain a holiday: of weeks, only those of long events are left out.
    """
    if step is Step.WEEK:
        return np.asarray(~calendar.singular)
    off = calendar.day["national_day_off"] > 0
    return np.asarray(~(calendar.singular | off | (calendar.names != NO_HOLIDAY)))
