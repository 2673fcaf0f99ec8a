"""The recipe of CONTRIBUTING.md for a new route: all that is known of it follows from its handler.

The route of the tests is declared as one of the product, and added to a copy of `OPERATIONS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from api import contract
from api.docs import reference
from api.docs.openapi import openapi, problems_of
from api.http.operation import Computation, operation
from api.http.tags import Tag
from api.operations import OPERATIONS
from errors import Code
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.artifacts import Store
from storage.keys import Scope
from telemetry import metrics
from telemetry.instruments import REGISTRY
from tests.contract.composed import (
    RawRequest,
    bearer,
    compose_application,
    send_requests,
)
from tests.contract.conftest import FixedServing, LocalRunners


class Question(BaseModel):
    """A number."""

    model_config = ConfigDict(extra="forbid")

    number: int


@operation(
    "POST",
    "/doubled",
    Tag.FACTS,
    scope=Scope.EXPLAIN,
    cost=7,
    max_body=64,
    etag=True,
    error_codes=frozenset({Code.CONFLICT}),
)
async def doubled(forecaster: Forecaster, payload: Question) -> Computation[int]:
    """Double a number.

    It is read from the body.
    """

    async def compute() -> int:
        return 2 * payload.number

    return Computation(compute)


WITH_ROUTE = (*OPERATIONS, doubled)


@pytest.fixture
def app(
    tmp_path: Path,
    trained: Store,
    serving_release: LoadedRelease,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    monkeypatch.setattr(contract, "OPERATIONS", WITH_ROUTE)
    runners = LocalRunners(serving_release.engine)
    serving = FixedServing(Forecaster(serving_release, runners, runners))
    return compose_application(tmp_path, trained, serving_release, serving)


def ask(body: bytes = b'{"number": 21}', **headers: str) -> RawRequest:
    return RawRequest("POST", "/doubled", headers, body)


def test_a_new_route_is_answered_and_cached(app: Any) -> None:
    allowed = bearer({"explain"})
    first, second = send_requests(app, ask(**allowed), ask(**allowed))
    assert (first.status, first.body, first.headers["x-cache"]) == (200, b"42", "miss")
    assert (second.body, second.headers["x-cache"]) == (b"42", "hit")
    same = ask(**allowed, **{"If-None-Match": first.headers["etag"]})
    assert [response.status for response in send_requests(app, same)] == [304]


@pytest.mark.parametrize(
    ("scopes", "body", "code"),
    [
        pytest.param(set(), b'{"number": 21}', "FORBIDDEN", id="no scope"),
        pytest.param({"forecast"}, b'{"number": 21}', "FORBIDDEN", id="another scope"),
        pytest.param({"explain"}, b'{"number": "x"}', "INVALID_REQUEST", id="field"),
        pytest.param({"explain"}, b" " * 65, "PAYLOAD_TOO_LARGE", id="size"),
    ],
)
def test_a_new_route_is_guarded_as_declared(
    app: Any, scopes: set[str], body: bytes, code: str
) -> None:
    # tokens are made here, not with the parameters: they expire before a slow run comes to them
    (response,) = send_requests(app, ask(body, **bearer(scopes)))
    assert response.code == code


def test_a_new_route_needs_a_key(app: Any) -> None:
    (response,) = send_requests(app, ask())
    assert response.code == "AUTH_REQUIRED"


def test_a_new_route_costs_what_is_declared(app: Any) -> None:
    payer = bearer({"explain"}, tier="standard", subject="payer")
    (response,) = send_requests(app, ask(**payer))
    assert int(response.headers["x-ratelimit-remaining"]) == 200 - 7


def test_a_new_route_is_a_label_of_metrics(app: Any) -> None:
    send_requests(app, ask(**bearer({"explain"})))
    metrics.flush()
    labels = {"endpoint": "/doubled", "method": "POST", "status": "200"}
    assert REGISTRY.get_sample_value("mlrf_requests_total", labels) >= 1


def test_a_new_route_is_described_and_listed() -> None:
    described = openapi(WITH_ROUTE)["paths"]["/doubled"]["post"]
    assert (described["operationId"], described["summary"]) == ("doubled", "Double a number.")
    assert described["description"] == "It is read from the body."
    assert {"304", "409", "413"} <= described["responses"].keys()
    assert {Code.CONFLICT, Code.MODEL_UNAVAILABLE, Code.FORBIDDEN} <= problems_of(doubled)
    assert ("`POST /doubled`", "`explain`", "7") in list(reference.scope_rows(WITH_ROUTE))
