"""What all answers are: dataclasses, which orjson writes as they are."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict


@dataclass(frozen=True, slots=True)
class Answer:
    """Nothing but its fields, which the OpenAPI document describes by their docstrings."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        use_attribute_docstrings=True, extra="forbid"
    )


@dataclass(frozen=True, slots=True)
class SnapshotRef(Answer):
    """The data that an answer rests on."""

    origin: dt.date
    """The newest day whose sales are known."""
    digest: str
    """Of all that is in the snapshot."""


@dataclass(frozen=True, slots=True)
class Fault(Answer):
    """One thing that is wrong with a request."""

    pointer: str
    """JSON pointer into the body, or the name of a query parameter."""
    detail: str


@dataclass(frozen=True, slots=True)
class ProblemPart(Answer):
    """Why a part of a request has no result (RFC 9457)."""

    type: str
    """Where the problem is explained."""
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
    """Why a request has no answer (RFC 9457)."""

    request_id: str
    """As in the header X-Request-ID, and in the log."""
