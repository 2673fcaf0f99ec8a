"""Cells that a spreadsheet would run as a formula are escaped."""

from __future__ import annotations

import pytest

from features.data.cells import safe_cell


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "=", "-", "--1", "-1e5", "+1 2"),
        *("\t=1", "\r=1", "\n=1", "\uff1d1+1", "\uff0b1\uff0b1", "-5\n=1+1"),
    ],
)
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    ["", "DAIRY", "A=B", "1+1", "'=1", " =1", "-5", "-0.25", "+7", "2024-06-30", "LIQUOR,WINE"],
)
def test_every_other_text_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text
