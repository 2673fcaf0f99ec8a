"""The hierarchy: nodes, their order and ids, and sums checked by hand."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.data import hierarchy as module
from features.data.hierarchy import Hierarchy
from features.data.specification import BOTTOM, FAVORITA, TOTAL, Levels

WINE, MILK = "LIQUOR,WINE,BEER", "MILK"
BOTTOMS = {
    "store_nbr": ("2", "2", "10", "10", "3"),
    "family": (MILK, WINE, MILK, WINE, WINE),
    "city": ("Alder", "Alder", "Brook", "Brook", "Alder"),
    "cluster": ("10", "10", "9", "9", "10"),
}
CITY_LEVELS: Levels = {
    TOTAL: (),
    "city": ("city",),
    "store": ("store_nbr",),
    BOTTOM: ("store_nbr", "family"),
}
IDS = [
    "total",
    "store:2",
    "store:3",
    "store:10",
    "family:LIQUOR,WINE,BEER",
    "family:MILK",
    "store:2/family:MILK",
    "store:2/family:LIQUOR,WINE,BEER",
    "store:10/family:MILK",
    "store:10/family:LIQUOR,WINE,BEER",
    "store:3/family:LIQUOR,WINE,BEER",
]
HIERARCHY = Hierarchy(BOTTOMS)
VALUES = arrays(np.float64, (5, 3), elements=st.integers(-1000, 1000).map(float))


def test_nodes_are_ordered_level_by_level_and_stores_by_number() -> None:
    assert [node.id for node in HIERARCHY.nodes] == IDS
    assert len(HIERARCHY) == len(IDS)
    assert HIERARCHY.index == {name: row for row, name in enumerate(IDS)}


def test_nodes_are_read_by_row_from_either_end_and_by_slice() -> None:
    every = list(HIERARCHY.nodes)
    assert [HIERARCHY.nodes[row] for row in range(len(every))] == every
    assert [HIERARCHY.nodes[row] for row in range(-len(every), 0)] == every
    assert HIERARCHY.nodes[4:7] == tuple(every[4:7])
    for row in (len(every), -len(every) - 1):
        with pytest.raises(IndexError):
            HIERARCHY.nodes[row]


def test_a_node_is_found_by_its_id_and_by_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_CACHED", 3)  # the cache is emptied in between
    hierarchy = Hierarchy(BOTTOMS)
    for _ in range(2):
        assert [hierarchy.index[node] for node in IDS] == list(range(len(IDS)))
        for row, node in enumerate(hierarchy.nodes):
            assert hierarchy.find(node.level, node.key) == row
    assert list(hierarchy.index) == IDS
    for unknown in ("", "store:4", "store:2/family:BREAD"):
        assert unknown not in hierarchy.index
        assert hierarchy.index.get(unknown) is None


@pytest.mark.parametrize(
    ("level", "key"),
    [
        pytest.param("store", ("4",), id="another value"),
        pytest.param(BOTTOM, ("3", MILK), id="values that no series has together"),
        pytest.param("store", ("2/family:MILK",), id="a value that makes the id of another node"),
        pytest.param(BOTTOM, ("2",), id="too few values"),
    ],
)
def test_values_of_no_node_are_not_found(level: str, key: tuple[str, ...]) -> None:
    assert HIERARCHY.find(level, key) is None


def test_ids_with_the_same_hash_differ_by_their_text() -> None:
    hierarchy = Hierarchy(BOTTOMS)
    index = hierarchy.index
    index._hashes[:] = hash("store:3")  # as if all ids had the hash of this one
    assert index["store:3"] == IDS.index("store:3")


def test_a_released_hierarchy_is_freed_without_a_garbage_collection() -> None:
    hierarchy = Hierarchy(BOTTOMS)
    hierarchy.find(BOTTOM, ("2", MILK))
    freed = weakref.ref(hierarchy.nodes)
    gc.disable()
    try:
        del hierarchy
        assert freed() is None
    finally:
        gc.enable()


def test_levels_are_slices_of_the_nodes() -> None:
    assert list(HIERARCHY.slices) == list(FAVORITA.columns_of_level)
    assert HIERARCHY.slices == {
        "total": slice(0, 1),
        "store": slice(1, 4),
        "family": slice(4, 6),
        "bottom": slice(6, 11),
    }
    assert (HIERARCHY.n_upper, HIERARCHY.n_bottom) == (6, 5)
    assert HIERARCHY.level_of.tolist() == [0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3]
    for level, rows in HIERARCHY.slices.items():
        assert {node.level for node in HIERARCHY.nodes[rows]} == {level}


def test_bottoms_keep_their_input_order() -> None:
    keys = [node.key for node in HIERARCHY.nodes[HIERARCHY.slices[BOTTOM]]]
    assert keys == list(zip(BOTTOMS["store_nbr"], BOTTOMS["family"], strict=True))
    assert HIERARCHY.summing[HIERARCHY.n_upper :].toarray().tolist() == np.eye(5).tolist()


@pytest.mark.parametrize(
    ("values", "ordered"),
    [
        pytest.param(["10", "9", "100", "1"], ["1", "9", "10", "100"], id="numbers"),
        pytest.param(["b", "a10", "a9"], ["a10", "a9", "b"], id="texts"),
        pytest.param(["A", "2", "10"], ["2", "10", "A"], id="numbers before texts"),
    ],
)
def test_nodes_of_a_level_are_in_natural_order(values: list[str], ordered: list[str]) -> None:
    levels: Levels = {TOTAL: (), "cluster": ("cluster",), BOTTOM: ("cluster", "family")}
    hierarchy = Hierarchy(
        {"cluster": values, "family": [MILK] * len(values)}, FAVORITA.with_levels(levels)
    )
    keys = [node.key for node in hierarchy.nodes[hierarchy.slices["cluster"]]]
    assert keys == [(value,) for value in ordered]


@pytest.mark.parametrize("store_nbr", [10, "10"], ids=["number", "text"])
def test_bottom_id_is_the_id_of_the_node(store_nbr: int | str) -> None:
    bottom_id = FAVORITA.node_id(BOTTOM, (str(store_nbr), WINE))
    assert bottom_id == "store:10/family:LIQUOR,WINE,BEER"
    assert bottom_id in HIERARCHY.index


def test_aggregate_adds_the_bottoms_up() -> None:
    sums = HIERARCHY.aggregate(np.array([1.0, 2.0, 4.0, 8.0, 16.0]))
    assert dict(zip(IDS, sums, strict=True)) == {
        "total": 31,
        "store:2": 3,
        "store:3": 16,
        "store:10": 12,
        "family:LIQUOR,WINE,BEER": 26,
        "family:MILK": 5,
        "store:2/family:MILK": 1,
        "store:2/family:LIQUOR,WINE,BEER": 2,
        "store:10/family:MILK": 4,
        "store:10/family:LIQUOR,WINE,BEER": 8,
        "store:3/family:LIQUOR,WINE,BEER": 16,
    }


def test_aggregate_keeps_the_other_axes() -> None:
    values = np.arange(5 * 2 * 3, dtype=np.float32).reshape(5, 2, 3)
    sums = HIERARCHY.aggregate(values)
    assert sums.shape == (11, 2, 3)
    assert sums.dtype == np.float64
    assert sums[0].tolist() == values.sum(axis=0).tolist()
    assert sums[HIERARCHY.index["store:2"]].tolist() == (values[0] + values[1]).tolist()


def test_missing_value_makes_only_its_sums_missing() -> None:
    sums = HIERARCHY.aggregate(np.array([np.nan, 2, 4, 8, 16]))
    spoiled = {name for name, value in zip(IDS, sums, strict=True) if np.isnan(value)}
    assert spoiled == {"total", "store:2", "family:MILK", "store:2/family:MILK"}


@given(first=VALUES, second=VALUES, factor=st.integers(-9, 9))
def test_aggregate_is_linear(
    first: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    second: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    factor: int,
) -> None:
    # float64 adds integers of this size exactly
    together = HIERARCHY.aggregate(first + factor * second)
    apart = HIERARCHY.aggregate(first) + factor * HIERARCHY.aggregate(second)
    assert together.tolist() == apart.tolist()


@given(values=VALUES)
def test_every_level_adds_up_to_the_total(
    values: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> None:
    sums = HIERARCHY.aggregate(values)
    for rows in HIERARCHY.slices.values():
        assert sums[rows].sum(axis=0).tolist() == sums[0].tolist()


def test_a_level_is_added_by_naming_its_columns() -> None:
    hierarchy = Hierarchy(BOTTOMS, FAVORITA.with_levels(CITY_LEVELS))
    assert [node.id for node in hierarchy.nodes[:6]] == [
        "total",
        "city:Alder",
        "city:Brook",
        "store:2",
        "store:3",
        "store:10",
    ]
    sums = hierarchy.aggregate(np.array([1.0, 2.0, 4.0, 8.0, 16.0]))
    assert sums[:6].tolist() == [31, 19, 12, 3, 16, 12]
    ancestors = hierarchy.ancestor("city")
    assert ancestors[hierarchy.index["store:3"]] == hierarchy.index["city:Alder"]
    ten_milk = hierarchy.index[FAVORITA.node_id(BOTTOM, ("10", MILK))]
    assert ancestors[ten_milk] == hierarchy.index["city:Brook"]


def test_ancestor_is_the_single_node_above_or_the_total() -> None:
    ancestors = {
        level: [IDS[row] for row in HIERARCHY.ancestor(level)] for level in ("store", "family")
    }
    assert ancestors["store"] == [
        "total",
        "store:2",
        "store:3",
        "store:10",
        "total",
        "total",
        "store:2",
        "store:2",
        "store:10",
        "store:10",
        "store:3",
    ]
    # a store with a single family belongs to it
    assert ancestors["family"][:6] == [
        "total",
        "total",
        "family:LIQUOR,WINE,BEER",
        "total",
        "family:LIQUOR,WINE,BEER",
        "family:MILK",
    ]
    assert not HIERARCHY.ancestor(TOTAL).any()
    bottoms = HIERARCHY.slices[BOTTOM]
    assert HIERARCHY.ancestor(BOTTOM)[bottoms].tolist() == list(range(11)[bottoms])


def test_attribute_is_none_where_the_bottoms_differ() -> None:
    assert HIERARCHY.attribute("city") == (
        None,
        *("Alder", "Alder", "Brook"),
        None,
        None,
        *BOTTOMS["city"],
    )
    assert HIERARCHY.attribute("store_nbr")[:6] == (None, "2", "3", "10", None, None)


@pytest.mark.parametrize(
    "levels",
    [
        pytest.param({}, id="none"),
        pytest.param({"store": ("store_nbr",), BOTTOM: ("store_nbr", "family")}, id="no total"),
        pytest.param({TOTAL: (), "store": ("store_nbr",)}, id="no bottom"),
        pytest.param(
            {TOTAL: (), BOTTOM: ("store_nbr", "family"), "store": ("store_nbr",)},
            id="bottom not last",
        ),
    ],
)
def test_levels_must_go_from_the_total_to_the_bottom(levels: Levels) -> None:
    with pytest.raises(ValueError, match="begin with one of no columns and end with the bottom"):
        Hierarchy(BOTTOMS, FAVORITA.with_levels(levels))


def test_bottoms_must_differ() -> None:
    with pytest.raises(ValueError, match="two bottom series have the same key"):
        Hierarchy({"store_nbr": ["1", "1"], "family": [MILK, MILK]})
