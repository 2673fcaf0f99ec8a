"""Export of LightGBM to ONNX, such that both give the same forecasts.

LightGBM compares rows with float64 thresholds, ONNX with float32 ones. A threshold that is rounded
up could send a row to the other leaf; rounded toward minus infinity, ``x <= threshold`` has the
same result for every float32 x. The booster in the bundle is read back from the rounded text.
"""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import onnx
import onnxmltools
from onnxmltools.convert.common.data_types import FloatTensorType

from features.relative import RelativeColumns

OPSET = 15  # the highest that onnxmltools 1.16 writes
_ROWS, _TREE_ROWS, _OFFSETS = "rows", "tree_rows", "offsets"
TREES_PER_NODE = 10
"""Trees that one ONNX node sums in float32; the nodes' sums are added in order."""

_THRESHOLDS = "threshold="
_SIZES = "tree_sizes="


def round_thresholds(booster: lgb.Booster) -> lgb.Booster:
    """Return the booster with every threshold rounded toward minus infinity to float32."""
    lines = [
        _round_line(line) if line.startswith(_THRESHOLDS) else line
        for line in booster.model_to_string().split("\n")
        # byte counts of the trees, now wrong; LightGBM does not require them
        if not line.startswith(_SIZES)
    ]
    return lgb.Booster(model_str="\n".join(lines))


def _round_line(line: str) -> str:
    exact = np.array(line.removeprefix(_THRESHOLDS).split(), dtype=np.float64)
    single = exact.astype(np.float32)
    below = np.where(single > exact, np.nextafter(single, np.float32(-np.inf)), single)
    return _THRESHOLDS + " ".join(repr(float(value)) for value in below)


def to_onnx(booster: lgb.Booster, relative: RelativeColumns | None = None) -> bytes:
    """Return the ONNX model of forecasts in units: ``expm1(max(score, 0))``.

    The score is the sum of the trees; with `relative`, these read its columns less the offset, and
    the offset is added to their sum.

    Input ``rows``, float32 of shape (n, features); output ``units``, float32 of shape (n, 1).
    """
    features = booster.num_feature()
    if relative and not relative.references:
        relative = None  # the score is that of the trees alone
    trees = onnxmltools.convert_lightgbm(
        booster,
        initial_types=[(_TREE_ROWS if relative else _ROWS, FloatTensorType([None, features]))],
        target_opset=OPSET,
        # the converter cannot split an ensemble that fits into one node
        split=TREES_PER_NODE if booster.num_trees() > TREES_PER_NODE else None,
    )
    graph = trees.graph
    score = graph.output[0].name
    if relative:
        score = _make_relative(graph, relative, score)
    graph.node.extend(
        [
            onnx.helper.make_node("Relu", [score], ["link"]),
            onnx.helper.make_node("Exp", ["link"], ["units_plus_one"]),
            onnx.helper.make_node("Sub", ["units_plus_one", "one"], ["units"]),
        ]
    )
    graph.initializer.append(onnx.helper.make_tensor("one", onnx.TensorProto.FLOAT, [1], [1.0]))
    del graph.output[:]
    graph.output.append(
        onnx.helper.make_tensor_value_info("units", onnx.TensorProto.FLOAT, [None, 1])
    )
    # the converter gives a random name and operator sets in the order of a hash set, but the
    # digest of the same model must be the same
    graph.name = "mlrf"
    trees.opset_import.sort(key=lambda operators: operators.domain)
    onnx.checker.check_model(trees)
    serialised: bytes = trees.SerializeToString(deterministic=True)
    return serialised


def _make_relative(graph: onnx.GraphProto, relative: RelativeColumns, score: str) -> str:
    """Let the trees read rows relative to the offset; return the name of the whole score."""
    # Every column is read less some reference times 1 or 0, which is exact, so that the graph
    # subtracts as `RelativeColumns.tree_rows` does. References are never NaN, which 0 would not
    # remove; columns that are read as they are have the offset.
    features = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    del graph.input[:]
    graph.input.append(
        onnx.helper.make_tensor_value_info(_ROWS, onnx.TensorProto.FLOAT, [None, features])
    )
    references, read_less = [relative.offset] * features, [0.0] * features
    for column, reference in relative.references:
        references[column], read_less[column] = reference, 1.0
    integers, floats = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT
    graph.initializer.extend(
        [
            onnx.helper.make_tensor("offset_column", integers, [1], [relative.offset]),
            onnx.helper.make_tensor("reference_columns", integers, [features], references),
            onnx.helper.make_tensor("read_less", floats, [1, features], read_less),
        ]
    )
    before = [
        onnx.helper.make_node("Gather", [_ROWS, "offset_column"], [_OFFSETS], axis=1),
        onnx.helper.make_node("Gather", [_ROWS, "reference_columns"], ["references"], axis=1),
        onnx.helper.make_node("Mul", ["references", "read_less"], ["shifts"]),
        onnx.helper.make_node("Sub", [_ROWS, "shifts"], [_TREE_ROWS]),
    ]
    trees = [*graph.node]
    del graph.node[:]
    graph.node.extend([*before, *trees])
    graph.node.append(onnx.helper.make_node("Add", [score, _OFFSETS], ["score"]))
    return "score"
