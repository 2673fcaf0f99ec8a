"""Errors of frozen models at later origins, on which intervals are calibrated.

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
from features.data.specification import Specification
from features.data.step import Step
from models.engine import ForecastEngine, Progress
from models.error_sums import judge_known_parts
from training.evaluation.new_series import analogues_of_all, forecast_as_new

Values = NDArray[np.float64]

ORIGINS_EACH = 10
"""Weekly origins that each frozen model forecasts."""

KNOTS = np.array(
    [*range(1, 8), *range(8, 17, 2), 18, 21, 25, 29, 33, 39, 45, 51, 58, 63, 70, 76, 83, 89]
)
"""Horizons at which residuals of 90 days are collected: all days of the first week, then fewer."""
_KNOTS_APART = {Step.DAY: 13, Step.WEEK: 3}
"""Days from one horizon to the next beyond the first `KNOTS`, and weeks beyond those of a year."""

PATH_NODES = 60
"""Nodes of each level, evenly spaced, whose errors are recorded for all days."""


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

    def known_by(self, day: int) -> Errors:
        """Return the errors of which the sales were known on a day: those of no later one."""
        actual = _hide_after(day, self.actual, self.origins, self.horizons)
        paths = self.paths
        if paths is not None:
            every_day = np.arange(1, paths.actual.shape[2] + 1)
            paths = replace(paths, actual=_hide_after(day, paths.actual, self.origins, every_day))
        return replace(self, actual=actual, paths=paths)

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


def _hide_after(
    day: int, actual: Values, origins: NDArray[np.int64], horizons: NDArray[np.intp]
) -> Values:
    later = origins[:, None] + horizons > day
    return np.where(later[:, None, :], np.nan, actual)


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
