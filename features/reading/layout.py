"""How text files of tables are written: delimiter, decimal mark, order of a date's parts.

A layout is stated by a person and never guessed: a file that is written otherwise is refused with
the option that accepts it.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Delimiter(StrEnum):
    """What separates the values of a row."""

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


class Decimal(StrEnum):
    """What separates a number's fraction."""

    POINT = "."
    COMMA = ","


class DateOrder(StrEnum):
    """Order of day, month and year in a date; YYYY-MM-DD is always accepted."""

    YMD = "ymd"
    DMY = "dmy"
    MDY = "mdy"


class TableLayout(BaseModel):
    """How the text of all tables of one folder is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: Delimiter = Delimiter.COMMA
    decimal: Decimal = Decimal.POINT
    dates: DateOrder = DateOrder.YMD


STANDARD = TableLayout()
