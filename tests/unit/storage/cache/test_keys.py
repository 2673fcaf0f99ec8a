"""Requests share a cache key exactly when they are equal."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.cache.keys import key_of

pytestmark = pytest.mark.slow

VERSION = "2024-06-30-0123456789abcdef.2024-06-30-fedcba9876543210"

documents = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
)


def reverse_members(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: reverse_members(item) for name, item in reversed(value.items())}
    return [reverse_members(item) for item in value] if isinstance(value, list) else value


@given(documents)
def test_the_order_of_members_does_not_matter(request: dict[str, Any]) -> None:
    assert key_of(VERSION, "whatif", request) == key_of(VERSION, "whatif", reverse_members(request))


@given(documents, documents)
def test_different_requests_have_different_keys(a: dict[str, Any], b: dict[str, Any]) -> None:
    same = json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    assert (key_of(VERSION, "whatif", a) == key_of(VERSION, "whatif", b)) == same


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param({"x": None}, {"x": float("nan")}, id="null and NaN"),
        pytest.param({"x": float("inf")}, {"x": float("nan")}, id="infinity and NaN"),
        pytest.param({"x": 1}, {"x": "1"}, id="number and text"),
        pytest.param({"x": 1}, {"x": True}, id="number and truth"),
        pytest.param({"x": [1, 2]}, {"x": [2, 1]}, id="order of a list"),
        pytest.param({"x": 0.1 + 0.2}, {"x": 0.3}, id="last bit of a float"),
    ],
)
def test_similar_requests_have_different_keys(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert key_of(VERSION, "whatif", a) != key_of(VERSION, "whatif", b)


@given(st.text(alphabet="abc.-0", min_size=1), st.sampled_from(["whatif", "explain"]))
def test_version_and_call_are_part_of_the_key(version: str, call: str) -> None:
    key = key_of(version, call, b"{}")
    assert key.startswith(f"{version}:{call}:")
    assert len({key, key_of(version + "0", call, b"{}"), key_of(version, "hierarchy", b"{}")}) == 3


def test_a_key_is_short_and_printable() -> None:
    key = key_of(VERSION, "whatif", {"family": "DAIRY\r\n" * 1000})
    assert key.isascii()
    assert key.isprintable()
    assert len(key) <= len(VERSION) + len(":whatif:") + 40


def test_values_outside_json_are_refused() -> None:
    with pytest.raises(TypeError):
        key_of(VERSION, "explain", {"date": dt.date(2024, 6, 30)})
