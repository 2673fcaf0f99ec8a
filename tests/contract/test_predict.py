"""POST /predict: one row of the model, with features from the caller."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest

from api.forecasts.rows import fill_row
from errors import Code
from features.contract import Contract, feature_set
from features.data.specification import FAVORITA
from features.matrix import known_covariates
from features.state import state_at
from models.engine import ForecastEngine

NAMES = feature_set(FAVORITA).names
SERIES = {"store_nbr": 1, "family": "DAIRY"}


def row_of(engine: ForecastEngine, day: date) -> np.ndarray:
    """Return the row of the series for a day, as of the day before or the newest origin."""
    snapshot = engine.snapshot
    at = snapshot.index_of(day)
    origin = min(at - 1, snapshot.newest_origin)
    node = snapshot.hierarchy.index["store:1/family:DAIRY"]
    rows = engine.builder.matrix(
        state_at(snapshot, origin),
        known_covariates(snapshot, origin),
        np.array([node]),
        np.array([at - origin]),
    )
    return np.asarray(rows[0])


def as_json(row: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in row]


@pytest.mark.parametrize("day", [date(2024, 7, 9), date(2024, 8, 30), date(2023, 5, 1)], ids=str)
def test_every_form_of_a_row_is_the_same_row(
    client: Any, engine: ForecastEngine, day: date
) -> None:
    row = row_of(engine, day)
    expected = float(engine.bundle.model.predict(row[None])[0])
    values = as_json(row)
    by_name = dict(zip(NAMES, values, strict=True))
    for fields in (
        {"features": values},
        {"features": by_name},
        {"features": {}, **SERIES, "date": day.isoformat()},
        {"features": {"promo": by_name["promo"]}, **SERIES, "date": day.isoformat()},
    ):
        answer = client.post("/predict", **fields).json()
        assert answer["prediction"] == pytest.approx(expected, rel=1e-6)
        assert answer["reconciled"] is False


def test_missing_features_are_filled_and_listed(client: Any, engine: ForecastEngine) -> None:
    answer = client.post("/predict", features={"promo": 2.5, "holiday": None}, **SERIES).json()
    assert answer["filled"] == [name for name in NAMES if name not in ("promo", "holiday")]
    assert answer["origin"] == engine.snapshot.facts.origin.isoformat()
    row = row_of(engine, date(2024, 7, 1))
    row[NAMES.index("promo")], row[NAMES.index("holiday")] = 2.5, np.nan
    assert answer["prediction"] == pytest.approx(
        float(engine.bundle.model.predict(row[None])[0]), rel=1e-6
    )


def test_a_category_is_given_by_name_or_code(contract: Contract) -> None:
    code, base = contract.categories["family"].index("PRODUCE"), np.zeros(len(NAMES), np.float32)
    for value in ("PRODUCE", code, float(code)):
        row = fill_row(contract, {"family": value}, base, reach=90)
        assert row[NAMES.index("family")] == code
        assert np.count_nonzero(row) == 1


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        pytest.param({"features": [1.0]}, Code.INVALID_FEATURES, "/features", id="short array"),
        pytest.param({"features": {}}, Code.INVALID_FEATURES, "/features", id="nothing given"),
        pytest.param({"features": 3}, Code.INVALID_REQUEST, "/features", id="no row at all"),
        pytest.param(
            {"features": {"prmo": 1}, **SERIES}, Code.INVALID_FEATURES, "/features/prmo", id="name"
        ),
        pytest.param(
            {"features": {"promo": True}, **SERIES},
            Code.INVALID_FEATURES,
            "/features/promo",
            id="a flag",
        ),
        pytest.param(
            {"features": {"promo": "3"}, **SERIES},
            Code.INVALID_FEATURES,
            "/features/promo",
            id="a text",
        ),
        pytest.param(
            {"features": {"promo": 1e39}, **SERIES},
            Code.INVALID_FEATURES,
            "/features/promo",
            id="no float32",
        ),
        pytest.param(
            {"features": {"family": "DIARY"}, **SERIES},
            Code.INVALID_FEATURES,
            "/features/family",
            id="no such category",
        ),
        *(
            pytest.param(
                {"features": {"store": code}, **SERIES},
                Code.INVALID_FEATURES,
                "/features/store",
                id=f"store code {code}",
            )
            for code in (999, -5.5)
        ),
        pytest.param(
            {"features": {"a/b~": 1}, **SERIES},
            Code.INVALID_FEATURES,
            "/features/a~1b~0",
            id="a name that a pointer must escape",
        ),
        pytest.param(
            {"features": [1.0] * 90, "date": "9999-12-31"},
            Code.INVALID_FEATURES,
            "/features",
            id="array and date",
        ),
        *(
            pytest.param(
                {"features": {"horizon": horizon}, **SERIES},
                Code.INVALID_FEATURES,
                "/features/horizon",
                id=f"horizon {horizon}",
            )
            for horizon in (0, 91, 2.5, None)
        ),
        pytest.param(
            {"features": {}, "store_nbr": 1},
            Code.INVALID_REQUEST,
            "/family",
            id="store without family",
        ),
        pytest.param(
            {"features": {}, "family": "DAIRY"},
            Code.INVALID_REQUEST,
            "/store_nbr",
            id="family without store",
        ),
        pytest.param(
            {"features": [1.0], **SERIES}, Code.INVALID_FEATURES, "/features", id="array and series"
        ),
        pytest.param(
            {"features": {}, **SERIES, "date": "2030-01-01"}, Code.INVALID_DATE, "/date", id="date"
        ),
    ],
)
def test_an_invalid_row_is_refused(
    client: Any, fields: dict[str, Any], code: Code, pointer: str
) -> None:
    problem = client.problem(client.post("/predict", **fields), code)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/predict", {"features": {f"f{n}": 1 for n in range(5000)}}, id="features"),
        pytest.param("/predict/simple", {f"f{n}": 1 for n in range(5000)}, id="fields"),
        pytest.param(
            "/predict/simple", {**SERIES, "horizon": 15, "intervals": [7] * 49}, id="intervals"
        ),
        pytest.param(
            "/predict/simple", {"store_nbr": 1, "family": "x" * 10**6, "horizon": 15}, id="a name"
        ),
        pytest.param(
            "/predict/batch",
            {"predictions": [{f"f{n}": 1 for n in range(500)}] * 100},
            id="items",
        ),
    ],
)
def test_a_wrong_body_has_a_short_answer(client: Any, path: str, body: Any) -> None:
    """For any number of faults: long answers cost the server as well."""
    response = client.request("POST", path, json={**SERIES, **body} if "f0" not in body else body)
    assert len(response.content) < 5_000 * (100 if path == "/predict/batch" else 1)


def test_every_fault_of_an_array_has_its_pointer(client: Any) -> None:
    values: list[Any] = [1.0] * len(NAMES)
    values[3], values[40] = "x", True
    problem = client.problem(client.post("/predict", features=values), Code.INVALID_FEATURES)
    assert [error["pointer"] for error in problem["errors"]] == ["/features/3", "/features/40"]


def test_a_failing_runner_is_a_problem(client_with: Callable[..., Any]) -> None:
    class FailingRunner:
        async def infer(self, bundle: str, snapshot: str, rows: np.ndarray) -> np.ndarray:
            raise ConnectionError("gone")

    client = client_with(onnx=FailingRunner())
    client.problem(client.post("/predict", features={}, **SERIES), Code.INFERENCE_FAILED)
