"""Cells of a CSV batch are parsed like cells of the retailer's tables."""

from __future__ import annotations

import pytest

from api.http.csv_cells import cell_value, column_names, other_delimiter

REQUIRED_COLUMNS = ("store_nbr", "family", "horizon")


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("store_nbr", "5012345678900", 5012345678900),
        ("store_nbr", "1.0", 1),
        ("store_nbr", " 1 ", 1),
        ("store_nbr", "1.5", "1.5"),
        ("store_nbr", "01", "01"),
        ("store_nbr", "9" * 19, "9" * 19),
        ("horizon", "15.00", 15),
        ("horizon", "1,5", "1,5"),
        ("family", "BREAD\u00a0 ", "BREAD"),
        ("family", "Pa\u0302te\u0301", "Pâté"),
        ("date", "2024-07-01 00:00:00", "2024-07-01"),
        ("date", "24-07-01", "24-07-01"),
        ("date", "2024-07-01T10:00", "2024-07-01T10:00"),
        ("date", "", ""),
    ],
)
def test_a_cell_is_parsed_or_stays_text(column: str, text: str, value: object) -> None:
    assert cell_value(column, text) == value


def test_column_names_ignore_case_and_surrounding_blanks() -> None:
    assert column_names([" Store_Nbr", "FAMILY", "horizon\u00a0"]) == list(REQUIRED_COLUMNS)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (["store_nbr;family;horizon"], "semicolons"),
        (["store_nbr\tfamily\thorizon"], "tabs"),
        (["store_nbr", "family", "horizon"], None),
        (["store", "family;horizon"], None),
    ],
)
def test_another_delimiter_is_reported(header: list[str], words: str | None) -> None:
    assert other_delimiter(header, REQUIRED_COLUMNS) == words
