"""The model of a bundle: one ONNX graph for each segment of horizons."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.onnx import OnnxModel


def segments_of(
    lasts: Sequence[int], horizons: NDArray[np.float32]
) -> list[tuple[int, slice | NDArray[np.bool_]]]:
    """Return the number of each segment that occurs in rows, and the rows that belong to it.

    Args:
        lasts: last horizon of each segment, ascending; a row goes to the first that reaches its
            horizon, and to the last if none does.
        horizons: of the rows, shape (n,).
    """
    wanted = np.searchsorted(lasts[:-1], horizons)
    if len(wanted) and (wanted == wanted[0]).all():
        return [(int(wanted[0]), slice(None))]  # no copy of the rows
    return [(int(segment), wanted == segment) for segment in np.unique(wanted)]


class SegmentedModel:
    """Model that passes each row to the graph of its horizon.

    Args:
        segments: graphs by the last horizon that they forecast (see `segments_of`).
        horizon_column: column of the rows that holds the horizon.

    Attributes:
        non_negative: whether no output is ever negative, which holds for every graph that
            `training.export` writes: ``expm1(max(score, 0))``.
    """

    non_negative = True

    def __init__(self, segments: Mapping[int, OnnxModel], horizon_column: int) -> None:
        self._horizon_column = horizon_column
        self._lasts = sorted(segments)
        self._graphs = [segments[last] for last in self._lasts]

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return base forecasts in units, shape (n,), of rows of shape (n, features)."""
        if len(rows) == 1:  # for which searching in arrays takes as long as the model
            segment = bisect_left(self._lasts[:-1], rows[0, self._horizon_column])
            return self._graphs[segment].predict(rows)
        segments = segments_of(self._lasts, rows[:, self._horizon_column])
        if len(segments) == 1:
            return self._graphs[segments[0][0]].predict(rows)
        outputs = np.empty(len(rows), dtype=np.float32)
        for segment, chosen in segments:
            outputs[chosen] = self._graphs[segment].predict(rows[chosen])
        return outputs
