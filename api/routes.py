"""The calls of the HTTP contract: which function answers which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api import inference
from api.answers import answer
from api.batch import predict_batch
from api.explain import explain
from api.hierarchy import hierarchy
from api.historical import historical
from api.meta import meta
from api.predict import predict, predict_simple
from api.quality import accuracy, model_metrics
from api.status import alive, health, ready
from api.whatif import whatif
from models.forecaster import Forecaster

Call = Callable[[Forecaster, Request], Awaitable[Response]]

CALLS: tuple[tuple[str, str, Call], ...] = (
    ("POST", "/predict", predict),
    ("POST", "/predict/simple", predict_simple),
    ("POST", "/predict/batch", predict_batch),
    ("POST", "/explain", explain),
    ("POST", "/whatif", whatif),
    ("GET", "/hierarchy", hierarchy),
    ("POST", "/historical", historical),
    ("GET", "/accuracy", accuracy),
    ("GET", "/model-metrics", model_metrics),
    ("GET", "/meta", meta),
    ("GET", "/v2", inference.server),
    ("GET", "/v2/health/ready", inference.ready),
    ("GET", "/v2/models/mlrf", inference.model),
    ("GET", "/v2/models/mlrf/ready", inference.ready),
    ("POST", "/v2/models/mlrf/infer", inference.infer),
    ("GET", "/health", health),
    ("GET", "/readyz", ready),
    ("GET", "/healthz", ready),
)
"""Method, path and function of the calls that the model answers."""


class Serving(Protocol):
    """Gives the forecaster that serves now."""

    def forecaster(self) -> Forecaster:
        """Raises Problem MODEL_UNAVAILABLE where there is none."""
        ...


class Routes:
    """The contract's endpoints over what is being served."""

    def __init__(self, serving: Callable[[], Serving]) -> None:
        self._serving = serving

    def table(self) -> list[Route]:
        return [
            Route("/", self._index, methods=["GET"]),
            Route("/livez", alive, methods=["GET"]),
            Route("/v2/health/live", inference.live, methods=["GET"]),
            *(Route(path, self._bound(call), methods=[method]) for method, path, call in CALLS),
        ]

    def _bound(self, call: Call) -> Callable[[Request], Awaitable[Response]]:
        """A call with the forecaster that serves when it comes, and to its end."""

        async def endpoint(request: Request) -> Response:
            return await call(self._serving().forecaster(), request)

        return endpoint

    async def _index(self, request: Request) -> Response:
        """What there is. In the place of BentoML's page, which loads scripts from elsewhere."""
        return answer({"name": "mlrf", "paths": ["/livez", *(path for _, path, _ in CALLS)]})
