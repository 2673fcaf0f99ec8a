"""Static attributes of a node: its level, and where it has them its store, family and place."""

from __future__ import annotations

from features.feature import Feature, Group

FEATURES = (
    Feature("level", Group.STORE, "category", "level of the node"),
    Feature("store", Group.STORE, "category", "store, where the node has one"),
    Feature("family", Group.STORE, "category", "family, where the node has one"),
    Feature("city", Group.STORE, "category", "city of the store"),
    Feature("state", Group.STORE, "category", "state of the store"),
    Feature("type", Group.STORE, "category", "type of the store"),
    Feature("cluster", Group.STORE, "category", "cluster of the store"),
)
"""In the order of the contract; the categories of a node."""


NODE_COLUMNS = {
    "store": "store_nbr",
    "family": "family",
    "city": "city",
    "state": "state",
    "type": "type",
    "cluster": "cluster",
}
"""Attribute of the hierarchy by feature."""
