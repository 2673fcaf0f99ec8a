"""Errors of one past forecast, node by node: which are hard to forecast."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from models import metrics
from models.baselines import Baseline, forecast_by_rule

Values = NDArray[np.float64]


class Order(StrEnum):
    """Order of nodes by their errors.

    Attributes:
        HARD: the largest error as a share of the sales first.
        EASY: the smallest first.
        UNITS: the most units that were forecast wrongly first.
    """

    HARD = "hard"
    EASY = "easy"
    UNITS = "units"


@dataclass(frozen=True, slots=True)
class NodeAccuracy:
    """Errors of a node's forecast; NaN where they cannot be measured.

    Attributes:
        row: of the node in the hierarchy.
        days: number of days that count, whose sales are known.
        sold, forecast: units of these days.
        wrong: sum of the absolute errors of these days, in units.
        rmsle, wape, bias: as in `models.metrics`.
        baselines: WAPE of simple rules on the same days.
    """

    row: int
    days: int
    sold: float
    forecast: float
    wrong: float
    rmsle: float
    wape: float
    bias: float
    baselines: Mapping[Baseline, float]


def measure_nodes(
    snapshot: Snapshot, origin: int, mean: Values, rows: NDArray[np.intp]
) -> list[NodeAccuracy]:
    """Return the errors of nodes on the days after an origin whose sales are known.

    Args:
        mean: forecasts of all nodes, shape (nodes, days).
        rows: nodes to measure, shape (n,).
    """
    horizons = np.arange(1, mean.shape[1] + 1)
    actual = snapshot.targets(rows, origin + horizons)
    history = snapshot.history[rows, : origin + 1]
    by_rule = {
        rule: forecast_by_rule(history, horizons, rule, step=snapshot.step) for rule in Baseline
    }
    return [
        _measure_node(
            row,
            mean[row],
            actual[at],
            {rule: metrics.wape(values[at], actual[at]) for rule, values in by_rule.items()},
        )
        for at, row in enumerate(rows.tolist())
    ]


def _measure_node(
    row: int, forecast: Values, actual: Values, baselines: Mapping[Baseline, float]
) -> NodeAccuracy:
    known = ~np.isnan(actual)
    return NodeAccuracy(
        row=row,
        days=int(known.sum()),
        sold=float(actual[known].sum()),
        forecast=float(forecast[known].sum()),
        wrong=float(np.abs(forecast - actual)[known].sum()),
        rmsle=metrics.rmsle(forecast, actual),
        wape=metrics.wape(forecast, actual),
        bias=metrics.bias(forecast, actual),
        baselines=baselines,
    )


def order_nodes(measured: Sequence[NodeAccuracy], order: Order) -> list[NodeAccuracy]:
    """Return nodes in an order; those that sold nothing, which have no relative error, last."""
    return sorted(measured, key=lambda node: (*_rank_of(node, order), node.row))


def _rank_of(node: NodeAccuracy, order: Order) -> tuple[bool, float]:
    if math.isnan(node.wape):  # a NaN is neither less nor more than any number
        return True, 0.0
    ranks = {Order.HARD: -node.wape, Order.EASY: node.wape, Order.UNITS: -node.wrong}
    return False, ranks[order]
