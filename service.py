"""Composition only: the Bento service, its two runners, and the application before them.

`bentoml serve` runs `MLRF`. Its runners are Bento services of their own; they live in the same
process unless RUNNERS=remote says otherwise. The HTTP contract is an ASGI application that
stands in front of BentoML's whole stack and passes on what it does not answer itself.
"""

from __future__ import annotations

import gc
import os
from contextlib import suppress
from typing import Any

import anyio
import anyio.to_thread
import bentoml
import numpy as np
import structlog
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from api.routes import Routes
from artifacts import ArtifactError, Pair
from errors import Code, Problem
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from models.forecaster import Forecaster
from models.pair import load_engine, load_serving_pair
from settings import Runners, get_settings
from telemetry.logs import configure_logging

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")  # a forecast service calls nobody
settings = get_settings()
configure_logging(settings.log_level)
log = structlog.get_logger(__name__)


def warm() -> None:
    """Load the current pair before the first request does; without one there is nothing to do."""
    with suppress(ArtifactError):
        load_engine(settings.store, settings.store.current())


INLINE_ROWS = 64
"""A call of up to this many rows takes less time than handing it to a thread."""

# The client of a remote runner closes its session after 100 requests by default, and fails those
# that are under way: keep it for a day.
_RUNNER: dict[str, Any] = {
    "workers": 1,
    "runner_connection": {"max_requests": 10**9, "max_age": 86_400.0},
    "traffic": {"timeout": 60},
    "logging": {"access": {"enabled": False}},
}


@bentoml.service(name="onnx_runner", **_RUNNER)
class OnnxRunner:
    """Runs the models of bundles."""

    def __init__(self) -> None:
        self._threads = anyio.CapacityLimiter(1)
        warm()

    @bentoml.api
    async def infer(self, bundle: str, snapshot: str, rows: np.ndarray) -> np.ndarray:
        """Base forecasts, shape (n,), of rows of shape (n, features), by the bundle's model."""
        predict = load_engine(settings.store, Pair(bundle, snapshot)).bundle.model.predict
        if len(rows) <= INLINE_ROWS:
            return predict(rows)
        return await anyio.to_thread.run_sync(predict, rows, limiter=self._threads)


@bentoml.service(name="reconciler", **_RUNNER)
class Reconciler:
    """Makes base forecasts of whole hierarchies coherent."""

    def __init__(self) -> None:
        warm()

    @bentoml.api
    async def reconcile(self, bundle: str, snapshot: str, base: np.ndarray) -> np.ndarray:
        """Coherent forecasts, shape (nodes, dates), of base forecasts of that shape."""
        engine = load_engine(settings.store, Pair(bundle, snapshot))
        coherent = await anyio.to_thread.run_sync(engine.reconciliation.reconcile, base)
        return coherent.values


class RunnerDependency(bentoml.Dependency):
    """A runner in the process that depends on it, or in one of its own."""

    def get(self, **injected: Any) -> Any:
        return self.on() if self.url == INPROC else super().get(**injected)


INPROC = "inproc://"


def depends(runner: Any) -> RunnerDependency:
    return RunnerDependency(runner, url=INPROC if settings.runners is Runners.INPROC else None)


class Front:
    """Sends requests to the routes, which pass on what they do not know, and the rest behind."""

    def __init__(self, routes: ASGIApp, behind: ASGIApp) -> None:
        self.routes = routes
        self.behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.routes if scope["type"] == "http" else self.behind
        await app(scope, receive, send)


class FrontedService(bentoml.Service):
    """A Bento service with our application in front of its whole stack."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        behind: ASGIApp = super().to_asgi(is_main=is_main)
        routes = Routes(bentoml.get_current_service)
        router = Router(routes.table(), default=behind, redirect_slashes=False)
        # outermost first: every problem names the request
        return RequestIdMiddleware(ProblemMiddleware(Front(router, behind)))


@bentoml.service(
    name="mlrf",
    service_class=FrontedService,
    workers=settings.workers,
    # BentoML's own timeout keeps each request in memory for that long
    traffic={"timeout": 5},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": [".*"]},
)
class MLRF:
    """Serves the current pair through its runners."""

    onnx = depends(OnnxRunner)
    reconciler = depends(Reconciler)

    def __init__(self) -> None:
        self._forecaster: Forecaster | None = None
        self._refusal = ""
        try:
            pair = load_serving_pair(settings.store, settings.store.current())
        except ArtifactError as error:
            log.error("no_model", path=str(error.path), reason=error.reason, exc_info=error)
            self._refusal = f"{error.path.name} {error.reason}"
            return
        self._forecaster = Forecaster(pair, self.onnx.to_async, self.reconciler.to_async)
        engine = pair.engine
        log.info("serving", bundle=engine.bundle.name, snapshot=engine.snapshot.name)
        gc.collect()
        gc.freeze()  # what is loaded stays: no collection needs to walk it again

    def forecaster(self) -> Forecaster:
        """The forecaster that serves now; raises a Problem where there is none."""
        if self._forecaster is None:
            raise Problem(Code.MODEL_UNAVAILABLE, f"No model is loaded: {self._refusal}.")
        return self._forecaster
