"""Feedback: predictions are recorded, and what was sold instead is reported, corrected and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import anyio
import httpx
import numpy as np
import orjson
import pytest
from sqlalchemy import Engine

from api.facts.feedback import FeedbackAccess
from api.forecasts.planning import Planning
from api.operations import OPERATIONS
from app.recording import PredictionRecorder
from errors import Code
from lifecycle.monitoring.recorded_values import OF_ROWS, RECORDED
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.feedback import FeedbackStore
from storage.override_store import OverrideStore
from tests.contract.conftest import Client, FixedServing, LocalRunners, client_of
from tests.support.clock import Clock

SERIES = {"store_nbr": 1, "family": "DAIRY"}
DAYS = 10


@dataclass
class Service:
    """A client of a server that records predictions, and its recorder."""

    client: Client
    recorder: PredictionRecorder
    store: FeedbackStore
    dropped: list[str]

    def ask(self, name: str, path: str, **document: Any) -> httpx.Response:
        """Send a request with an id, and write what was recorded of it."""
        response = self.client.request("POST", path, json=document, headers={"X-Request-ID": name})
        assert response.status_code == 200, response.text
        anyio.run(self.recorder.flush)
        return response

    def report(self, name: str, **document: Any) -> httpx.Response:
        return self.client.post("/feedback", request_id=name, **document)


@pytest.fixture
def service_of(
    database: Engine, serving_release: LoadedRelease, runners: LocalRunners
) -> Callable[..., Service]:
    def service_of(share: float = 1) -> Service:
        store, dropped = FeedbackStore(database), list[str]()
        recorder = PredictionRecorder(
            store,
            share=share,
            days=DAYS,
            count_recorded=lambda number: None,
            count_dropped=lambda reason, number: dropped.append(reason),
        )
        client = client_of(
            FixedServing(Forecaster(serving_release, runners, runners)),
            planning=Planning(OverrideStore(database)),
            feedback=FeedbackAccess(store, recording=share > 0, days=DAYS),
            observers=[recorder.offer],
        )
        return Service(client, recorder, store, dropped)

    return service_of


@pytest.fixture
def service(service_of: Callable[..., Service]) -> Service:
    return service_of()


@pytest.fixture
def rows(serving_release: LoadedRelease) -> list[list[float]]:
    """Rows of features as a client would send them."""
    width = len(serving_release.engine.bundle.contract.names)
    rows = np.zeros((3, width))
    rows[:, serving_release.engine.bundle.contract.horizon_column] = [1, 2, 3]
    return rows.tolist()


def past(newest: date) -> str:
    return (newest - timedelta(20)).isoformat()


def tensor(rows: list[list[float]]) -> dict[str, Any]:
    shape = [len(rows), len(rows[0])]
    return {"name": "rows", "shape": shape, "datatype": "FP32", "data": rows}


def test_every_recorded_operation_exists() -> None:
    assert {each.name for each in OPERATIONS} >= RECORDED
    assert RECORDED.issuperset(OF_ROWS)


def test_rows_of_features_are_recorded_as_the_model_had_them(
    service: Service, serving_release: LoadedRelease
) -> None:
    """Features that the request leaves out are in the record, so that a model can learn from it."""
    response = service.ask("one", "/predict", features={"promo": 3}, **SERIES)
    (stored,) = service.store.find("one")
    bundle = serving_release.engine.bundle
    (row,) = orjson.loads(stored.inputs)["rows"]
    features = np.array([row], dtype=np.float32)
    assert dict(zip(bundle.contract.names, row, strict=True))["promo"] == 3
    assert float(bundle.model.predict(features)[0]) == response.json()["prediction"]
    assert (stored.bundle, stored.snapshot) == (bundle.name, serving_release.engine.snapshot.name)
    assert stored.caller == "local"
    assert orjson.loads(stored.answer) == response.json()


def test_tensors_are_recorded_with_all_their_rows(
    service: Service, rows: list[list[float]]
) -> None:
    response = service.ask("rows", "/v2/models/mlrf/infer", inputs=[tensor(rows)])
    (stored,) = service.store.find("rows")
    assert orjson.loads(stored.inputs)["rows"] == rows
    document = service.report("rows", actuals=[{"row": 2, "value": 5}]).json()
    assert document["changed"] == 1
    predicted = [each["prediction"] for each in document["values"]]
    assert predicted == response.json()["outputs"][0]["data"]
    assert [each["actual"] for each in document["values"]] == [None, None, 5]


def test_a_what_if_is_recorded_by_day(service: Service, newest: date) -> None:
    adjustments = {"onpromotion": {"value": 40}}
    response = service.ask("if", "/whatif", **SERIES, horizon=3, adjustments=adjustments)
    day = newest + timedelta(2)
    document = service.report("if", actuals=[{"date": day.isoformat(), "value": 5}]).json()
    assert [each["prediction"] for each in document["values"]] == [
        each["scenario"] for each in response.json()["days"]
    ]
    assert [each["date"] for each in document["values"] if each["actual"] == 5] == [str(day)]


@pytest.mark.parametrize("path", ["/forecast", "/predict/simple"])
def test_a_past_origin_with_overrides_is_recorded(
    service: Service, newest: date, path: str
) -> None:
    response = service.ask("past", path, **SERIES, horizon=2, date=past(newest), adjusted=True)
    document = service.client.get("/feedback/past").json()
    assert [each["prediction"] for each in document["values"]] == [
        each["prediction"] for each in response.json()["forecast"]
    ]


def test_what_is_stored_already_is_not_recorded(service: Service, newest: date) -> None:
    forecasts = {**SERIES, "horizon": 3}
    service.ask("slice", "/predict/simple", **forecasts)
    service.ask("adjusted", "/forecast", **forecasts, adjusted=True)
    service.ask("past", "/forecast", **forecasts, date=past(newest))
    whatif = {**forecasts, "adjustments": {"onpromotion": {"value": 40}}}
    service.ask("computed", "/whatif", **whatif)
    service.ask("hit", "/whatif", **whatif)
    service.ask("reordered", "/whatif", **dict(reversed(whatif.items())))
    numbers = {
        name: len(service.store.find(name))
        for name in ("slice", "adjusted", "past", "computed", "hit", "reordered")
    }
    assert [name for name, number in numbers.items() if number] == ["computed"]


def test_a_large_answer_is_recorded_though_it_is_sent_compressed(service: Service) -> None:
    adjustments = {"onpromotion": {"value": 40}}
    response = service.client.request(
        "POST",
        "/whatif",
        json={"horizon": 90, "adjustments": adjustments},
        headers={"X-Request-ID": "large", "Accept-Encoding": "gzip"},
    )
    assert response.headers["content-encoding"] == "gzip"
    anyio.run(service.recorder.flush)
    assert len(service.client.get("/feedback/large").json()["values"]) == 90


def test_a_table_is_counted_and_not_recorded(service: Service, newest: date) -> None:
    document = {**SERIES, "horizon": 2, "date": past(newest), "adjusted": True}
    service.client.request("POST", "/forecast", json=document, headers={"Accept": "text/csv"})
    assert service.dropped == ["table"]


def test_a_single_value_takes_a_single_actual(service: Service) -> None:
    prediction = service.ask("one", "/predict", features={}, **SERIES).json()["prediction"]
    for value, changed in ((8, 1), (8, 0), (9.5, 1)):
        document = service.report("one", actual=value).json()
        assert document["changed"] == changed
    (only,) = document["values"]
    assert (only["row"], only["date"], only["prediction"]) == (0, None, prediction)
    assert only["actual"] == 9.5
    assert [(each["value"], each["by"]) for each in only["reports"]] == [
        (8, "local"),
        (9.5, "local"),
    ]
    read = service.client.get("/feedback/one").json()
    assert read == {name: value for name, value in document.items() if name != "changed"}


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        pytest.param({}, ["/actual"], id="nothing"),
        pytest.param({"actual": 1, "actuals": []}, ["/actual"], id="both"),
        pytest.param({"actual": 1}, ["/actual"], id="one for several"),
        pytest.param({"actual": "8"}, ["/actual"], id="a text"),
        pytest.param(
            {
                "actuals": [
                    {"row": 7, "value": 1},
                    {"row": 1, "value": 1},
                    {"date": "2020-01-01", "value": 1},
                    {"row": 1, "value": 2},
                ]
            },
            ["/actuals/0", "/actuals/2", "/actuals/3"],
            id="all faults at once",
        ),
    ],
)
def test_actuals_that_do_not_fit_the_answer_are_refused(
    service: Service, rows: list[list[float]], fields: dict[str, Any], pointers: list[str]
) -> None:
    service.ask("rows", "/v2/models/mlrf/infer", inputs=[tensor(rows)])
    problem = service.report("rows", **fields).json()
    assert [error["pointer"] for error in problem["errors"]] == pointers
    values = service.client.get("/feedback/rows").json()["values"]
    assert [each["actual"] for each in values] == [None, None, None], "nothing was stored"


def test_a_request_that_was_never_recorded_differs_from_one_that_was_erased(
    service: Service,
) -> None:
    service.ask("old", "/predict", features={}, **SERIES)
    service.store.clock = Clock(datetime.now(UTC) + timedelta(DAYS + 1))
    service.store.erase_expired(DAYS)
    gone = service.client.problem(service.report("old", actual=1), Code.GONE)
    assert f"for {DAYS} days" in gone["detail"]
    unknown = service.client.problem(service.report("unknown", actual=1), Code.NOT_FOUND)
    assert "some seconds after" in unknown["detail"]


def test_a_server_that_records_nothing_says_so(service_of: Callable[..., Service]) -> None:
    off = service_of(share=0)
    off.ask("one", "/predict", features={}, **SERIES)
    problem = off.client.problem(off.report("one", actual=1), Code.NOT_FOUND)
    assert "FEEDBACK is 0" in problem["detail"]


def test_an_id_of_several_predictions_is_refused(service: Service) -> None:
    for _ in range(2):
        service.ask("same", "/predict", features={}, **SERIES)
    problem = service.client.problem(service.report("same", actual=1), Code.CONFLICT)
    assert "2 predictions" in problem["detail"]


def test_a_database_that_fails_is_a_problem_that_passes(service: Service, database: Engine) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("DROP TABLE prediction_feedback")
    response = service.report("one", actual=1)
    service.client.problem(response, Code.MONITORING_UNAVAILABLE)
    assert response.headers["retry-after"]
    assert service.client.post("/predict", features={}, **SERIES).status_code == 200
