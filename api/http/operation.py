"""Declaration of an operation of the HTTP contract, beside its handler."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cached_property
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from starlette.responses import Response

from api.http.tables import Table
from api.http.tags import Tag
from errors import Code
from middleware.policy import ANY, MAX_BODY_BYTES, Policy
from storage.keys import Scope

T = TypeVar("T")
Handler = Callable[..., Awaitable[Any]]


class Access(Enum):
    """Access to an operation that requires no particular scope."""

    PUBLIC = auto()
    AUTHENTICATED = auto()


@dataclass(frozen=True)
class Computation(Generic[T]):
    """An answer that is cached: what computes it, and what it costs.

    Attributes:
        compute: returns the content of the answer; an exception of it is not cached.
        cost: units beside the operation's flat cost, charged for a cached answer, too.
        shared: whether computing takes so long that the shared cache is looked in first.
        table: returns the answer as a table, of an operation that has `tables`.
        stream: yields the answer in the form of a media type, for one that is too large to be made
            as a whole: it is sent as it is made, and not cached.
        own: whether it is computed from inputs of the request's own, such as a what-if, so that
            nothing stored has it.
    """

    compute: Callable[[], Awaitable[T]]
    cost: int = 0
    shared: bool = True
    table: Callable[[], Awaitable[Table]] | None = None
    stream: Callable[[str], AsyncIterator[bytes]] | None = None
    own: bool = False


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path.

    Attributes:
        tag: group in the documentation.
        handler: async function. Its parameters say what it needs (see `parameters`). The first
            line of its docstring is the summary in the OpenAPI document, the rest the description.
        parameters: types of what the handler takes, by name: the request, a model that the body
            or the query is validated as, or a part of the service such as the forecaster.
        answer: type of a successful body.
        cached: whether answers are cached (see `api.http.response_cache`): the handler returns a
            `Computation`.
        status: of a successful answer.
        scope: that the caller's key must have.
        cost: in units, charged before the handler runs. 0 is free.
        body, query: models of the request's body and of its query parameters, if it has any.
        max_body: bytes of the largest body, decompressed.
        max_table: the same for a body of `text/csv`.
        upload: whether the body is a file, of any type: it is streamed, bounded by
            `MAX_UPLOAD_BYTES` instead of `max_body`, and the answer has no deadline.
        download: whether the answer is a file: the handler bounds the time of each part of it, and
            the whole has no deadline.
        headers: names of request headers that the handler reads, with their descriptions.
        replayable: whether the handler recognizes a repeated request, as by `Idempotency-Key`: it
            does not act again, and answers with 200 instead of `status`.
        accepts_csv: whether the body may be `text/csv` instead of JSON.
        tables: whether the answer is a table for clients that prefer one (see `api.http.tables`).
        etag: whether the answer has an ETag, because it depends on model and data only.
        quiet: whether successes are logged at debug level.
        error_codes: codes of the handler, in addition to those that the other attributes imply.
    """

    method: str
    path: str
    tag: Tag
    handler: Handler
    parameters: Mapping[str, Any]
    answer: Any
    cached: bool
    status: int = 200
    scope: Scope | Access = Scope.FORECAST
    cost: int = 1
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    max_body: int = MAX_BODY_BYTES
    max_table: int = MAX_BODY_BYTES
    upload: bool = False
    download: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    replayable: bool = False
    accepts_csv: bool = False
    tables: bool = False
    etag: bool = False
    quiet: bool = False
    error_codes: frozenset[Code] = frozenset()

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @cached_property
    def policy(self) -> Policy:
        """The requirements that the layers around the handler apply."""
        return Policy(
            route=self.path,
            scope=_scope_of(self.scope),
            cost=self.cost,
            max_body=self.max_body,
            max_table=self.max_table,
            upload=self.upload,
            quiet=self.quiet,
        )

    def at(self, path: str) -> Operation:
        """Return the same operation at another path."""
        return replace(self, path=path)


def operation(
    method: str, path: str, tag: Tag, *, answer: Any = None, **more: Any
) -> Callable[[Handler], Operation]:
    """Declare the decorated handler as an operation.

    A parameter that is a model is the query of a GET, and the body of any other method. The type
    of a successful body is that of the handler's result; a handler that returns a response names
    it as `answer`.

    Args:
        more: further attributes of `Operation`.

    Raises:
        TypeError: the type of a successful body is not known.
    """

    def declare(handler: Handler) -> Operation:
        parameters = get_type_hints(handler)
        result = parameters.pop("return")
        cached = get_origin(result) is Computation
        content = _content_of(result) if answer is None else answer
        models = [kind for kind in parameters.values() if is_model(kind)]
        payload = {"query" if method == "GET" else "body": model for model in models}
        if content is None:
            raise TypeError(f"{method} {path}: name the type of its answer")
        return Operation(
            method=method,
            path=path,
            tag=tag,
            handler=handler,
            parameters=parameters,
            answer=content,
            cached=cached,
            **{**payload, **more},
        )

    return declare


def probe(path: str, tag: Tag) -> Callable[[Handler], Operation]:
    """Declare a probe: public, free and quiet, as orchestrators send it often and without a key."""
    return operation("GET", path, tag, scope=Access.PUBLIC, cost=0, quiet=True)


def _scope_of(scope: Scope | Access) -> str | None:
    if isinstance(scope, Scope):
        return str(scope)
    return ANY if scope is Access.AUTHENTICATED else None


def is_adjustable(model: type[BaseModel]) -> bool:
    """Return whether requests of a model can ask for forecasts with overrides."""
    return "adjusted" in model.model_fields


def is_model(kind: Any) -> bool:
    """Return whether a parameter takes the validated body or query of a request."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _content_of(result: Any) -> Any:
    """Return the type of a successful body, by that of the handler's result; None if unknown."""
    if get_origin(result) is Computation:
        (content,) = get_args(result)
        return content
    is_response = isinstance(result, type) and issubclass(result, Response)
    return None if is_response else result
