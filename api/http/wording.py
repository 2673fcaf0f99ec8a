"""Descriptions of validation faults: the value that was sent, and what is expected instead.

pydantic's own messages use terms of Python and leave out the value. Every kind of error that a
schema of the API can cause has a phrase here (a test iterates over them); any other has a general
one, which names no library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, Any]

_LONGEST = 40
_WHOLE = "A whole number"
_DATE = "A date that exists, written YYYY-MM-DD,"
_TIME = "A time with its zone, such as 2026-12-31T00:00:00Z,"
_EXPECTED: Mapping[str, Callable[[Context], str]] = {
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_from_float", "is_instance_of"), lambda context: _WHOLE
    ),
    "int_parsing_size": lambda context: "A smaller number",
    **dict.fromkeys(("float_type", "float_parsing"), lambda context: "A number"),
    "finite_number": lambda context: "A finite number",
    **dict.fromkeys(("string_type", "string_unicode"), lambda context: "A text"),
    **dict.fromkeys(("bool_type", "bool_parsing"), lambda context: "true or false"),
    **dict.fromkeys(
        ("list_type", "tuple_type", "iterable_type", "set_type"), lambda context: "A list"
    ),
    **dict.fromkeys(
        ("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"),
        lambda context: "An object",
    ),
    **dict.fromkeys(
        ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"),
        lambda context: _DATE,
    ),
    **dict.fromkeys(
        (
            *("datetime_type", "datetime_parsing", "datetime_object_invalid"),
            *("datetime_from_date_parsing", "timezone_aware"),
        ),
        lambda context: _TIME,
    ),
    **dict.fromkeys(("literal_error", "enum"), lambda context: str(context["expected"])),
    "greater_than": lambda context: f"A number above {context['gt']}",
    "greater_than_equal": lambda context: f"A number of at least {context['ge']}",
    "less_than": lambda context: f"A number below {context['lt']}",
    "less_than_equal": lambda context: f"A number of at most {context['le']}",
    "string_pattern_mismatch": lambda context: f"A text of the form {context['pattern']}",
    "string_too_short": lambda context: f"A text of at least {context['min_length']} characters",
    "string_too_long": lambda context: f"A text of at most {context['max_length']} characters",
}
"""Description of the expected value, by pydantic's name of the error."""

_WHOLE_SENTENCES: Mapping[str, Callable[[Context], str]] = {
    "missing": lambda context: "A value is required, and missing",
    "extra_forbidden": lambda context: "There is no such field",
    "too_short": lambda context: (
        f"At least {context['min_length']} entries are expected, not {context['actual_length']}"
    ),
    "too_long": lambda context: (
        f"At most {context['max_length']} entries are expected, not {context['actual_length']}"
    ),
    "value_error": lambda context: str(context["error"]),  # raised by a validator of `api.schemas`
}


def describe_fault(fault: Mapping[str, Any]) -> str:
    """Return the description of one fault, without a full stop.

    Args:
        fault: as pydantic reports it, with its `type`, `input` and, if it has one, `ctx`.
    """
    kind, value, context = fault["type"], fault.get("input"), fault.get("ctx", {})
    if kind in ("int_type", "int_from_float") and isinstance(value, float) and value.is_integer():
        return f"{_WHOLE} of at most 15 digits is expected"
    if sentence := _WHOLE_SENTENCES.get(kind):
        text = sentence(context)
        return f"{text}, not {describe_value(value)}" if kind == "value_error" else text
    if expected := _EXPECTED.get(kind):
        return f"{expected(context)} is expected, not {describe_value(value)}"
    return f"This cannot be taken here: {describe_value(value)}"


def describe_value(value: object) -> str:
    """Return a short text for a value that a caller sent."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"{value:.15g}" if isinstance(value, float) else str(value)[:_LONGEST]
        case str():
            return repr(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…")
        case list() | tuple():
            return "a list"
        case _:
            return "an object"
