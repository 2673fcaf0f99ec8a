"""Protection of CSV text cells that a spreadsheet would evaluate as formulas."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # the last four are full-width
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


def safe_cell(text: str) -> str:
    """Return a text that a spreadsheet displays and does not evaluate.

    A text that begins like a formula gets a leading apostrophe (OWASP, "CSV Injection"), since
    names and requests come from other people than the reader of the file. A number, also a
    negative one, stays as it is.
    """
    is_formula = _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None
    return f"'{text}" if is_formula else text
