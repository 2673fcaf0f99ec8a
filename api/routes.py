"""Routes from paths to handlers with their dependencies, and the policy of each path."""

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
from middleware.context import context_of
from models.forecaster import Forecaster
from storage.keys import Scope as KeyScope

Endpoint = Callable[[Request], Awaitable[Response]]


class Serving(Protocol):
    """Access to the active release."""

    def forecaster(self) -> Forecaster:
        """Return the active forecaster, or raise the problem MODEL_UNAVAILABLE."""
        ...


class Routes:
    """The contract's endpoints with their dependencies.

    Args:
        serving: returns the active release at the time of a request.
        answers: the answer cache.
        administration, conditions: dependencies of administrative calls, and of /health.
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
            *(self._build_route(path, list(calls)) for path, calls in _calls_by_path()),
        ]

    def _build_route(self, path: str, calls: list[Operation]) -> Route:
        """Return one route for all methods of a path, so that its 405 allows them all."""
        endpoints = {call.method: self._bind_endpoint(call) for call in calls}
        if "GET" in endpoints:
            endpoints["HEAD"] = endpoints["GET"]
        return Route(path, _MethodDispatcher(endpoints), methods=list(endpoints))

    def _bind_endpoint(self, call: Operation) -> Endpoint:
        """Return a handler bound to its dependencies.

        They are looked up once per request: a release that is replaced meanwhile stays in use.
        """

        async def endpoint(request: Request) -> Response:
            response: Response = await call.function(*self._dependencies_of(call), request)
            return response

        async def cached_endpoint(request: Request) -> Response:
            forecaster = self._serving().forecaster()
            context_of(request.scope).response_cache = self._cache
            response = await self._cache.find_cached(forecaster.release.engine.version, request)
            return response or await call.function(forecaster, request)

        return cached_endpoint if call.cached else endpoint

    def _dependencies_of(self, call: Operation) -> tuple[object, ...]:
        match call.needs:
            case Dependency.MODEL:
                return (self._serving().forecaster(),)
            case Dependency.CONDITIONS:
                return (self._serving().forecaster(), self._conditions)
            case Dependency.ADMINISTRATION:
                return (self._administration,)
            case Dependency.NOTHING:
                return ()


class _MethodDispatcher:
    """The endpoints of a path, by method.

    It is an ASGI application and not a function of a request, around which Starlette would put its
    own exception handler; exceptions are answered by `middleware.problems`.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._endpoints[scope["method"]](Request(scope, receive, send))
        await response(scope, receive, send)


class ContractRouter:
    """Answers the paths of the contract, and passes the framework's own pages on to it.

    No other path reaches the framework (`behind`), and no redirect of it reaches the client: they
    are no part of the contract. A path without parameters is looked up in a dictionary; Starlette's
    router would try one route after the other.
    """

    def __init__(self, table: Sequence[Route], behind: ASGIApp) -> None:
        self._plain = {route.path: route for route in table if "{" not in route.path}
        self._router = Router(table, default=self._handle_unknown_path, redirect_slashes=False)
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._plain.get(scope["path"]) if scope["type"] == "http" else None
        if route is None:
            await self._router(scope, receive, send)
            return
        scope["path_params"] = {}
        await route.handle(scope, receive, send)

    async def _handle_unknown_path(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_of_framework(scope["path"]):
            await _EMPTY_404(scope, receive, send)
            return
        redirected = False

        async def send_no_redirect(message: Message) -> None:
            nonlocal redirected
            if message["type"] == "http.response.start" and message["status"] in _REDIRECTS:
                redirected = True
                await _EMPTY_404(scope, receive, send)
            elif not redirected:
                await send(message)

        await self._behind(scope, receive, send_no_redirect)


def _calls_by_path() -> Iterator[tuple[str, Iterator[Operation]]]:
    path = attrgetter("path")
    return groupby(sorted(OPERATIONS, key=path), key=path)


def is_of_framework(path: str) -> bool:
    """Return whether a path is one of BentoML's own pages."""
    return path in _FRAMEWORK_PAGES or path.startswith(_FRAMEWORK_FOLDERS)


_FRAMEWORK_PAGES = frozenset({"/docs.json", "/schema.json", "/static_content", "/assets"})
_FRAMEWORK_FOLDERS = ("/static_content/", "/assets/")
_REDIRECTS = frozenset({300, 301, 302, 303, 305, 307, 308})
_EMPTY_404 = PlainTextResponse(status_code=404)  # `middleware.problems` writes its body


class Policy(NamedTuple):
    """Requirements of a path: scope, cost, and sizes of bodies.

    Attributes:
        route: the path's template; `other` for an unknown path.
        scope: that the key must have; "any" for any valid key, None for an open path.
        cost: in units.
        max_body, max_table: bytes of the largest body, and of the largest one of `text/csv`.
    """

    route: str
    scope: str | None
    cost: int
    max_body: int = Operation.max_body
    max_table: int = Operation.max_table

    @property
    def needs_caller(self) -> bool:
        """Return whether access to the path or its charge depends on the caller."""
        return self.scope is not None or self.cost > 0


ANY = "any"
_UNKNOWN_PATH = Policy("other", ANY, 1)
"""Policy of unknown paths: no path is open unless it is declared so."""
_FRAMEWORK_PATH = Policy("other", str(KeyScope.ADMIN), 1)
"""Policy of the framework's pages, which reveal how the service is built."""


class Policies:
    """Lookup of the policy of a request by its path and method."""

    def __init__(self, calls: Sequence[Operation] = OPERATIONS) -> None:
        self._plain: dict[tuple[str, str], Policy] = {}
        self._patterns: list[tuple[BaseRoute, Policy]] = []
        for path in PAGES:
            self._add_policy("GET", Policy(path, None, 1))
        for call in calls:
            self._add_policy(call.method, _policy_of(call))
        self._of_path = {path: policy for (_, path), policy in self._plain.items()}

    def of(self, scope: Scope) -> Policy:
        """Return the policy of a request; it is looked up once and stored in the request's context.

        A method that the path does not offer has the policy of one that it does.
        """
        context = context_of(scope)
        policy: Policy | None = context.policy
        if policy is None:
            policy = context.policy = self._find_policy(scope)
        return policy

    def max_body_of(self, scope: Scope) -> int:
        """Return the bytes of the largest body that a request may have."""
        policy = self.of(scope)
        if policy.max_table != policy.max_body and media_type_of(Request(scope)) == CSV:
            return policy.max_table
        return policy.max_body

    def _find_policy(self, scope: Scope) -> Policy:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        plain = self._plain.get((method, scope["path"])) or self._of_path.get(scope["path"])
        if plain is None and is_of_framework(scope["path"]):
            return _FRAMEWORK_PATH
        return plain or self._match_pattern(scope)

    def _add_policy(self, method: str, policy: Policy) -> None:
        if "{" not in policy.route:
            self._plain[method, policy.route] = policy
        self._patterns.append((Route(policy.route, _fail_if_called, methods=[method]), policy))

    def _match_pattern(self, scope: Scope) -> Policy:
        """Return the policy of the first route that matches as the router matches, or of none."""
        # The router's patterns match more than equal paths, such as a path with a line break after
        # it: a comparison of its own here would let such a request reach a handler with the policy
        # of an unknown path. Reversed, because in a dictionary the last entry of a key wins and in
        # the router the first route does.
        matches = {route.matches(scope)[0]: policy for route, policy in reversed(self._patterns)}
        return matches.get(Match.FULL) or matches.get(Match.PARTIAL) or _UNKNOWN_PATH


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


async def _fail_if_called(request: Request) -> Response:
    raise AssertionError("a route that only matches is never called")
