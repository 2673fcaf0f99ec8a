"""Figures of two models on the same days, with the chance in their difference.

Every figure is made of sums over origins, so that a draw of origins needs no second look at the
errors (`models.bootstrap`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from models import metrics
from models.bootstrap import draw_blocks, widening
from models.buckets import buckets_of
from models.intervals import Intervals
from training.evaluation.coverage import compute_bounds
from training.evaluation.forecast_errors import Errors

Values = NDArray[np.float64]
Sums = Mapping[str, Values]
"""Sums by name, each of shape (draws, levels, buckets), or (draws, levels) over all of these."""

NOMINALS = (0.8, 0.95)
_TAIL = 0.05
_DRAWS = 1000
_TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Figure:
    """A measure: one sum over another.

    Attributes:
        name: such as wape.
        of, over: names of the sums.
        root: whether it is the root of the ratio.
        best: value of a model without fault; None if errors are compared by their ratio.
    """

    name: str
    of: str
    over: str
    root: bool = False
    best: float | None = None

    def measure(self, sums: Sums) -> Values:
        """Return the measure; NaN where nothing was measured."""
        ratio = _divide(sums[self.of], sums[self.over])
        return np.sqrt(ratio) if self.root else ratio

    def compare(self, champion: Values, challenger: Values) -> Values:
        """Return by how much the challenger is worse: a share, or a distance from the best."""
        if self.best is None:
            return _compare_errors(champion, challenger)
        return np.asarray(np.abs(challenger - self.best) - np.abs(champion - self.best))


@dataclass(frozen=True)
class Comparison:
    """A figure of both models, and by how much that of the challenger is worse.

    Attributes:
        change: positive if the challenger is worse.
        low, high: bounds of the 90 % interval of the change.
        least: bound that the change exceeds in 95 % of cases, together with all other figures.
    """

    champion: float
    challenger: float
    change: float
    low: float
    high: float
    least: float


Figures = Mapping[str, Comparison]
"""Comparisons by the name of the figure."""


@dataclass(frozen=True)
class ComparedModels:
    """All figures of two models.

    Attributes:
        together: the WAPE, its change averaged over the levels.
        levels: by level.
        buckets: by level and span of days ahead.
    """

    together: Comparison
    levels: Mapping[str, Figures]
    buckets: Mapping[str, Mapping[str, Figures]]


WAPE = Figure("wape", "absolute", "sold")
RMSLE = Figure("rmsle", "squared_logs", "known", root=True)
BIAS = Figure("bias", "excess", "sold", best=0)
WIS = Figure("wis", "interval_score", "known")
COVERAGE_80 = Figure("coverage_80", "within_0.8", "known", best=0.8)
COVERAGE_95 = Figure("coverage_95", "within_0.95", "known", best=0.95)
_RMSSE = "rmsse"
_POINTS = (WAPE, RMSLE, BIAS)
_INTERVALS = (WIS, COVERAGE_80, COVERAGE_95)


class OriginSums:
    """The sums of a model at each origin, and those of draws of the origins.

    Attributes:
        levels: names of the levels.
        spans: names of the buckets of days ahead.
        n_origins: number of origins.
        has_intervals: whether its intervals are measured too.

    Args:
        errors: of the model, NaN where either model's sales are not known.
        intervals: of the model; None if it has none that did not see these days.
    """

    def __init__(self, errors: Errors, snapshot: Snapshot, intervals: Intervals | None) -> None:
        hierarchy = snapshot.hierarchy
        known = ~np.isnan(errors.actual)
        values = {
            "known": known,
            "sold": errors.actual,
            "excess": errors.forecast - errors.actual,
            "absolute": np.abs(errors.forecast - errors.actual),
            "squared_logs": (np.log1p(errors.forecast) - np.log1p(errors.actual)) ** 2,
        }
        if intervals is not None:
            bounds = compute_bounds(intervals, errors)
            score = metrics.weighted_interval_score(errors.forecast, bounds, errors.actual)
            values["interval_score"] = score
            for nominal in NOMINALS:
                values[f"within_{nominal}"] = metrics.within(*bounds[nominal], errors.actual)
        buckets = buckets_of(snapshot.specification)
        bucket = buckets.of(errors.horizons)
        self.levels = tuple(hierarchy.slices)
        self.spans = tuple(buckets.names[number] for number in np.unique(bucket))
        self.n_origins = len(errors.origins)
        self.has_intervals = intervals is not None
        self._sums = {
            name: _sum_cells(np.where(known, each, 0), bucket, hierarchy)
            for name, each in values.items()
        }
        squares = (errors.forecast - errors.actual) ** 2
        history = snapshot.history[:, : int(errors.origins[0]) + 1]
        newest_days = snapshot.step.steps_in(metrics.WEIGHT_DAYS)
        self._squares = np.where(known, squares, 0).sum(axis=2)
        self._days = known.sum(axis=2)
        self._scale = metrics.m5_scale(history)
        self._weight = history[:, -newest_days:].sum(axis=1)
        self._slices = tuple(hierarchy.slices.values())

    def of_draws(self, draws: NDArray[np.intp]) -> Sums:
        """Return the sums of draws of origins, shape (draws, levels, buckets)."""
        counts = _count_origins(draws, self.n_origins)
        return {name: np.tensordot(counts, each, axes=(1, 0)) for name, each in self._sums.items()}

    def weighted_errors(self, draws: NDArray[np.intp]) -> Values:
        """Return the weighted RMSSE of each level for draws of origins, shape (draws, levels)."""
        counts = _count_origins(draws, self.n_origins)
        mean = _divide(counts @ self._squares, counts @ self._days)
        errors = np.sqrt(mean / self._scale)
        counted = np.isfinite(errors) & (self._weight > 0)
        weight = np.where(counted, self._weight, 0)
        weighted = np.where(counted, errors, 0) * weight
        return np.stack(
            [
                _divide(weighted[:, rows].sum(axis=1), weight[:, rows].sum(axis=1))
                for rows in self._slices
            ],
            axis=1,
        )


def compare_models(champion: OriginSums, challenger: OriginSums) -> ComparedModels:
    """Compare two models by the sums of their errors at the same origins."""
    count = champion.n_origins
    draws = np.concatenate((np.arange(count)[None], draw_blocks(count, _DRAWS)))
    figures = _POINTS + _INTERVALS * champion.has_intervals
    cells = champion.of_draws(draws), challenger.of_draws(draws)
    wholes = _sum_buckets(cells[0]), _sum_buckets(cells[1])
    weighted = champion.weighted_errors(draws), challenger.weighted_errors(draws)
    measured: dict[tuple[str, ...], _Measured] = {}
    for at, level in enumerate(champion.levels):
        for figure in figures:
            measured[level, figure.name] = _measure_both(figure, wholes, np.s_[:, at])
            for number, days in enumerate(champion.spans):
                of_days = _measure_both(figure, cells, np.s_[:, at, number])
                measured[level, figure.name, days] = of_days
        before, after = (each[:, at] for each in weighted)
        measured[level, _RMSSE] = _Measured(before, after, _compare_errors(before, after))
    before, after = (WAPE.measure(each) for each in wholes)
    together = _Measured(
        np.nanmean(before, axis=1),
        np.nanmean(after, axis=1),
        np.nanmean(_compare_errors(before, after), axis=1),
    )
    compared = dict(zip(measured, _compare_jointly(list(measured.values()), count), strict=True))
    return ComparedModels(
        together=_compare_jointly([together], count)[0],
        levels={
            level: {key[1]: each for key, each in compared.items() if key[::2] == (level,)}
            for level in champion.levels
        },
        buckets={
            level: {
                days: {key[1]: each for key, each in compared.items() if key[::2] == (level, days)}
                for days in champion.spans
            }
            for level in champion.levels
        },
    )


@dataclass(frozen=True)
class _Measured:
    """A figure of both models, and by how much it is worse; of all origins, then of the draws."""

    champion: Values
    challenger: Values
    change: Values


def _measure_both(
    figure: Figure, sums: tuple[Sums, Sums], cell: tuple[slice | int, ...]
) -> _Measured:
    """Measure a figure of a level, or of one of its buckets."""
    before, after = (
        figure.measure({name: each[cell] for name, each in model.items()}) for model in sums
    )
    return _Measured(before, after, figure.compare(before, after))


def _compare_jointly(measured: Sequence[_Measured], origins: int) -> list[Comparison]:
    """Return comparisons whose bounds hold for each, and `least` for all of them together.

    Of many figures some are worse by chance alone. The joint bound is that of the largest
    standardised deviation of any of them in a draw (Romano and Wolf, Econometrica 2005).
    """
    changes = np.stack([each.change for each in measured])
    deviations = (changes[:, 1:] - changes[:, :1]) * widening(origins, _TAIL)
    spread = deviations.std(axis=1)
    usual = np.divide(
        deviations, spread[:, None], out=np.zeros_like(deviations), where=spread[:, None] > 0
    )
    furthest = np.quantile(np.nanmax(usual, axis=0), 1 - _TAIL)
    low, high = np.quantile(deviations, (_TAIL, 1 - _TAIL), axis=1)
    return [
        Comparison(
            champion=float(each.champion[0]),
            challenger=float(each.challenger[0]),
            change=float(each.change[0]),
            low=float(each.change[0] + low[at]),
            high=float(each.change[0] + high[at]),
            least=float(each.change[0] - furthest * spread[at]),
        )
        for at, each in enumerate(measured)
    ]


def _sum_buckets(sums: Sums) -> Sums:
    """Return the sums over all days ahead, shape (draws, levels)."""
    return {name: each.sum(axis=2) for name, each in sums.items()}


def _sum_cells(values: Values, bucket: NDArray[np.intp], hierarchy: Hierarchy) -> Values:
    """Return sums over the nodes of each level and the days of each bucket.

    Args:
        values: shape (origins, nodes, horizons).
        bucket: that of each horizon.

    Returns:
        Shape (origins, levels, buckets), of the buckets that have a horizon.
    """
    of_buckets = np.stack(
        [values[:, :, bucket == number].sum(axis=2) for number in np.unique(bucket)], axis=2
    )
    levels = hierarchy.slices.values()
    return np.stack([of_buckets[:, rows].sum(axis=1) for rows in levels], axis=1).astype(float)


def _count_origins(draws: NDArray[np.intp], origins: int) -> Values:
    """Return how often each origin is in a draw, shape (draws, origins)."""
    counts = np.zeros((len(draws), origins))
    np.add.at(counts, (np.arange(len(draws))[:, None], draws), 1)
    return counts


def _compare_errors(champion: Values, challenger: Values) -> Values:
    """Return the relative difference of errors."""
    return np.asarray(challenger / np.maximum(champion, _TINY) - 1)


def _divide(values: Values, by: Values) -> Values:
    """Return a ratio; NaN where the divisor is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(by > 0, values / by, np.nan))
