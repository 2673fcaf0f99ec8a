"""The feature contract: names, order, meaning and categories of the model's columns.

`feature_set` is the one list of the features of a specification, put together of those that each
module declares; `features.matrix` computes a value for each of its names, training and serving take
their order from it, and a bundle carries the contract that it was trained with, so that a bundle of
another software version is refused instead of misread.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from errors import InputError
from features import (
    attributes,
    calendar,
    covariates,
    events,
    expected,
    history,
    seasons,
    weekday,
)
from features.data.calendar import NO_HOLIDAY
from features.data.snapshot import Snapshot
from features.data.specification import Specification
from features.data.step import Step
from features.feature import LOG_UNITS, Feature, Group, features_of_weeks
from features.relative import RelativeColumns

FEATURES_VERSION = 5
"""Raised whenever a feature of the same name gets other values, so that a bundle whose model
learnt the old ones is refused. A test notices such a change."""

HORIZON = "horizon"
UNKNOWN_CODE = -1
"""Code of a category that does not apply to the node, or that training has not seen."""


@dataclass(frozen=True)
class FeatureSet:
    """The features of one specification, in the order of the model's columns.

    Raises:
        InputError: two of them would have the same name.
    """

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        repeated = [name for name, count in Counter(self.names).items() if count > 1]
        if repeated:
            raise InputError(
                f"two features would be named {repeated[0]!r}: give the column or the level of "
                "that name another label"
            )

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @cached_property
    def relative(self) -> Mapping[str, str]:
        """Levels of sales that trees read less another one, by name, and that other one.

        Levels of a weekday are read less the usual sales of the day, those of whole weeks less the
        mean of 28 days.
        """
        of_day = {*(feature.name for feature in weekday.FEATURES), seasons.YEAR_VALUE}
        references = {expected.EXPECTED, history.MEAN_28}
        return {
            feature.name: expected.EXPECTED if feature.name in of_day else history.MEAN_28
            for feature in self.features
            if feature.unit == LOG_UNITS and feature.name not in references
        }

    @cached_property
    def columns_of_group(self) -> Mapping[Group, tuple[int, ...]]:
        """Columns of the features of each group that has some."""
        columns = {
            group: tuple(column for column, each in enumerate(self.features) if each.group is group)
            for group in Group
        }
        return {group: of_group for group, of_group in columns.items() if of_group}


@lru_cache(maxsize=16)
def feature_set(specification: Specification) -> FeatureSet:
    """Return all features of a specification; each is declared beside what computes it."""
    features = _declared_features(specification)
    return FeatureSet(
        features if specification.step is Step.DAY else tuple(features_of_weeks(features))
    )


@lru_cache(maxsize=16)
def daily_features(specification: Specification) -> frozenset[str]:
    """Return the names of the features that only daily data have."""
    return frozenset(feature.name for feature in _declared_features(specification) if feature.daily)


def _declared_features(specification: Specification) -> tuple[Feature, ...]:
    step = specification.step
    return (
        *attributes.features_of(specification),
        Feature(
            HORIZON,
            f"How many {step}s ahead",
            Group.LEVEL,
            f"{step}s",
            f"{step}s from the origin to the forecast {step}",
        ),
        *history.FEATURES,
        *history.past_features(specification),
        *weekday.FEATURES,
        *events.monthday_features(specification),
        *seasons.FEATURES,
        *events.year_effect_features(specification),
        *events.date_effect_features(specification),
        *events.event_features(specification),
        *expected.FEATURES,
        *covariates.features_of(specification),
        *calendar.FEATURES,
    )


class Contract(BaseModel):
    """Layout of the rows of one model.

    Attributes:
        version: of the features' values.
        names: of the columns, in order.
        dtype: of every column.
        categories: for each categorical feature, its values; a value's code is its position.
        relative: columns that the model's trees read less another one, and that other one; none
            if the score is that of the trees alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = FEATURES_VERSION
    names: tuple[str, ...]
    dtype: Literal["float32"] = "float32"
    categories: dict[str, tuple[str, ...]]
    relative: dict[str, str] = {}

    @cached_property
    def relative_columns(self) -> RelativeColumns:
        """The columns of `relative`, and that of the usual sales."""
        at = self.names.index
        references = tuple((at(name), at(other)) for name, other in self.relative.items())
        return RelativeColumns(at(expected.EXPECTED), references)

    @cached_property
    def horizon_column(self) -> int:
        return self.names.index(HORIZON)

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


def contract_of(snapshot: Snapshot, *, through: int, relative: bool = False) -> Contract:
    """Return the contract of a model that is trained on a snapshot's days up to index `through`.

    Its categories are those that occur by then: of series that have sold, and of holidays. Values
    that occur only later would get a code that no training row has.

    Args:
        relative: whether its trees read levels relative to the usual sales.
    """
    hierarchy, specification = snapshot.hierarchy, snapshot.specification
    ordered = {each.name for each in specification.attributes if each.ordered}
    seen = snapshot.first_sale[hierarchy.n_upper :] <= through
    categories: dict[str, tuple[str, ...]] = {attributes.LEVEL: tuple(hierarchy.levels)}
    for feature, column in attributes.column_of_feature(specification).items():
        values = zip(hierarchy.bottoms[column], seen, strict=True)
        known = dict.fromkeys(value for value, sold in values if sold)
        categories[feature] = tuple(sorted(known, key=_number_of) if column in ordered else known)
    past = snapshot.calendar.names[: through + 1]
    categories["holiday"] = tuple(sorted(set(past.tolist()) - {NO_HOLIDAY}))
    features = feature_set(specification)
    references = dict(features.relative) if relative else {}
    return Contract(names=features.names, categories=categories, relative=references)


def _number_of(value: str) -> float:
    """Return the number that an attribute's value is; one that is none comes first."""
    try:
        return float(value.replace(",", "."))
    except ValueError:
        return -math.inf


def node_codes(snapshot: Snapshot, contract: Contract) -> Mapping[str, NDArray[np.float32]]:
    """Return codes of the nodes for each static feature; each of shape (nodes,)."""
    hierarchy = snapshot.hierarchy
    of_levels = contract.code(attributes.LEVEL, list(hierarchy.levels))
    codes = {attributes.LEVEL: of_levels[hierarchy.level_of]}
    for feature, column in attributes.column_of_feature(snapshot.specification).items():
        codes[feature] = contract.code(feature, hierarchy.attribute(column))
    return codes
