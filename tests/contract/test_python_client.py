"""The Python client sends what the OpenAPI document describes, and reads every example of it."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from jsonschema_rs import Draft202012Validator

from api.docs.examples import Example, examples
from api.docs.openapi import openapi
from api.operations import OPERATIONS
from middleware.headers import JSON
from mlrf_client import _exports, _models, _operations, _overrides, answers
from mlrf_client._parsing import parse
from mlrf_client._requests import Request

DOCUMENT = openapi(OPERATIONS)
DAY = dt.date(2024, 7, 1)
SERIES = {"shop": "A1", "item": 7}
ADJUSTMENTS = {
    "price": {"op": "multiply", "value": 0.9, "from": DAY, "to": DAY},
    "holiday": None,
    "flyer": 1,
}
WHOLE: dict[str, dict[str, Any]] = {
    "accuracy": {
        "window": 28,
        "level": "store",
        "node": "store:1",
        "daily": True,
        "bundle": "b",
    },
    "accuracy_by_series": {
        "level": "shop",
        "horizon": 7,
        "order": "units",
        "limit": 3,
        "offset": 3,
    },
    "caller": {},
    "exceptions": {"horizon": 7, "level": "shop", "kind": "recent", "limit": 3},
    "explain": {
        "series": SERIES,
        "date": DAY,
        "horizon": 1,
        "against": DAY,
        "against_horizon": 7,
    },
    "forecast": {
        "series": SERIES,
        "date": DAY,
        "horizon": 3,
        "period": "week",
        "intervals": [80],
        "quantiles": [0.1, 0.9],
        "adjusted": True,
    },
    "health": {},
    "hierarchy": {
        "by": "shop",
        "horizon": 3,
        "date": DAY,
        "node": "shop:A1",
        "depth": 1,
        "intervals": [80, 95],
        "quantiles": [0.1, 0.9],
        "previous": "year",
        "adjusted": True,
    },
    "historical": {"series": SERIES, "first": DAY, "last": DAY},
    "meta": {},
    "model_metrics": {},
    "predict": {"features": {"promo": 1.0}, "series": SERIES, "date": DAY},
    "whatif": {
        "series": SERIES,
        "horizon": 3,
        "adjustments": ADJUSTMENTS,
        "date": DAY,
        "by": "item",
        "depth": 2,
    },
    "year_before": {"node": "shop:A1", "date": DAY, "horizon": 3, "adjusted": True},
}
"""Every argument of every operation, but for the other ways to name a node."""

OVERRIDE = {
    "series": SERIES,
    "first": DAY,
    "last": DAY,
    "op": "add",
    "value": -2.5,
    "spread": "period",
    "reason": "event",
    "note": "Fair",
    "revision": 3,
    "expires_at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
}

KINDS: dict[str, type[Any]] = {
    "/accuracy": _models.AccuracyAnswer,
    "/accuracy/series": _models.NodeAccuracyAnswer,
    "/caller": _models.CallerAnswer,
    "/exceptions": _models.ExceptionsAnswer,
    "/explain": answers.Explanation,
    "/forecast": answers.Forecast,
    "/health": _models.HealthAnswer,
    "/hierarchy": answers.Hierarchy,
    "/historical": answers.History,
    "/meta": _models.MetaAnswer,
    "/model-metrics": _models.MetricsAnswer,
    "/overrides": _models.OverridesAnswer,
    "/overrides/preview": _models.NewOverrideAnswer,
    "/predict": _models.RowAnswer,
    "/whatif": answers.Scenario,
    "/year-before": _models.YearBeforeAnswer,
}
EXAMPLES = [example for example in examples() if example.path in KINDS]


def first_request(name: str, arguments: dict[str, Any]) -> Request:
    operation: Callable[..., Any] = getattr(_operations, name)
    request = next(operation(**arguments))
    assert isinstance(request, Request)
    return request


def described(request: Request) -> dict[str, Any]:
    operation: dict[str, Any] = DOCUMENT["paths"][request.path][request.method.lower()]
    return operation


@pytest.mark.parametrize(("name", "arguments"), WHOLE.items(), ids=WHOLE)
def test_a_request_is_as_the_document_describes_it(name: str, arguments: dict[str, Any]) -> None:
    request = first_request(name, arguments)
    operation = described(request)
    content = request.content()
    if content is None:
        parameters = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
        assert (request.query() or {}).keys() == parameters
        return
    schema = operation["requestBody"]["content"][JSON]["schema"]
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(
        orjson.loads(content)
    )


@pytest.mark.parametrize("name", WHOLE)
def test_every_argument_is_among_those_that_are_checked(name: str) -> None:
    parameters = inspect.signature(getattr(_operations, name)).parameters
    assert parameters.keys() - {"columns", "node", "series"} == (
        WHOLE[name].keys() - {"node", "series"}
    )


@pytest.mark.parametrize("preview", [False, True], ids=["made", "previewed"])
def test_an_override_is_requested_as_the_document_describes_it(preview: bool) -> None:
    arguments: Any = OVERRIDE
    request = next(_overrides.override(**arguments, preview=preview))
    schema = described(request)["requestBody"]["content"][JSON]["schema"]
    body = orjson.loads(request.content() or b"")
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(body)
    assert ("Idempotency-Key" in request.headers) is not preview


def test_overrides_are_listed_and_withdrawn_as_the_document_describes_it() -> None:
    listing = next(
        _overrides.overrides(node="total", state="over", first=DAY, last=DAY, limit=7, before=9)
    )
    parameters = {each["name"] for each in described(listing)["parameters"]}
    assert (listing.query() or {}).keys() == parameters
    request = next(_overrides.withdraw_override(7))
    assert (request.method, request.path) == ("DELETE", "/overrides/7")
    assert request.content() is None


def test_an_export_is_requested_as_the_document_describes_it() -> None:
    arguments: Any = {
        "levels": ["shop"],
        "nodes": ["total"],
        "date": DAY,
        "horizon": 7,
        "intervals": [80],
        "quantiles": [0.9],
        "adjusted": True,
        "format": "parquet",
    }
    assert arguments.keys() == inspect.signature(_exports.export).parameters.keys()
    request = next(_exports.export(**arguments))
    assert isinstance(request, Request)
    schema = described(request)["requestBody"]["content"][JSON]["schema"]
    body = orjson.loads(request.content() or b"")
    assert body.keys() == arguments.keys()
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(body)
    assert "Idempotency-Key" in request.headers


@pytest.mark.parametrize(
    ("steps", "method", "path"),
    [
        (_exports.exports(), "GET", "/exports"),
        (_exports.wait_for_export("0123"), "GET", "/exports/{id}"),
        (_exports.download_export("0123", "file.csv"), "GET", "/exports/{id}"),
        (_exports.delete_export("0123"), "DELETE", "/exports/{id}"),
    ],
    ids=["listed", "waited for", "downloaded", "deleted"],
)
def test_exports_are_read_at_the_paths_of_the_document(steps: Any, method: str, path: str) -> None:
    request = next(steps)
    assert (request.method, request.path.replace("0123", "{id}")) == (method, path)
    assert method.lower() in DOCUMENT["paths"][path]


def test_every_public_operation_is_checked() -> None:
    functions = {
        name
        for name, value in vars(_operations).items()
        if inspect.isgeneratorfunction(value) and value.__module__ == _operations.__name__
    }
    assert functions == WHOLE.keys()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.url)
def test_a_documented_answer_is_read(example: Example) -> None:
    answer = parse(KINDS[example.path], example.answer)
    assert isinstance(answer, KINDS[example.path])


def test_every_path_of_the_client_has_an_example() -> None:
    assert {example.path for example in EXAMPLES} == KINDS.keys()
