"""Fitting of LightGBM on training rows."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from features.relative import RelativeColumns
from models.engine import Progress
from training.recipe import Member, Segment
from training.sampling import TrainingSet

_DETERMINISM = {
    "deterministic": True,
    "force_row_wise": True,  # the automatic choice depends on a timing
    "verbosity": -1,
}
_BINNING = ("max_bin", "enable_bundle")
"""Parameters that hold for the binned rows, and so for all members that are fitted on them."""
MAX_WEIGHT = 1000.0
"""Largest weight of a row, in medians, so that no series dominates the fit. The largest of the
Favorita tables is 40, with the power of 0.6."""
_OBJECTIVE: dict[str, dict[str, Any]] = {
    "log": {"objective": "regression"},
    "median": {"objective": "regression_l1"},
    "mean": {"objective": "tweedie"},
}


def fit(
    rows: TrainingSet,
    segment: Segment,
    relative: RelativeColumns,
    *,
    seed: int,
    threads: int,
    progress: Progress = lambda done, total: None,
) -> dict[str, lgb.Booster]:
    """Fit a segment's members, by name; the score of each is log1p units less the offset.

    The same rows, segment, seed, machine type and number of threads give the same boosters.
    """
    total = sum(member.trees for member in segment.members)
    data = lgb.Dataset(
        relative.tree_rows(rows.rows),
        init_score=relative.initial_scores(rows.rows),
        feature_name=list(rows.names),
        params={**_binning_of(segment), **_DETERMINISM},
    ).construct()
    boosters: dict[str, lgb.Booster] = {}
    for member in segment.members:
        done = sum(booster.num_trees() for booster in boosters.values())

        def report(step: lgb.callback.CallbackEnv, done: int = done) -> None:
            progress(done + step.iteration + 1, total)

        weight = weight_of(member, rows)
        data.set_label(target_of(member, rows))
        data.set_weight(None if weight is None else weight / weight.mean())
        parameters = {**parameters_of(member, seed=seed), "num_threads": threads}
        boosters[member.name] = lgb.train(
            parameters, data, num_boost_round=member.trees, callbacks=[report]
        )
    return boosters


def _binning_of(segment: Segment) -> dict[str, Any]:
    """Return the parameters of the bins, which the members of a segment share."""
    of_members = [
        {name: value for name, value in member.parameters.items() if name in _BINNING}
        for member in segment.members
    ]
    if any(other != of_members[0] for other in of_members):
        raise ValueError(f"members of a segment must have the same {' and '.join(_BINNING)}")
    return of_members[0]


def parameters_of(member: Member, *, seed: int) -> dict[str, Any]:
    """Return LightGBM's parameters of a member, the same for all backends."""
    return {**member.parameters, **_OBJECTIVE[member.target], **_DETERMINISM, "seed": seed}


def weight_of(member: Member, rows: TrainingSet) -> NDArray[np.float64] | None:
    """Return weights, shape (n,), not yet scaled to mean 1; None if all rows weigh the same.

    No weight exceeds `MAX_WEIGHT` medians.
    """
    if not member.volume_power:
        return None
    # the feature is log1p of the mean units over 28 days
    log_units = rows.rows[:, rows.names.index("units_28")].astype(np.float64)
    weight: NDArray[np.float64] = np.exp(member.volume_power * log_units)
    return np.minimum(weight, MAX_WEIGHT * np.median(weight)) if len(weight) else weight


def target_of(member: Member, rows: TrainingSet) -> NDArray[np.float64]:
    """Return the targets of a member, shape (n,)."""
    units = rows.units
    target: NDArray[np.float64] = units + 1 if member.target == "mean" else np.log1p(units)
    return target
