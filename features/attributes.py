"""Static attributes of a node: its level, and where it has them its columns and attributes."""

from __future__ import annotations

from collections.abc import Mapping

from features.data.specification import Specification
from features.feature import CATEGORY, Feature, Group, as_title

LEVEL = "level"


def features_of(specification: Specification) -> tuple[Feature, ...]:
    """Return the categories of a node, in the order of the contract."""
    label = specification.label
    return (
        Feature(LEVEL, "Level", Group.STORE, CATEGORY, "level of the node"),
        *(
            Feature(
                label(column),
                as_title(label(column)),
                Group.STORE,
                CATEGORY,
                f"{label(column)}, where the node has one",
            )
            for column in specification.series
        ),
        *(
            Feature(
                label(attribute.name),
                as_title(label(attribute.name)),
                Group.STORE,
                CATEGORY,
                f"{label(attribute.name)} of the {label(*attribute.by)}",
            )
            for attribute in specification.attributes
        ),
    )


def column_of_feature(specification: Specification) -> Mapping[str, str]:
    """Return the column of each of the features but the level."""
    return {specification.label(column): column for column in specification.described}
