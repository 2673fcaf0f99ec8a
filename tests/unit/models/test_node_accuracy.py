"""Errors of single nodes, against values computed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from models.baselines import Baseline
from models.node_accuracy import NodeAccuracy, Order, measure_nodes, order_nodes
from tests.support.retailer import BY_REGION, snapshot_of

DAYS = 14


@pytest.fixture
def snapshot() -> Snapshot:
    """A series that sells 10 on every day, and 20 on the last one."""
    snapshot = snapshot_of(BY_REGION)
    sales = snapshot.sales[snapshot.hierarchy.n_upper :].copy()
    sales[0] = 10
    sales[0, -1] = 20
    return replace(snapshot, sales=snapshot.hierarchy.aggregate(sales))


def measure(snapshot: Snapshot, row: int, forecast: float) -> NodeAccuracy:
    mean = np.full((len(snapshot.hierarchy), DAYS), forecast)
    (node,) = measure_nodes(snapshot, snapshot.newest_origin - DAYS, mean, np.array([row]))
    return node


def test_errors_are_those_of_the_days_after_the_origin(snapshot: Snapshot) -> None:
    row = snapshot.hierarchy.n_upper
    node = measure(snapshot, row, 12)
    sold = 10 * 13 + 20
    assert (node.row, node.days, node.sold, node.forecast) == (row, DAYS, sold, 12 * DAYS)
    assert node.wrong == 2 * 13 + 8
    assert node.wape == pytest.approx((2 * 13 + 8) / sold)
    assert node.bias == pytest.approx((2 * 13 - 8) / sold)
    assert node.rmsle == pytest.approx(
        math.sqrt((13 * math.log(13 / 11) ** 2 + math.log(21 / 13) ** 2) / 14)
    )


def test_rules_are_measured_on_the_same_days(snapshot: Snapshot) -> None:
    node = measure(snapshot, snapshot.hierarchy.n_upper, 12)
    assert node.baselines == dict.fromkeys(Baseline, pytest.approx(10 / 150))


def test_days_that_are_not_delivered_do_not_count(snapshot: Snapshot) -> None:
    sales = snapshot.sales.copy()
    sales[:, -1] = np.nan
    node = measure(replace(snapshot, sales=sales), snapshot.hierarchy.n_upper, 12)
    assert (node.days, node.sold, node.forecast) == (13, 130, 12 * 13)
    assert node.wape == pytest.approx(0.2)


def test_a_node_that_sold_nothing_has_no_relative_error(snapshot: Snapshot) -> None:
    nothing = replace(snapshot, sales=np.zeros_like(snapshot.sales))
    node = measure(nothing, 0, 1)
    assert (node.sold, node.wrong) == (0, DAYS)
    assert math.isnan(node.wape)
    assert math.isnan(node.bias)


def accuracy(row: int, wape: float, wrong: float = 1) -> NodeAccuracy:
    return NodeAccuracy(row, 1, 1, 1, wrong, rmsle=0, wape=wape, bias=0, baselines={})


NODES = [
    accuracy(0, 0.2, wrong=500),
    accuracy(1, math.nan, wrong=900),
    accuracy(2, 0.9, wrong=2),
    accuracy(3, 0.2, wrong=30),
]


@pytest.mark.parametrize(
    ("order", "rows"),
    [(Order.HARD, [2, 0, 3, 1]), (Order.EASY, [0, 3, 2, 1]), (Order.UNITS, [0, 3, 2, 1])],
)
def test_nodes_are_ordered_and_those_without_sales_come_last(order: Order, rows: list[int]) -> None:
    assert [node.row for node in order_nodes(NODES, order)] == rows
