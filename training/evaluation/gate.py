"""Comparison of a new model with the one that serves, on days that neither has seen.

The model that serves, the *champion*, has not seen the days since its training. The new one, the
*challenger*, has; but the frozen models that calibrated its intervals had not, and have forecast
them from the same origins. They are lighter than the challenger, which is to its disadvantage.

A difference counts only beyond what chance makes of it: the interval of a difference is that of a
block bootstrap over the origins (`training.evaluation.bootstrap`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from lifecycle.training_request import Outcome
from models.bundle import Bundle
from models.engine import ForecastEngine, Progress
from storage.artifacts import ArtifactError
from training.evaluation.bootstrap import draw_blocks
from training.evaluation.forecast_errors import Errors, collect
from training.evaluation.scores import POINT_MEASURES

Values = NDArray[np.float64]
Document = dict[str, Any]

LEAST_ORIGINS = 4
"""Fewer weekly origins since the champion's training decide nothing."""
LEVEL_MARGIN = 0.02
"""Share by which the errors of one level may be larger, beyond chance, if all together are not."""
_TAIL = 0.05
_DRAWS = 1000


def challenge(
    champion: Bundle,
    snapshot: Snapshot,
    errors: Errors,
    *,
    progress: Progress = lambda done, total: None,
) -> Document:
    """Compare the errors of a challenger's frozen models with those of the champion.

    Args:
        errors: of the challenger's frozen models, as served, on `snapshot`.

    Returns:
        `champion`, the name of its bundle; and the members that `judge` returns.
    """
    about: Document = {"champion": champion.name}
    try:
        engine = ForecastEngine(champion, snapshot)
        newest = snapshot.index_of(champion.facts.trained_through)
    except (ArtifactError, ValueError) as error:
        why = f"the model that serves does not fit these data ({error})"
        return about | _unknown(why)
    later = errors.select(errors.origins >= newest)
    if len(later.origins) < LEAST_ORIGINS:
        return about | _unknown(
            f"the model that serves has seen all but {len(later.origins)} of the weekly origins; "
            f"{LEAST_ORIGINS} are needed"
        )
    of_champion = collect(engine, later.origins, horizons=errors.horizons, progress=progress)
    return about | judge(of_champion, later, snapshot)


def judge(champion: Errors, challenger: Errors, snapshot: Snapshot) -> Document:
    """Compare errors at the same origins and horizons.

    Returns:
        `outcome`; `why`, a sentence; `origins`, `change` of the WAPE over all levels and its 90 %
        interval as shares, and `levels` with the figures of both.
    """
    first, last = (snapshot.date_at(int(challenger.origins[end])) for end in (0, -1))
    slices = snapshot.hierarchy.slices
    changes = np.stack([_compute_changes(champion, challenger, rows) for rows in slices.values()])
    low, high = np.quantile(changes[:, 1:], (_TAIL, 1 - _TAIL), axis=1)
    together = changes.mean(axis=0)
    bounds = np.quantile(together[1:], (_TAIL, 1 - _TAIL))
    change = {"change": float(together[0]), "low": float(bounds[0]), "high": float(bounds[1])}
    worst = int(np.argmax(low))
    outcome, why = _decide(change, list(slices)[worst], changes[worst, 0], low[worst])
    return {
        "outcome": str(outcome),
        "why": why,
        "origins": {
            "first": first.isoformat(),
            "last": last.isoformat(),
            "n": len(challenger.origins),
        },
        **change,
        "levels": {
            level: {
                "change": float(changes[number, 0]),
                "low": float(low[number]),
                "high": float(high[number]),
                **{
                    name: {
                        "champion": measure(champion.forecast[:, rows], champion.actual[:, rows]),
                        "challenger": measure(
                            challenger.forecast[:, rows], challenger.actual[:, rows]
                        ),
                    }
                    for name, measure in POINT_MEASURES.items()
                },
            }
            for number, (level, rows) in enumerate(slices.items())
        },
    }


def _compute_changes(champion: Errors, challenger: Errors, rows: slice) -> Values:
    """Return the relative change of a level's WAPE, then those of the draws; (1 + draws,)."""
    both = ~(np.isnan(champion.actual[:, rows]) | np.isnan(challenger.actual[:, rows]))
    before, after = (
        np.where(both, np.abs(each.forecast[:, rows] - each.actual[:, rows]), 0).sum(axis=(1, 2))
        for each in (champion, challenger)
    )
    whole = np.arange(len(before))[None]
    draws = np.concatenate((whole, draw_blocks(len(before), _DRAWS)))
    total = np.maximum(before[draws].sum(axis=1), np.finfo(float).tiny)
    return np.asarray(after[draws].sum(axis=1) / total - 1)


def _decide(
    change: dict[str, float], level: str, level_change: float, level_low: float
) -> tuple[Outcome, str]:
    interval = f"90 % interval {change['low']:+.1%} to {change['high']:+.1%}"
    together = f"errors over all levels differ by {change['change']:+.1%} ({interval})"
    if change["low"] > 0:
        return Outcome.WORSE, together
    if level_low > LEVEL_MARGIN:
        return Outcome.WORSE, (
            f"errors of the level {level} differ by {level_change:+.1%}, at least {level_low:+.1%}"
        )
    return (Outcome.BETTER if change["high"] < 0 else Outcome.EQUAL), together


def _unknown(why: str) -> Document:
    return {"outcome": str(Outcome.UNKNOWN), "why": why}
