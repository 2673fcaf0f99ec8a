"""A second release beside the one that serves."""

from __future__ import annotations

import copy
import shutil

import numpy as np
import onnx
from onnx import TensorProto, helper

from models.bundle import GOLDEN_OUTPUTS_FILE, KIND, load_bundle, with_metrics
from storage.artifacts import Store, seal, staging, verify

OTHER_WAPE = 0.5
"""WAPE of the total on the days 1 to 7 of `add_other_bundle`, far from that of the model."""


def add_other_bundle(store: Store) -> str:
    """Add a bundle of the serving model with other figures to a store, and return its name."""
    bundle = load_bundle(store.bundles / store.current().bundle)
    metrics = copy.deepcopy(dict(bundle.metrics))
    metrics["calibration"]["levels"]["total"]["1-7"]["wape"] = OTHER_WAPE
    return with_metrics(bundle.path, store.bundles, metrics).name


def add_scaled_bundle(store: Store, factor: float) -> str:
    """Add a bundle whose model answers `factor` times as much, and return its name.

    Every check of a bundle passes: its manifest and its golden rows are those of the new model.
    """
    source = verify(store.bundles / store.current().bundle, kind=KIND)
    with staging(store.bundles) as folder:
        for name in source.manifest.files:
            shutil.copyfile(source.path / name, folder / name)
        for path in folder.glob("*.onnx"):
            onnx.save(_scale_output(onnx.load(path), factor), path)
        outputs = np.load(folder / GOLDEN_OUTPUTS_FILE)
        np.save(folder / GOLDEN_OUTPUTS_FILE, (outputs * np.float32(factor)).astype(np.float32))
        return seal(folder, kind=KIND, label=source.manifest.label, facts=source.facts).name


def _scale_output(model: onnx.ModelProto, factor: float) -> onnx.ModelProto:
    graph = model.graph
    output = graph.output[0].name
    for node in graph.node:
        for at, name in enumerate(node.output):
            if name == output:
                node.output[at] = "unscaled"
    graph.initializer.append(helper.make_tensor("factor", TensorProto.FLOAT, [1], [factor]))
    graph.node.append(helper.make_node("Mul", ["unscaled", "factor"], [output]))
    return model
