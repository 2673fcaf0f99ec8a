"""The step of a retailer's data: the time from one row of a series to the next."""

from __future__ import annotations

from enum import StrEnum

_WEEK_DAYS = 7
_YEAR_WEEKS = 52


class WeekDate(StrEnum):
    """Day of a week whose date stands for it in weekly data.

    Attributes:
        FIRST: its first day.
        LAST: its last day.
    """

    FIRST = "first"
    LAST = "last"


class Step(StrEnum):
    """Step of the date axis; features count their windows in whole weeks of it.

    Attributes:
        DAY: a row holds the sales of a day.
        WEEK: a row holds the sales of seven days.
    """

    DAY = "day"
    WEEK = "week"

    @property
    def days(self) -> int:
        """Days of a step."""
        return 1 if self is Step.DAY else _WEEK_DAYS

    @property
    def week(self) -> int:
        """Steps of a week."""
        return _WEEK_DAYS // self.days

    @property
    def year(self) -> int:
        """Steps of 52 weeks, after which the weekday is the same."""
        return _YEAR_WEEKS * self.week

    def steps_in(self, days: int) -> int:
        """Return the steps in a number of days, in whole weeks of them."""
        return days // self.days

    def shift(self, week_date: WeekDate) -> int:
        """Return the days from the first day of a step to the one that its date names."""
        return self.days - 1 if week_date is WeekDate.LAST else 0

    @property
    def default_horizon(self) -> int:
        """Steps after the origin that a forecast reaches if nothing is stated."""
        return 90 if self is Step.DAY else 13

    @property
    def max_horizon(self) -> int:
        """Steps that a horizon may have."""
        return 365 if self is Step.DAY else 104
