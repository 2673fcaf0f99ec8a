"""A call of the HTTP contract: what answers it, and what the OpenAPI document says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from errors import Code
from models.forecaster import Forecaster

Answering = Callable[[Forecaster, Request], Awaitable[Response]]
Unaided = Callable[[Request], Awaitable[Response]]
"""Answers without a model."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One method of one path.

    Attributes:
        function: answers it; the first line of its docstring is the call's summary.
        answer: type of a successful body.
        model: whether the function needs one.
        body, query: what the request holds, if anything.
        tables: whether body and answer may be `text/csv` too.
        lasting: whether the answer has an ETag, because it changes with model and data alone.
        problems: codes of its own, beside those that follow from the rest.
    """

    method: str
    path: str
    function: Answering | Unaided
    answer: Any
    model: bool = True
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    tables: bool = False
    lasting: bool = False
    problems: frozenset[Code] = frozenset()

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"
