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
import bentoml._internal.log as bentoml_log
import numpy as np
from pydantic import ValidationError
from starlette.types import ASGIApp

from application import Application, supervisor
from application.framework_logs import log_framework_as_json
from application.identity import refuse_open_server
from application.protocol import Limits, use_http_protocol
from artifacts import ArtifactError, Release
from errors import Code, Problem
from models.forecaster import Forecaster
from models.release import LoadedRelease, load_engine, load_release
from models.watcher import ReleaseWatcher
from settings import Runners, get_settings, told
from telemetry import metrics
from telemetry.logs import configure_logging

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")  # a forecast service calls nobody
# for the workers, which inherit it: waking a second thread takes far longer on a busy machine
# than the products of matrices that a request needs
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# uvicorn would believe what a caller says of its own address; `middleware.address` decides
os.environ["FORWARDED_ALLOW_IPS"] = ""
try:
    settings = get_settings()
except ValidationError as wrong:  # a line that names the variable, as the command has it
    raise SystemExit(f"mlrf: {told(wrong)}") from None
configure_logging(settings.log_level)
log_framework_as_json(bentoml_log.SERVER_LOGGING_CONFIG)


def warm() -> None:
    """Load the current release, if there is one, before the first request does."""
    with suppress(ArtifactError):
        load_engine(settings.store, settings.store.current())


INLINE_ROWS = 128
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
        predict = load_engine(settings.store, Release(bundle, snapshot)).bundle.model.predict
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
        engine = load_engine(settings.store, Release(bundle, snapshot))
        coherent = await anyio.to_thread.run_sync(engine.reconciliation.reconcile, base)
        return coherent.values


class RunnerDependency(bentoml.Dependency):
    """A runner in the process that depends on it, or in one of its own."""

    def get(self, **injected: Any) -> Any:
        return self.on() if self.url == INPROC else super().get(**injected)


INPROC = "inproc://"


def depends(runner: Any) -> RunnerDependency:
    return RunnerDependency(runner, url=INPROC if settings.runners is Runners.INPROC else None)


def activate(release: LoadedRelease) -> None:
    """What follows when a release begins to serve."""
    engine = release.engine
    metrics.serving(engine.bundle.name, engine.snapshot.name, engine.snapshot.facts.origin)
    gc.collect()
    gc.freeze()  # what is loaded stays: no collection needs to walk it again


watcher = ReleaseWatcher(settings.store, load_release, on_swap=activate)
"""Of this worker."""


class FrontedService(bentoml.Service):
    """A Bento service with our application in front of its whole stack."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        behind: ASGIApp = super().to_asgi(is_main=is_main)
        use_http_protocol(Limits(head_seconds=settings.header_timeout_seconds))
        return Application(settings, watcher, bentoml.get_current_service, behind)


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
        watcher.look()

    def forecaster(self) -> Forecaster:
        """The forecaster of the release that serves now; raises a Problem where there is none."""
        release = watcher.serving
        if release is None:
            raise Problem(Code.MODEL_UNAVAILABLE, f"No model is loaded: {watcher.refusal}.")
        if self._forecaster is None or self._forecaster.release is not release:
            self._forecaster = Forecaster(release, self.onnx.to_async, self.reconciler.to_async)
        return self._forecaster


if supervisor.is_supervisor():  # workers could not stop it
    refuse_open_server(settings)
    supervisor.install()
