"""Base of all answers: dataclasses, which orjson encodes directly."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from pydantic import ConfigDict


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; the OpenAPI document describes its fields by their docstrings."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        use_attribute_docstrings=True, extra="forbid"
    )

    @classmethod
    def from_attributes(cls, source: object, /, **more: Any) -> Self:
        """Return an answer with the attributes of an object that have the names of its fields.

        Args:
            more: fields that the object does not have.
        """
        names = (field.name for field in fields(cls) if field.name not in more)
        return cls(**{name: getattr(source, name) for name in names}, **more)


@dataclass(frozen=True, slots=True)
class SnapshotRef(Answer):
    """The data that an answer rests on."""

    origin: dt.date
    """The newest day whose sales are known."""
    digest: str
    """Hash of the snapshot's content."""


@dataclass(frozen=True, slots=True)
class Fault(Answer):
    """One thing that is wrong with a request."""

    pointer: str
    """JSON pointer into the body, or the name of a query parameter."""
    detail: str


@dataclass(frozen=True, slots=True)
class ProblemPart(Answer):
    """The problem of a part of a request, which has no result (RFC 9457)."""

    type: str
    """Link to the explanation of the problem."""
    title: str
    status: int
    detail: str
    instance: str
    code: str
    """The problem's stable name."""
    error: str
    """The same as `detail`."""
    errors: list[Fault]


@dataclass(frozen=True, slots=True)
class ProblemAnswer(ProblemPart):
    """The problem of a request that is refused or failed (RFC 9457)."""

    request_id: str
    """As in the header X-Request-ID, and in the log."""
    trace_id: str | None = None
    """As in the log; present where the server traces requests."""
