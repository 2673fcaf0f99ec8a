"""The feature contract: names, order, meaning and categories of the model's columns.

`FEATURES` is the one list of features; `features.matrix` computes a value for each of its names,
training and serving take their order from it, and a bundle carries the contract that it was
trained with, so that a bundle of another software version is refused instead of misread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from features.data.calendar import NO_HOLIDAY
from features.data.snapshot import Snapshot

FEATURES_VERSION = 3
"""Raised whenever a feature of the same name gets other values, so that a bundle whose model
learnt the old ones is refused. A test notices such a change."""

UNKNOWN_CODE = -1
"""Code of a category that does not apply to the node, or that training has not seen."""


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
    """One column of the model's matrix."""

    name: str
    group: Group
    unit: str
    description: str


_LOG = "log1p units"
_PROMO = "log1p items"
_FLAG = "0 or 1"
_LEVEL, _WEEKDAY, _SEASON = Group.LEVEL, Group.WEEKDAY, Group.SEASON
_HOLIDAY, _PROMOTION, _STORE = Group.HOLIDAY, Group.PROMOTION, Group.STORE

FEATURES: tuple[Feature, ...] = (
    Feature("level", _STORE, "category", "level of the node"),
    Feature("store", _STORE, "category", "store, where the node has one"),
    Feature("family", _STORE, "category", "family, where the node has one"),
    Feature("city", _STORE, "category", "city of the store"),
    Feature("state", _STORE, "category", "state of the store"),
    Feature("type", _STORE, "category", "type of the store"),
    Feature("cluster", _STORE, "category", "cluster of the store"),
    Feature("horizon", _LEVEL, "days", "days from the origin to the forecast day"),
    # the past at the origin; means are over days since the node's first sale
    Feature("mean_7", _LEVEL, _LOG, "mean over 7 days"),
    Feature("mean_14", _LEVEL, _LOG, "mean over 14 days"),
    Feature("mean_28", _LEVEL, _LOG, "mean over 28 days"),
    Feature("mean_56", _LEVEL, _LOG, "mean over 56 days"),
    Feature("mean_112", _LEVEL, _LOG, "mean over 112 days"),
    Feature("mean_364", _LEVEL, _LOG, "mean over 364 days"),
    Feature("decayed_14", _LEVEL, _LOG, "mean with weights that halve every 14 days"),
    Feature("std_28", _LEVEL, _LOG, "standard deviation over 28 days"),
    Feature("std_112", _LEVEL, _LOG, "standard deviation over 112 days"),
    Feature("units_7", _LEVEL, _LOG, "log of the mean units over 7 days"),
    Feature("units_28", _LEVEL, _LOG, "log of the mean units over 28 days"),
    Feature("units_364", _LEVEL, _LOG, "log of the mean units over 364 days"),
    Feature("recent_3", _LEVEL, _LOG, "mean over 3 days"),
    Feature("size_112", _LEVEL, _LOG, "mean over the days with sales among 112"),
    Feature("zero_share_28", _LEVEL, "share", "days without sales among 28"),
    Feature("zero_share_112", _LEVEL, "share", "days without sales among 112"),
    Feature("days_since_sale", _LEVEL, "days", "since the last day with sales, at most 364"),
    Feature("age", _LEVEL, "days", "since the first sale, at most 1,456"),
    Feature("trend_28", _LEVEL, _LOG, "mean over 28 days less that of the 28 before"),
    Feature("growth_364", _LEVEL, _LOG, "mean over 28 days less that of a year before"),
    Feature("traffic_28", _LEVEL, "log ratio", "transactions of the stores, 28 against 112 days"),
    # the past of the forecast day's weekday
    Feature("weekday_last", _WEEKDAY, _LOG, "the last same weekday"),
    Feature("weekday_4", _WEEKDAY, _LOG, "mean of the last 4 same weekdays"),
    Feature("weekday_8", _WEEKDAY, _LOG, "mean of the last 8 same weekdays"),
    Feature("weekday_16", _WEEKDAY, _LOG, "mean of the last 16 same weekdays"),
    Feature("weekday_index", _WEEKDAY, _LOG, "the last 8 same weekdays less the mean of 56 days"),
    Feature(
        "weekday_decayed", _WEEKDAY, _LOG, "same weekdays but holidays, weights decaying over 16"
    ),
    Feature("weekday_median_8", _WEEKDAY, _LOG, "median of the last 8 same weekdays"),
    Feature(
        "weekday_units_8",
        _WEEKDAY,
        _LOG,
        "log of mean units on the last 8 same weekdays but holidays",
    ),
    Feature("weekday_sold_16", _WEEKDAY, "share", "of the last 16 same weekdays with sales"),
    Feature("sunday_index", _WEEKDAY, _LOG, "weekday index of Sunday, which a day off may be like"),
    Feature(
        "monthday_effect", _SEASON, _LOG, "about the day of the month, against the same weekdays"
    ),
    Feature("store_monthday_effect", _SEASON, _LOG, "the same of the store"),
    Feature("family_monthday_effect", _SEASON, _LOG, "the same of the family"),
    # a year before the forecast day
    Feature("year_value", _SEASON, _LOG, "364 days before the forecast day"),
    Feature("year_week", _SEASON, _LOG, "mean of 7 days around 364 days before"),
    Feature("year_season", _SEASON, _LOG, "those 7 days less the 28 to a year before the origin"),
    Feature("year_level", _SEASON, _LOG, "mean over 28 days plus that seasonal step"),
    Feature("year2_season", _SEASON, _LOG, "the same step two years before"),
    Feature("year_effect", _SEASON, _LOG, "364 days before, against the same weekdays around"),
    Feature("store_year_effect", _SEASON, _LOG, "the same of the store"),
    Feature("family_year_effect", _SEASON, _LOG, "the same of the family"),
    # the last times that the forecast day's holiday or event occurred
    Feature("event_effect", _HOLIDAY, _LOG, "against the same weekdays around"),
    Feature("store_event_effect", _HOLIDAY, _LOG, "the same of the store"),
    Feature("family_event_effect", _HOLIDAY, _LOG, "the same of the family"),
    Feature("event_level", _HOLIDAY, _LOG, "against the mean of the four weeks around"),
    Feature("store_event_level", _HOLIDAY, _LOG, "the same of the store"),
    Feature("family_event_level", _HOLIDAY, _LOG, "the same of the family"),
    Feature("total_event_effect", _HOLIDAY, _LOG, "the effect on the total"),
    Feature("total_event_level", _HOLIDAY, _LOG, "the level of the total"),
    Feature(
        "date_open",
        _HOLIDAY,
        "ratio",
        "series of the store that sold on the date in the last 3 years",
    ),
    Feature("expected", _WEEKDAY, _LOG, "the usual for the weekday, or for the holiday of the day"),
    # promotions, past and planned
    Feature("promo_28", _PROMOTION, _PROMO, "mean items over 28 days"),
    Feature("promo_share_112", _PROMOTION, "share", "days with a promotion among 112"),
    Feature(
        "promo_slope", _PROMOTION, "log1p units per log1p items", "response of sales over 112 days"
    ),
    Feature(
        "promo_family_slope", _PROMOTION, "log1p units per log1p items", "response over the family"
    ),
    Feature("promo_7", _PROMOTION, _PROMO, "mean items over 7 days"),
    Feature("promo_weekday_8", _PROMOTION, _PROMO, "mean items on the last 8 same weekdays"),
    Feature("promo", _PROMOTION, _PROMO, "items planned for the day"),
    Feature("promo_change", _PROMOTION, _PROMO, "planned less the mean over 28 days"),
    Feature("promo_effect", _PROMOTION, _LOG, "that change times the response"),
    Feature(
        "promo_weekday_change",
        _PROMOTION,
        _PROMO,
        "planned less the mean on the last 8 same weekdays",
    ),
    Feature("promo_family_effect", _PROMOTION, _LOG, "the change times the family's response"),
    Feature("promo_before", _PROMOTION, _PROMO, "items on the day before"),
    Feature("promo_after", _PROMOTION, _PROMO, "items on the day after"),
    Feature("promo_week", _PROMOTION, _PROMO, "mean of the seven days around"),
    Feature("promo_store", _PROMOTION, _PROMO, "items planned in the whole store"),
    Feature(
        "promo_store_change", _PROMOTION, _PROMO, "the store's planned less its mean over 28 days"
    ),
    Feature("promo_family", _PROMOTION, _PROMO, "items planned for the family in all stores"),
    Feature(
        "promo_family_change", _PROMOTION, _PROMO, "the family's planned less its mean over 28 days"
    ),
    # the forecast day
    Feature("weekday", _WEEKDAY, "Monday 0 to Sunday 6", "weekday"),
    Feature("day_of_month", _SEASON, "day", "day of the month"),
    Feature("month", _SEASON, "month", "month"),
    Feature("days_to_payday", _SEASON, "days", "to the 15th or the last of the month"),
    Feature("days_since_payday", _SEASON, "days", "since the 15th or the last of the month"),
    Feature("national_day_off", _HOLIDAY, _FLAG, "a national day off"),
    Feature("local_day_off", _HOLIDAY, "share of stores", "a regional or local day off"),
    Feature("event", _HOLIDAY, _FLAG, "an event such as Black Friday or Mother's Day"),
    Feature("work_day", _HOLIDAY, _FLAG, "a make-up working day"),
    Feature("days_to_day_off", _HOLIDAY, "days", "to the next national day off, at most 30"),
    Feature("days_since_day_off", _HOLIDAY, "days", "since the last national day off, at most 30"),
    Feature("holiday", _HOLIDAY, "category", "name of the national holiday or event"),
)
NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
COLUMNS_OF_GROUP: Mapping[Group, tuple[int, ...]] = {
    group: tuple(column for column, each in enumerate(FEATURES) if each.group is group)
    for group in Group
}
"""The columns of the features of each group."""
_NODE_COLUMNS = {
    "store": "store_nbr",
    "family": "family",
    "city": "city",
    "state": "state",
    "type": "type",
    "cluster": "cluster",
}


class Contract(BaseModel):
    """Layout of the rows of one model.

    Attributes:
        version: of the features' values.
        names: of the columns, in order.
        dtype: of every column.
        categories: for each categorical feature, its values; a value's code is its position.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = FEATURES_VERSION
    names: tuple[str, ...]
    dtype: Literal["float32"] = "float32"
    categories: dict[str, tuple[str, ...]]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the contract (hexadecimal)."""
        document = orjson.dumps(self.model_dump(), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(document).hexdigest()

    def code(self, feature: str, values: Sequence[str | None]) -> NDArray[np.float32]:
        """Return codes of values, `UNKNOWN_CODE` for None and for values unseen in training."""
        codes = {value: code for code, value in enumerate(self.categories[feature])}
        return np.array(
            [UNKNOWN_CODE if value is None else codes.get(value, UNKNOWN_CODE) for value in values],
            dtype=np.float32,
        )


def contract_of(snapshot: Snapshot, *, through: int) -> Contract:
    """Return the contract of a model that is trained on a snapshot's days up to index `through`.

    Its categories are those that occur by then: of series that have sold, and of holidays. Values
    that occur only later would get a code that no training row has.
    """
    hierarchy = snapshot.hierarchy
    seen = snapshot.first_sale[hierarchy.n_upper :] <= through
    categories: dict[str, tuple[str, ...]] = {"level": tuple(hierarchy.levels)}
    for feature, column in _NODE_COLUMNS.items():
        values = zip(hierarchy.bottoms[column], seen, strict=True)
        categories[feature] = tuple(dict.fromkeys(value for value, sold in values if sold))
    past = snapshot.calendar.names[: through + 1]
    categories["holiday"] = tuple(sorted(set(past.tolist()) - {NO_HOLIDAY}))
    return Contract(names=NAMES, categories=categories)


def node_codes(snapshot: Snapshot, contract: Contract) -> Mapping[str, NDArray[np.float32]]:
    """Return codes of the nodes for each static feature; each of shape (nodes,)."""
    hierarchy = snapshot.hierarchy
    codes = {"level": contract.code("level", [node.level for node in hierarchy.nodes])}
    for feature, column in _NODE_COLUMNS.items():
        codes[feature] = contract.code(feature, hierarchy.attribute(column))
    return codes
