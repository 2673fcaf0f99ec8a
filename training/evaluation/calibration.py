"""Calibration of intervals on the errors of frozen models at later origins.

A model must not have seen the days that it forecasts: it is trained on the days up to the first of
its origins. Several models are frozen in turn, each for a few origins, so that the errors are those
of a model of the age that a serving model reaches, and not of one that has aged for a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from features.data.history import carry_backward, carry_forward
from features.data.specification import Specification
from features.data.step import Step
from models.buckets import Buckets, buckets_of
from models.engine import ForecastEngine, Progress
from models.intervals import PROBABILITIES, Calibration, LevelErrors
from training.evaluation.new_series import analogues_of_all, forecast_as_new, scales_of_new

Values = NDArray[np.float64]

ORIGINS_EACH = 10
"""Weekly origins that each frozen model forecasts."""

KNOTS = np.array(
    [*range(1, 8), *range(8, 17, 2), 18, 21, 25, 29, 33, 39, 45, 51, 58, 63, 70, 76, 83, 89]
)
"""Horizons at which residuals of 90 days are collected: all days of the first week, then fewer."""
_KNOTS_APART = {Step.DAY: 13, Step.WEEK: 3}
"""Days from one horizon to the next beyond the first `KNOTS`, and weeks beyond those of a year."""

_NODES_OF_GROUPS = ((40, 8), (5, 3), (0, 1))
"""Number of groups by size of the forecast, for a level of at least so many nodes."""
_SHRINKAGE = 30
"""Weight of the level's mean square in a node's scale, as a number of residuals."""
_FLOOR = 1e-3
_MOST_GAPS = 0.5
"""Share of the days of a path that may be unknown: a closed weekday, or more."""
_LEAST_KNOWN = 0.5
"""Least share of a node's forecast whose series are known, for the node to be judged."""


PATH_NODES = 60
"""Nodes of each level, evenly spaced, whose errors are recorded for all days."""
MOST_PATHS = 1_000
"""Paths of a level that a calibration keeps."""


@dataclass(frozen=True)
class Paths:
    """Forecasts and sales of some nodes on all days after the origins.

    Attributes:
        nodes: rows of the hierarchy, shape (n,).
        forecast, actual: units, shape (origins, n, horizon); an actual is NaN where not known.
        sold: whether the node had sold by the origin, shape (origins, n).
    """

    nodes: NDArray[np.intp]
    forecast: Values
    actual: Values
    sold: NDArray[np.bool_]

    def select(self, selected: NDArray[np.bool_]) -> Paths:
        """Return those of some origins, shape (origins,)."""
        return Paths(
            self.nodes, self.forecast[selected], self.actual[selected], self.sold[selected]
        )


@dataclass(frozen=True)
class Errors:
    """Forecasts and actual sales at the same origins and horizons.

    Attributes:
        origins: indices, shape (origins,).
        horizons: days after them, shape (horizons,).
        forecast: coherent, in units; shape (origins, nodes, horizons).
        actual: of the same shape; NaN where undelivered or an outlier, or after the newest sales.
        sold: whether the node had sold by the origin, shape (origins, nodes).
        ordinary: whether the day is outside long events such as an earthquake, shape (origins,
            horizons).
        paths: of some nodes on all days; None if they were not collected.
        by_analogues: forecasts that the nodes would have had as new ones, by the analogues of their
            series alone, units; of the shape of `forecast`. NaN where a series has none; None if
            they were not collected.
    """

    origins: NDArray[np.int64]
    horizons: NDArray[np.intp]
    forecast: Values
    actual: Values
    sold: NDArray[np.bool_]
    ordinary: NDArray[np.bool_]
    paths: Paths | None = None
    by_analogues: Values | None = None

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
            None if self.paths is None else self.paths.select(selected),
            None if self.by_analogues is None else self.by_analogues[selected],
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Errors]) -> Errors:
        """Join the errors of several models along the origins; all have the same horizons."""
        optional = ("paths", "by_analogues")
        rest = [each.name for each in fields(cls) if each.name not in ("horizons", *optional)]
        by_analogues = [part.by_analogues for part in parts if part.by_analogues is not None]
        return cls(
            horizons=parts[0].horizons,
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in rest},
            paths=_join_paths([part.paths for part in parts if part.paths is not None]),
            by_analogues=np.concatenate(by_analogues) if by_analogues else None,
        )


def _join_paths(parts: Sequence[Paths]) -> Paths | None:
    if not parts:
        return None
    return Paths(
        parts[0].nodes,
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("forecast", "actual", "sold")
        ),
    )


def weekly_origins(last: int, count: int, *, step: Step = Step.DAY) -> NDArray[np.int64]:
    """Return `count` origins, about one a week, the last no later than `last`; oldest first.

    The weekday moves on with every week, so that a horizon is not always the same weekday.
    """
    weeks = np.arange(count)
    return (last - step.week * weeks - weeks % step.week)[::-1].astype(np.int64)


def knots_of(specification: Specification) -> NDArray[np.intp]:
    """Return the horizons at which residuals are collected: near ones all, far ones fewer."""
    step, horizon = specification.step, specification.horizon
    near = KNOTS if step is Step.DAY else np.arange(1, step.year + 1)
    far = np.arange(int(near[-1]) + _KNOTS_APART[step], horizon + 1, _KNOTS_APART[step])
    knots = np.concatenate((near, far))
    return knots[knots <= horizon]


def chronological_blocks(origins: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Split origins into those of each frozen model, about `ORIGINS_EACH`, oldest first.

    A model is frozen at the first of its origins.
    """
    return np.array_split(origins, -(-len(origins) // ORIGINS_EACH))


def collect(
    engine: ForecastEngine,
    origins: NDArray[np.int64],
    *,
    horizons: NDArray[np.intp] | None = None,
    progress: Progress = lambda done, total: None,
) -> Errors:
    """Forecast from every origin, as serving would have, and look up the actual sales.

    Raises:
        ValueError: an origin is the newest day, after which no sales are known, or so early that
            the model has seen its days.
    """
    snapshot, newest = engine.snapshot, engine.snapshot.newest_origin
    if horizons is None:
        horizons = knots_of(snapshot.specification)
    trained_through = snapshot.index_of(engine.bundle.facts.trained_through)
    if origins.min() < trained_through or origins.max() >= newest:
        raise ValueError("an origin lies before the model's last day, or not before the data's")
    every_day = engine.all_horizons
    sampled, upper = sample_nodes(snapshot.hierarchy), snapshot.hierarchy.n_upper
    forecast, actual, sold, ordinary, by_analogues = [], [], [], [], []
    analogues = analogues_of_all(snapshot)
    daily: list[tuple[Values, Values]] = []
    for number, origin in enumerate(origins):
        bottoms = engine.forecast(int(origin), every_day).values[upper:]
        targets = snapshot.targets(slice(upper, None), np.minimum(origin + every_day, newest))
        values, known = judge_known_parts(snapshot.hierarchy, bottoms, targets)
        means = forecast_as_new(snapshot, analogues, int(origin), bottoms)
        means, _ = judge_known_parts(snapshot.hierarchy, means, targets)
        by_analogues.append(means[:, horizons - 1])
        known[:, origin + every_day > newest] = np.nan
        forecast.append(values[:, horizons - 1])
        actual.append(known[:, horizons - 1])
        daily.append((values[sampled], known[sampled]))
        sold.append(snapshot.first_sale <= origin)
        ordinary.append(~snapshot.calendar.singular[origin + horizons])
        progress(number + 1, len(origins))
    return Errors(
        origins,
        horizons,
        forecast=np.stack(forecast),
        actual=np.stack(actual),
        sold=np.stack(sold),
        ordinary=np.stack(ordinary),
        paths=Paths(
            sampled,
            forecast=np.stack([values for values, _ in daily]),
            actual=np.stack([known for _, known in daily]),
            sold=np.stack(sold)[:, sampled],
        ),
        by_analogues=np.stack(by_analogues),
    )


def sample_nodes(hierarchy: Hierarchy) -> NDArray[np.intp]:
    """Return some nodes of each level, evenly spaced in their order; at most `PATH_NODES` each."""
    return np.concatenate(
        [
            np.unique(np.linspace(rows.start, rows.stop - 1, PATH_NODES).astype(np.intp))
            for rows in hierarchy.slices.values()
        ]
    )


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
    buckets = buckets_of(hierarchy.specification)
    bucket = buckets.of(errors.horizons)
    scale = np.empty((len(hierarchy), len(buckets)))
    level_scale = np.empty((len(hierarchy.levels), len(buckets)))
    for number in range(len(buckets)):
        squares = np.where(counted, residual**2, 0)[:, :, bucket == number].sum(axis=(0, 2))
        counts = counted[:, :, bucket == number].sum(axis=(0, 2))
        for code, rows in enumerate(hierarchy.slices.values()):
            mean = squares[rows].sum() / max(counts[rows].sum(), 1)
            shrunk = (squares[rows] + _SHRINKAGE * mean) / (counts[rows] + _SHRINKAGE)
            scale[rows, number] = np.maximum(np.sqrt(shrunk), _FLOOR)
            level_scale[code, number] = max(np.sqrt(mean), _FLOOR)
    # days of which no residual is known have those of the last days before them
    known = [bool(counted[:, :, bucket == number].any()) for number in range(len(buckets))]
    source = np.maximum.accumulate(np.where(known, np.arange(len(buckets)), 0))
    scale, level_scale = scale[:, source], level_scale[:, source]
    scaled = residual / scale[:, bucket]
    paths = _scale_paths(errors.paths, scale, buckets)
    levels = {
        level: _summarise_level(
            rows.stop - rows.start,
            level_scale[code],
            root[:, rows][counted[:, rows]],
            scaled[:, rows][counted[:, rows]],
            np.broadcast_to(bucket, residual[:, rows].shape)[counted[:, rows]],
            _compute_bucket_quantiles(
                errors.actual[:, rows], unsold[:, rows], bucket, len(buckets)
            ),
            _select_paths(errors.paths, paths, rows),
            source,
        )
        for code, (level, rows) in enumerate(hierarchy.slices.items())
    }
    if errors.by_analogues is not None:
        residual = np.where(counted, np.sqrt(errors.actual) - np.sqrt(errors.by_analogues), np.nan)
        for level, of_new in scales_of_new(residual, bucket, len(buckets), hierarchy).items():
            levels[level] = replace(levels[level], analogue=of_new)
    return Calibration(tuple(node.id for node in hierarchy.nodes), scale, levels)


def _summarise_level(
    nodes: int,
    scale: Values,
    root: Values,
    scaled: Values,
    bucket: NDArray[np.intp],
    unsold: Values,
    paths: tuple[Values, Values],
    source: NDArray[np.intp],
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
    quantiles = np.zeros((len(unsold), len(present), len(PROBABILITIES)))
    for number in range(len(unsold)):
        for place, which in enumerate(present):
            quantiles[number, place] = _compute_quantiles(
                scaled[(bucket == number) & (group == which)]
            )
    return LevelErrors(
        scale=scale,
        sizes=sizes,
        quantiles=quantiles[source],
        unsold=unsold[source],
        paths=paths[1],
        path_sizes=paths[0],
    )


def _scale_paths(paths: Paths | None, scale: Values, buckets: Buckets) -> Values:
    """Return residual paths over the scales of their nodes, shape (origins, nodes, horizon)."""
    if paths is None:
        return np.empty((0, 0, 0))
    residual = np.sqrt(paths.actual) - np.sqrt(paths.forecast)
    return np.asarray(residual / buckets.at_days(scale[paths.nodes]))


def _select_paths(paths: Paths | None, scaled: Values, rows: slice) -> tuple[Values, Values]:
    """Return the paths of a level of which all days are known, by size; at most `MOST_PATHS`.

    Returns:
        The mean root of the forecast of each, ascending, shape (paths,), and the scaled residuals,
        shape (paths, horizon).
    """
    if paths is None:
        return np.empty(0), np.empty((0, 0))
    of_level = (paths.nodes >= rows.start) & (paths.nodes < rows.stop)
    residual = scaled[:, of_level]
    # a day that is not known has the residual of a day beside it, rather than none
    gaps = np.isnan(residual)
    judged = ~gaps.all(axis=(0, 1))
    if not judged.any():
        return np.empty(0), np.empty((0, gaps.shape[2]))
    usable = paths.sold[:, of_level] & (gaps[:, :, judged].mean(axis=2) < _MOST_GAPS)
    flat = residual.reshape(-1, residual.shape[2])
    residual = carry_backward(carry_forward(flat)).reshape(residual.shape)
    sizes = np.sqrt(paths.forecast[:, of_level]).mean(axis=2)[usable]
    order = np.argsort(sizes, kind="stable")
    if len(order) > MOST_PATHS:
        order = order[np.linspace(0, len(order) - 1, MOST_PATHS).astype(np.intp)]
    return sizes[order], residual[usable][order]


def _compute_bucket_quantiles(
    values: Values, chosen: NDArray[np.bool_], bucket: NDArray[np.intp], buckets: int
) -> Values:
    """Compute quantiles of selected values by bucket, shape (buckets, 1, probabilities)."""
    return np.stack(
        [
            _compute_quantiles(values[:, :, bucket == number][chosen[:, :, bucket == number]])[None]
            for number in range(buckets)
        ]
    )


def _compute_quantiles(values: Values) -> Values:
    """Return the quantiles of values at `PROBABILITIES`; zeros if there is no value."""
    if not len(values):
        return np.zeros(len(PROBABILITIES))
    return np.asarray(np.quantile(values, PROBABILITIES))
