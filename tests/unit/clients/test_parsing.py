"""Decoded JSON becomes the types of answers."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from mlrf_client._parsing import parse
from mlrf_client.errors import UnexpectedAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    day: dt.date
    units: float | None
    notes: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    from_: dt.date | None
    kind: Literal["a", "b"]
    leaf: Leaf
    leaves: list[Leaf]
    by_name: dict[str, dt.date]
    bounds: tuple[int, int]
    value: str | float | None
    children: list[Tree]
    anything: Any


DOCUMENT: dict[str, Any] = {
    "from": "2024-07-01",
    "kind": "c",
    "leaf": {"day": "2024-07-02", "units": 1},
    "leaves": [{"day": "2024-07-03", "units": None}],
    "by_name": {"price": "2024-07-04"},
    "bounds": [50, 99],
    "value": "tea",
    "children": [],
    "anything": {"x": [1]},
}


def test_members_have_the_types_of_the_class() -> None:
    tree = parse(Tree, {**DOCUMENT, "children": [DOCUMENT]})
    assert tree.from_ == dt.date(2024, 7, 1)
    assert tree.kind == "c", "a newer server may have more values"
    assert tree.leaf == Leaf(day=dt.date(2024, 7, 2), units=1.0)
    assert isinstance(tree.leaf.units, float)
    assert tree.leaves == [Leaf(day=dt.date(2024, 7, 3), units=None)]
    assert tree.by_name == {"price": dt.date(2024, 7, 4)}
    assert tree.bounds == (50, 99)
    assert (tree.value, tree.anything) == ("tea", {"x": [1]})
    assert tree.children == [parse(Tree, DOCUMENT)]


def test_a_list_that_an_answer_lacks_is_empty() -> None:
    leaf = {"day": "2024-07-02", "units": None}
    assert parse(Leaf, leaf).notes == []
    assert parse(Leaf, {**leaf, "notes": [1]}).notes == [1.0]


def test_members_of_newer_servers_are_ignored() -> None:
    assert parse(Leaf, {"day": "2024-07-02", "units": None, "weather": "rain"}).units is None


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        pytest.param({"day": "2024-07-02"}, "'units'", id="a member is missing"),
        pytest.param({"day": "tomorrow", "units": 1}, "tomorrow", id="no date"),
        pytest.param({"day": None, "units": 1}, "TypeError", id="null for a date"),
        pytest.param({"day": "2024-07-02", "units": "x"}, "'x'", id="a text for a number"),
        pytest.param([], "list", id="no object"),
    ],
)
def test_an_answer_of_another_form_is_an_error(document: Any, reason: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="not a Leaf") as raised:
        parse(Leaf, document)
    assert reason in str(raised.value)
