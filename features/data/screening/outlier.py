"""Records of what a screening lists; they need no table library, so that servers can read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from pydantic import TypeAdapter


class OutlierKind(StrEnum):
    """Kind of an outlier.

    Attributes:
        SPIKE: a series sold far more than its past, its promotions and its peers make plausible.
        DECIMAL_SHIFT: sales close to a power of ten times the expected ones.
        STOCKOUT: no sales of a series that usually sells.
        CLOSED_SITE: no sales of a site on days on which it usually sells and others do.
        LEVEL_SHIFT: a site's total has jumped, and stays there.
        MISSING_DAY: nobody sold anything on a day that is no holiday.
        PROMOTION_RANGE: a count of promotions far above any before.
        PROMOTION_COLUMN: a column of promotions is all zero or never zero, unlike before.
    """

    SPIKE = "spike"
    DECIMAL_SHIFT = "decimal-shift"
    STOCKOUT = "stockout"
    CLOSED_SITE = "closed-site"
    LEVEL_SHIFT = "level-shift"
    MISSING_DAY = "missing-day"
    PROMOTION_RANGE = "promotion-range"
    PROMOTION_COLUMN = "promotion-column"

    @property
    def is_data_fault(self) -> bool:
        """True if the value is probably wrong, False if what it says has probably happened."""
        return self not in _HAPPENED


_HAPPENED = (OutlierKind.STOCKOUT, OutlierKind.CLOSED_SITE, OutlierKind.LEVEL_SHIFT)


class OutlierSeverity(StrEnum):
    """Severity of an outlier.

    Attributes:
        WARNING: one series, or something that probably happened.
        CRITICAL: a fault of the data of a whole node above the series, or of a column.
    """

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlier:
    """Something on the newest days of tables that a person should review.

    Attributes:
        node: id of the series, or of the node above that it is about.
        column: of the table of sales that holds the values.
        first, last: its days; of weekly data, the dates of its weeks.
        value: sum of the column over the node's series and these days.
        expected: the same, as it was to be expected; None where there is no figure.
        message: the same in words, with the days before.
        replaced: whether features read estimates in place of the values.
    """

    kind: OutlierKind
    severity: OutlierSeverity
    node: str
    column: str
    first: date
    last: date
    value: float
    expected: float | None
    message: str
    replaced: bool = False

    @property
    def subject(self) -> tuple[str, str, str, bool]:
        """Kind, node and column, and whether there is more than was expected."""
        is_more = self.expected is not None and self.value > self.expected
        return (self.kind.value, self.node, self.column, is_more)

    @property
    def identity(self) -> tuple[str, str, str, date]:
        """Key that stays the same while the outlier goes on."""
        return (self.kind.value, self.node, self.column, self.first)


OUTLIERS = TypeAdapter(list[Outlier])
"""Reads and writes outliers as JSON types."""


def continue_outliers(
    earlier: Iterable[Outlier], later: Iterable[Outlier], *, step_days: int
) -> list[Outlier]:
    """Return all outliers, with those that go on as one.

    A later outlier of the same kind, node, column and direction that overlaps or follows an
    earlier one on the next step continues it, from the earlier first day: what is expected of the
    days that are new to it is added.
    """
    result = list(earlier)
    for each in later:
        for at, before in enumerate(result):
            if before.subject == each.subject and _touch(before, each, timedelta(step_days)):
                result[at] = _join(before, each)
                break
        else:
            result.append(each)
    return result


def _touch(one: Outlier, other: Outlier, step: timedelta) -> bool:
    return one.first <= other.last + step and other.first <= one.last + step


def _join(before: Outlier, later: Outlier) -> Outlier:
    """Return an outlier that goes on; its value is that of the later one."""
    last = max(before.last, later.last)
    if later.first <= before.first:  # the later one covers it
        return replace(later, last=last)
    expected = later.expected
    if before.expected is not None and later.expected is not None:
        new = max((later.last - before.last).days, 0) / ((later.last - later.first).days + 1)
        expected = before.expected + later.expected * min(new, 1.0)
    message = f"{later.message}. It began on {before.first}"
    return replace(later, first=before.first, last=last, expected=expected, message=message.strip())
