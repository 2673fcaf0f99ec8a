"""Forecasts that a frozen model makes for later origins, and what their errors teach.

The model must have seen none of the days: it is trained on the days before the first of the
origins. Its errors are therefore those of a model that ages, and never smaller than those of
the one that serves, which is newer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.hierarchy import Hierarchy
from models.engine import ForecastEngine, Progress
from models.intervals import BUCKETS, PROBABILITIES, Calibration, LevelErrors, bucket_of

Values = NDArray[np.float64]

KNOTS = np.array(
    [*range(1, 8), *range(8, 17, 2), 18, 21, 25, 29, 33, 39, 45, 51, 58, 63, 70, 76, 83, 89]
)
"""Horizons that residuals are taken at: all days of the first week, then fewer."""

_GROUPS = {"bottom": 8, "family": 3, "store": 3}
"""Groups by size of the forecast, where a level has series enough; one elsewhere."""
_SHRINKAGE = 30
"""Residuals that the level's mean square counts for, beside a node's own."""
_FLOOR = 1e-3


@dataclass(frozen=True)
class Errors:
    """Forecasts and what was sold, at the same origins and horizons.

    Attributes:
        origins: indices, shape (origins,).
        horizons: days after them, shape (horizons,).
        forecast: coherent, in units; shape (origins, nodes, horizons).
        actual: of the same shape.
        sold: whether the node had sold by the origin, shape (origins, nodes).
    """

    origins: NDArray[np.int64]
    horizons: NDArray[np.intp]
    forecast: Values
    actual: Values
    sold: NDArray[np.bool_]

    def between(self, first: int, last: int) -> Errors:
        """The errors of the origins from `first` to `last`, both included."""
        kept = (self.origins >= first) & (self.origins <= last)
        return Errors(
            self.origins[kept],
            self.horizons,
            self.forecast[kept],
            self.actual[kept],
            self.sold[kept],
        )


def weekly_origins(last: int, count: int) -> NDArray[np.int64]:
    """`count` origins, one a week, the last no later than `last`; oldest first.

    The weekday moves on with every week, so that a horizon is not always the same weekday.
    """
    weeks = np.arange(count)
    return (last - 7 * weeks - weeks % 7)[::-1].astype(np.int64)


def collect(
    engine: ForecastEngine,
    origins: NDArray[np.int64],
    *,
    horizons: NDArray[np.intp] = KNOTS,
    progress: Progress = lambda done, total: None,
) -> Errors:
    """Forecast from every origin, as serving would have, and look up what was sold.

    Raises:
        ValueError: an origin is so late that sales of its days are not known, or so early that
            the model has seen them.
    """
    snapshot = engine.snapshot
    trained_through = snapshot.index_of(engine.bundle.facts.trained_through)
    if origins.min() < trained_through or origins.max() + horizons.max() > snapshot.newest_origin:
        raise ValueError("an origin lies before the model's last day, or too near to the data's")
    forecast, actual, sold = [], [], []
    for number, origin in enumerate(origins):
        forecast.append(engine.forecast(int(origin), horizons).values)
        actual.append(snapshot.sales[:, origin + horizons])
        sold.append(snapshot.first_sale <= origin)
        progress(number + 1, len(origins))
    return Errors(origins, horizons, np.stack(forecast), np.stack(actual), np.stack(sold))


def calibrate(errors: Errors, hierarchy: Hierarchy) -> Calibration:
    """Scales of the nodes and quantiles of the groups (see `models.intervals`)."""
    link = np.log1p(errors.forecast)
    residual = np.log1p(errors.actual) - link
    counted = np.broadcast_to(errors.sold[:, :, None], residual.shape)
    bucket = bucket_of(errors.horizons)
    scale = np.empty((len(hierarchy), len(BUCKETS)))
    level_scale = np.empty((len(hierarchy.levels), len(BUCKETS)))
    for number in range(len(BUCKETS)):
        squares = np.where(counted, residual**2, 0)[:, :, bucket == number].sum(axis=(0, 2))
        counts = counted[:, :, bucket == number].sum(axis=(0, 2))
        for code, rows in enumerate(hierarchy.slices.values()):
            mean = squares[rows].sum() / max(counts[rows].sum(), 1)
            shrunk = (squares[rows] + _SHRINKAGE * mean) / (counts[rows] + _SHRINKAGE)
            scale[rows, number] = np.maximum(np.sqrt(shrunk), _FLOOR)
            level_scale[code, number] = max(np.sqrt(mean), _FLOOR)
    scaled = residual / scale[:, bucket]
    levels = {
        level: _level_errors(
            level,
            level_scale[code],
            link[:, rows][counted[:, rows]],
            scaled[:, rows][counted[:, rows]],
            np.broadcast_to(bucket, residual[:, rows].shape)[counted[:, rows]],
        )
        for code, (level, rows) in enumerate(hierarchy.slices.items())
    }
    return Calibration(tuple(node.id for node in hierarchy.nodes), scale, levels)


def _level_errors(
    level: str, scale: Values, link: Values, scaled: Values, bucket: NDArray[np.intp]
) -> LevelErrors:
    groups = _GROUPS.get(level, 1)
    edges = np.quantile(link, np.linspace(0, 1, groups + 1)[1:-1])
    group = np.searchsorted(edges, link, side="right")
    present = np.unique(group)  # equal forecasts, such as zeros, may leave a group empty
    sizes = np.array([np.median(link[group == number]) for number in present])
    quantiles = np.zeros((len(BUCKETS), len(present), len(PROBABILITIES)))
    for number in range(len(BUCKETS)):
        for place, which in enumerate(present):
            values = scaled[(bucket == number) & (group == which)]
            if len(values):
                quantiles[number, place] = np.quantile(values, PROBABILITIES)
    return LevelErrors(scale=scale, sizes=sizes, quantiles=quantiles)
