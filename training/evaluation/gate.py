"""Comparison of a new model with the one that serves, on days that neither has seen.

The model that serves, the *champion*, has not seen the days since its training. The new one, the
*challenger*, has; but the frozen models that calibrated its intervals had not, and have forecast
them from the same origins. They are lighter than the challenger, which is to its disadvantage.
The intervals of both are calibrated on older days.

A difference counts only beyond what chance makes of it: the interval of a difference is that of a
block bootstrap over the origins (`training.evaluation.bootstrap`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.margins import MARGINS, Margins
from features.data.snapshot import Snapshot
from lifecycle.training_request import Outcome
from models.bundle import Bundle
from models.engine import ForecastEngine, Progress
from models.intervals import Intervals
from models.serving.comparison import compare_served
from storage.artifacts import ArtifactError
from training.evaluation.calibration import calibrate
from training.evaluation.figures import (
    BIAS,
    COVERAGE_80,
    COVERAGE_95,
    WAPE,
    Comparison,
    Figures,
    OriginSums,
    compare_models,
)
from training.evaluation.forecast_errors import Errors, collect

Values = NDArray[np.float64]
Document = dict[str, Any]

LEAST_ORIGINS = 4
"""Fewer weekly origins since the champion's training decide nothing."""
_LEAST_HERE = 0.5
"""Least share of the champion's nodes that the data must have."""


@dataclass(frozen=True)
class Judged:
    """Errors of a model on days that it had not seen, and its intervals of these days.

    Attributes:
        intervals: None if there were too few older days to calibrate them on.
    """

    errors: Errors
    intervals: Intervals | None


def challenge(
    champion: Bundle,
    challenger: Bundle,
    snapshot: Snapshot,
    errors: Errors,
    *,
    margins: Margins = MARGINS,
    progress: Progress = lambda done, total: None,
) -> Document:
    """Compare a new model with the one that serves.

    Args:
        errors: of the challenger's frozen models, as served, on `snapshot`.

    Returns:
        `champion`, the name of its bundle; `served`, see `compare_served`, if the champion fits the
        data; and the members that `judge` returns.
    """
    about: Document = {"champion": champion.name}
    if why := _find_absence(champion, snapshot):
        return about | _unknown(why)
    try:
        engine = ForecastEngine(champion, snapshot)
        newest = snapshot.index_of(champion.facts.trained_through)
    except (ArtifactError, ValueError) as error:
        return about | _unknown(f"the model that serves does not fit these data ({error})")
    served = compare_served(engine, ForecastEngine(challenger, snapshot))
    about["served"] = served
    later = errors.select(errors.origins >= newest)
    if len(later.origins) < LEAST_ORIGINS:
        return about | _unknown(
            f"the model that serves has seen all but {len(later.origins)} of the weekly origins; "
            f"{LEAST_ORIGINS} are needed"
        )
    of_champion = collect(engine, later.origins, horizons=errors.horizons, progress=progress)
    return about | judge(
        Judged(of_champion, engine.intervals),
        Judged(later, _calibrate_before(errors, int(later.origins.min()), snapshot)),
        snapshot,
        served=served,
        margins=margins,
    )


def _find_absence(champion: Bundle, snapshot: Snapshot) -> str | None:
    """Return why the data cannot be those of the model that serves; None if they can.

    Tables of another retailer may have the same form. A model of theirs would be better there than
    one that has never seen them, and take its place.
    """
    nodes = () if champion.calibration is None else champion.calibration.nodes
    here = sum(node in snapshot.hierarchy.index for node in nodes)
    if here >= _LEAST_HERE * len(nodes):
        return None
    return (
        f"of the {len(nodes):,} nodes of the model that serves, {here:,} are in these tables: they "
        "may be of another retailer"
    )


def judge(
    champion: Judged,
    challenger: Judged,
    snapshot: Snapshot,
    *,
    served: Document | None = None,
    margins: Margins = MARGINS,
) -> Document:
    """Compare errors at the same origins and horizons.

    Args:
        served: differences of the models as served, which count too.

    Returns:
        `outcome`; `why`, a sentence that names the figure that decided; `faults`, such a sentence
        for each figure that is worse by more than its margin; `origins`; `change` of the WAPE over
        all levels and its 90 % interval as shares; and `levels` with the figures of both.
    """
    origins = challenger.errors.origins
    both = ~(np.isnan(champion.errors.actual) | np.isnan(challenger.errors.actual))
    with_intervals = champion.intervals is not None and challenger.intervals is not None
    before, after = (
        OriginSums(
            replace(each.errors, actual=np.where(both, each.errors.actual, np.nan)),
            snapshot,
            each.intervals if with_intervals else None,
        )
        for each in (champion, challenger)
    )
    compared = compare_models(before, after)
    faults = [
        *_find_level_faults(compared.levels, margins),
        *_find_bucket_faults(compared.buckets, margins),
        *_find_served_faults(served or {}, margins),
    ]
    together = compared.together
    outcome, why = _decide(together, faults)
    first, last = (snapshot.date_at(int(origins[end])) for end in (0, -1))
    return {
        "outcome": str(outcome),
        "why": why,
        "faults": faults,
        "origins": {"first": first.isoformat(), "last": last.isoformat(), "n": len(origins)},
        "change": together.change,
        "low": together.low,
        "high": together.high,
        "levels": {
            level: {
                **{name: _clean(each) for name, each in figures.items()},
                "buckets": {
                    days: {name: _clean(each) for name, each in of_days.items()}
                    for days, of_days in compared.buckets[level].items()
                },
            }
            for level, figures in compared.levels.items()
        },
    }


def _calibrate_before(errors: Errors, origin: int, snapshot: Snapshot) -> Intervals | None:
    """Return intervals of the errors that were known at an origin; None if they are too few."""
    earlier = errors.select(errors.origins < origin)
    if len(earlier.origins) < LEAST_ORIGINS:
        return None
    calibration = calibrate(earlier.known_by(origin), snapshot.hierarchy)
    return Intervals(calibration, snapshot.hierarchy)


def _find_level_faults(by_level: Mapping[str, Figures], margins: Margins) -> Iterator[str]:
    margin_of = {
        BIAS.name: margins.bias,
        COVERAGE_80.name: margins.coverage,
        COVERAGE_95.name: margins.coverage,
    }
    for level, figures in by_level.items():
        for name, compared in figures.items():
            if compared.least > margin_of.get(name, margins.level):
                yield _describe_fault(name, f"the level {level}", compared)


def _find_bucket_faults(
    by_bucket: Mapping[str, Mapping[str, Figures]], margins: Margins
) -> Iterator[str]:
    for level, buckets in by_bucket.items():
        for days, figures in buckets.items():
            if figures[WAPE.name].least > margins.bucket:
                where = f"the level {level}, {days} ahead,"
                yield _describe_fault(WAPE.name, where, figures[WAPE.name])


def _find_served_faults(served: Document, margins: Margins) -> Iterator[str]:
    for level, share in served.get("moved", {}).items():
        if share > margins.moved:
            yield f"forecasts of the level {level} move by {share:.0%} of their units"
    for name, margin, what in (
        ("slower", margins.slower, "takes {:.0%} more time"),
        ("larger", margins.larger, "is {:.0%} larger"),
    ):
        if served.get(name, 0) > margin:
            yield f"the new model {what.format(served[name])} than the one that serves"


def _describe_fault(name: str, where: str, compared: Comparison) -> str:
    best = {BIAS.name: "0", COVERAGE_80.name: "80 %", COVERAGE_95.name: "95 %"}.get(name)
    measure = name.split("_")[0]
    measure = measure if best else measure.upper()
    values = f"{compared.champion:.3f} before, {compared.challenger:.3f} now"
    if best is None:
        difference = f"differs by {compared.change:+.1%}, at least {compared.least:+.1%}"
    else:
        difference = f"is {compared.change:.3f} further from {best}, at least {compared.least:.3f}"
    return f"the {measure} of {where} {difference} ({values})"


def _decide(together: Comparison, faults: list[str]) -> tuple[Outcome, str]:
    interval = f"90 % interval {together.low:+.1%} to {together.high:+.1%}"
    errors = f"errors over all levels differ by {together.change:+.1%} ({interval})"
    if together.low > 0:
        return Outcome.WORSE, errors
    if faults:
        more = f", and {len(faults) - 1} more figures are worse" if len(faults) > 1 else ""
        return Outcome.WORSE, f"{faults[0]}{more}; {errors}"
    return (Outcome.BETTER if together.high < 0 else Outcome.EQUAL), errors


def _clean(compared: Comparison) -> dict[str, float | None]:
    """Return a comparison as JSON, which has no NaN."""
    return {name: value if np.isfinite(value) else None for name, value in asdict(compared).items()}


def _unknown(why: str) -> Document:
    return {"outcome": str(Outcome.UNKNOWN), "why": why}
