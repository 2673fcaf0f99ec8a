"""A second release beside the one that serves."""

from __future__ import annotations

import copy

from models.bundle import load_bundle, with_metrics
from storage.artifacts import Store

OTHER_WAPE = 0.5
"""WAPE of the total on the days 1 to 7 of `add_other_bundle`, far from that of the model."""


def add_other_bundle(store: Store) -> str:
    """Add a bundle of the serving model with other figures to a store, and return its name."""
    bundle = load_bundle(store.bundles / store.current().bundle)
    metrics = copy.deepcopy(dict(bundle.metrics))
    metrics["calibration"]["levels"]["total"]["1-7"]["wape"] = OTHER_WAPE
    return with_metrics(bundle.path, store.bundles, metrics).name
