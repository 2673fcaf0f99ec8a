"""The routes over a real release, in this process and without BentoML."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from filelock import FileLock
from sqlalchemy import Engine
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs

from api.admin.administration import Administration
from api.contract import PARTS, Serving, contract_endpoints
from api.facts.feedback import FeedbackAccess
from api.forecasts.item_answers import ItemAnswers
from api.forecasts.planning import Planning
from api.health import DegradationReport
from api.http.answered import Observer
from api.http.dispatch import NoTrial
from api.http.response_cache import ResponseCache
from api.http.router import Router
from api.schemas.access import SignInOptions
from api.schemas.facts import DegradedReason
from config.tiers import TIERS, UNLIMITED
from errors import Code, Problem
from features.data.snapshot import Snapshot
from lifecycle.monitoring.records import Monitoring
from lifecycle.registry import Registry
from middleware.auth.caller import Caller
from middleware.context import context_of
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from middleware.routing import dispatch
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease, load_release
from storage.artifacts import Release, Store
from storage.cache.answers import AnswerCache
from storage.database import open_database
from storage.drift_events import DriftHistory
from storage.keys import Scope as KeyScope
from storage.migrations import upgrade
from storage.outlier_events import OutlierEventStore
from telemetry.request_log import request_log
from tests.support.runners import LocalRunners
from training.pipeline import train
from training.recipe import Recipe

LOCAL_CALLER = Caller("local", "local", UNLIMITED, frozenset(map(str, KeyScope)), True, "::1")

_INTERNALS = re.compile(r"Traceback|File \"|\.py\b|/(work|tmp|srv|root|home|usr)/|<[a-z]+>")


class Client:
    """A client that checks every error of an application against the contract."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def get(self, url: str, **params: object) -> httpx.Response:
        return self.request("GET", url, params=params)

    def post(self, url: str, **document: object) -> httpx.Response:
        return self.request("POST", url, json=document)

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://mlrf") as client:
                return await client.request(method, url, **options)

        response = anyio.run(call)
        assert response.headers["x-request-id"]
        if response.is_error:
            check_problem(response)
        return response

    def problem(self, response: httpx.Response, code: Code) -> dict[str, Any]:
        """Return the document of a refusal; fail unless it has this code."""
        document: dict[str, Any] = response.json()
        assert (document["code"], response.status_code) == (code.name, code.status), document
        return document


def check_problem(response: httpx.Response) -> None:
    """Fail unless an error is a problem document that reveals nothing of the internals."""
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
    body = response.text.replace(document["instance"], "")
    assert not _INTERNALS.search(body), body


@dataclass(frozen=True)
class FixedServing:
    served: Forecaster

    def forecaster(self) -> Forecaster:
        return self.served

    def bind(self, release: LoadedRelease) -> Forecaster:
        runners = LocalRunners(release.engine)
        return Forecaster(release, runners, runners)


class UnavailableServing:
    """The serving state of a service that could load no release."""

    def forecaster(self) -> Forecaster:
        raise Problem(Code.MODEL_UNAVAILABLE, "No model is loaded: CURRENT does not exist.")

    def bind(self, release: LoadedRelease) -> Forecaster:
        raise AssertionError("nothing is in trial")


class BrokenServing:
    """The serving state of a service with an unexpected fault."""

    def forecaster(self) -> Forecaster:
        raise RuntimeError("Traceback of /srv/secret.py")

    def bind(self, release: LoadedRelease) -> Forecaster:
        raise AssertionError("nothing is in trial")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Discard the log: no test reads it, and structlog prints local variables by default."""
    request_log.configure(lambda lines: None, logging.INFO)
    with capture_logs():
        yield


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """A database that is up to date."""
    engine = open_database(f"sqlite:///{tmp_path}/mlrf.db")
    upgrade(engine)
    yield engine
    engine.dispose()


@dataclass
class FixedConditions:
    """Conditions of the parts around the model, as /health reads them."""

    parts: list[DegradedReason] = field(default_factory=list)

    def reasons(self) -> list[DegradedReason]:
        return self.parts


def client_of(
    serving: Serving,
    *,
    administration: Administration | None = None,
    registry: Registry | None = None,
    planning: Planning | None = None,
    monitoring: Monitoring | None = None,
    outliers: OutlierEventStore | None = None,
    feedback: FeedbackAccess | None = None,
    observers: Sequence[Observer] = (),
    drift: DriftHistory | None = None,
    conditions: FixedConditions | None = None,
) -> Client:
    """Return a client of the routes without middleware, with a cache of its own."""
    endpoints = contract_endpoints(
        lambda: serving,
        ResponseCache(AnswerCache()),
        dict.fromkeys(PARTS)
        | {
            Administration: administration,
            DegradationReport: conditions or FixedConditions(),
            Monitoring: monitoring,
            OutlierEventStore: outliers,
            FeedbackAccess: feedback,
            DriftHistory: drift,
            ItemAnswers: ItemAnswers(),
            Planning: planning,
            Registry: registry,
            SignInOptions: SignInOptions(key=False, required=False, single_sign_on=None),
        },
        NoTrial(),
        observers,
        seconds=30,
    )
    return Client(RequestIdMiddleware(ProblemMiddleware(routed(Router(endpoints, nothing_behind)))))


def routed(router: Router) -> ASGIApp:
    """Return an application that answers a local caller by a router, with no layer around it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        context = context_of(scope)
        context.match = router.match(scope)
        context.caller, context.tier = LOCAL_CALLER, TIERS[UNLIMITED]
        await dispatch(scope, receive, send)

    return app


async def nothing_behind(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the framework is not reached")


@pytest.fixture(scope="session")
def serving_release(trained: Store, release: Release) -> LoadedRelease:
    return load_release(trained, release)


@pytest.fixture
def runners(serving_release: LoadedRelease) -> LocalRunners:
    return LocalRunners(serving_release.engine)


@pytest.fixture
def client(serving_release: LoadedRelease, runners: LocalRunners) -> Client:
    """A server with a model."""
    return client_of(FixedServing(Forecaster(serving_release, runners, runners)))


@pytest.fixture
def client_with(serving_release: LoadedRelease, runners: LocalRunners) -> Callable[..., Client]:
    """Make servers in which `release`, `onnx` or `reconciler` is replaced by a stub."""

    def client_with(**others: Any) -> Client:
        parts = {"release": serving_release, "onnx": runners, "reconciler": runners, **others}
        return client_of(FixedServing(Forecaster(**parts)))

    return client_with


@pytest.fixture
def client_without_model() -> Client:
    return client_of(UnavailableServing())


@pytest.fixture
def broken_client() -> Client:
    return client_of(BrokenServing())


@pytest.fixture
def simple(client: Client) -> Callable[..., httpx.Response]:
    """POST /predict/simple for a series that sells every day; keyword arguments override."""
    return partial(client.post, "/predict/simple", store_nbr=1, family="LIQUOR,WINE,BEER")


@pytest.fixture(scope="session")
def newest(snapshot: Snapshot) -> date:
    """The newest origin."""
    return snapshot.facts.origin


def make_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Return a folder that one of the test processes makes, and the others wait for."""
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            new = folder.with_name(f"{folder.name}-new")
            make(new)
            shutil.move(new, folder)
    return folder


def train_once(root: Path, tables: Path, recipe: Recipe) -> Store:
    """Return a store with a release that one of the test processes trains."""
    store = Store(root)
    with FileLock(root.with_suffix(".lock")):
        if not store.pointer.exists():
            train(tables, store, recipe, threads=1)
    return store


def client_of_release(release: LoadedRelease, *, planning: Planning | None = None) -> Client:
    """Return a client of a release, whose runners are in this process."""
    runners = LocalRunners(release.engine)
    return client_of(FixedServing(Forecaster(release, runners, runners)), planning=planning)
