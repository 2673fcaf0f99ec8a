"""Binds the calls to what they are answered with, and tells what each asks of its caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import response_cache
from api.administration import Administration
from api.documentation import PAGES, Documentation
from api.openapi import CSV
from api.operation import Access, Dependency, Operation
from api.operations import OPERATIONS
from api.parsing import media_type_of
from api.status import DegradationReport
from cache.answers import AnswerCache
from models.forecaster import Forecaster
from storage.keys import Scope as KeyScope

Endpoint = Callable[[Request], Awaitable[Response]]


class Serving(Protocol):
    """Gives the forecaster that serves now."""

    def forecaster(self) -> Forecaster:
        """Raises Problem MODEL_UNAVAILABLE where there is none."""
        ...


class Routes:
    """The contract's endpoints over what is being served.

    Args:
        serving: gives what serves now.
        answers: the cache of answers.
        administration, conditions: what administrative calls act on, and what /health tells.
    """

    def __init__(
        self,
        serving: Callable[[], Serving],
        answers: AnswerCache,
        administration: Administration,
        conditions: DegradationReport,
    ) -> None:
        self._serving = serving
        self._cache = response_cache.ResponseCache(answers)
        self._administration = administration
        self._conditions = conditions

    def table(self) -> list[Route]:
        return [
            *Documentation(OPERATIONS).table(),
            *(self._route(path, list(calls)) for path, calls in _by_path()),
        ]

    def _route(self, path: str, calls: list[Operation]) -> Route:
        """One route for all methods of a path, so that its 405 allows them all."""
        endpoints = {call.method: self._endpoint(call) for call in calls}
        if "GET" in endpoints:
            endpoints["HEAD"] = endpoints["GET"]
        return Route(path, _Methods(endpoints), methods=list(endpoints))

    def _endpoint(self, call: Operation) -> Endpoint:
        """A call with what it needs, taken when it comes and held to its end."""

        async def endpoint(request: Request) -> Response:
            told: Response = await call.function(*self._needed(call), request)
            return told

        async def cached_endpoint(request: Request) -> Response:
            forecaster = self._serving().forecaster()
            request.scope.setdefault("state", {})[response_cache.STATE_KEY] = self._cache
            told = await self._cache.at_once(forecaster.release.engine.version, request)
            return told or await call.function(forecaster, request)

        return cached_endpoint if call.cached else endpoint

    def _needed(self, call: Operation) -> tuple[object, ...]:
        match call.needs:
            case Dependency.MODEL:
                return (self._serving().forecaster(),)
            case Dependency.CONDITIONS:
                return (self._serving().forecaster(), self._conditions)
            case Dependency.ADMINISTRATION:
                return (self._administration,)
            case Dependency.NOTHING:
                return ()


class _Methods:
    """The endpoints of a path, by method.

    An ASGI application, and not a function of a request: Starlette would put a handler of its own
    exceptions around that, and all of ours are answered further out.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._endpoints[scope["method"]](Request(scope, receive, send))
        await response(scope, receive, send)


class Front:
    """Answers the paths of a table, and passes those of the framework behind on to it.

    Only the framework's own pages are, and they redirect nowhere: what it makes of other paths is
    no part of the contract. A path without parameters is found at once; Starlette's router would
    try one route after the other.
    """

    def __init__(self, table: Sequence[Route], behind: ASGIApp) -> None:
        self._plain = {route.path: route for route in table if "{" not in route.path}
        self._router = Router(table, default=self._elsewhere, redirect_slashes=False)
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._plain.get(scope["path"]) if scope["type"] == "http" else None
        if route is None:
            await self._router(scope, receive, send)
            return
        scope["path_params"] = {}
        await route.handle(scope, receive, send)

    async def _elsewhere(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_of_framework(scope["path"]):
            await _NOT_FOUND(scope, receive, send)
            return
        redirected = False

        async def send_no_redirect(message: Message) -> None:
            nonlocal redirected
            if message["type"] == "http.response.start" and message["status"] in _REDIRECTS:
                redirected = True
                await _NOT_FOUND(scope, receive, send)
            elif not redirected:
                await send(message)

        await self._behind(scope, receive, send_no_redirect)


def _by_path() -> Iterator[tuple[str, Iterator[Operation]]]:
    path = attrgetter("path")
    return groupby(sorted(OPERATIONS, key=path), key=path)


def is_of_framework(path: str) -> bool:
    """Return whether a path is one of BentoML's own pages."""
    return path in _FRAMEWORK_PAGES or path.startswith(_FRAMEWORK_FOLDERS)


_FRAMEWORK_PAGES = frozenset({"/docs.json", "/schema.json", "/static_content", "/assets"})
_FRAMEWORK_FOLDERS = ("/static_content/", "/assets/")
_REDIRECTS = frozenset({300, 301, 302, 303, 305, 307, 308})
_NOT_FOUND = PlainTextResponse(status_code=404)  # `middleware.problems` words it


class Policy(NamedTuple):
    """What a request asks of its caller.

    Attributes:
        route: the path's template; `other` for one that there is not.
        scope: that the key must have; "any" for none in particular, None where all may call.
        cost: in units.
        max_body, max_table: bytes of the largest body, and of the largest one of `text/csv`.
    """

    route: str
    scope: str | None
    cost: int
    max_body: int = Operation.max_body
    max_table: int = Operation.max_table

    @property
    def asks_who_calls(self) -> bool:
        """Return whether the answer or its charge depends on the caller."""
        return self.scope is not None or self.cost > 0


ANY = "any"
_POLICY_KEY = "policy"
_ELSEWHERE = Policy("other", ANY, 1)
"""Of paths that there are not: nothing is open."""
_FRAMEWORK = Policy("other", str(KeyScope.ADMIN), 1)
"""Of the pages of the framework behind, which tell how the service is built."""


class Policies:
    """Finds what requests ask of their callers."""

    def __init__(self, calls: Sequence[Operation] = OPERATIONS) -> None:
        self._plain: dict[tuple[str, str], Policy] = {}
        self._patterns: list[tuple[BaseRoute, Policy]] = []
        for path in PAGES:
            self._add("GET", Policy(path, None, 1))
        for call in calls:
            self._add(call.method, _policy_of(call))
        self._of_path = {path: policy for (_, path), policy in self._plain.items()}

    def of(self, scope: Scope) -> Policy:
        """What a request asks, found once. One of another method asks what the path's own do."""
        found: Policy | None = scope["state"].get(_POLICY_KEY)
        if found is None:
            found = scope["state"][_POLICY_KEY] = self._found(scope)
        return found

    def max_body_of(self, scope: Scope) -> int:
        """Return the bytes of the largest body that a request may have."""
        policy = self.of(scope)
        if policy.max_table != policy.max_body and media_type_of(Request(scope)) == CSV:
            return policy.max_table
        return policy.max_body

    def _found(self, scope: Scope) -> Policy:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        plain = self._plain.get((method, scope["path"])) or self._of_path.get(scope["path"])
        if plain is None and is_of_framework(scope["path"]):
            return _FRAMEWORK
        return plain or self._matched(scope)

    def _add(self, method: str, policy: Policy) -> None:
        if "{" not in policy.route:
            self._plain[method, policy.route] = policy
        self._patterns.append((Route(policy.route, _nowhere, methods=[method]), policy))

    def _matched(self, scope: Scope) -> Policy:
        """By what the router goes by, which is more than equal paths: a pattern matches a path
        with a line break after it too, and what answers there must ask what it asks elsewhere."""
        found = {route.matches(scope)[0]: policy for route, policy in reversed(self._patterns)}
        return found.get(Match.FULL) or found.get(Match.PARTIAL) or _ELSEWHERE


def _policy_of(call: Operation) -> Policy:
    return Policy(call.path, _scope_of(call), call.cost, call.max_body, call.max_table)


def _scope_of(call: Operation) -> str | None:
    match call.scope:
        case Access.PUBLIC:
            return None
        case Access.AUTHENTICATED:
            return ANY
        case KeyScope():
            return str(call.scope)


async def _nowhere(request: Request) -> Response:
    raise AssertionError("a route that only matches is never called")
