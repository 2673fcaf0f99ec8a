"""Tables that hold sales of weeks or months instead of days."""

from __future__ import annotations

import numpy as np

from features.data.findings import Report, Severity
from features.data.reading.reader import ReadTable

MIN_DATES = 4
"""Dates from which a table tells how far apart its dates usually are."""
MAX_STEP_DAYS = 5
"""Days that many dates of daily sales are apart at most: a shop may open on weekends only."""
MANY = 0.25


def check_step(train: ReadTable, report: Report) -> None:
    """Report a table whose dates are usually a week or more apart.

    A day without a row is a day without sales. Read like that, weekly sales would be those of one
    weekday, with zeros on all others, and every forecast of a period would be wrong without a word.
    """
    days = train.frame["date"].to_physical().to_numpy()
    distinct, first_rows = np.unique(days, return_index=True)
    if len(distinct) < MIN_DATES:
        return
    steps = np.diff(distinct)
    if np.quantile(steps, MANY) <= MAX_STEP_DAYS:
        return
    usual = int(np.median(steps))
    at = int(first_rows[1 + int(np.argmin(np.abs(steps - usual)))])
    day = train.frame["date"][at]
    report.add(
        train.find(
            Severity.ERROR,
            "not-daily",
            f"{day} is {usual} days after the date before it, as most dates are; sales of each day "
            "are expected",
            at=at,
            column="date",
            value=day,
            advice="give a row for each day: sales of weeks or months cannot be used. If the "
            "stores do sell on one day a week only, add rows with 0 for the other days",
        )
    )
