"""The Open Inference Protocol, version 2, for the raw model: rows in, base forecasts out.

As KServe and its clients speak it over HTTP
(https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol). Errors are
problems like everywhere; their `error` is what the protocol's clients read.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import anyio.to_thread
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer
from api.costs import ROWS_OF_A_UNIT, charge
from api.days import base
from api.parsing import read_json
from api.rows import numbers_of
from api.schemas.inference import (
    InferAnswer,
    InferRequest,
    LiveAnswer,
    ModelAnswer,
    OutputTensor,
    ReadyAnswer,
    Tensor,
    TensorShape,
)
from errors import Code, Problem
from features.contract import NAMES
from features.snapshot import MAX_HORIZON
from models.forecaster import Forecaster

MODEL = "mlrf"
MAX_ROWS = 2_000
INPUT, OUTPUT = "rows", "units"
_INLINE_VALUES = 20_000
"""Values of a tensor up to which reading them takes less time than handing them to a thread."""
_HORIZON = NAMES.index("horizon")


async def server(forecaster: Forecaster, request: Request) -> Response:
    """What this server is."""
    return answer(
        {"name": MODEL, "version": forecaster.release.engine.bundle.name, "extensions": []}
    )


async def model(forecaster: Forecaster, request: Request) -> Response:
    """What the model takes and gives."""
    return answer(
        ModelAnswer(
            name=MODEL,
            versions=[forecaster.release.engine.bundle.name],
            platform="onnxruntime_onnx",
            inputs=[TensorShape(INPUT, "FP32", [-1, len(NAMES)])],
            outputs=[TensorShape(OUTPUT, "FP32", [-1, 1])],
        )
    )


async def ready(forecaster: Forecaster, request: Request) -> Response:
    """Ready: see /readyz."""
    return answer(ReadyAnswer(MODEL, True))


async def live(request: Request) -> Response:
    """Live: see /livez."""
    return answer(LiveAnswer(True))


async def infer(forecaster: Forecaster, request: Request) -> Response:
    """Base forecasts of rows of the contract, which add up with no others."""
    asked = await read_json(request, InferRequest)
    tensor = asked.inputs[0]
    if _size(tensor.data) <= _INLINE_VALUES:
        rows = _rows(tensor)
    else:
        rows = await anyio.to_thread.run_sync(_rows, tensor)
    await charge(request, -(-len(rows) // ROWS_OF_A_UNIT) - 1)
    units = await base(forecaster, rows)
    told: InferAnswer = {
        "model_name": MODEL,
        "model_version": forecaster.release.engine.bundle.name,
        "outputs": [OutputTensor(OUTPUT, "FP32", [len(units), 1], units)],
    }
    return answer(told if asked.id is None else {**told, "id": asked.id})


def _size(data: list[Any]) -> int:
    """Return about how many values there are: rows are as long as the first, or refused later."""
    return len(data) * (len(data[0]) if data and isinstance(data[0], list) else 1)


def _rows(tensor: Tensor) -> np.ndarray:
    """The rows, shape (n, features), float32; null is a missing value.

    Raises:
        Problem: INVALID_FEATURES.
    """
    if tensor.name != INPUT:
        raise Problem.in_field(
            Code.INVALID_FEATURES, "/inputs/0/name", f"The input is named {INPUT!r}"
        )
    count = tensor.shape[0] if tensor.shape else 0
    if tensor.shape[1:] != [len(NAMES)] or not 1 <= count <= MAX_ROWS:
        detail = f"The shape is [n, {len(NAMES)}] with 1 to {MAX_ROWS:,} rows, not {tensor.shape}"
        raise Problem.in_field(Code.INVALID_FEATURES, "/inputs/0/shape", detail)
    values = tensor.data
    if len(values) == count and all(type(row) is list for row in values):
        lengths = set(map(len, values))
        values = [*chain.from_iterable(values)] if lengths == {len(NAMES)} else []
    if len(values) != count * len(NAMES):
        detail = f"There are not {count} × {len(NAMES)} values"
        raise Problem.in_field(Code.INVALID_FEATURES, "/inputs/0/data", detail)
    numbers = numbers_of(values)
    if numbers is None:
        raise Problem.in_field(
            Code.INVALID_FEATURES,
            "/inputs/0/data",
            "A value is a number, or null where it is missing",
        )
    with np.errstate(over="ignore"):
        rows = numbers.reshape(count, len(NAMES)).astype(np.float32)
    horizon = rows[:, _HORIZON]
    whole = (horizon >= 1) & (horizon <= MAX_HORIZON) & (horizon == np.floor(horizon))
    if np.isinf(rows).any() or not whole.all():
        detail = (
            f"Values are finite float32, and column {_HORIZON}, the horizon, is a whole number "
            f"from 1 to {MAX_HORIZON}"
        )
        raise Problem.in_field(Code.INVALID_FEATURES, "/inputs/0/data", detail)
    return rows
