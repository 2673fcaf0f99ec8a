"""The predicted values in the answer to a recorded request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import orjson

from storage.feedback import Place

Values = Iterator[tuple[Place, float]]


def values_of(operation: str, answer: str) -> dict[Place, float]:
    """Return the predicted values of an answer, in its order.

    Args:
        operation: one of `RECORDED`.
        answer: JSON, as it was sent.
    """
    return dict(_READERS[operation](orjson.loads(answer)))


def _read_row(answer: Mapping[str, Any]) -> Values:
    yield Place(0, None), answer["prediction"]


def _read_rows(answer: Mapping[str, Any]) -> Values:
    for row, value in enumerate(answer["outputs"][0]["data"]):
        yield Place(row, None), value


def _read_days(answer: Mapping[str, Any]) -> Values:
    for day in answer["forecast"]:
        yield Place(0, date.fromisoformat(day["date"])), day["prediction"]


def _read_scenario(answer: Mapping[str, Any]) -> Values:
    for day in answer["days"]:
        yield Place(0, date.fromisoformat(day["date"])), day["scenario"]


_READERS: dict[str, Callable[[Mapping[str, Any]], Values]] = {
    "POST /predict": _read_row,
    "POST /v2/models/mlrf/infer": _read_rows,
    "POST /forecast": _read_days,
    "POST /predict/simple": _read_days,
    "POST /whatif": _read_scenario,
}

RECORDED = frozenset(_READERS)
"""Operations whose requests are recorded."""

OF_ROWS = ("POST /predict", "POST /v2/models/mlrf/infer")
"""Those of them that name the features, so that a model can be trained on them."""
