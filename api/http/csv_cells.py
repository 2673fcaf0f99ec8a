"""Header and cells of a CSV body, read by the rules of the table reader (`features.data.reading`).

The same text means the same value in both: 1.0 is the store 1, blanks around a name do not count,
midnight of a day is that day. Any other form is refused, and the problem names it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from features.data.reading.days import parse_day
from features.data.reading.layout import Delimiter
from features.data.reading.names import canonical

_WHOLE = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.0+)?")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{0,17})?")


def column_names(header: Sequence[str], known: Collection[str] = ()) -> list[str]:
    """Return the column names of a header, without surrounding blanks and in lower case.

    Args:
        known: names that keep their case.
    """
    by_case = {name.casefold(): name for name in known}
    names = [canonical(name).casefold() for name in header]
    return [by_case.get(name, name) for name in names]


def other_delimiter(header: Sequence[str], required: Collection[str]) -> str | None:
    """Return the delimiter of a header, in words, if its names are not separated by commas."""
    line = ",".join(header)[:1000]
    for delimiter in Delimiter:
        if delimiter is not Delimiter.COMMA:
            names = column_names(line.split(delimiter.character), required)
            if all(name in names for name in required):
                return delimiter.plural
    return None


def cell_value(column: str, text: str) -> object:
    """Return a cell as its JSON value; a text that is none stays, for validation to refuse it."""
    text = text.strip()
    if column in ("store_nbr", "horizon"):
        match = _WHOLE.fullmatch(text)
        return int(match[1]) if match else text
    if column == "units":
        return float(text) if _DECIMAL.fullmatch(text) else text
    if column == "adjusted":
        return {"true": True, "false": False}.get(text.lower(), text)
    if column == "date":
        day = parse_day(text)
        return day.isoformat() if day else text
    return canonical(text) if len(text) <= 1000 else text
