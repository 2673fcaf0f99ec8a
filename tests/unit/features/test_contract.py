"""The feature contract: the declaration of each feature."""

from __future__ import annotations

import pytest

from errors import InputError
from features.contract import feature_set
from features.data.specification import FAVORITA, Attribute, Specification
from features.feature import Feature, Group

FEATURES = feature_set(FAVORITA).features
COLUMNS_OF_GROUP = feature_set(FAVORITA).columns_of_group


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


@pytest.mark.parametrize("label", ["age", "month", "level", "family", "promo"])
def test_two_features_of_the_same_name_are_refused(label: str) -> None:
    """The message names the feature and says what to do."""
    attributes = (
        *FAVORITA.attributes,
        Attribute(name="grown_in", by=("store_nbr",), table="places"),
    )
    labels = {**FAVORITA.labels, "grown_in": label}
    specification = FAVORITA.model_dump() | {"attributes": attributes, "labels": labels}
    with pytest.raises(InputError, match=f"named '{label}'.* another label"):
        feature_set(Specification.model_validate(specification))


def test_a_label_makes_the_names_differ() -> None:
    attributes = (*FAVORITA.attributes, Attribute(name="age", by=("store_nbr",), table="places"))
    specification = FAVORITA.model_dump() | {
        "attributes": attributes,
        "labels": {**FAVORITA.labels, "age": "store_age"},
    }
    features = feature_set(Specification.model_validate(specification))
    assert set(features.names) == {*feature_set(FAVORITA).names, "store_age"}
    assert len(features.names) == len(feature_set(FAVORITA).names) + 1
