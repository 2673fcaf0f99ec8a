"""A feature: one column of the model's rows."""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

LOG_UNITS = "log1p units"
LOG_ITEMS = "log1p items"
LOG_FLAG = "log1p of 0 or 1"
LOG_PRICE = "log of the price"
LOG_RATIO = "log ratio"
FLAG = "0 or 1"
SHARE = "share"
SHARE_OF_SITES = "share of sites"
DAY_OF_MONTH = "day"
MONTH = "month"
WEEKDAY = "Monday 0 to Sunday 6"
CATEGORY = "category"


_PLAIN: Mapping[str, tuple[Callable[[float], str | float], str]] = {
    LOG_UNITS: (math.expm1, "units"),
    LOG_ITEMS: (math.expm1, "items"),
    LOG_FLAG: (math.expm1, "(1 is yes)"),
    LOG_PRICE: (math.exp, "(price)"),
    LOG_RATIO: (lambda value: 100 * math.expm1(value), "%"),
    FLAG: (lambda value: "yes" if value else "no", ""),
    SHARE: (lambda value: 100 * value, "%"),
    SHARE_OF_SITES: (lambda value: 100 * value, "% of sites"),
    DAY_OF_MONTH: (lambda value: value, ""),
    CATEGORY: (lambda value: value, ""),
    WEEKDAY: (lambda value: value, ""),
    MONTH: (lambda value: calendar.month_name[round(value)], ""),
}
"""By the unit of a feature: how its values are converted, and the unit that they have then."""


def plain_value(unit: str, value: str | float) -> str | float:
    """Return a feature's readable value in terms that need no knowledge of the model.

    What the model has on a logarithmic scale is converted back, and names stay.
    """
    if isinstance(value, str) or unit not in _PLAIN:
        return value
    convert, _ = _PLAIN[unit]
    return convert(value)


def plain_unit(unit: str) -> str:
    """Return the unit of `plain_value` for a person; empty where the value speaks for itself."""
    if unit in _PLAIN:
        return _PLAIN[unit][1]
    return unit


def as_title(name: str) -> str:
    """Return the name of a column as a person reads it: `shop_size` as `Shop size`."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


class Group(StrEnum):
    """Topic of a feature, by which explanations group the features for a reader.

    Attributes:
        LEVEL: recent level, spread and age of the series.
        WEEKDAY: the weekday of the forecast day, and the usual sales on it.
        SEASON: the time of the month and of the year.
        HOLIDAY: holidays and events on the forecast day and around it.
        PROMOTION: promotions, past and planned.
        STORE: static attributes: store, family, place, and level of the hierarchy.
    """

    LEVEL = "level"
    WEEKDAY = "weekday"
    SEASON = "season"
    HOLIDAY = "holiday"
    PROMOTION = "promotion"
    STORE = "store"


@dataclass(frozen=True)
class Feature:
    """One column of the model's matrix.

    Attributes:
        label: its name for a person.
        unit: of the model's values.
        description: what it measures, exactly.
        daily: whether it distinguishes days of a week or a month, so that weekly data lack it.
    """

    name: str
    label: str
    group: Group
    unit: str
    description: str
    daily: bool = False


def features_of_weeks(features: Iterable[Feature]) -> Iterator[Feature]:
    """Yield the features that weekly data have too, as they read there.

    Every day of weekly data has the same weekday, so what is usual on a weekday is a level.
    """
    for feature in features:
        if not feature.daily:
            group = Group.LEVEL if feature.group is Group.WEEKDAY else feature.group
            yield replace(
                feature,
                label=_in_weeks(feature.label),
                group=group,
                description=_in_weeks(feature.description),
            )


def _in_weeks(text: str) -> str:
    return text.replace("same weekdays", "weeks").replace("ame weekday", "ame week")
