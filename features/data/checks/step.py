"""Dates that do not follow the step of the data: weeks in daily data, other weekdays in weekly."""

from __future__ import annotations

import numpy as np

from features.data.checks.spans import Days
from features.data.findings import Report, Severity
from features.data.reading.reader import ReadTable
from features.data.stated import RETAILER_FILE
from features.data.step import Step

MIN_DATES = 4
"""Dates from which a table tells how far apart its dates usually are."""
MAX_STEP_DAYS = 5
"""Days that many dates of daily sales are apart at most: a shop may open on weekends only."""
MANY = 0.25


def usual_weekday(days: Days) -> int:
    """Return on which weekday most rows of weekly sales are: days from that of 1970-01-01."""
    counts = days.counts
    phases = counts["date"].to_physical().to_numpy() % Step.WEEK.days
    return int(np.bincount(phases, weights=counts["_rows"].to_numpy()).argmax())


def check_distances(train: ReadTable, days: Days, report: Report) -> None:
    """Report daily sales whose dates are usually a week or more apart.

    A day without a row is a day without sales. Read like that, weekly sales would be those of one
    weekday, with zeros on all others, and every forecast of a period would be wrong without a word.
    """
    distinct = days.counts["date"].to_physical().to_numpy()
    if len(distinct) < MIN_DATES:
        return
    steps = np.diff(distinct)
    if np.quantile(steps, MANY) <= MAX_STEP_DAYS:
        return
    usual = int(np.median(steps))
    row = days.counts.row(1 + int(np.argmin(np.abs(steps - usual))), named=True)
    day = row["date"]
    report.add(
        train.find(
            Severity.ERROR,
            "not-daily",
            f"{day} is {usual} days after the date before it, as most dates are; sales of each day "
            "are expected",
            place=(row["_file"], row["_row"]),
            column="date",
            value=day,
            advice="if a row holds the sales of a week, give all rows the date of one weekday and "
            f"write step: week into {RETAILER_FILE}; sales of months cannot be used. If the stores "
            "do sell on one day a week only, add rows with 0 for the other days",
        )
    )


def check_weekdays(table: ReadTable, usual: int, report: Report) -> None:
    """Report the dates of a weekday that is not the usual one of weekly sales.

    Such a row would count for a week that has another row, or that it covers in part.

    Args:
        usual: days from 1970-01-01 to a date of that weekday, modulo 7.
    """
    wrong = np.flatnonzero(table.frame["date"].to_physical().to_numpy() % Step.WEEK.days != usual)
    if not len(wrong):
        return
    at = int(wrong[0])
    day = table.frame["date"][at]
    weekday = _NAMES[usual]
    report.add(
        table.find(
            Severity.ERROR,
            "not-weekly",
            f"{day} is a {day:%A}, and most weeks have the date of a {weekday}",
            at=at,
            column="date",
            value=day,
            advice=f"write the {weekday} of the week, or state step: day in {RETAILER_FILE} if a "
            "row holds the sales of a day",
        ),
        total=len(wrong),
    )


_NAMES = ("Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday")
"""Weekdays from that of 1970-01-01 on."""
