"""Training rows: origins × horizons, drawn from the past of the last day that may be a target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errors import InputError
from features.matrix import MatrixBuilder, Rows, known_covariates
from features.snapshot import MAX_HORIZON
from features.state import MIN_HISTORY_DAYS, YEAR, state_at
from training.recipe import Recipe, Segment

Progress = Callable[[int, int], None]
"""Called with steps done and steps in all."""


class TooLittleHistoryError(InputError):
    """The data begin too late for what is asked of them."""


@dataclass(frozen=True)
class TrainingSet:
    """Rows and targets.

    Attributes:
        rows: shape (n, features), float32, in the contract's order.
        units: sales on the forecast day, shape (n,), float64.
        origin: index of each row's origin, shape (n,).
    """

    rows: NDArray[np.float32]
    units: NDArray[np.float64]
    origin: NDArray[np.int64]


def training_rows(
    builder: MatrixBuilder,
    recipe: Recipe,
    segment: Segment,
    *,
    last_target: int,
    share: Rows | None = None,
    progress: Progress = lambda done, total: None,
) -> TrainingSet:
    """Draw a segment's rows of the bottom series, with targets no later than `last_target`.

    A series gives rows from the origin at which it has sold; before, there is nothing to learn
    from. At every origin the series are split at random into groups that draw horizons of their
    own. The number of days with planned promotions is drawn too, and those beyond it are hidden,
    so that one model serves forecasts with and without them. Days of a long event, such as those
    after an earthquake, are no targets: nothing is to be learnt from them for other days.

    Args:
        share: bottom nodes to make rows of, all if left out. Nothing that is drawn depends on it:
            shares that are a partition of the bottoms give together the rows of them all.

    Raises:
        TooLittleHistoryError: there is not enough for a single row.
    """
    snapshot = builder.snapshot
    origins = _origins(segment, last_target - 1)
    if not len(origins):
        raise TooLittleHistoryError(
            f"training needs at least {MIN_HISTORY_DAYS + 1} days of sales, not {last_target + 1}"
        )
    bottoms = np.arange(snapshot.hierarchy.n_upper, len(snapshot.hierarchy))
    horizons_each = max(segment.max_rows // (len(origins) * len(bottoms)), 1)
    parts = []
    for number, origin in enumerate(origins):
        draw = np.random.default_rng([recipe.seed, segment.last_horizon, origin])
        last = min(segment.last_horizon, last_target - int(origin))
        reach = np.arange(1, last + 1)
        reach = reach[~snapshot.calendar.singular[origin + reach]]
        state = state_at(snapshot, int(origin))
        covariates = known_covariates(snapshot, int(origin), promotion_lead=_lead(draw))
        series = draw.permutation(bottoms[state.sold[bottoms]])
        for group in np.array_split(series, recipe.groups):
            horizons = np.sort(draw.choice(reach, min(horizons_each, len(reach)), replace=False))
            nodes = group if share is None else group[np.isin(group, share)]
            rows = builder.matrix(state, covariates, nodes, horizons)
            units = snapshot.sales[np.ix_(nodes, origin + horizons)].reshape(-1)
            parts.append((rows, units, np.full(len(units), origin)))
        progress(number + 1, len(origins))
    rows, units, origin_of = (np.concatenate(part) for part in zip(*parts, strict=True))
    return TrainingSet(rows=rows, units=units, origin=origin_of)


def _origins(segment: Segment, last: int) -> NDArray[np.int64]:
    """Origins, oldest first, counted back from `last`, the newest that has a target.

    They begin a year into the data, where features of the year before exist, unless the data
    are too short for that.
    """
    start = YEAR if last > YEAR + MAX_HORIZON else MIN_HISTORY_DAYS - 1
    start = max(start, last - round(segment.years * YEAR))
    return np.arange(last, start - 1, -segment.origin_step)[::-1]


def _lead(draw: np.random.Generator) -> int:
    """Days of planned promotions: none, all, or any number, at equal odds."""
    kind = draw.integers(3)
    return (0, MAX_HORIZON, int(draw.integers(1, MAX_HORIZON)))[kind]
