"""The routes over a real release, in this process and without BentoML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

import anyio
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.routing import Router
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from api.administration import Administration
from api.routes import Routes, Serving
from api.schemas.facts import DegradedReason
from artifacts import Release, Store
from cache.answers import AnswerCache
from errors import Code, Problem
from features.snapshot import Snapshot
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from models.engine import ForecastEngine
from models.forecaster import Forecaster
from models.release import LoadedRelease, load_release

_TRACE_OF_INSIDE = re.compile(r"Traceback|File \"|\.py\b|/(work|tmp|srv|root|home|usr)/|<[a-z]+>")


class Client:
    """Calls an application, and holds every error of it to the contract."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def get(self, url: str, **params: object) -> httpx.Response:
        return self.request("GET", url, params=params)

    def post(self, url: str, **document: object) -> httpx.Response:
        return self.request("POST", url, json=document)

    def request(self, method: str, url: str, **how: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://mlrf") as client:
                return await client.request(method, url, **how)

        response = anyio.run(call)
        assert response.headers["x-request-id"]
        if response.is_error:
            check_problem(response)
        return response

    def problem(self, response: httpx.Response, code: Code) -> dict[str, Any]:
        """The document of a refusal, which must be of this code."""
        document: dict[str, Any] = response.json()
        assert (document["code"], response.status_code) == (code.name, code.status), document
        return document


def check_problem(response: httpx.Response) -> None:
    """Any answer that is no success is a problem, and tells nothing of what is inside."""
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document.keys() == {
        *("type", "title", "status", "detail", "instance"),
        *("code", "error", "request_id", "errors"),
    }
    assert document["code"] in Code.__members__
    assert document["status"] == response.status_code
    assert document["request_id"] == response.headers["x-request-id"]
    assert document["instance"] == response.request.url.path
    assert document["error"] == document["detail"]
    told = response.text.replace(document["instance"], "")
    assert not _TRACE_OF_INSIDE.search(told), told


@dataclass
class LocalRunners:
    """The two runners as the service calls them, over the engine of this process."""

    engine: ForecastEngine
    inferred: list[int] = field(default_factory=list)

    async def infer(
        self, bundle: str, snapshot: str, rows: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        self._check(bundle, snapshot)
        self.inferred.append(len(rows))
        return self.engine.bundle.model.predict(rows)

    async def reconcile(
        self, bundle: str, snapshot: str, base: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        self._check(bundle, snapshot)
        return self.engine.reconciliation.reconcile(base).values

    def _check(self, bundle: str, snapshot: str) -> None:
        assert (bundle, snapshot) == (self.engine.bundle.name, self.engine.snapshot.name)


@dataclass(frozen=True)
class Serves:
    given: Forecaster

    def forecaster(self) -> Forecaster:
        return self.given


class Refuses:
    """What the service is when no release could be loaded."""

    def forecaster(self) -> Forecaster:
        raise Problem(Code.MODEL_UNAVAILABLE, "No model is loaded: CURRENT does not exist.")


class Breaks:
    """A service with a fault that nobody thought of."""

    def forecaster(self) -> Forecaster:
        raise RuntimeError("Traceback of /srv/secret.py")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The log is not looked at here, and structlog's own default writes pages of locals."""
    with capture_logs():
        yield


@dataclass
class Told:
    """What /health is told of the parts around the model."""

    parts: list[DegradedReason] = field(default_factory=list)

    def reasons(self) -> list[DegradedReason]:
        return self.parts


def client_of(
    serving: Serving,
    *,
    administration: Administration | None = None,
    conditions: Told | None = None,
) -> Client:
    """The routes without what stands before them; each client has a cache of its own."""
    routes = Routes(
        lambda: serving,
        AnswerCache(),
        administration or Administration(*(None,) * 5),  # type: ignore[arg-type]
        conditions or Told(),
    )
    router = Router(routes.table(), redirect_slashes=False)
    return Client(RequestIdMiddleware(ProblemMiddleware(router)))


@pytest.fixture(scope="session")
def serving_release(trained: Store, release: Release) -> LoadedRelease:
    return load_release(trained, release)


@pytest.fixture
def runners(serving_release: LoadedRelease) -> LocalRunners:
    return LocalRunners(serving_release.engine)


@pytest.fixture
def client(serving_release: LoadedRelease, runners: LocalRunners) -> Client:
    """A server with a model."""
    return client_of(Serves(Forecaster(serving_release, runners, runners)))


@pytest.fixture
def client_with(serving_release: LoadedRelease, runners: LocalRunners) -> Callable[..., Client]:
    """A server some of whose parts (release, onnx, reconciler) are others than the real ones."""

    def client_with(**others: Any) -> Client:
        parts = {"release": serving_release, "onnx": runners, "reconciler": runners, **others}
        return client_of(Serves(Forecaster(**parts)))

    return client_with


@pytest.fixture
def client_without_model() -> Client:
    return client_of(Refuses())


@pytest.fixture
def broken_client() -> Client:
    return client_of(Breaks())


@pytest.fixture
def simple(client: Client) -> Callable[..., httpx.Response]:
    """POST /predict/simple for a series that sells every day, but for what is given."""
    return partial(client.post, "/predict/simple", store_nbr=1, family="LIQUOR,WINE,BEER")


@pytest.fixture(scope="session")
def newest(snapshot: Snapshot) -> date:
    """The newest origin."""
    return snapshot.facts.origin
