"""Names with a typing error, and names that differ on purpose."""

from __future__ import annotations

import pytest

from features.data.reading.names import find_near_duplicates


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("BREAD", "Bread"),
        ("Bogota", "Bogotá"),
        ("BREAD/BAKERY", "BREAD BAKERY"),
        ("BEVERAGES", "BEVERAGE"),
        ("BEVERAGES", "BEVERAGEZ"),
    ],
)
def test_typing_errors_are_found(one: str, other: str) -> None:
    assert [set(pair) for pair in find_near_duplicates([one, other, "MEAT"])] == [{one, other}]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GROCERY I", "GROCERY II"),
        ("SKU 1001", "SKU 1002"),
        ("MEAT", "MEAL"),
        ("HOME CARE", "HOME AND CARE"),
        ("HOME AND KITCHEN I", "HOME AND KITCHEN II"),
    ],
)
def test_numbered_and_short_names_are_no_typing_errors(one: str, other: str) -> None:
    assert list(find_near_duplicates([one, other])) == []
