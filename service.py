"""Composition root: the Bento service, its two runners, and the application in front of them.

`bentoml serve` runs `MLRF`. Its runners are Bento services of their own; they run in the same
process unless RUNNERS=remote. The HTTP contract is an ASGI application that wraps BentoML's
whole stack and passes on requests that it has no route for.

The supervisor imports this module too, to know the services, and runs none of them; the workers
start when it has done so. Therefore what only they need is imported by their functions.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import bentoml
import bentoml._internal.log as bentoml_log
import numpy as np
from starlette.types import ASGIApp

from app.memory import collection_paused, freeze_long_lived
from app.startup import prepare_process
from app.tracing import RunnerTracing
from config.topics import Runners
from errors import Code, Problem
from storage.artifacts import ArtifactError, Release, Store

if TYPE_CHECKING:
    from models.engine import ForecastEngine
    from models.serving.forecaster import Forecaster
    from models.serving.release import LoadedRelease
    from models.serving.watcher import ReleaseWatcher

settings = prepare_process(bentoml_log.SERVER_LOGGING_CONFIG)


def engine_of(release: Release) -> ForecastEngine:
    """Return the engine of a release, which is loaded once in a process."""
    from models.serving.release import load_engine

    return load_engine(settings.store, release)


def warm() -> None:
    """Load the current release, if there is one, before the first request needs it."""
    with suppress(ArtifactError):
        engine_of(settings.store.current())


INLINE_ROWS = 128
"""Up to this many rows are predicted on the event loop, faster than the handover to a thread."""

# By default the client of a remote runner closes its session after 100 requests, and fails those
# in flight: keep it for a day.
_RUNNER: dict[str, Any] = {
    "workers": 1,
    "runner_connection": {"max_requests": 10**9, "max_age": 86_400.0},
    "traffic": {"timeout": 60},
    "logging": {"access": {"enabled": False}},
    "tracing": {"excluded_urls": [".*"]},  # `RunnerTracing` opens the spans of runners
}


@bentoml.service(name="onnx_runner", **_RUNNER)
class OnnxRunner:
    """Runs the models of bundles."""

    def __init__(self) -> None:
        from models.serving.prediction_pool import PredictionPool

        self._pool = PredictionPool()
        warm()

    @bentoml.api
    async def infer(self, bundle: str, snapshot: str, rows: np.ndarray) -> np.ndarray:
        """Return base forecasts, shape (n,), for rows, shape (n, features)."""
        predict = engine_of(Release(bundle, snapshot)).bundle.model.predict
        if len(rows) <= INLINE_ROWS:
            return predict(rows)
        return await self._pool.predict(predict, rows)


@bentoml.service(name="reconciler", **_RUNNER)
class Reconciler:
    """Reconciles base forecasts of whole hierarchies."""

    def __init__(self) -> None:
        warm()

    @bentoml.api
    async def reconcile(self, bundle: str, snapshot: str, base: np.ndarray) -> np.ndarray:
        """Return coherent forecasts, shape (nodes, dates), for base forecasts of that shape."""
        from telemetry import metrics

        engine = engine_of(Release(bundle, snapshot))
        coherent = await anyio.to_thread.run_sync(engine.reconciliation.reconcile, base)
        metrics.RECONCILIATION_CLIPPED.add_now(number=coherent.clipped)
        metrics.RECONCILIATION_RESIDUAL.set(engine.reconciliation.residual(coherent.values))
        return coherent.values


# in processes of their own; in that of a worker they are called without HTTP
_services: dict[str, Any] = {"onnx_runner": OnnxRunner, "reconciler": Reconciler}
for _name, _service in _services.items():
    _service.add_asgi_middleware(RunnerTracing, runner=_name)


class RunnerDependency(bentoml.Dependency):
    """A runner in the process that depends on it, or in one of its own."""

    def get(self, **injected: Any) -> Any:
        return self.on() if self.url == INPROC else super().get(**injected)


INPROC = "inproc://"


def depends(runner: Any) -> RunnerDependency:
    return RunnerDependency(runner, url=INPROC if settings.runners is Runners.INPROC else None)


def activate(release: LoadedRelease) -> None:
    """Update metrics and garbage collection when a release becomes active."""
    from app.figures import show_release

    show_release(release)
    freeze_long_lived(full=True)


@cache
def watcher() -> ReleaseWatcher[LoadedRelease]:
    """Return the watcher of this worker."""
    from models.serving.release import load_release
    from models.serving.watcher import ReleaseWatcher

    def load(store: Store, release: Release) -> LoadedRelease:
        loaded = load_release(store, release)
        loaded.engine.missing_covariates()  # cached: `activate` reads it on the event loop
        return loaded

    return ReleaseWatcher(settings.store, load, on_swap=activate)


class FrontedService(bentoml.Service):
    """A Bento service with our application in front of its whole stack."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        with collection_paused():
            from app.application import Application
            from app.protocol import Limits, use_http_protocol

        behind: ASGIApp = super().to_asgi(is_main=is_main)
        use_http_protocol(Limits(head_seconds=settings.header_timeout_seconds))
        return Application(settings, watcher(), bentoml.get_current_service, behind)


@bentoml.service(
    name="mlrf",
    service_class=FrontedService,
    workers=settings.workers,
    # BentoML's own timeout keeps each request in memory for that long
    traffic={"timeout": 5},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": [".*"]},
    metrics={"enabled": False},  # its labels are raw paths; /metrics is ours
)
class MLRF:
    """Serves the current release through its runners."""

    onnx = depends(OnnxRunner)
    reconciler = depends(Reconciler)

    def __init__(self) -> None:
        self._forecaster: Forecaster | None = None
        with collection_paused():
            watcher().look()

    def forecaster(self) -> Forecaster:
        """Return the forecaster of the active release; raise a Problem if there is none."""
        release = watcher().serving
        if release is None:
            raise Problem(Code.MODEL_UNAVAILABLE, f"No model is loaded: {watcher().refusal}.")
        if self._forecaster is None or self._forecaster.release is not release:
            self._forecaster = self.bind(release)
        return self._forecaster

    def bind(self, release: LoadedRelease) -> Forecaster:
        """Return a forecaster of a release that computes in the runners."""
        from models.serving.forecaster import Forecaster

        return Forecaster(release, self.onnx.to_async, self.reconciler.to_async)
