"""Requests are encoded as the API expects them, or refused before they are sent."""

from __future__ import annotations

import datetime as dt
import json
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from mlrf_client._requests import Request, encode, name_node


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(dt.date(2024, 7, 1), "2024-07-01", id="date"),
        pytest.param(dt.datetime(2024, 7, 1), "2024-07-01", id="start of a day"),  # noqa: DTZ001
        pytest.param(np.int64(3), 3, id="integer of NumPy"),
        pytest.param(np.array([80, 95]), [80, 95], id="array of NumPy"),
        pytest.param(range(80, 82), [80, 81], id="range"),
        pytest.param(MappingProxyType({"shop": "Ä1"}), {"shop": "Ä1"}, id="mapping"),
    ],
)
def test_values_of_python_become_values_of_json(value: Any, expected: Any) -> None:
    assert json.loads(encode({"value": value})) == {"value": expected}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        pytest.param(dt.datetime(2024, 7, 1, 12), ValueError, id="a time"),  # noqa: DTZ001
        pytest.param(dt.datetime(2024, 7, 1, tzinfo=dt.UTC), ValueError, id="a zone"),
        pytest.param(float("nan"), ValueError, id="not a number"),
        pytest.param(object(), TypeError, id="an object"),
    ],
)
def test_a_value_that_could_be_misread_is_refused(value: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        encode({"value": value})


def test_what_is_left_out_is_not_sent() -> None:
    request = Request("POST", "/forecast", {"horizon": 3, "date": None, "x": {"y": None}})
    assert request.content() == b'{"horizon":3,"x":{"y":null}}'
    assert request.query() is None


def test_a_get_has_a_query_and_no_body() -> None:
    request = Request("GET", "/hierarchy", {"date": dt.date(2024, 7, 1), "depth": 1, "by": None})
    assert request.query() == {"date": "2024-07-01", "depth": "1"}
    assert request.content() is None


@pytest.mark.parametrize(
    ("node", "series", "columns", "expected"),
    [
        pytest.param("shop:A1", None, {}, {"node": "shop:A1", "series": None}, id="id"),
        pytest.param(None, {"node": 1}, {}, {"node": None, "series": {"node": 1}}, id="series"),
        pytest.param(None, None, {"a": 1}, {"node": None, "series": {"a": 1}}, id="columns"),
        pytest.param(None, None, {}, {"node": None, "series": None}, id="total"),
    ],
)
def test_a_node_is_named_in_any_way(
    node: str | None, series: Any, columns: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert name_node(node, series, columns) == expected


@pytest.mark.parametrize(
    ("node", "series", "columns"),
    [("total", {"a": 1}, {}), ("total", None, {"a": 1}), (None, {"a": 1}, {"b": 1})],
)
def test_a_node_that_is_named_twice_is_refused(
    node: str | None, series: Any, columns: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="once"):
        name_node(node, series, columns)
