"""The Open Inference Protocol, version 2, for the raw model: rows in, base forecasts out.

It is the HTTP form that KServe and its clients implement
(https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol). Errors are
problems as in all calls; their member `error` is the one that the protocol's clients read.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import Any

import anyio.to_thread
import numpy as np
from starlette.requests import Request

from api.forecasts.days import COMPUTED, forecast_base
from api.forecasts.rows import numbers_of
from api.http.operation import operation, probe
from api.http.pricing import ROWS_OF_A_UNIT, charge
from api.http.tags import Tag
from api.schemas.inference import (
    InferAnswer,
    InferRequest,
    LiveAnswer,
    ModelAnswer,
    OutputTensor,
    ReadyAnswer,
    ServerAnswer,
    Tensor,
    TensorShape,
)
from errors import Code, Problem
from middleware.context import context_of
from middleware.policy import MIB
from models.bundle import Bundle
from models.serving.forecaster import Forecaster

MODEL = "mlrf"
MAX_ROWS = 2_000
INPUT, OUTPUT = "rows", "units"
_INLINE_VALUES = 20_000
"""Values of a tensor up to which parsing them is faster than passing them to a thread."""


@operation("GET", "/v2", Tag.INFERENCE)
async def server(forecaster: Forecaster) -> ServerAnswer:
    """Return the server's name and version."""
    return ServerAnswer(MODEL, forecaster.release.engine.bundle.name, [])


@operation("GET", "/v2/models/mlrf", Tag.INFERENCE)
async def model(forecaster: Forecaster) -> ModelAnswer:
    """Describe the model's input and output tensors."""
    bundle = forecaster.release.engine.bundle
    return ModelAnswer(
        name=MODEL,
        versions=[bundle.name],
        platform="onnxruntime_onnx",
        inputs=[TensorShape(INPUT, "FP32", [-1, len(bundle.contract.names)])],
        outputs=[TensorShape(OUTPUT, "FP32", [-1, 1])],
    )


@probe("/v2/health/ready", Tag.INFERENCE)
async def ready(forecaster: Forecaster) -> ReadyAnswer:
    """Report that the model is ready, as /readyz does."""
    return ReadyAnswer(MODEL, True)


@probe("/v2/health/live", Tag.INFERENCE)
async def live() -> LiveAnswer:
    """Report that the process answers, as /livez does."""
    return LiveAnswer(True)


@operation(
    "POST",
    "/v2/models/mlrf/infer",
    Tag.INFERENCE,
    max_body=4 * MIB,
    error_codes=COMPUTED | {Code.INVALID_FEATURES},
)
async def infer(forecaster: Forecaster, payload: InferRequest, request: Request) -> InferAnswer:
    """Forecast rows of the model's contract; these base forecasts are not reconciled."""
    tensor, bundle = payload.inputs[0], forecaster.release.engine.bundle
    if _approximate_size(tensor.data) <= _INLINE_VALUES:
        rows = _parse_rows(tensor, bundle)
    else:
        rows = await anyio.to_thread.run_sync(_parse_rows, tensor, bundle)
    await charge(request, -(-len(rows) // ROWS_OF_A_UNIT) - 1)
    context_of(request.scope).rows = rows
    units = await forecast_base(forecaster, rows)
    document: InferAnswer = {
        "model_name": MODEL,
        "model_version": forecaster.release.engine.bundle.name,
        "outputs": [OutputTensor(OUTPUT, "FP32", [len(units), 1], units)],
    }
    return document if payload.id is None else {**document, "id": payload.id}


@cache
def _horizons_up_to(reach: int) -> frozenset[float]:
    return frozenset(map(float, range(1, reach + 1)))


def _approximate_size(data: list[Any]) -> int:
    """Return the number of values, assuming rows as long as the first: others are refused later."""
    return len(data) * (len(data[0]) if data and isinstance(data[0], list) else 1)


def _parse_rows(tensor: Tensor, bundle: Bundle) -> np.ndarray:
    """Return the rows of a tensor, shape (n, features), float32; null is a missing value.

    Raises:
        Problem: INVALID_FEATURES.
    """
    contract, reach = bundle.contract, bundle.facts.specification.horizon
    if tensor.name != INPUT:
        raise Problem.in_field(
            Code.INVALID_FEATURES, "/inputs/0/name", f"The input is named {INPUT!r}"
        )
    count, width = tensor.shape[0] if tensor.shape else 0, len(contract.names)
    if tensor.shape[1:] != [width] or not 1 <= count <= MAX_ROWS:
        detail = f"The shape is [n, {width}] with 1 to {MAX_ROWS:,} rows, not {tensor.shape}"
        raise Problem.in_field(Code.INVALID_FEATURES, "/inputs/0/shape", detail)
    values = tensor.data
    if len(values) == count and all(type(row) is list for row in values):
        lengths = set(map(len, values))
        values = [*chain.from_iterable(values)] if lengths == {width} else []
    if len(values) != count * width:
        detail = f"There are not {count} × {width} values"
        raise Problem.in_field(Code.INVALID_FEATURES, "/inputs/0/data", detail)
    numbers = numbers_of(values)
    if numbers is None:
        raise Problem.in_field(
            Code.INVALID_FEATURES,
            "/inputs/0/data",
            "A value is a number, or null where it is missing",
        )
    with np.errstate(over="ignore"):
        rows = numbers.reshape(count, width).astype(np.float32)
    horizons = rows[:, contract.horizon_column].tolist()
    if np.isinf(rows).any() or not _horizons_up_to(reach).issuperset(horizons):
        detail = (
            f"Values are finite float32, and column {contract.horizon_column}, the horizon, is a "
            f"whole number from 1 to {reach}"
        )
        raise Problem.in_field(Code.INVALID_FEATURES, "/inputs/0/data", detail)
    return rows
