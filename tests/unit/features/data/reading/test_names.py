"""Names with a typing error, and names that differ on purpose."""

from __future__ import annotations

import pytest

from features.data.reading.names import find_near_duplicates, find_slips


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


@pytest.mark.parametrize(
    ("name", "known"),
    [
        pytest.param("Bread", "BREAD", id="case"),
        pytest.param("BREAD-BAKERY", "BREAD/BAKERY", id="punctuation"),
        pytest.param("BEVERAGEZ", "BEVERAGES", id="a letter"),
        pytest.param("BEVEARGES", "BEVERAGES", id="two letters swapped"),
    ],
)
def test_a_misspelt_name_is_that_of_a_known_one(name: str, known: str) -> None:
    assert find_slips([name, "MEAT"], [known, "MEAT"]) == {name: known}


@pytest.mark.parametrize(
    "name", ["GROCERY III", "SKU 1003", "SKU 1010", "MEAL", "SWEETS", "BEVERAGES"]
)
def test_another_name_is_not_misspelt(name: str) -> None:
    known = ["GROCERY II", "SKU 1001", "SKU 1002", "MEAT", "BEVERAGES"]
    assert find_slips([name], known) == {}


def test_all_spellings_of_a_known_name_are_misspelt() -> None:
    assert find_slips(["bread", "Bread"], ["BREAD"]) == {"bread": "BREAD", "Bread": "BREAD"}
