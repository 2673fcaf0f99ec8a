"""Health and the probes, with a model and without one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from api.operations import OPERATIONS
from api.schemas.facts import DegradedReason
from errors import Code
from features.data.snapshot import Snapshot
from models.bundle import Bundle
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.artifacts import Release
from tests.contract.conftest import FixedConditions, FixedServing, client_of

SIMPLE = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER", "horizon": 15}
NEED_A_MODEL = [
    pytest.param(method, path, body, id=path)
    for method, path, body in (
        ("POST", "/predict", {"features": {}}),
        ("POST", "/forecast", {"horizon": 1}),
        ("POST", "/predict/simple", SIMPLE),
        ("POST", "/predict/batch", {"predictions": [SIMPLE]}),
        ("POST", "/explain", {}),
        ("POST", "/whatif", {"horizon": 15, "adjustments": {}}),
        ("GET", "/hierarchy", None),
        ("POST", "/exports", {}),
        ("POST", "/overrides", {}),
        ("POST", "/overrides/preview", {}),
        ("GET", "/overrides/{id}", None),
        ("POST", "/historical", {}),
        ("GET", "/exceptions", None),
        ("GET", "/outliers", None),
        ("POST", "/outliers/{id}/acknowledge", {"real": True}),
        ("POST", "/actuals", {"actuals": [{}]}),
        ("GET", "/overrides/value", None),
        ("GET", "/year-before", None),
        ("GET", "/accuracy", None),
        ("GET", "/accuracy/series", None),
        ("GET", "/model-metrics", None),
        ("GET", "/meta", None),
        ("GET", "/v2", None),
        ("GET", "/v2/health/ready", None),
        ("GET", "/v2/models/mlrf", None),
        ("GET", "/v2/models/mlrf/ready", None),
        ("POST", "/v2/models/mlrf/infer", {"inputs": []}),
        ("GET", "/health", None),
        ("GET", "/readyz", None),
        ("GET", "/healthz", None),
    )
]


def test_health_says_what_is_loaded_and_how_old_the_data_are(
    client: Any, release: Release, bundle: Bundle, snapshot: Snapshot, newest: date
) -> None:
    answer = client.get("/health").json()
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert answer == {
        "status": "ok",
        "newest_expected": yesterday.isoformat(),
        "data_age_days": (yesterday - newest).days,
        "model_version": release.bundle,
        "model_trained_through": newest.isoformat(),
        "snapshot": {"origin": newest.isoformat(), "digest": release.snapshot.rpartition("-")[2]},
        "demo": False,
        "nodes": len(snapshot.hierarchy),
        "quality": bundle.metrics["quality"]["warnings"],
        "degraded": False,
        "reasons": [],
    }


def test_health_reports_what_is_degraded(serving_release: LoadedRelease, runners: Any) -> None:
    reason = DegradedReason("redis", "Redis does not answer.")
    serving = FixedServing(Forecaster(serving_release, runners, runners))
    answer = client_of(serving, conditions=FixedConditions([reason])).get("/health").json()
    assert (answer["status"], answer["degraded"]) == ("degraded", True)
    assert answer["reasons"] == [{"name": "redis", "detail": "Redis does not answer."}]


@pytest.mark.parametrize(
    ("path", "status"), [("/livez", "alive"), ("/readyz", "ready"), ("/healthz", "ready")]
)
def test_probes_of_a_server_with_a_model_succeed(client: Any, path: str, status: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()) == (200, {"status": status})
    assert client.request("HEAD", path).status_code == 200


@pytest.mark.parametrize(("method", "path", "body"), NEED_A_MODEL)
def test_without_a_model_every_call_answers_model_unavailable(
    client_without_model: Any, method: str, path: str, body: Any
) -> None:
    """Never a made-up number, and never ready."""
    response = client_without_model.request(method, path, json=body)
    problem = client_without_model.problem(response, Code.MODEL_UNAVAILABLE)
    assert "CURRENT does not exist" in problem["detail"]


def test_without_a_model_the_process_is_alive(client_without_model: Any) -> None:
    response = client_without_model.get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


def test_the_list_holds_all_calls_that_need_a_model() -> None:
    """A new route must be added above, so that it is tested without a model."""
    dependent = {call.path for call in OPERATIONS if Forecaster in call.parameters.values()}
    assert dependent == {param.values[1] for param in NEED_A_MODEL}


@pytest.mark.parametrize(("method", "path", "body"), NEED_A_MODEL)
def test_an_internal_fault_is_a_problem_without_details(
    broken_client: Any, method: str, path: str, body: Any
) -> None:
    response = broken_client.request(method, path, json=body)
    broken_client.problem(response, Code.INTERNAL_ERROR)


@pytest.mark.parametrize("path", ["/nothing", "/predict/simple/", "/healthz/../secret"])
def test_other_paths_are_not_found(client: Any, path: str) -> None:
    client.problem(client.get(path), Code.NOT_FOUND)


@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz", "/healthz", "/hierarchy"])
def test_read_only_paths_refuse_post(client: Any, path: str) -> None:
    response = client.post(path)
    client.problem(response, Code.METHOD_NOT_ALLOWED)
    assert {"GET", "HEAD"} == set(response.headers["allow"].split(", "))


def test_the_callers_request_id_is_in_the_answer_and_in_the_problem(client: Any) -> None:
    headers = {"X-Request-ID": "order-17"}
    assert client.request("GET", "/health", headers=headers).headers["x-request-id"] == "order-17"
    problem = client.request("GET", "/nothing", headers=headers).json()
    assert problem["request_id"] == "order-17"


def test_the_root_lists_the_paths_and_links_to_no_other_host(client: Any) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"] == "application/json"
    assert {"/predict/simple", "/hierarchy", "/health"} <= set(answer.json()["paths"])
    assert "http" not in answer.text
