"""Layout of text files of tables: delimiter, decimal mark, order of a date's parts.

A layout is stated by the user and never guessed: a file in another layout is refused, and the
message names the option that accepts it.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Delimiter(StrEnum):
    """Separator of the values of a row."""

    COMMA = ","
    SEMICOLON = ";"
    TAB = "tab"
    PIPE = "|"

    @property
    def character(self) -> str:
        return "\t" if self is Delimiter.TAB else self.value

    @property
    def plural(self) -> str:
        return {",": "commas", ";": "semicolons", "tab": "tabs", "|": "vertical bars"}[self.value]


class DecimalMark(StrEnum):
    """Decimal mark of numbers."""

    POINT = "."
    COMMA = ","


class DateOrder(StrEnum):
    """Order of day, month and year in a date; YYYY-MM-DD is always accepted."""

    YMD = "ymd"
    DMY = "dmy"
    MDY = "mdy"


class TableLayout(BaseModel):
    """Layout of the text of all tables of one folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: Delimiter = Delimiter.COMMA
    decimal: DecimalMark = DecimalMark.POINT
    dates: DateOrder = DateOrder.YMD


STANDARD = TableLayout()
