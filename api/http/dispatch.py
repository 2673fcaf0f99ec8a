"""Binding of operations to the parts of the service that their handlers need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, cast

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.forecasts.planning import Planning
from api.http.answered import AnsweredRequest, Observer
from api.http.operation import Computation, Operation, is_adjustable, is_model
from api.http.parsing import read_json, read_query
from api.http.pricing import charge
from api.http.representation import ONLY_JSON, Representation, preferred_form
from api.http.response_cache import LARGE, CacheableRequest, ResponseCache
from api.http.responses import json_response, json_response_with_etag
from middleware.context import context_of
from middleware.deadline import SECONDS, DeadlineMiddleware
from models.serving.forecaster import Forecaster
from storage.cache.answers import Outcome
from telemetry import spans

Providers = Mapping[type, Callable[[Scope], object]]
"""Functions that return a part of the service for a request, by its type; they may raise a
problem."""


class Trial(Protocol):
    """The trial of a release, the challenger, beside the active one; if there is one."""

    def recover(self, scope: Scope, error: Exception) -> bool:
        """Return whether a request that has failed is answered again, by the active release."""
        ...


class NoTrial:
    """No release is in trial."""

    def choose(self, scope: Scope, active: Forecaster) -> Forecaster:
        return active

    def recover(self, scope: Scope, error: Exception) -> bool:
        return False


def bind(
    operation: Operation,
    providers: Providers,
    cache: ResponseCache,
    trial: Trial | None = None,
    observers: Sequence[Observer] = (),
    *,
    seconds: float = SECONDS,
) -> ASGIApp:
    """Return the application that answers requests for an operation.

    Args:
        providers: of every part that a handler may take; `Forecaster` is among them. A part is
            looked up once per request: a release that is replaced meanwhile stays in use.
        trial: of another release; none by default.
        observers: called with each request that was answered, but for hits of the cache.
        cache: of the answers of operations whose handlers return a `Computation`.
        seconds: that an answer may take.

    Raises:
        TypeError: the handler takes something that nothing provides, or a cached answer would
            depend on more than the release and the payload.
    """
    trial = trial or NoTrial()
    if operation.cached:
        return _CachedEndpoint(operation, providers, trial, observers, cache, seconds)
    endpoint = _Endpoint(operation, providers, trial, observers)
    if operation.upload or operation.download:  # each part has a time limit of its own
        return endpoint
    return DeadlineMiddleware(endpoint, limit_of=lambda scope: seconds)


class _Endpoint:
    """An ASGI application that calls the handler of an operation."""

    def __init__(
        self,
        operation: Operation,
        providers: Providers,
        trial: Trial,
        observers: Sequence[Observer],
    ) -> None:
        parameters = operation.parameters
        self._operation = operation
        self._trial = trial
        self._observers = observers
        self._forecaster = next((name for name, of in parameters.items() if of is Forecaster), "")
        self._parts = {name: providers[of] for name, of in parameters.items() if of in providers}
        self._models = {name: of for name, of in parameters.items() if is_model(of)}
        self._requests = [name for name, of in parameters.items() if of is Request]
        known = {*self._parts, *self._models, *self._requests}
        if missing := parameters.keys() - known:
            raise TypeError(f"{operation.name}: nothing provides {', '.join(sorted(missing))}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        arguments = self._look_up_parts(scope)
        arguments.update((name, request) for name in self._requests)
        payload = await self._read_payload(request)
        try:
            result = await self._operation.handler(**arguments, **payload)
        except Exception as error:
            if not self._trial.recover(scope, error):
                raise
            arguments.update(self._look_up_parts(scope))
            result = await self._operation.handler(**arguments, **payload)
        response = self._respond(request, result)
        forecaster = arguments.get(self._forecaster)
        computed = context_of(scope).rows is not None
        self._observe(request, payload, response, forecaster, computed=computed)
        await response(scope, receive, send)

    def _observe(
        self,
        request: Request,
        payload: Mapping[str, Any],
        response: Response,
        forecaster: Forecaster | None,
        *,
        computed: bool,
    ) -> None:
        operation = self._operation
        answered = AnsweredRequest(operation, request, payload, response, forecaster, computed)
        for observe in self._observers:
            observe(answered)

    def _look_up_parts(self, scope: Scope) -> dict[str, Any]:
        return {name: provide(scope) for name, provide in self._parts.items()}

    async def _read_payload(self, request: Request) -> dict[str, BaseModel]:
        """Return the validated body or query, by the name of the handler's parameter.

        Raises:
            Problem: it is invalid.
        """
        if self._operation.query is not None:
            return {name: read_query(request, model) for name, model in self._models.items()}
        return {name: await read_json(request, model) for name, model in self._models.items()}

    def _respond(self, request: Request, result: Any) -> Response:
        if isinstance(result, Response):
            return result
        if self._operation.etag:
            return json_response_with_etag(request, result)
        return json_response(result, self._operation.status)


class _CachedEndpoint(_Endpoint):
    """An ASGI application that answers from the cache, and calls the handler only if it cannot.

    The cache is around the handler, which has no other access to it: what a handler returns is
    computed and stored here.
    """

    def __init__(
        self,
        operation: Operation,
        providers: Providers,
        trial: Trial,
        observers: Sequence[Observer],
        cache: ResponseCache,
        seconds: float,
    ) -> None:
        super().__init__(operation, providers, trial, observers)
        takes = set(operation.parameters.values()) - set(self._models.values())
        if takes != {Forecaster} or len(self._models) != 1:
            raise TypeError(f"{operation.name}: a cached answer depends on release and payload")
        (model,) = self._models.values()
        if is_adjustable(model) and Planning not in providers:
            raise TypeError(f"{operation.name}: nothing provides the overrides of its answers")
        self._planning = providers.get(Planning)
        self._cache = cache
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A hit has no deadline: it takes microseconds, and setting up a deadline takes as long.
        # Only a large answer has one, because its client may read it slowly.
        request = Request(scope, receive, send)
        parts = self._look_up_parts(scope)
        release = parts[self._forecaster].release
        spans.request_span().set({"mlrf.model_version": release.version})
        form = preferred_form(request, release.engine) if self._operation.tables else ONLY_JSON
        cacheable = await self._cache.cacheable_request(
            release.version, self._operation.path, request, form
        )
        hit = None if cacheable is None else await self._cache.find(cacheable, request)
        if hit is not None and len(hit.body) < LARGE:
            await hit(scope, receive, send)
            return
        slow: ASGIApp = hit or partial(self._compute, parts, form, cacheable)
        limited = DeadlineMiddleware(slow, limit_of=lambda scope: self._seconds)
        await limited(scope, receive, send)

    async def _compute(
        self,
        parts: dict[str, Any],
        form: Representation,
        cacheable: CacheableRequest | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        request = Request(scope, receive, send)
        payload = await self._read_payload(request)
        try:
            response, computed = await self._answer(request, parts, payload, form, cacheable)
        except Exception as error:
            if not self._trial.recover(scope, error):
                raise
            # not cacheable: its bytes were looked up for the release that failed
            parts = self._look_up_parts(scope)
            response, computed = await self._answer(request, parts, payload, form, None)
        forecaster = parts[self._forecaster]
        self._observe(request, payload, response, forecaster, computed=computed)
        await response(scope, receive, send)

    async def _answer(
        self,
        request: Request,
        parts: dict[str, Any],
        payload: dict[str, BaseModel],
        form: Representation,
        cacheable: CacheableRequest | None,
    ) -> tuple[Response, bool]:
        """Return the response, and whether it was computed from inputs of the request's own."""
        version = parts[self._forecaster].release.version
        (model,) = payload.values()
        if (days := getattr(model, "horizon", None)) is not None:
            spans.request_span().set({"mlrf.horizon": days})
        if self._planning is not None and getattr(model, "adjusted", False):
            # Its answer also depends on the overrides, which are read for each request. So it is
            # not looked up by its bytes, and its key names the overrides.
            planning = cast(Planning, self._planning(request.scope))
            plan = await planning.plan(parts[self._forecaster])
            parts = {self._forecaster: plan.forecaster}
            version, cacheable = f"{version}+{plan.state.token}", None
        computation: Computation[Any] = await self._operation.handler(**parts, **payload)
        await charge(request, computation.cost)
        key = self._cache.key(version, self._operation.path, model, form)
        response = await self._cache.answer(
            request, cacheable, key, computation, form, with_etag=self._operation.etag
        )
        return response, computation.own and response.headers["x-cache"] != Outcome.HIT


def respond_with(function: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    """Return the application that answers with the response of a function.

    Starlette's own wrapper would add an exception handler; `middleware.problems` has that role.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await function(Request(scope, receive, send))
        await response(scope, receive, send)

    return app
