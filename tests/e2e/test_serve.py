"""`bentoml serve`: equal answers with runners in-process and remote, and a clean end."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from models.engine import ForecastEngine
from storage.artifacts import Release, Store

pytestmark = pytest.mark.e2e

NODE = "store:1/family:LIQUOR,WINE,BEER"
SERIES = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER"}
PROBES = ("/readyz", "/healthz", "/health")


@pytest.fixture(scope="session")
def newest(engine: ForecastEngine) -> date:
    return engine.snapshot.facts.origin


def predictions(answer: dict[str, Any]) -> list[float]:
    return [day["prediction"] for day in answer["forecast"]]


# --- with a model -----------------------------------------------------------------------------


def test_it_is_ready_with_the_release_that_was_trained(server: Any, release: Release) -> None:
    for probe in ("/livez", *PROBES):
        assert server.get(probe).status_code == 200
    assert server.get("/health").json()["model_version"] == release.bundle


@pytest.mark.parametrize("ago", [None, 0, 120], ids=["newest", "yesterday", "120 days ago"])
def test_forecasts_are_those_of_the_engine_in_both_modes(
    server: Any, engine: ForecastEngine, newest: date, ago: int | None
) -> None:
    """Bit for bit, so that both modes are equal to each other."""
    snapshot = engine.snapshot
    first = None if ago is None else newest - timedelta(ago)
    origin = snapshot.newest_origin if first is None else snapshot.index_of(first) - 1
    coherent = engine.forecast(origin, np.arange(1, 91)).values
    query = {} if first is None else {"date": first.isoformat()}
    simple = server.post("/predict/simple", **SERIES, horizon=90, **query)
    assert simple.status_code == 200
    assert predictions(simple.json()) == coherent[snapshot.hierarchy.index[NODE]].tolist()
    tree = server.get("/hierarchy", horizon=90, depth=0, **query).json()["tree"]
    assert tree["prediction"] == pytest.approx(coherent[0].sum(), rel=1e-12)


def test_errors_of_bentoml_are_problems_too(server: Any) -> None:
    """Its 404 and 405 are plain text, and its validation a list."""
    missing = server.get("/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    wrong = server.request("DELETE", "/predict/simple", headers={"X-Request-ID": "order-17"})
    assert (wrong.status_code, wrong.json()["request_id"]) == (405, "order-17")
    assert wrong.headers["allow"] == "POST"
    for body, code in ((b"{", "PARSE_ERROR"), (b'{"horizon": 7}', "INVALID_REQUEST")):
        refused = server.request("POST", "/predict/simple", content=body)
        assert (refused.status_code, refused.json()["code"]) == (400, code)


def test_metrics_can_be_scraped_by_prometheus(server: Any) -> None:
    server.get("/nothing")
    response = server.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(response.text)}
    counted = families["mlrf_requests"].samples
    refused = [sample for sample in counted if sample.labels["status"] == "404"]
    assert {sample.labels["endpoint"] for sample in refused} == {"other"}, "paths are no labels"
    assert server.get("/metrics/prometheus").status_code == 200


def test_the_log_has_one_event_for_the_activated_release(server: Any, release: Release) -> None:
    """Our own lines are JSON, one object a line."""
    lines = [line for line in server.log.read_text().splitlines() if line.startswith("{")]
    (activated,) = [line for line in map(json.loads, lines) if line["event"] == "serving"]
    assert (activated["level"], activated["bundle"]) == ("info", release.bundle)


@pytest.mark.parametrize("server", ["remote"], indirect=True)
def test_a_killed_runner_fails_one_request_and_is_restarted(server: Any, newest: date) -> None:
    """The request in flight is a problem; later ones wait for the new process."""
    past = {**SERIES, "horizon": 15, "date": newest.isoformat()}

    def compute_forecast() -> httpx.Response:
        return server.request(
            "POST", "/predict/simple", json=past, headers={"Cache-Control": "no-cache"}
        )

    before = compute_forecast().json()
    model, reconciler = server.child("onnx_runner"), server.child("reconciler")
    model.suspend()
    with ThreadPoolExecutor() as pool:
        pending = pool.submit(compute_forecast)
        with pytest.raises(TimeoutError):
            pending.result(timeout=2)  # it needs the runner, which does not answer
        model.kill()
        reconciler.kill()
        failed = pending.result(timeout=30)
    assert (failed.status_code, failed.json()["code"]) == (500, "INFERENCE_FAILED")
    assert failed.json()["request_id"] in server.log.read_text()
    newest_only = server.post("/predict/simple", **SERIES, horizon=15)
    assert newest_only.status_code == 200, "what is stored needs no runner"
    assert compute_forecast().json() == before
    assert server.child("onnx_runner").pid != model.pid


def test_sigterm_ends_it_without_an_error(server: Any) -> None:
    """Run last: the server has ended afterwards."""
    worker = server.child("mlrf")
    assert server.stop() == 0
    assert not worker.is_running()
    assert "Traceback" not in server.log.read_text().splitlines()[-1]


# --- without a model --------------------------------------------------------------------------


def corrupt(store: Store) -> str:
    path = next((store.bundles / store.current().bundle).glob("model*.onnx"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return f"{path.name}: does not have the SHA-256 that the manifest states"


def remove(store: Store) -> str:
    store.pointer.unlink()
    return "CURRENT: does not exist: train a model first"


@pytest.mark.parametrize(
    ("damage", "runners"),
    [
        pytest.param(corrupt, "remote", id="a corrupt bundle"),
        pytest.param(remove, "inproc", id="no artifacts"),
    ],
)
def test_without_a_model_it_stays_alive_and_reports_the_reason(
    serve: Callable, own_store: Store, damage: Callable[[Store], str], runners: str
) -> None:
    reason = damage(own_store)
    server = serve(own_store, runners=runners)
    server.wait_for("/livez")
    answers = [server.get(probe) for probe in (*PROBES, "/hierarchy")]
    answers.append(server.post("/predict/simple", **SERIES, horizon=15))
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "MODEL_UNAVAILABLE")
        assert reason in answer.json()["detail"]
    assert server.get("/livez").status_code == 200
    assert server.process.poll() is None
    assert "release_rejected" in server.log.read_text()
    assert server.stop() == 0


# --- log --------------------------------------------------------------------------------------


def test_every_line_of_the_log_is_json(serve: Callable[..., Any], trained: Store) -> None:
    """From the start to the end, with a worker that is killed and one that replaces it."""
    server = serve(trained)
    server.wait_for("/readyz")
    server.get("/predict/simple")
    worker = server.child("mlrf")
    worker.kill()
    worker.wait(10)
    server.wait_for("/readyz")
    assert server.stop() == 0
    lines = server.log.read_text().splitlines()
    assert len(lines) > 3
    for line in lines:
        assert {"event", "level", "timestamp"} <= json.loads(line).keys(), line
