"""From decoded JSON to the types of answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from mlrf_client.errors import UnexpectedAnswer

Answer = TypeVar("Answer")
Converter = Callable[[Any], Any]


def parse(kind: type[Answer], document: Any) -> Answer:
    """Return a document as an instance of a dataclass.

    Members that the class does not know are ignored: newer servers may add some.

    Raises:
        UnexpectedAnswer: a member is missing, or is of another form.
    """
    unbound: Any = kind
    try:
        parsed: Answer = _converter(unbound)(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnexpectedAnswer(
            f"The answer is not a {kind.__name__} as this version of the client knows it "
            f"({type(error).__name__}: {error}); the server may be of another version."
        ) from error
    return parsed


@cache
def _converter(kind: Any) -> Converter:
    """Return the function that makes a value of a type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return partial(_convert_object, kind)
    if kind is float:
        return float
    if kind in (dt.date, dt.datetime):
        return partial(_convert_time, kind)
    if origin is list:
        return partial(_convert_list, _converter(arguments[0]))
    if origin is tuple:  # of numbers or texts, which stay as they are
        return tuple
    if origin is dict:
        return partial(_convert_dict, _converter(arguments[1]))
    if origin in (Union, UnionType):
        return _union_converter(arguments)
    return _unchanged


def _convert_object(kind: Any, document: Any) -> Any:
    values = {
        name: convert(document[member])
        for name, member, convert, required in _members_of(kind)
        if required or member in document
    }
    return kind(**values)


@cache
def _members_of(kind: Any) -> tuple[tuple[str, str, Converter, bool], ...]:
    """Return the name of each field, its name in JSON, its converter, and if it must be there."""
    kinds = get_type_hints(kind)
    return tuple(
        (
            field.name,
            field.name.removesuffix("_"),
            _converter(kinds[field.name]),
            field.default_factory is MISSING,
        )
        for field in fields(kind)
    )


def _convert_time(kind: Any, text: Any) -> Any:
    return kind.fromisoformat(text)


def _convert_list(convert: Converter, values: Any) -> list[Any]:
    return [convert(value) for value in values]


def _convert_dict(convert: Converter, values: Any) -> dict[str, Any]:
    return {name: convert(value) for name, value in values.items()}


def _union_converter(kinds: tuple[Any, ...]) -> Converter:
    """Return the converter of a type that may be null; other unions stay as they are."""
    others = [kind for kind in kinds if kind is not NoneType]
    if len(others) > 1:
        return _unchanged
    return partial(_convert_nullable, _converter(others[0]))


def _convert_nullable(convert: Converter, value: Any) -> Any:
    return None if value is None else convert(value)


def _unchanged(value: Any) -> Any:
    return value
