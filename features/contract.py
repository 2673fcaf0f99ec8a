"""The feature contract: names, order, meaning and categories of the model's columns.

`FEATURES` is the one list of features, put together of those that each module declares;
`features.matrix` computes a value for each of its names, training and serving take their order from
it, and a bundle carries the contract that it was trained with, so that a bundle of another software
version is refused instead of misread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from features import (
    attributes,
    calendar,
    events,
    expected,
    history,
    promotions,
    seasons,
    weekday,
)
from features.data.calendar import NO_HOLIDAY
from features.data.snapshot import Snapshot
from features.feature import Feature, Group

FEATURES_VERSION = 3
"""Raised whenever a feature of the same name gets other values, so that a bundle whose model
learnt the old ones is refused. A test notices such a change."""

UNKNOWN_CODE = -1
"""Code of a category that does not apply to the node, or that training has not seen."""


FEATURES: tuple[Feature, ...] = (
    *attributes.FEATURES,
    Feature("horizon", Group.LEVEL, "days", "days from the origin to the forecast day"),
    *history.FEATURES,
    *weekday.FEATURES,
    *events.MONTHDAY_FEATURES,
    *seasons.FEATURES,
    *events.YEAR_EFFECT_FEATURES,
    *events.EVENT_FEATURES,
    *expected.FEATURES,
    *promotions.FEATURES,
    *calendar.FEATURES,
)
"""All features in the order of the model's columns; each is declared beside what computes it."""

NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
COLUMNS_OF_GROUP: Mapping[Group, tuple[int, ...]] = {
    group: tuple(column for column, each in enumerate(FEATURES) if each.group is group)
    for group in Group
}
"""The columns of the features of each group."""

if len(set(NAMES)) != len(NAMES):
    raise ValueError("two features have the same name")


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
    for feature, column in attributes.NODE_COLUMNS.items():
        values = zip(hierarchy.bottoms[column], seen, strict=True)
        categories[feature] = tuple(dict.fromkeys(value for value, sold in values if sold))
    past = snapshot.calendar.names[: through + 1]
    categories["holiday"] = tuple(sorted(set(past.tolist()) - {NO_HOLIDAY}))
    return Contract(names=NAMES, categories=categories)


def node_codes(snapshot: Snapshot, contract: Contract) -> Mapping[str, NDArray[np.float32]]:
    """Return codes of the nodes for each static feature; each of shape (nodes,)."""
    hierarchy = snapshot.hierarchy
    codes = {"level": contract.code("level", [node.level for node in hierarchy.nodes])}
    for feature, column in attributes.NODE_COLUMNS.items():
        codes[feature] = contract.code(feature, hierarchy.attribute(column))
    return codes
