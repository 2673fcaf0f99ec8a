"""The tree: sums at every node, by store and by family, from any node and to any depth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from api.forecasts.hierarchy import way_of
from api.forecasts.tree import NodeDocument, Tree, close_tree, encode_nodes, nodes_below
from api.schemas.requests import HierarchyQuery
from errors import Code, Problem
from features.data.hierarchy import Hierarchy
from features.data.specification import FAVORITA

BOTTOMS = [("2", "DELI"), ("10", "DAIRY"), ("2", "DAIRY"), ("10", "EGGS"), ("2", "EGGS")]
"""Store 10 has no DELI; the order differs from the displayed one."""


@pytest.fixture
def hierarchy() -> Hierarchy:
    return Hierarchy(
        {
            "store_nbr": [store for store, _ in BOTTOMS],
            "family": [family for _, family in BOTTOMS],
        }
    )


@pytest.fixture
def values(hierarchy: Hierarchy) -> NDArray[np.float64]:
    """Return powers of two, so that every sum identifies its terms."""
    return hierarchy.aggregate(2.0 ** np.arange(len(BOTTOMS)))


def walk(tree: NodeDocument) -> Iterator[NodeDocument]:
    yield tree
    for child in tree["children"]:
        yield from walk(child)


def ids(nodes: list[NodeDocument]) -> list[str]:
    return [node["id"] for node in nodes]


def ask(
    hierarchy: Hierarchy, values: NDArray[np.float64], depth: int | None = None, **query: str
) -> NodeDocument:
    way, row = way_of(hierarchy, HierarchyQuery.model_validate(query))
    return nested(Tree(hierarchy, values, previous=None, way=way), row, depth)


def nested(
    tree: Tree, row: int = 0, depth: int | None = None, *, at_a_time: int = 1000
) -> NodeDocument:
    """Return a tree as its JSON has it, written some nodes at a time."""
    nodes = list(nodes_below(tree.hierarchy, tree.way, row, depth))
    parts, before = [], None
    for start in range(0, len(nodes), at_a_time):
        some = nodes[start : start + at_a_time]
        parts.append(encode_nodes(some, [tree.document(node.row) for node in some], before))
        before = some[-1]
    document: NodeDocument = orjson.loads(b"".join(parts) + close_tree(nodes[-1]))
    return document


@pytest.mark.parametrize("way", ["store", "family"])
def test_every_node_is_the_sum_of_its_children(
    hierarchy: Hierarchy, values: NDArray[np.float64], way: str
) -> None:
    inner = [node for node in walk(ask(hierarchy, values, by=way)) if node["children"]]
    assert len(inner) == 1 + len(range(*hierarchy.slices[way].indices(len(hierarchy))))
    for node in inner:
        assert node["prediction"] == sum(child["prediction"] for child in node["children"])


@pytest.mark.parametrize("way", ["store", "family"])
def test_each_tree_has_its_level_and_every_bottom_once(
    hierarchy: Hierarchy, values: NDArray[np.float64], way: str
) -> None:
    nodes = list(walk(ask(hierarchy, values, by=way)))
    other = {"store": "family", "family": "store"}[way]
    assert sorted(ids(nodes)) == sorted(node.id for node in hierarchy.nodes if node.level != other)
    for node in nodes:
        assert node["prediction"] == values[hierarchy.index[node["id"]]]


def test_the_tree_by_store_has_readable_names_in_natural_order(
    hierarchy: Hierarchy, values: NDArray[np.float64]
) -> None:
    tree = ask(hierarchy, values)
    assert (tree["id"], tree["name"], tree["level"], tree["prediction"]) == (
        "total",
        "total",
        "total",
        31.0,
    )
    assert [(child["id"], child["name"], child["level"]) for child in tree["children"]] == [
        ("store:2", "2", "store"),
        ("store:10", "10", "store"),
    ]
    assert [
        (child["id"], child["name"], child["prediction"])
        for child in tree["children"][1]["children"]
    ] == [
        ("store:10/family:DAIRY", "DAIRY", 2.0),
        ("store:10/family:EGGS", "EGGS", 8.0),
    ]


def test_the_tree_by_family_names_bottoms_by_their_store(
    hierarchy: Hierarchy, values: NDArray[np.float64]
) -> None:
    tree = ask(hierarchy, values, by="family")
    assert ids(tree["children"]) == ["family:DAIRY", "family:DELI", "family:EGGS"]
    dairy, deli, _ = tree["children"]
    assert {(child["id"], child["name"]) for child in dairy["children"]} == {
        ("store:10/family:DAIRY", "10"),
        ("store:2/family:DAIRY", "2"),
    }
    assert ids(deli["children"]) == ["store:2/family:DELI"]


@pytest.mark.parametrize(
    ("depth", "levels"),
    [
        pytest.param(0, {"total"}, id="0"),
        pytest.param(1, {"total", "store"}, id="1"),
        pytest.param(2, {"total", "store", "bottom"}, id="2"),
        pytest.param(9, {"total", "store", "bottom"}, id="deeper than the tree"),
        pytest.param(None, {"total", "store", "bottom"}, id="not given"),
    ],
)
def test_depth_cuts_the_tree_but_no_sum(
    hierarchy: Hierarchy, values: NDArray[np.float64], depth: int | None, levels: set[str]
) -> None:
    tree = ask(hierarchy, values, depth)
    assert {node["level"] for node in walk(tree)} == levels
    assert tree["prediction"] == 31.0


@pytest.mark.parametrize(
    ("node", "query", "children"),
    [
        pytest.param("total", {}, ["store:2", "store:10"], id="total"),
        pytest.param(
            "store:10", {}, ["store:10/family:DAIRY", "store:10/family:EGGS"], id="a store"
        ),
        pytest.param("family:DELI", {}, ["store:2/family:DELI"], id="a family, default tree"),
        pytest.param("family:DELI", {"by": "family"}, ["store:2/family:DELI"], id="with its tree"),
        pytest.param("store:2/family:EGGS", {}, [], id="a bottom"),
        pytest.param("store:2/family:EGGS", {"by": "family"}, [], id="a bottom in the other tree"),
    ],
)
def test_the_tree_begins_at_the_requested_node(
    hierarchy: Hierarchy,
    values: NDArray[np.float64],
    node: str,
    query: dict[str, str],
    children: list[str],
) -> None:
    tree = ask(hierarchy, values, node=node, **query)
    assert tree["id"] == node
    assert sorted(ids(tree["children"])) == sorted(children)
    assert tree["prediction"] == values[hierarchy.index[node]]


@pytest.mark.parametrize(("by", "name"), [("store", "EGGS"), ("family", "2")])
def test_a_bottom_is_named_by_the_attribute_that_its_parent_lacks(
    hierarchy: Hierarchy, values: NDArray[np.float64], by: str, name: str
) -> None:
    assert ask(hierarchy, values, node="store:2/family:EGGS", by=by)["name"] == name


@pytest.mark.parametrize(
    ("node", "by", "other"),
    [("store:2", "family", "store"), ("family:DELI", "store", "family")],
)
def test_a_node_outside_the_tree_is_refused_with_its_own_tree(
    hierarchy: Hierarchy, node: str, by: str, other: str
) -> None:
    with pytest.raises(Problem, match=f"ask by={other}") as refusal:
        way_of(hierarchy, HierarchyQuery.model_validate({"node": node, "by": by}))
    assert refusal.value.code is Code.INVALID_NODE
    assert [error.pointer for error in refusal.value.errors] == ["node"]


@pytest.mark.parametrize(
    ("node", "hint"),
    [
        ("family:DIARY", "'family:DAIRY'"),
        ("Store:2", "'store:2'"),
        ("store:10/family:DELI", "'store:2/family:DELI'"),
    ],
)
def test_an_unknown_node_is_refused_with_the_nearest(
    hierarchy: Hierarchy, node: str, hint: str
) -> None:
    with pytest.raises(Problem) as refusal:
        way_of(hierarchy, HierarchyQuery(node=node))
    assert refusal.value.code is Code.INVALID_NODE
    assert node in refusal.value.detail
    assert hint in refusal.value.detail
    assert [error.pointer for error in refusal.value.errors] == ["node"]


def test_an_added_level_has_a_tree_too() -> None:
    levels = {**FAVORITA.columns_of_level, "city": ("city",)}
    levels["bottom"] = levels.pop("bottom")
    hierarchy = Hierarchy(
        {"store_nbr": ["1", "2", "3"], "family": ["EGGS"] * 3, "city": ["Alder", "Brook", "Alder"]},
        FAVORITA.with_levels(levels),
    )
    tree = ask(hierarchy, hierarchy.aggregate(np.array([1.0, 2.0, 4.0])), node="city:Alder")
    assert tree["prediction"] == 5.0
    assert [(child["id"], child["prediction"]) for child in tree["children"]] == [
        ("store:1/family:EGGS", 1.0),
        ("store:3/family:EGGS", 4.0),
    ]


def test_the_trend_compares_with_past_sales(
    hierarchy: Hierarchy, values: NDArray[np.float64]
) -> None:
    """A node without sales has no trend."""
    before = hierarchy.aggregate(np.array([0.0, 1.0, 2.0, 8.0, 16.0]))
    tree = nested(Tree(hierarchy, values, previous=before, way=("total", "store", "bottom")))
    for node in walk(tree):
        sold = before[hierarchy.index[node["id"]]]
        assert node["previous"] == sold
        assert node["trend"] == (pytest.approx(node["prediction"] / sold - 1) if sold else None)
    assert [node["id"] for node in walk(tree) if node["trend"] is None] == ["store:2/family:DELI"]


@pytest.mark.parametrize("at_a_time", [1, 2, 3, 5])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_tree_is_the_same_in_whatever_parts_it_is_written(
    hierarchy: Hierarchy, values: NDArray[np.float64], depth: int, at_a_time: int
) -> None:
    tree = Tree(hierarchy, values, previous=None, way=("total", "store", "bottom"))
    assert nested(tree, 0, depth, at_a_time=at_a_time) == nested(tree, 0, depth)
