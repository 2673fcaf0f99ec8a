"""Text cells of CSV files that a spreadsheet would take for formulas."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # the last four are full-width
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


def safe_cell(text: str) -> str:
    """Return a text as a spreadsheet shows it, and does not compute it.

    What begins like a formula gets an apostrophe before it (OWASP, "CSV Injection"): names and
    requests are written by others than those who open the file. A number, also a negative one,
    stays as it is.
    """
    is_formula = _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None
    return f"'{text}" if is_formula else text
