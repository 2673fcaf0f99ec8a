"""Value added by planners' overrides: errors of the forecast before and after each, once sold.

An override is compared with what stood before it: the model's forecast, with the overrides made
earlier. So the values of overrides on top of one another add up to what all of them together are
worth against the model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

LARGE = 0.1
"""Change, as a share of the forecast before it, from which an override is large."""

LEAST_OVERRIDES = 5
"""Overrides below which a value has no interval: a few say nothing about their author."""

CONFIDENCE = 0.95


class OverrideKind(StrEnum):
    """Direction and size of an override, over all its days."""

    UP_LARGE = "up-large"
    UP_SMALL = "up-small"
    DOWN_SMALL = "down-small"
    DOWN_LARGE = "down-large"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class SoldDay:
    """An override on a day that is sold, in units of its node.

    Attributes:
        before: forecast with the overrides made earlier.
        planned: forecast with this one, too.
        sold: units sold.
    """

    before: float
    planned: float
    sold: float

    @property
    def value(self) -> float:
        """Units by which the error became smaller; negative where it became larger."""
        return abs(self.before - self.sold) - abs(self.planned - self.sold)


@dataclass(frozen=True, slots=True)
class SoldOverride:
    """An override with those of its days that count.

    Attributes:
        author, level, kind, reason: what overrides are grouped by.
        days: not empty.
    """

    author: str
    level: str
    kind: str
    reason: str
    days: tuple[SoldDay, ...]

    @property
    def value(self) -> float:
        return sum(day.value for day in self.days)


@dataclass(frozen=True, slots=True)
class OverrideValue:
    """Value of some overrides, in units.

    Attributes:
        sold: units sold on their days.
        error_before, error_planned: sums of the absolute errors.
        value: `error_before` less `error_planned`; positive where the overrides helped.
        share: the value as a share of the units sold; None where nothing was sold.
        helped: share of the overrides whose own value is positive.
        interval: in which the value of as many such overrides lies in 95 of 100 cases, by the
            spread between overrides; None for fewer than `LEAST_OVERRIDES`.
    """

    overrides: int
    days: int
    sold: float
    error_before: float
    error_planned: float
    value: float
    share: float | None
    helped: float
    interval: tuple[float, float] | None


def kind_of(before: float, planned: float) -> OverrideKind:
    """Return the kind of an override, by the sums over its days."""
    change = planned - before
    if change == 0:
        return OverrideKind.UNCHANGED
    large = abs(change) >= LARGE * abs(before)
    if change > 0:
        return OverrideKind.UP_LARGE if large else OverrideKind.UP_SMALL
    return OverrideKind.DOWN_LARGE if large else OverrideKind.DOWN_SMALL


def value_of(overrides: Sequence[SoldOverride]) -> OverrideValue:
    """Return the value of overrides together; there is at least one."""
    days = [day for each in overrides for day in each.days]
    sold = sum(day.sold for day in days)
    before = sum(abs(day.before - day.sold) for day in days)
    planned = sum(abs(day.planned - day.sold) for day in days)
    return OverrideValue(
        overrides=len(overrides),
        days=len(days),
        sold=sold,
        error_before=before,
        error_planned=planned,
        value=before - planned,
        share=(before - planned) / sold if sold > 0 else None,
        helped=sum(each.value > 0 for each in overrides) / len(overrides),
        interval=_interval_of([each.value for each in overrides]),
    )


def values_by(
    overrides: Iterable[SoldOverride], group_of: Callable[[SoldOverride], str]
) -> dict[str, OverrideValue]:
    """Return the value of each group of overrides, the most valuable first."""
    groups: dict[str, list[SoldOverride]] = defaultdict(list)
    for each in overrides:
        groups[group_of(each)].append(each)
    values = {group: value_of(members) for group, members in groups.items()}
    return dict(sorted(values.items(), key=lambda item: (-item[1].value, item[0])))


def _interval_of(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the interval of a sum by Student's t.

    The days of an override share what its author believed, so their errors are not independent:
    overrides are the sample, and not days.
    """
    from scipy.special import stdtrit  # takes a part of a worker's start

    count = len(values)
    if count < LEAST_OVERRIDES:
        return None
    total = sum(values)
    mean = total / count
    variance = sum((value - mean) ** 2 for value in values) / (count - 1)
    half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * sqrt(count * variance)
    return total - half, total + half
