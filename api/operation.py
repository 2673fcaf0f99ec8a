"""The declaration of a call of the HTTP contract: its handler, access and cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from pydantic import BaseModel

from errors import Code
from storage.keys import Scope


class Dependency(Enum):
    """Dependency that a handler receives before the request."""

    MODEL = auto()
    ADMINISTRATION = auto()
    CONDITIONS = auto()
    NOTHING = auto()


class Access(Enum):
    """Access to a call that requires no particular scope."""

    PUBLIC = auto()
    AUTHENTICATED = auto()


KIB, MIB = 1024, 1024**2


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path.

    Attributes:
        function: async handler; takes its dependencies, then the request. The first line of its
            docstring is the call's summary in the OpenAPI document, and the rest its description.
        needs: dependency that the handler takes.
        answer: type of a successful body.
        status: of a successful answer.
        scope: that the caller's key must have.
        cost: in units, charged before the handler runs; it charges the rest itself. 0 is free.
        body, query: models of the request's body and of its query parameters, if it has any.
        max_body: bytes of the largest body, decompressed.
        max_table: the same for a body of `text/csv`.
        headers: names of request headers that the handler reads, with their descriptions.
        accepts_csv: whether body and answer may be `text/csv` instead of JSON.
        cached: whether answers are cached (see `api.response_cache`).
        etag: whether the answer has an ETag, because it changes with model and data alone.
        error_codes: codes of the handler, in addition to those that the other attributes imply.
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
