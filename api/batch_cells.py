"""Reads the header and the cells of a CSV batch as the reader of tables reads its files.

The same text means the same value here and there: 1.0 is the store 1, a name's blanks do not
count, midnight of a day is that day. What is written in another way is refused and named.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from features.reading.days import parse_day
from features.reading.layout import Delimiter
from features.reading.names import canonical

_WHOLE = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.0+)?")


def column_names(header: Sequence[str]) -> list[str]:
    """Return the names of columns without the blanks and the case that they are written in."""
    return [canonical(name).casefold() for name in header]


def other_delimiter(header: Sequence[str], needed: Collection[str]) -> str | None:
    """Return what separates the names of a header, in words, if it is not commas."""
    line = ",".join(header)[:1000]
    for delimiter in Delimiter:
        if delimiter is not Delimiter.COMMA:
            names = column_names(line.split(delimiter.character))
            if all(name in names for name in needed):
                return delimiter.plural
    return None


def cell_value(column: str, text: str) -> object:
    """Return a cell as JSON would have it; a text that is no such value stays, to be refused."""
    text = text.strip()
    if column in ("store_nbr", "horizon"):
        match = _WHOLE.fullmatch(text)
        return int(match[1]) if match else text
    if column == "date":
        day = parse_day(text)
        return day.isoformat() if day else text
    return canonical(text) if len(text) <= 1000 else text
