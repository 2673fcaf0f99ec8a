"""Promotions of every node: those of the past, their effect on sales, and those planned."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from features.blocks import Blocks, Floats, Rows, select_block
from features.data.snapshot import Snapshot
from features.feature import LOG_ITEMS, LOG_UNITS, Feature, Group
from features.tail import Values

FEATURES = (
    Feature("promo_28", Group.PROMOTION, LOG_ITEMS, "mean items over 28 days"),
    Feature("promo_share_112", Group.PROMOTION, "share", "days with a promotion among 112"),
    Feature(
        "promo_slope",
        Group.PROMOTION,
        "log1p units per log1p items",
        "response of sales over 112 days",
    ),
    Feature(
        "promo_family_slope",
        Group.PROMOTION,
        "log1p units per log1p items",
        "response over the family",
    ),
    Feature("promo_7", Group.PROMOTION, LOG_ITEMS, "mean items over 7 days"),
    Feature(
        "promo_weekday_8", Group.PROMOTION, LOG_ITEMS, "mean items on the last 8 same weekdays"
    ),
    Feature("promo", Group.PROMOTION, LOG_ITEMS, "items planned for the day"),
    Feature("promo_change", Group.PROMOTION, LOG_ITEMS, "planned less the mean over 28 days"),
    Feature("promo_effect", Group.PROMOTION, LOG_UNITS, "that change times the response"),
    Feature(
        "promo_weekday_change",
        Group.PROMOTION,
        LOG_ITEMS,
        "planned less the mean on the last 8 same weekdays",
    ),
    Feature(
        "promo_family_effect", Group.PROMOTION, LOG_UNITS, "the change times the family's response"
    ),
    Feature("promo_before", Group.PROMOTION, LOG_ITEMS, "items on the day before"),
    Feature("promo_after", Group.PROMOTION, LOG_ITEMS, "items on the day after"),
    Feature("promo_week", Group.PROMOTION, LOG_ITEMS, "mean of the seven days around"),
    Feature("promo_store", Group.PROMOTION, LOG_ITEMS, "items planned in the whole store"),
    Feature(
        "promo_store_change",
        Group.PROMOTION,
        LOG_ITEMS,
        "the store's planned less its mean over 28 days",
    ),
    Feature(
        "promo_family", Group.PROMOTION, LOG_ITEMS, "items planned for the family in all stores"
    ),
    Feature(
        "promo_family_change",
        Group.PROMOTION,
        LOG_ITEMS,
        "the family's planned less its mean over 28 days",
    ),
)
"""In the order of the contract."""


PROMOTION_DAYS = 112
"""Days up to an origin whose promotions are read."""
WEEK_AROUND = 3
"""Days before and after a day that make its week."""
_SLOPE_RIDGE = 0.05
"""Variance added to that of the promotions (ridge), so that a few do not give a large slope."""


def measure_promotions(
    snapshot: Snapshot, items: NDArray[np.float64], logs: NDArray[np.float64]
) -> Values:
    """Compute items on promotion and the response of sales to them; each of shape (nodes,)."""
    # The response is the slope of a ridge regression of log1p units on log1p items: covariance
    # over variance + ridge. The ridge pulls it to 0 where promotions hardly vary, instead of
    # dividing noise by almost nothing. Most series have too few promotions for a slope of their
    # own, so a second one pools covariances and variances over all bottoms of a family.
    x = np.log1p(items)
    centred = x - x.mean(axis=1, keepdims=True)
    covariance = (centred * (logs - logs.mean(axis=1, keepdims=True))).mean(axis=1)
    variance = (centred**2).mean(axis=1)
    family = snapshot.family_group
    pooled = np.bincount(family, covariance) / (np.bincount(family, variance) + _SLOPE_RIDGE)
    return {
        "promo_28": np.log1p(items[:, -28:].mean(axis=1)),
        "promo_share_112": (items > 0).mean(axis=1),
        "promo_slope": covariance / (variance + _SLOPE_RIDGE),
        "promo_family_slope": pooled[family],
        "promo_7": np.log1p(items[:, -7:].mean(axis=1)),
    }


def compare_plans(
    items: Floats,
    node: Mapping[str, Floats],
    usual: Floats,
    nodes: Rows,
    *,
    store: Rows,
    family: Rows,
    at: Rows,
) -> Blocks:
    """Return the blocks of planned promotions of nodes on some days.

    Args:
        items: log1p items of all nodes, shape (nodes of the hierarchy, days).
        node: values of the nodes at the origin, of `measure_promotions`.
        usual: log1p items on the same weekdays, shape (nodes, days).
        nodes, store, family: rows of the nodes, of their stores and of their families; (n,).
        at: columns of the days in `items`, at least `WEEK_AROUND` from both ends.
    """
    around = at[:, None] + np.arange(-WEEK_AROUND, WEEK_AROUND + 1)

    def select_planned(rows: Rows) -> Floats:
        return select_block(items, rows, at)

    def compute_change(rows: Rows) -> Floats:
        return select_planned(rows) - node["promo_28"][rows][:, None]

    own, own_change = select_planned(nodes), compute_change(nodes)
    return {
        "promo": own,
        "promo_change": own_change,
        "promo_weekday_change": own - usual,
        "promo_before": select_block(items, nodes, at - 1),
        "promo_after": select_block(items, nodes, at + 1),
        "promo_week": items[nodes][:, around].mean(axis=2),
        "promo_family_effect": own_change * node["promo_family_slope"][nodes][:, None],
        "promo_effect": own_change * node["promo_slope"][nodes][:, None],
        "promo_store": select_planned(store),
        "promo_store_change": compute_change(store),
        "promo_family": select_planned(family),
        "promo_family_change": compute_change(family),
    }
