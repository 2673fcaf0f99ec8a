"""The Open Inference Protocol: rows in, base forecasts out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from api.open_inference import MAX_ROWS
from errors import Code
from features.contract import feature_set
from features.data.specification import FAVORITA
from models.bundle import GOLDEN_OUTPUTS_FILE, GOLDEN_ROWS_FILE, Bundle

INFER = "/v2/models/mlrf/infer"
WIDTH = len(feature_set(FAVORITA).names)


def tensor(**others: object) -> dict[str, object]:
    return {
        "name": "rows",
        "shape": [1, WIDTH],
        "datatype": "FP32",
        "data": [1.0] * WIDTH,
        **others,
    }


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
def test_golden_rows_have_their_outputs(client: Any, bundle: Bundle, nested: bool) -> None:
    rows = np.load(bundle.path / GOLDEN_ROWS_FILE)[:20]
    values = [[None if np.isnan(value) else float(value) for value in row] for row in rows]
    data = values if nested else [value for row in values for value in row]
    answer = client.post(INFER, id="7", inputs=[tensor(shape=[20, WIDTH], data=data)]).json()
    (output,) = answer["outputs"]
    assert (answer["id"], answer["model_version"]) == ("7", bundle.name)
    assert (output["name"], output["datatype"], output["shape"]) == ("units", "FP32", [20, 1])
    expected = np.load(bundle.path / GOLDEN_OUTPUTS_FILE)[:20].reshape(-1)
    np.testing.assert_allclose(output["data"], expected, rtol=1e-5)


def test_the_model_describes_its_inputs(client: Any, bundle: Bundle) -> None:
    answer = client.get("/v2/models/mlrf").json()
    assert answer["versions"] == [bundle.name]
    assert answer["inputs"] == [{"name": "rows", "datatype": "FP32", "shape": [-1, WIDTH]}]
    assert client.get("/v2").json()["name"] == "mlrf"


@pytest.mark.parametrize("path", ["/v2/health/ready", "/v2/models/mlrf/ready"])
def test_ready_means_that_a_model_is_loaded(
    client: Any, client_without_model: Any, path: str
) -> None:
    assert client.get(path).json()["ready"] is True
    client_without_model.problem(client_without_model.get(path), Code.MODEL_UNAVAILABLE)
    assert client_without_model.get("/v2/health/live").json() == {"live": True}


@pytest.mark.parametrize(
    ("others", "pointer"),
    [
        pytest.param({"name": "x"}, "/inputs/0/name", id="name"),
        pytest.param({"shape": [WIDTH]}, "/inputs/0/shape", id="one axis"),
        pytest.param({"shape": [1, WIDTH - 1]}, "/inputs/0/shape", id="too narrow"),
        pytest.param({"shape": [0, WIDTH], "data": []}, "/inputs/0/shape", id="no row"),
        pytest.param({"shape": [MAX_ROWS + 1, WIDTH]}, "/inputs/0/shape", id="too many rows"),
        pytest.param({"data": [1.0]}, "/inputs/0/data", id="too few values"),
        pytest.param({"data": [[1.0] * WIDTH, [1.0]]}, "/inputs/0/data", id="ragged"),
        pytest.param({"data": ["x"] * WIDTH}, "/inputs/0/data", id="texts"),
        pytest.param({"data": [True] * WIDTH}, "/inputs/0/data", id="flags"),
        pytest.param({"data": [1e300] * WIDTH}, "/inputs/0/data", id="no float32"),
        pytest.param({"data": [0.0] * WIDTH}, "/inputs/0/data", id="horizon 0"),
        pytest.param({"data": [None] * WIDTH}, "/inputs/0/data", id="no horizon"),
        pytest.param({"data": [1.5] * WIDTH}, "/inputs/0/data", id="half a horizon"),
        pytest.param({"data": [[["x"]]] * 1_000}, "/inputs/0/data", id="lists within rows"),
    ],
)
def test_a_tensor_without_valid_rows_is_refused(
    client: Any, others: dict[str, object], pointer: str
) -> None:
    problem = client.problem(client.post(INFER, inputs=[tensor(**others)]), Code.INVALID_FEATURES)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_a_tensor_far_above_the_limit_is_refused_before_parsing(client: Any) -> None:
    rows = [[["x"]]] * 100_000
    problem = client.problem(client.post(INFER, inputs=[tensor(data=rows)]), Code.PARSE_ERROR)
    assert "lists and objects" in problem["detail"]


@pytest.mark.parametrize("inputs", [[], [tensor(), tensor()], [tensor(datatype="INT8")]])
def test_one_tensor_of_floats_is_expected(client: Any, inputs: list[object]) -> None:
    client.problem(client.post(INFER, inputs=inputs), Code.INVALID_REQUEST)
