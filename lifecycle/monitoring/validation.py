"""Validation of the active release: its newest days replayed, and a verdict.

From each of the newest origins the days that are known since are forecast as they would have been
then, by the active release and by others, and compared with what was sold. A release is compared
with another only on days that both models have not seen.

The verdict is *promote* if a candidate is better, *roll back* if the release that was active before
is better, and *hold* otherwise; differences that chance can explain, or that are smaller than the
margin, decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import numpy as np

from config.margins import Margins
from features.state import first_origin
from lifecycle.monitoring.live_accuracy import ALL_DAYS, compare_wape, measure, measure_days
from lifecycle.monitoring.whole_forecast import complete_forecast
from models.buckets import buckets_of
from models.engine import ForecastEngine, Progress
from models.error_sums import Group, groups_of, sum_errors
from storage.performance import Performance

Document = dict[str, Any]

DAYS = 30
"""Newest origins that are replayed."""

LEAST_DAYS = 7
"""Days that both models have not seen, of which a comparison decides anything."""


class Verdict(StrEnum):
    """Recommendation of a validation.

    Attributes:
        PROMOTE: a candidate is better than the active release.
        HOLD: nothing is better beyond chance.
        ROLL_BACK: the release before the active one is better.
    """

    PROMOTE = "promote"
    HOLD = "hold"
    ROLL_BACK = "roll back"


class Role(StrEnum):
    """Role of a release beside the active one."""

    CANDIDATE = "candidate"
    PREVIOUS = "previous"


@dataclass(frozen=True)
class Rival:
    """A release that the active one is compared with.

    Attributes:
        engine: with the snapshot of the active one.
        recorded: outcome of its comparison at its training, where that was with the active one.
    """

    role: Role
    engine: ForecastEngine
    recorded: str | None = None


@dataclass(frozen=True)
class Validation:
    """Outcome of a validation.

    Attributes:
        reasons: sentences.
        report: figures of each release, day by day and in total, and the comparisons.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    report: Document


def validate(
    active: ForecastEngine,
    rivals: Sequence[Rival],
    *,
    days: int = DAYS,
    margins: Margins,
    enter: Callable[[str], object] = lambda phase: None,
    advance: Progress = lambda done, total: None,
) -> Validation:
    """Replay the newest days of a snapshot, and judge the active release by them.

    Args:
        margins: `level` is the share by which the errors of the active release may be larger.
    """
    enter(f"replaying {active.bundle.name}")
    own = replay(active, days, advance=advance)
    reasons: list[str] = []
    verdict = Verdict.HOLD
    rivals_report: list[Document] = []
    for rival in sorted(rivals, key=lambda each: each.role):
        enter(f"replaying {rival.engine.bundle.name}")
        theirs = replay(rival.engine, days, advance=advance)
        comparison, better, why = _judge(active, rival, own, theirs, margins)
        rivals_report.append(comparison)
        reasons.append(why)
        if better and verdict is Verdict.HOLD:  # a candidate first: it knows newer days
            promoted = rival.role is Role.CANDIDATE
            verdict = Verdict.PROMOTE if promoted else Verdict.ROLL_BACK
    reasons = [_beside_naive(own), *reasons]
    report = {
        "bundle": active.bundle.name,
        "snapshot": active.snapshot.name,
        "trained_through": active.bundle.facts.trained_through.isoformat(),
        "verdict": verdict.value,
        "reasons": reasons,
        "figures": _describe(own),
        "daily": _describe_days(own),
        "rivals": rivals_report,
    }
    return Validation(verdict, tuple(reasons), report)


def replay(
    engine: ForecastEngine, days: int, *, advance: Progress = lambda done, total: None
) -> list[Performance]:
    """Return the sums over the errors of forecasts from the newest origins, by the target day.

    Origins at which the model had seen later days are left out.
    """
    snapshot = engine.snapshot
    newest = snapshot.newest_origin
    least = max(snapshot.index_of(engine.bundle.facts.trained_through), first_origin(snapshot.step))
    origins = range(max(newest - days, least), newest)
    rows: list[Performance] = []
    for done, origin in enumerate(origins):
        advance(done, len(origins))
        rows += _measure_origin(engine, origin)
    advance(len(origins), len(origins))
    return rows


def _measure_origin(engine: ForecastEngine, origin: int) -> list[Performance]:
    snapshot, hierarchy = engine.snapshot, engine.snapshot.hierarchy
    horizons = np.arange(1, min(snapshot.horizon, snapshot.newest_origin - origin) + 1)
    base = engine.base_forecasts(origin, horizons)
    mean = engine.reconciliation.reconcile(base).values
    forecast = complete_forecast(engine, origin, horizons, mean, base)
    sold = snapshot.targets(slice(hierarchy.n_upper, None), origin + horizons)
    errors = sum_errors(hierarchy, forecast, sold)
    buckets = buckets_of(snapshot.specification)
    return [
        Performance(
            day=snapshot.date_at(origin + int(ahead)),
            level=group.level,
            node=group.node,
            days_ahead=buckets.names[int(buckets.of(np.array(ahead)))],
            sums={name: float(each[at, ahead - 1]) for name, each in errors.items()},
        )
        for at, group in enumerate(groups_of(hierarchy))
        if group == Group(group.level)
        for ahead in horizons
        if errors["known"][at, ahead - 1]
    ]


def _judge(
    active: ForecastEngine,
    rival: Rival,
    own: Sequence[Performance],
    theirs: Sequence[Performance],
    margins: Margins,
) -> tuple[Document, bool, str]:
    """Compare the active release with another on the days that both have not seen.

    Returns:
        The comparison, whether the other is better, and why, as a sentence.
    """
    name = rival.engine.bundle.name
    about: Document = {"bundle": name, "role": rival.role.value, "days": 0, "figures": []}
    shared = _days_of(own) & _days_of(theirs)
    if len(shared) < LEAST_DAYS:
        # it has seen the days: what was measured at its training is all that there is
        if rival.role is Role.CANDIDATE and rival.recorded is not None:
            why = f"The {rival.role} {name} was {rival.recorded} when it was trained."
            return {**about, "recorded": rival.recorded}, rival.recorded == "better", why
        why = (
            f"The {rival.role} {name} cannot be compared: only {len(shared)} days are new to both "
            f"models, and {LEAST_DAYS} are needed."
        )
        return about, False, why
    before = [each for each in own if each.day in shared]
    after = [each for each in theirs if each.day in shared]
    change = compare_wape(before, after)
    better = change.high is not None and change.high < -margins.level
    worse = change.low is not None and change.low > margins.level
    how = "are smaller" if better else "are larger" if worse else "do not differ beyond chance"
    why = (
        f"The errors of the {rival.role} {name} {how}: they change by {change.value:+.1%} (90 % "
        f"interval {change.low:+.1%} to {change.high:+.1%}) on {len(shared)} days."
    )
    comparison = {
        **about,
        "days": len(shared),
        "change": change.value,
        "low": change.low,
        "high": change.high,
        "figures": _describe(after),
    }
    return comparison, better, why


def _days_of(rows: Sequence[Performance]) -> set[date]:
    return {each.day for each in rows}


def _beside_naive(rows: Sequence[Performance]) -> str:
    """Return how the forecasts fare beside last week's same weekday, as a sentence."""
    worse = [
        each.level
        for each in measure(rows)
        if each.days_ahead == ALL_DAYS
        and each.wape.value is not None
        and each.naive_wape is not None
        and each.wape.value >= each.naive_wape
    ]
    if not rows:
        return "No day is new to the model, so that nothing was replayed."
    if worse:
        return f"It is no better than last week's same weekday at the levels {', '.join(worse)}."
    return "It is better than last week's same weekday at all levels."


def _describe(rows: Sequence[Performance]) -> list[Document]:
    return [
        {
            "level": each.level,
            "days_ahead": each.days_ahead,
            "days": each.days,
            "wape": each.wape.value,
            "wape_low": each.wape.low,
            "wape_high": each.wape.high,
            "bias": each.bias.value,
            "rmsle": each.rmsle,
            "coverage": {str(nominal): part.value for nominal, part in each.coverage.items()},
            "naive_wape": each.naive_wape,
            "base_wape": each.base_wape,
        }
        for each in measure(rows)
    ]


def _describe_days(rows: Sequence[Performance]) -> list[Document]:
    """Return the measures of each day, of all days ahead together."""
    return [
        {
            "day": day.isoformat(),
            "level": each.level,
            "wape": each.wape.value,
            "bias": each.bias.value,
            "naive_wape": each.naive_wape,
        }
        for day, each in measure_days(rows)
    ]
