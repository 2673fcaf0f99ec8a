"""The model of a bundle: one ONNX graph for each segment of horizons."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from features.contract import NAMES
from models.onnx import OnnxModel

_HORIZON = NAMES.index("horizon")


class SegmentedModel:
    """Sends each row to the graph that forecasts its horizon.

    Args:
        segments: graphs by the last horizon that they forecast; a row goes to the first that
            reaches its horizon, and to the last if none does.
    """

    def __init__(self, segments: Mapping[int, OnnxModel]) -> None:
        self._lasts = sorted(segments)
        self._graphs = [segments[last] for last in self._lasts]

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Base forecasts in units, shape (n,), of rows of shape (n, features)."""
        wanted = np.searchsorted(self._lasts[:-1], rows[:, _HORIZON])
        present = np.unique(wanted)
        if len(present) == 1:
            graph: OnnxModel = self._graphs[present[0]]
            return graph.predict(rows)
        outputs = np.empty(len(rows), dtype=np.float32)
        for segment in present:
            chosen = wanted == segment
            outputs[chosen] = self._graphs[segment].predict(rows[chosen])
        return outputs
