"""The feature contract: the declaration of each feature."""

from __future__ import annotations

import pytest

from features.contract import COLUMNS_OF_GROUP, FEATURES
from features.feature import Feature, Group


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_every_feature_declares_its_meaning_and_subject(feature: Feature) -> None:
    assert feature.unit
    assert feature.description
    assert isinstance(feature.group, Group)


def test_groups_divide_the_columns() -> None:
    columns = [column for of_group in COLUMNS_OF_GROUP.values() for column in of_group]
    assert sorted(columns) == list(range(len(FEATURES)))
    assert all(COLUMNS_OF_GROUP[group] for group in Group)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("mean_28", Group.LEVEL),
        ("weekday_index", Group.WEEKDAY),
        ("month", Group.SEASON),
        ("days_to_payday", Group.SEASON),
        ("family_event_effect", Group.HOLIDAY),
        ("national_day_off", Group.HOLIDAY),
        ("promo_family_effect", Group.PROMOTION),
        ("cluster", Group.STORE),
    ],
)
def test_features_are_grouped_as_planners_expect(name: str, group: Group) -> None:
    assert next(feature.group for feature in FEATURES if feature.name == name) is group
