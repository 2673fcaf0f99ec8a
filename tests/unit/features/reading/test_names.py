"""Names that are almost the same, and names that only look so."""

from __future__ import annotations

import pytest

from features.reading.names import near_duplicates


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
def test_slips_of_one_another_are_found(one: str, other: str) -> None:
    assert [set(pair) for pair in near_duplicates([one, other, "MEAT"])] == [{one, other}]


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
def test_numbered_and_short_names_are_no_slips(one: str, other: str) -> None:
    assert list(near_duplicates([one, other])) == []
