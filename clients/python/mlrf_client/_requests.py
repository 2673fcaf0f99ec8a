"""Requests of the API, as values: nothing here sends one."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")

Day = dt.date | str
"""A date, or its text as YYYY-MM-DD."""


@dataclass(frozen=True)
class Request:
    """A request: for a POST the members of its body, for a GET those of its query.

    None stands for a member that is left out.

    Attributes:
        headers: beside those of every request.
    """

    method: str
    path: str
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def query(self) -> dict[str, str] | None:
        """Return the parameters of the query; None for any method but GET."""
        if self.method != "GET":
            return None
        return {name: _text_of(value) for name, value in present(self.members).items()}

    def content(self) -> bytes | None:
        """Return the body; None for any method but POST."""
        return encode(present(self.members)) if self.method == "POST" else None


@dataclass(frozen=True)
class Pause:
    """A time to wait."""

    seconds: float


@dataclass(frozen=True)
class Download:
    """A file to fetch from a link, without the key: whoever has the link may read it.

    Attributes:
        link: relative to the server's address, or a whole URL.
        path: of the file.
        sha256: of its content.
    """

    link: str
    path: Path
    sha256: str


Steps = Generator[Request | Pause | Download, Any, Result]
"""An operation: yields what is to be done, receives the decoded answers of its requests, and
returns its result.

Building requests and reading answers are the same for every client; clients only send.
"""


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def encode(document: Any) -> bytes:
    """Return a document as JSON; dates as YYYY-MM-DD, scalars of NumPy as numbers.

    Raises:
        ValueError: a number that is not finite, or a time that is not the start of a day.
        TypeError: a value that JSON does not have.
    """
    text = json.dumps(
        document, default=_to_json, allow_nan=False, ensure_ascii=False, separators=(",", ":")
    )
    return text.encode()


def _text_of(value: Any) -> str:
    """Return a value as a query has it: true and false as in JSON."""
    return str(value).lower() if isinstance(value, bool) else str(_to_json(value))


def _to_json(value: Any) -> Any:
    """Return a value that is not of JSON as one that is; the others as they are."""
    if isinstance(value, dt.datetime):
        return _day_of(value).isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):  # of NumPy: a scalar's is a number, an array's a list
        return value.tolist()
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{value!r} is a {type(value).__name__}; a text, number or date is expected.")


def _day_of(value: dt.datetime) -> dt.date:
    """Return the day of a time that is the start of one, as frames of pandas have it."""
    if value.tzinfo is not None or value.time() != dt.time():
        raise ValueError(f"{value} is a time; a date is expected. Pass value.date().")
    return value.date()


def name_node(
    node: str | None, series: Mapping[str, Any] | None, columns: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the members that name a node: its id, or the values of its level's columns.

    None of them names the total.

    Args:
        columns: the same as `series`, as keyword arguments.

    Raises:
        ValueError: the node is named in several ways.
    """
    if sum((node is not None, series is not None, bool(columns))) > 1:
        raise ValueError("Name the node once: by node, by series, or by keyword arguments.")
    return {"node": node, "series": dict(columns) or series}
