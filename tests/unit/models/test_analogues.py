"""Analogues: which series forecast one without sales, and the mean of their forecasts."""

from __future__ import annotations

import numpy as np
import pytest

from features.data.hierarchy import Hierarchy
from features.data.specification import BOTTOM, TOTAL, Attribute, Specification, levels_of
from models.analogues import MOST, Analogues

SHOPS = {"a": ("North", "big"), "b": ("North", "small"), "c": ("South", "big"), "d": ("", "tiny")}
ITEMS = {"tea": "drink", "milk": "drink", "rice": "food"}
SPECIFICATION = Specification(
    series=("shop", "item"),
    attributes=(
        Attribute(name="region", by=("shop",), table="shops"),
        Attribute(name="size", by=("shop",), table="shops"),
        Attribute(name="group", by=("item",), table="items"),
    ),
    levels=levels_of({TOTAL: (), BOTTOM: ("shop", "item")}),
)
ONE_COLUMN = Specification(
    series=("shop",),
    attributes=(Attribute(name="region", by=("shop",), table="shops"),),
    levels=levels_of({TOTAL: (), BOTTOM: ("shop",)}),
)


def hierarchy_of(*series: tuple[str, str]) -> Hierarchy:
    return Hierarchy(
        {
            "shop": [shop for shop, _ in series],
            "item": [item for _, item in series],
            "region": [SHOPS[shop][0] for shop, _ in series],
            "size": [SHOPS[shop][1] for shop, _ in series],
            "group": [ITEMS[item] for _, item in series],
        },
        SPECIFICATION,
    )


def analogues_of(new: tuple[str, str], *established: tuple[str, str]) -> set[tuple[str, str]]:
    """Return the analogues of a series among others."""
    series = (new, *established)
    known = np.array([False] + [True] * len(established))
    analogues = Analogues(hierarchy_of(*series), np.array([0]), known).of(0)
    return {series[at] for at in analogues.tolist()}


def test_the_same_article_in_the_shops_most_like_it_comes_first() -> None:
    analogues = analogues_of(("a", "tea"), ("b", "tea"), ("d", "tea"), ("a", "milk"), ("b", "milk"))
    assert analogues == {("b", "tea")}


def test_shops_with_equally_many_attributes_in_common_count_alike() -> None:
    assert analogues_of(("a", "tea"), ("b", "tea"), ("c", "tea"), ("d", "tea")) == {
        ("b", "tea"),
        ("c", "tea"),
    }


def test_without_an_attribute_in_common_all_shops_count() -> None:
    assert analogues_of(("d", "tea"), ("a", "tea"), ("b", "tea")) == {("a", "tea"), ("b", "tea")}


def test_a_new_article_is_like_those_of_its_shop_with_its_attributes() -> None:
    analogues = analogues_of(("a", "tea"), ("a", "milk"), ("a", "rice"), ("b", "milk"))
    assert analogues == {("a", "milk")}


def test_a_new_article_of_a_new_shop_is_like_the_most_similar_series() -> None:
    analogues = analogues_of(("a", "tea"), ("b", "milk"), ("b", "rice"), ("c", "rice"))
    assert analogues == {("b", "milk")}


def test_values_that_are_not_known_are_not_equal() -> None:
    """Region and size of shop d: a region that is missing is no region in common."""
    hierarchy = Hierarchy({"shop": ["d", "e", "f"], "region": ["", "", "North"]}, ONE_COLUMN)
    analogues = Analogues(hierarchy, np.array([0]), np.array([False, True, True])).of(0)
    assert analogues.tolist() == [1, 2]


def test_a_series_is_not_its_own_analogue_and_one_that_never_sold_is_none() -> None:
    hierarchy = hierarchy_of(("a", "tea"), ("b", "tea"), ("c", "tea"))
    analogues = Analogues(hierarchy, np.array([0, 1]), np.array([True, True, False]))
    assert [analogues.of(number).tolist() for number in (0, 1)] == [[1], [0]]


def test_of_many_equally_similar_series_some_count() -> None:
    shops = [f"s{number}" for number in range(3 * MOST)]
    hierarchy = Hierarchy({"shop": shops, "region": ["North"] * len(shops)}, ONE_COLUMN)
    analogues = Analogues(hierarchy, np.arange(5), np.ones(len(shops), dtype=bool))
    assert all(len(np.unique(analogues.of(number))) == MOST for number in range(5))


def test_the_forecast_is_the_mean_of_those_that_are_open() -> None:
    hierarchy = hierarchy_of(("a", "tea"), ("b", "tea"), ("c", "tea"))
    analogues = Analogues(hierarchy, np.array([0]), np.array([False, True, True]))
    base = np.array([[99.0, 99, 99], [2, 4, 5], [4, 0, 7]])
    assert analogues.forecast(base).tolist() == [[3, 2, 6]]
    is_open = np.array([[True] * 3, [True, True, False], [True, False, False]])
    assert analogues.forecast(base, is_open=is_open)[0].tolist() == pytest.approx(
        [3, 4, np.nan], nan_ok=True
    )


def test_without_a_new_series_nothing_is_computed() -> None:
    hierarchy = hierarchy_of(("a", "tea"), ("b", "tea"))
    analogues = Analogues(hierarchy, np.array([], dtype=np.intp), np.array([True, True]))
    assert analogues.forecast(np.ones((2, 5))).shape == (0, 5)


def test_a_series_without_analogues_has_no_forecast() -> None:
    hierarchy = hierarchy_of(("a", "tea"), ("b", "tea"))
    analogues = Analogues(hierarchy, np.array([0]), np.array([True, False]))
    assert analogues.of(0).tolist() == []
    assert np.isnan(analogues.forecast(np.ones((2, 3)))).all()
