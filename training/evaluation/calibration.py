"""Calibration of intervals on the errors of frozen models at later origins.

A model must not have seen the days that it forecasts: it is trained on the days up to the first of
its origins. Several models are frozen in turn, each for a few origins, so that the errors are those
of a model of the age that a serving model reaches, and not of one that has aged for a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from models.engine import ForecastEngine, Progress
from models.intervals import BUCKETS, PROBABILITIES, Calibration, LevelErrors, bucket_of

Values = NDArray[np.float64]

ORIGINS_EACH = 10
"""Weekly origins that each frozen model forecasts."""

KNOTS = np.array(
    [*range(1, 8), *range(8, 17, 2), 18, 21, 25, 29, 33, 39, 45, 51, 58, 63, 70, 76, 83, 89]
)
"""Horizons at which residuals are collected: all days of the first week, then fewer."""

_NODES_OF_GROUPS = ((40, 8), (5, 3), (0, 1))
"""Number of groups by size of the forecast, for a level of at least so many nodes."""
_SHRINKAGE = 30
"""Weight of the level's mean square in a node's scale, as a number of residuals."""
_FLOOR = 1e-3
_LEAST_KNOWN = 0.5
"""Least share of a node's forecast whose series are known, for the node to be judged."""


@dataclass(frozen=True)
class Errors:
    """Forecasts and actual sales at the same origins and horizons.

    Attributes:
        origins: indices, shape (origins,).
        horizons: days after them, shape (horizons,).
        forecast: coherent, in units; shape (origins, nodes, horizons).
        actual: of the same shape; NaN where undelivered or an outlier.
        sold: whether the node had sold by the origin, shape (origins, nodes).
        ordinary: whether the day is outside long events such as an earthquake, shape (origins,
            horizons).
    """

    origins: NDArray[np.int64]
    horizons: NDArray[np.intp]
    forecast: Values
    actual: Values
    sold: NDArray[np.bool_]
    ordinary: NDArray[np.bool_]

    def between(self, first: int, last: int) -> Errors:
        """Return the errors of the origins from `first` to `last`, both included."""
        return self.select((self.origins >= first) & (self.origins <= last))

    def select(self, selected: NDArray[np.bool_]) -> Errors:
        """Return the errors of some origins, shape (origins,)."""
        return Errors(
            self.origins[selected],
            self.horizons,
            self.forecast[selected],
            self.actual[selected],
            self.sold[selected],
            self.ordinary[selected],
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Errors]) -> Errors:
        """Join the errors of several models along the origins; all have the same horizons."""
        rest = [field.name for field in fields(cls) if field.name != "horizons"]
        return cls(
            horizons=parts[0].horizons,
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in rest},
        )


def weekly_origins(last: int, count: int) -> NDArray[np.int64]:
    """Return `count` origins, about one a week, the last no later than `last`; oldest first.

    The weekday moves on with every week, so that a horizon is not always the same weekday.
    """
    weeks = np.arange(count)
    return (last - 7 * weeks - weeks % 7)[::-1].astype(np.int64)


def chronological_blocks(origins: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Split origins into those of each frozen model, about `ORIGINS_EACH`, oldest first.

    A model is frozen at the first of its origins.
    """
    return np.array_split(origins, -(-len(origins) // ORIGINS_EACH))


def collect(
    engine: ForecastEngine,
    origins: NDArray[np.int64],
    *,
    horizons: NDArray[np.intp] = KNOTS,
    progress: Progress = lambda done, total: None,
) -> Errors:
    """Forecast from every origin, as serving would have, and look up the actual sales.

    Raises:
        ValueError: an origin is so late that sales of its days are not known, or so early that
            the model has seen them.
    """
    snapshot = engine.snapshot
    trained_through = snapshot.index_of(engine.bundle.facts.trained_through)
    if origins.min() < trained_through or origins.max() + horizons.max() > snapshot.newest_origin:
        raise ValueError("an origin lies before the model's last day, or too near to the data's")
    forecast, actual, sold, ordinary = [], [], [], []
    for number, origin in enumerate(origins):
        upper = snapshot.hierarchy.n_upper
        values, known = judge_known_parts(
            snapshot.hierarchy,
            engine.forecast(int(origin), horizons).values[upper:],
            snapshot.targets(slice(upper, None), origin + horizons),
        )
        forecast.append(values)
        actual.append(known)
        sold.append(snapshot.first_sale <= origin)
        ordinary.append(~snapshot.calendar.singular[origin + horizons])
        progress(number + 1, len(origins))
    return Errors(origins, horizons, *map(np.stack, (forecast, actual, sold, ordinary)))


def judge_known_parts(
    hierarchy: Hierarchy, forecast: Values, actual: Values
) -> tuple[Values, Values]:
    """Return forecasts and sales of all nodes, over the series whose sales are known.

    A node of which some series are not known is judged by the others, on both sides: months in
    which a few stores were shut would otherwise leave the total without a day to judge. Where they
    hold less than `_LEAST_KNOWN` of its forecast, its sales are not known.

    Args:
        forecast, actual: of the bottom series, shape (bottoms, horizons); NaN where not known.
    """
    known = ~np.isnan(actual)
    if known.all():
        return hierarchy.aggregate(forecast), hierarchy.aggregate(actual)
    judged = hierarchy.aggregate(np.where(known, forecast, 0))
    sales = hierarchy.aggregate(np.where(known, actual, 0))
    whole = hierarchy.aggregate(forecast)
    upper = hierarchy.n_upper
    sales[:upper][judged[:upper] < _LEAST_KNOWN * whole[:upper]] = np.nan
    judged[:upper] = np.where(np.isnan(sales[:upper]), whole[:upper], judged[:upper])
    judged[upper:], sales[upper:] = forecast, actual
    return judged, sales


def calibrate(errors: Errors, hierarchy: Hierarchy) -> Calibration:
    """Compute the scales of the nodes and the quantiles of the groups (see `models.intervals`)."""
    # 1. Residuals are differences of square roots. Only delivered days outside long events count,
    #    and only nodes that had sold by the origin; the sales of the others form `unsold`.
    # 2. The scale of a node in a bucket is its root mean square, shrunk to its level's as if
    #    _SHRINKAGE further residuals had the level's mean. Without shrinkage a new or quiet
    #    series would get a scale near 0, hence intervals of no width.
    # 3. Residuals over scale are comparable between nodes, so their quantiles are pooled over a
    #    level. The same scale multiplies them in `Intervals`; change both or neither.
    root = np.sqrt(errors.forecast)
    residual = np.sqrt(errors.actual) - root
    judged = errors.ordinary[:, None, :] & ~np.isnan(errors.actual)
    counted = errors.sold[:, :, None] & judged
    unsold = ~errors.sold[:, :, None] & judged
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
        level: _summarise_level(
            rows.stop - rows.start,
            level_scale[code],
            root[:, rows][counted[:, rows]],
            scaled[:, rows][counted[:, rows]],
            np.broadcast_to(bucket, residual[:, rows].shape)[counted[:, rows]],
            _compute_bucket_quantiles(errors.actual[:, rows], unsold[:, rows], bucket),
        )
        for code, (level, rows) in enumerate(hierarchy.slices.items())
    }
    return Calibration(tuple(node.id for node in hierarchy.nodes), scale, levels)


def _summarise_level(
    nodes: int,
    scale: Values,
    root: Values,
    scaled: Values,
    bucket: NDArray[np.intp],
    unsold: Values,
) -> LevelErrors:
    # Scaled residuals of small and of large forecasts differ in shape (many zeros, skewness), so
    # quantiles are taken in groups by forecast size. The edges are quantiles over all buckets, so
    # groups are of about equal size and the same in each bucket; `Intervals` interpolates between
    # the groups' median sizes.
    groups = next(count for least, count in _NODES_OF_GROUPS if nodes >= least)
    edges = np.quantile(root, np.linspace(0, 1, groups + 1)[1:-1])
    group = np.searchsorted(edges, root, side="right")
    present = np.unique(group)  # equal forecasts, such as zeros, may leave a group empty
    sizes = np.array([np.median(root[group == number]) for number in present])
    quantiles = np.zeros((len(BUCKETS), len(present), len(PROBABILITIES)))
    for number in range(len(BUCKETS)):
        for place, which in enumerate(present):
            quantiles[number, place] = _compute_quantiles(
                scaled[(bucket == number) & (group == which)]
            )
    return LevelErrors(scale=scale, sizes=sizes, quantiles=quantiles, unsold=unsold)


def _compute_bucket_quantiles(
    values: Values, chosen: NDArray[np.bool_], bucket: NDArray[np.intp]
) -> Values:
    """Compute quantiles of selected values by bucket, shape (buckets, 1, probabilities)."""
    return np.stack(
        [
            _compute_quantiles(values[:, :, bucket == number][chosen[:, :, bucket == number]])[None]
            for number in range(len(BUCKETS))
        ]
    )


def _compute_quantiles(values: Values) -> Values:
    """Return the quantiles of values at `PROBABILITIES`; zeros if there is no value."""
    if not len(values):
        return np.zeros(len(PROBABILITIES))
    return np.asarray(np.quantile(values, PROBABILITIES))
