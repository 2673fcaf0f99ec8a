"""Warnings about scenarios that are computed, and are not all that they claim to be.

Trees answer for values that the data do not have as for the nearest ones that they have seen. An
adjustment of a covariate that is not known on all its days ends earlier than it was to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import cast

import numpy as np
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from features.data.specification import Kind
from features.matrix import Covariates
from models.scenario import HOLIDAY, Adjustment, bottoms_below, with_values

FAR = 2.0
"""Multiple of the largest known value from which a value is far."""


class WarningCode(StrEnum):
    """Reason of a warning.

    Attributes:
        OUTSIDE_SEEN: a value is less or more than all that the series has had.
        FAR: a value is more than twice the largest that the series has had.
        SHORTENED: the adjustment ends on the last day on which the covariate is known.
    """

    OUTSIDE_SEEN = "outside-seen"
    FAR = "far"
    SHORTENED = "shortened"


@dataclass(frozen=True, slots=True)
class ScenarioWarning:
    """A warning about an adjustment.

    Attributes:
        detail: a sentence with the value, and with those that the data have.
        node: id of the series with the most unusual value; None for holidays and days.
        value: of the covariate in that series, or the name of a holiday.
        least, most: values that the series has had.
        others: number of other series whose values are as unusual.
        last: day with which a shortened adjustment ends.
    """

    code: WarningCode
    covariate: str
    detail: str
    node: str | None = None
    value: float | str | None = None
    least: float | None = None
    most: float | None = None
    others: int = 0
    last: date | None = None


def find_shortened(
    snapshot: Snapshot, requested: Sequence[Adjustment], applied: Sequence[Adjustment]
) -> list[ScenarioWarning]:
    """Return warnings about adjustments that end earlier than they were to."""
    return [
        _warn_of_end(after.covariate, snapshot.date_at(after.last), snapshot.date_at(before.last))
        for before, after in zip(requested, applied, strict=True)
        if after.last < before.last
    ]


def _warn_of_end(covariate: str, last: date, requested: date) -> ScenarioWarning:
    detail = (
        f"The values are known up to {last} only, so the adjustment ends there and not on "
        f"{requested}; `set` works on later days too."
    )
    return ScenarioWarning(WarningCode.SHORTENED, covariate, detail, last=last)


def find_unseen_values(
    covariates: Covariates, node: int, adjustments: Sequence[Adjustment]
) -> list[ScenarioWarning]:
    """Return warnings about adjusted values outside of what the data have, series by series.

    Args:
        covariates: known at the origin of the scenario.
        node: row of the hierarchy below which the adjustments apply.
        adjustments: that can be made.
    """
    snapshot = covariates.snapshot
    bottoms = bottoms_below(snapshot.hierarchy, node)
    return [
        warning
        for adjustment in adjustments
        for warning in (
            _find_unseen_holiday(snapshot, adjustment)
            if adjustment.covariate == HOLIDAY
            else _find_unseen_numbers(covariates, bottoms, adjustment)
        )
    ]


def _find_unseen_holiday(snapshot: Snapshot, adjustment: Adjustment) -> Iterator[ScenarioWarning]:
    """Warn of a holiday that occurs only in the days ahead."""
    name = cast(str | None, adjustment.value)
    if name is not None and name not in snapshot.calendar.names[: snapshot.n_days]:
        detail = (
            f"{name!r} was on no day from {snapshot.facts.first_date} to {snapshot.facts.origin}, "
            "so its effect is not known."
        )
        yield ScenarioWarning(WarningCode.OUTSIDE_SEEN, HOLIDAY, detail, value=name)


def _find_unseen_numbers(
    covariates: Covariates, bottoms: NDArray[np.intp], adjustment: Adjustment
) -> Iterator[ScenarioWarning]:
    """Warn of numbers outside of each series' own range; a series is counted under one code.

    Values that the adjustment leaves as they are planned are not warned of, and neither is a
    series of which no value is known. Being far has a meaning only where 0 is the least: not for a
    temperature.
    """
    snapshot, name = covariates.snapshot, adjustment.covariate
    days = slice(adjustment.first - covariates.origin - 1, adjustment.last - covariates.origin)
    planned = covariates.values[name][bottoms, days]
    adjusted = with_values(covariates, bottoms, adjustment).values[name][bottoms, days]
    history = snapshot.covariates[name][bottoms, : snapshot.n_days]
    low, high = (_extreme(history, ufunc) for ufunc in (np.fmin, np.fmax))
    changed = adjusted != planned  # a NaN of the plan equals nothing
    most = np.where(changed, adjusted, -np.inf).max(axis=1)
    least = np.where(changed, adjusted, np.inf).min(axis=1)
    has_zero = snapshot.specification.covariate(name).kind is not Kind.NUMBER
    far = (most > FAR * high) & (high > 0) & has_zero
    outside = ((most > high) | (least < low)) & ~far
    for code, affected in ((WarningCode.FAR, far), (WarningCode.OUTSIDE_SEEN, outside)):
        if affected.any():
            beyond = np.maximum(most - high, low - least)
            worst = int(np.where(affected, beyond, -np.inf).argmax())
            value = most[worst] if most[worst] > high[worst] else least[worst]
            yield _warn_of_value(
                snapshot,
                ScenarioWarning(
                    code,
                    name,
                    detail="",
                    node=snapshot.hierarchy.nodes[snapshot.hierarchy.n_upper + bottoms[worst]].id,
                    value=_readable(value),
                    least=_readable(low[worst]),
                    most=_readable(high[worst]),
                    others=int(affected.sum()) - 1,
                ),
            )


def _extreme(history: NDArray[np.float32], ufunc: np.ufunc) -> NDArray[np.float32]:
    """Return the least or the largest known value of each series; NaN where there is none."""
    extreme: NDArray[np.float32] = ufunc.reduce(history, axis=1)
    return extreme


def _readable(value: np.float32) -> float:
    """Return a value without the digits that 32 bits do not hold."""
    return float(f"{value:g}")


def _warn_of_value(snapshot: Snapshot, warning: ScenarioWarning) -> ScenarioWarning:
    """Return the warning with its sentence, which names the series and the covariate in no way."""
    low, high = warning.least, warning.most
    seen = f"{high:g}" if low == high else f"{low:g} to {high:g}"
    detail = (
        f"The value of a series would be {warning.value:g}; from {snapshot.facts.first_date} to "
        f"{snapshot.facts.origin} it was {seen}."
    )
    if warning.others:
        detail += f" The values of {warning.others} more series are as unusual."
    return replace(warning, detail=detail)
