"""Strict parsing of a JSON body, at a cost that its size bounds.

orjson takes the last of two members of one name (RFC 8259 section 4 leaves that open), and the
answer would then be to a request that the client did not mean; and a few megabytes of brackets
keep it busy for seconds. So punctuation is counted before parsing, and members after it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import anyio.lowlevel
import orjson

from errors import Code, FieldError, Problem
from middleware.policy import KIB

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
"""The next brace, or the next string with the colon that follows it if it names a member."""


class _Counts(NamedTuple):
    """Number of each kind of punctuation in a body, within strings too."""

    containers: int
    colons: int
    quotes: int
    commas: int

    @classmethod
    def of(cls, body: bytes) -> _Counts:
        """Count in one pass over the body, and a few over the punctuation that remains of it."""
        punctuation = body.translate(None, _NOT_COUNTED)
        containers = punctuation.count(b"[") + punctuation.count(b"{")
        colons, quotes = punctuation.count(b":"), punctuation.count(b'"')
        commas = len(punctuation) - containers - colons - quotes
        return cls(containers, colons, quotes, commas)

    def check(self, max_bytes: int) -> None:
        """Refuse a body whose punctuation shows too many values, before it is parsed."""
        most_values = max_bytes // _BYTES_OF_A_VALUE
        most_containers = max(_LEAST_CONTAINERS, max_bytes // _BYTES_OF_A_CONTAINER)
        if self.containers > most_containers:
            raise _too_much_problem(f"more than {most_containers} lists and objects")
        if self.commas > most_values:
            raise _too_much_problem(f"more than {most_values} values")
        if self.quotes > 2 * MOST_STRINGS or self.colons > MOST_STRINGS:
            raise _too_much_problem(f"more than {MOST_STRINGS} texts and names")


async def parse_json(body: bytes, max_bytes: int) -> Any:
    """Return the document in a body; yields to other requests between the steps for a large one.

    Args:
        max_bytes: size of the largest body that the call takes, which bounds the number of values
            that the body may contain.

    Raises:
        Problem: PARSE_ERROR: it is not JSON, or contains too much; INVALID_REQUEST: an object has
            two members of one name.
    """
    counts = _Counts.of(body)
    if len(body) > KIB:
        counts.check(max_bytes)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(Code.PARSE_ERROR, f"The body is not JSON: {error}.") from None
    # Each member has a colon in the body. If the parsed members are as many as the colons, orjson
    # dropped none, and no name was repeated. If they are fewer, colons are within strings or a
    # member was dropped: only then are the names compared one by one, which takes longer than
    # parsing.
    all_members = _count_members(document, counts.containers) == counts.colons
    if len(body) > _LARGE:
        await anyio.lowlevel.checkpoint()
    if not all_members:
        _refuse_duplicate_members(body)
    return document


def _too_much_problem(what: str) -> Problem:
    return Problem(Code.PARSE_ERROR, f"The body holds {what}; send less at once.")


def _count_members(document: Any, most_containers: int) -> int:
    """Return the number of members that all objects of a document have together.

    Args:
        most_containers: number of lists and objects that there can be at most. Once so many are
            counted, no values are searched for more: the rows of a tensor hold many numbers.

    Raises:
        Problem: PARSE_ERROR: lists and objects are nested too deeply.
    """
    # Level by level, not by recursion: the loop bounds the depth, and `_containers_in` dismisses a
    # list of many numbers without a loop in Python over them.
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
                below += _containers_in(value.values())
            elif type(value) is list:
                below += _containers_in(value)
        if not below:
            return members
        level = below
    raise Problem(Code.PARSE_ERROR, f"The body is nested more than {MOST_DEPTH} levels deep.")


def _containers_in(values: Any) -> list[Any]:
    kinds = set(map(type, values))  # dismisses a list of numbers without a loop in Python
    if kinds.isdisjoint((list, dict)):
        return []
    return [value for value in values if type(value) in (list, dict)]


def _refuse_duplicate_members(body: bytes) -> None:
    """Raise a problem if an object of a well-formed body has two members of one name.

    Strings and braces are read from left to right, with a stack of the names of every open object.
    The body is known to be JSON, so braces match, and a string before a colon is a name.
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
                excerpt = name[:100]
                detail = f"{excerpt!r} is given more than once in one object; give it once."
                fault = FieldError(excerpt, "Given more than once in one object")
                raise Problem(Code.INVALID_REQUEST, detail, errors=[fault])
            objects[-1].add(name)
