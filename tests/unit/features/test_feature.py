"""Features as a person reads them: labels, and values without the model's scales."""

from __future__ import annotations

import math

import pytest

from features.contract import feature_set
from features.data.specification import FAVORITA
from features.feature import (
    CATEGORY,
    FLAG,
    LOG_ITEMS,
    LOG_PRICE,
    LOG_RATIO,
    LOG_UNITS,
    MONTH,
    SHARE,
    Feature,
    Group,
    features_of_weeks,
    plain_unit,
    plain_value,
)


@pytest.mark.parametrize(
    ("unit", "value", "expected", "expected_unit"),
    [
        pytest.param(LOG_UNITS, math.log1p(42), 42, "units", id="logarithm of units"),
        pytest.param(LOG_ITEMS, math.log1p(3), 3, "items", id="logarithm of items"),
        pytest.param(LOG_PRICE, math.log(2.5), 2.5, "(price)", id="logarithm of a price"),
        pytest.param(LOG_RATIO, math.log(0.8), -20, "%", id="difference of logarithms"),
        pytest.param(SHARE, 0.25, 25, "%", id="share"),
        pytest.param(FLAG, 0.0, "no", "", id="no"),
        pytest.param(FLAG, 1.0, "yes", "", id="yes"),
        pytest.param(MONTH, 7.0, "July", "", id="month"),
        pytest.param(CATEGORY, "DAIRY", "DAIRY", "", id="name"),
        pytest.param("days", 5.0, 5, "days", id="number that is plain"),
    ],
)
def test_a_value_is_read_without_the_scales_of_the_model(
    unit: str, value: str | float, expected: str | float, expected_unit: str
) -> None:
    plain = plain_value(unit, value)
    assert plain == (expected if isinstance(expected, str) else pytest.approx(expected))
    assert plain_unit(unit) == expected_unit


def test_every_feature_has_a_label_of_its_own() -> None:
    labels = [feature.label for feature in feature_set(FAVORITA).features]
    assert all(label[0].isupper() and "_" not in label for label in labels)
    assert len(set(labels)) == len(labels)


def test_weekly_data_know_no_weekdays() -> None:
    feature = Feature("a", "Last 4 same weekdays", Group.WEEKDAY, LOG_UNITS, "4 same weekdays")
    (of_weeks,) = features_of_weeks([feature])
    assert (of_weeks.label, of_weeks.description) == ("Last 4 weeks", "4 weeks")
    assert of_weeks.group is Group.LEVEL
