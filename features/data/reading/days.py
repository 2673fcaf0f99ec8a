"""Parsing of dates, and descriptions of dates in other formats.

YYYY-MM-DD is a day, and so is its midnight, which a database writes for a day stored as a
timestamp. A text with another time of day is an instant, whose day depends on the time zone, so it
is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from features.data.reading.layout import DateOrder

_MIDNIGHT = r"(?:[T ]00:00(?::00(?:\.0+)?)?(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?)?"
_ISO = re.compile(rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}}){_MIDNIGHT}")
_YEAR_LAST = re.compile(rf"([0-9]{{1,2}})([./-])([0-9]{{1,2}})\2([0-9]{{4}}){_MIDNIGHT}")
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ].*"), "it has a time of day"),
    (re.compile(r"[0-9]{8}"), "it looks like YYYYMMDD"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"), "month and day need two digits"),
    (re.compile(r"[0-9]{4}[/.][0-9]{1,2}[/.][0-9]{1,2}.*"), "its parts are joined by other marks"),
    (re.compile(r"[0-9]{1,3}-[0-9]{1,2}-[0-9]{1,2}"), "its year does not have four digits"),
    (re.compile(r"[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{1,3}"), "its year does not have four digits"),
    (re.compile(r"[0-9]{5}(\.[0-9]+)?"), "it looks like a serial number of a spreadsheet"),
    (re.compile(r"[0-9]{10}|[0-9]{13}|[0-9]{16}|[0-9]{19}"), "it looks like seconds since 1970"),
)


def parse_day(text: str, order: DateOrder = DateOrder.YMD) -> date | None:
    """Return the day that a text states in an order; None if it states none."""
    if match := _ISO.fullmatch(text):
        year, month, day = match.groups()
    elif order is not DateOrder.YMD and (match := _YEAR_LAST.fullmatch(text)):
        first, _, second, year = match.groups()
        day, month = (first, second) if order is DateOrder.DMY else (second, first)
    else:
        return None
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def describe_form(text: str) -> str | None:
    """Return the format of a text that is no day, if it is recognised."""
    if _YEAR_LAST.fullmatch(text):
        return "it is written day first or month first"
    return next((description for form, description in _FORMS if form.fullmatch(text)), None)


def advise_on_days(texts: Iterable[str]) -> str:
    """Return advice on texts that are no days, derived from their format."""
    year_last = [match for text in texts if (match := _YEAR_LAST.fullmatch(text))]
    if year_last:
        firsts, seconds = ([int(match[part]) for match in year_last] for part in (1, 3))
        example = year_last[0][0]
        if max(firsts) > 12 >= max(seconds):
            return f"{example} is written day first: pass --dates dmy, or write YYYY-MM-DD"
        if max(seconds) > 12 >= max(firsts):
            return f"{example} is written month first: pass --dates mdy, or write YYYY-MM-DD"
        return (
            f"{example} is written day first or month first: pass --dates dmy or --dates mdy, "
            "whichever it is, or write YYYY-MM-DD"
        )
    described = next(filter(None, map(describe_form, texts)), None)
    return f"{described}; write YYYY-MM-DD" if described else "write YYYY-MM-DD"
