"""Judgement of a rollout by its evidence: the fault that ends it, if there is one.

Answers of the challenger are compared with those of the active one to calls of the same
route, outcome of the cache and time, so that neither callers who ask for more costly things nor a
busy hour decide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import Any

from config.rollout import RolloutPlan
from storage.rollouts import CACHED, Counts, Evidence, Role

Document = Mapping[str, Any]

INCOHERENCE = 1e-6
"""Largest relative difference of a forecast from the sum of its series."""
_USUAL_FAILURES = 0.001
"""Share of answers that fail, as if it had been seen in `_USUAL_ANSWERS` before."""
_USUAL_ANSWERS = 1000
_CHANCE = 0.001
"""Probability of so many failures by chance at which they are none."""
_LEAST_ANSWERS = 30
"""Answers to one kind of call from which its times are compared."""
_STANDARD_ERRORS = 3.0


@dataclass(frozen=True)
class Times:
    """Times of the answers of a release, over those of the active one to the same calls.

    Attributes:
        ratio: 1 if they take equally long.
        least: bound that the ratio exceeds, beyond chance.
    """

    ratio: float
    least: float


def find_fault(
    evidence: Sequence[Evidence], report: Document | None, plan: RolloutPlan
) -> str | None:
    """Return why a rollout must end, as a sentence; None if nothing says so."""
    if report is not None and (fault := _find_report_fault(report, plan)):
        return fault
    for role in (Role.CANARY, Role.SHADOW):
        if fault := _find_failures(evidence, role, plan):
            return fault
    times = compare_times(evidence)
    if times is not None and times.least > 1 + plan.slower:
        return (
            f"its answers take {times.ratio:.1f} times as long as those of the active release, at "
            f"least {times.least:.1f} times"
        )
    return None


def total_of(evidence: Iterable[Evidence], role: Role, share: float | None = None) -> Counts:
    """Return the counts of a role, at all shares or at one."""
    total = Counts()
    for each in evidence:
        if each.role is role and share in (None, each.share):
            total += each.counts
    return total


def compare_times(evidence: Iterable[Evidence]) -> Times | None:
    """Compare the times of a canary's answers; None if too few calls were answered by both.

    Calls are compared that were answered at the same share of the callers, which is at the same
    time: an hour before, the machine may have had less to do. Answers from the cache are left out:
    no model makes them, and those of a release that is new come from further away, such as from
    Redis.
    """
    counts: dict[tuple[str, float], dict[Role, Counts]] = defaultdict(lambda: defaultdict(Counts))
    for each in evidence:
        if not each.call.endswith(f" {CACHED}"):
            counts[each.call, each.share][each.role] += each.counts
    weight, mean, variance = 0, 0.0, 0.0
    for of_call in counts.values():
        active, challenger = of_call[Role.ACTIVE], of_call[Role.CANARY]
        if min(active.answers, challenger.answers) < _LEAST_ANSWERS:
            continue
        difference = _mean_log(challenger) - _mean_log(active)
        weight += challenger.answers
        mean += challenger.answers * difference
        variance += challenger.answers**2 * (
            _variance_of_mean(challenger) + _variance_of_mean(active)
        )
    if not weight:
        return None
    centre, error = mean / weight, sqrt(variance) / weight
    return Times(exp(centre), exp(centre - _STANDARD_ERRORS * error))


def _find_report_fault(report: Document, plan: RolloutPlan) -> str | None:
    if report["incoherence"] > INCOHERENCE:
        return f"its forecasts do not add up: they differ by up to {report['incoherence']:.1e}"
    worse = mean_worse(report)
    if worse is not None and worse > plan.worse:
        return (
            f"its errors on the newest days are {worse:.0%} larger than those of the active release"
        )
    live = report.get("live")
    if live is not None and live["low"] > plan.worse:
        return (
            f"its errors on {live['days']} days since are {live['change']:.0%} larger than those "
            f"of the active release, at least {live['low']:.0%}"
        )
    return None


def mean_worse(report: Document) -> float | None:
    """Return by which share the WAPE on the newest days is larger, averaged over the levels."""
    changes = [
        each["challenger"] / each["active"] - 1
        for each in report["recent"].values()
        if each["active"] and each["challenger"] is not None
    ]
    return sum(changes) / len(changes) if changes else None


def _find_failures(evidence: Sequence[Evidence], role: Role, plan: RolloutPlan) -> str | None:
    from scipy.special import bdtrc  # takes a part of a worker's start

    challenger, active = total_of(evidence, role), total_of(evidence, Role.ACTIVE)
    if challenger.failures < plan.failures:
        return None
    usual = (active.failures + _USUAL_FAILURES * _USUAL_ANSWERS) / (active.answers + _USUAL_ANSWERS)
    if bdtrc(challenger.failures - 1, challenger.answers, usual) > _CHANCE:
        return None
    return (
        f"{challenger.failures} of its {challenger.answers} answers failed, and "
        f"{active.failures} of the {active.answers} of the active release"
    )


def _mean_log(counts: Counts) -> float:
    return counts.log_seconds / counts.answers


def _variance_of_mean(counts: Counts) -> float:
    mean = _mean_log(counts)
    return max(counts.log_squares / counts.answers - mean**2, 0) / counts.answers
