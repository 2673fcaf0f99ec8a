"""A feature: one column of the model's rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

LOG_UNITS = "log1p units"
LOG_ITEMS = "log1p items"
FLAG = "0 or 1"


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
        daily: whether it distinguishes days of a week or a month, so that weekly data lack it.
    """

    name: str
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
            text = feature.description.replace("same weekdays", "weeks")
            yield replace(feature, group=group, description=text)
