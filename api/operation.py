"""A call of the HTTP contract: what answers it, who may make it, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from pydantic import BaseModel

from errors import Code
from storage.keys import Scope


class Dependency(Enum):
    """What a call is answered with."""

    MODEL = auto()
    ADMINISTRATION = auto()
    CONDITIONS = auto()
    NOTHING = auto()


class Access(Enum):
    """Who may make a call that needs no scope in particular."""

    PUBLIC = auto()
    AUTHENTICATED = auto()


KIB, MIB = 1024, 1024**2


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path.

    Attributes:
        function: answers it, as an async function of what it needs and the request (of the
            request alone where it needs nothing); the first line of its docstring is the call's
            summary.
        needs: what the function takes.
        answer: type of a successful body.
        status: of a successful answer.
        scope: that the caller's key must have.
        cost: in units, charged before the function runs; it charges the rest itself. 0 is free.
        body, query: what the request holds, if anything.
        max_body: bytes of the largest body, decompressed.
        max_table: the same for a body of `text/csv`.
        headers: of the request that it reads, with what they are for.
        accepts_csv: whether body and answer may be `text/csv` too.
        cached: whether answers are cached (see `api.response_cache`).
        etag: whether the answer has an ETag, because it changes with model and data alone.
        error_codes: codes of its own, beside those that follow from the rest.
    """

    method: str
    path: str
    function: Callable[..., Any]
    answer: Any
    needs: Dependency = Dependency.MODEL
    status: int = 200
    scope: Scope | Access = Scope.FORECAST
    cost: int = 1
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    max_body: int = 16 * KIB
    max_table: int = 16 * KIB
    headers: tuple[tuple[str, str], ...] = ()
    accepts_csv: bool = False
    cached: bool = False
    etag: bool = False
    error_codes: frozenset[Code] = frozenset()

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"
