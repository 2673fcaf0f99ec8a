"""Reads a JSON body strictly, at a cost that its size bounds.

orjson takes the last of two members of one name, which answers another question than the one
that was asked (RFC 8259 section 4 leaves it open), and a few megabytes of brackets keep it busy
for seconds. So counts are looked at before anything is parsed, and members are counted after.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import anyio.lowlevel
import orjson

from api.operation import KIB
from errors import Code, FieldError, Problem

MOST_DEPTH = 16
"""Lists and objects within each other."""

MOST_STRINGS = 10_000
"""Texts and names of members in a body."""

_LARGE = 256 * KIB
_LEAST_CONTAINERS = 64
_BYTES_OF_A_VALUE = 20
_BYTES_OF_A_CONTAINER = 800

_NOT_COUNTED = bytes(set(range(256)).difference(b'[{:",'))

_TOKEN = re.compile(rb'[^"{}]*+(?:([{}])|"((?:[^"\\]++|\\.)*+)"(\s*+:)?)', re.DOTALL)
"""What follows next of an opening or closing brace and a string, perhaps the name of a member."""


class _Counts(NamedTuple):
    """How often each kind of punctuation stands in a body, within texts too."""

    containers: int
    colons: int
    quotes: int
    commas: int

    @classmethod
    def of(cls, body: bytes) -> _Counts:
        """Count in one pass over what may be megabytes, and a few over what is left of it."""
        left = body.translate(None, _NOT_COUNTED)
        containers = left.count(b"[") + left.count(b"{")
        colons, quotes = left.count(b":"), left.count(b'"')
        return cls(containers, colons, quotes, len(left) - containers - colons - quotes)

    def check(self, max_bytes: int) -> None:
        """Refuse a body by what its punctuation says that it holds, before any of it is made."""
        most_values = max_bytes // _BYTES_OF_A_VALUE
        most_containers = max(_LEAST_CONTAINERS, max_bytes // _BYTES_OF_A_CONTAINER)
        if self.containers > most_containers:
            raise _too_much(f"more than {most_containers} lists and objects")
        if self.commas > most_values:
            raise _too_much(f"more than {most_values} values")
        if self.quotes > 2 * MOST_STRINGS or self.colons > MOST_STRINGS:
            raise _too_much(f"more than {MOST_STRINGS} texts and names")


async def parse_json(body: bytes, max_bytes: int) -> Any:
    """Return the document that a body holds; other requests go on between the steps of a large one.

    Args:
        max_bytes: the largest body that the call takes, from which the number of values follows
            that it may hold.

    Raises:
        Problem: PARSE_ERROR: it is not JSON, or holds too much; INVALID_REQUEST: an object has
            two members of one name.
    """
    counts = _Counts.of(body)
    if len(body) > KIB:
        counts.check(max_bytes)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(Code.PARSE_ERROR, f"The body is not JSON: {error}.") from None
    # Each member has a colon. If there are no others, none of them was lost; else the members
    # have to be looked at one by one, which takes longer than parsing.
    all_members = _members(document, counts.containers) == counts.colons
    if len(body) > _LARGE:
        await anyio.lowlevel.checkpoint()
    if not all_members:
        _refuse_doubled_members(body)
    return document


def _too_much(what: str) -> Problem:
    return Problem(Code.PARSE_ERROR, f"The body holds {what}; send less at once.")


def _members(document: Any, most_containers: int) -> int:
    """Return how many members all objects of a document have.

    Args:
        most_containers: lists and objects that there can be. Once so many are found, none is
            looked for within them: the rows of a tensor hold many numbers.

    Raises:
        Problem: PARSE_ERROR: lists and objects are nested too deeply.
    """
    members, containers, level = 0, 0, [document]
    for _ in range(MOST_DEPTH):
        containers += len(level)
        for value in level:
            if type(value) is dict:
                members += len(value)
        if containers >= most_containers:
            return members
        below: list[Any] = []
        for value in level:
            if type(value) is dict:
                below += _containers(value.values())
            elif type(value) is list:
                below += _containers(value)
        if not below:
            return members
        level = below
    raise Problem(Code.PARSE_ERROR, f"The body is nested more than {MOST_DEPTH} levels deep.")


def _containers(values: Any) -> list[Any]:
    kinds = set(map(type, values))  # long lists of numbers are told apart without a loop
    if kinds.isdisjoint((list, dict)):
        return []
    return [value for value in values if type(value) in (list, dict)]


def _refuse_doubled_members(body: bytes) -> None:
    """Raise a problem if an object of a well-formed body has two members of one name.

    Strings and braces are read from left to right; the names of every object that is open are
    on a stack.
    """
    objects: list[set[str]] = []
    for brace, text, colon in _TOKEN.findall(body):
        if brace == b"{":
            objects.append(set())
        elif brace == b"}":
            objects.pop()
        elif colon:
            name: str = orjson.loads(b'"%b"' % text)  # one name can be escaped in several ways
            if name in objects[-1]:
                shown = name[:100]
                detail = f"{shown!r} is given more than once in one object; give it once."
                fault = FieldError(shown, "Given more than once in one object")
                raise Problem(Code.INVALID_REQUEST, detail, errors=[fault])
            objects[-1].add(name)
