"""Evidence ends a rollout where it shows more than chance."""

from __future__ import annotations

from math import log
from typing import Any

import pytest

from config.rollout import ROLLOUT_PLAN
from lifecycle.evidence import compare_times, find_fault, mean_worse, total_of
from storage.rollouts import Counts, Evidence, Role

REPORT: dict[str, Any] = {
    "incoherence": 1e-12,
    "recent": {
        "total": {"active": 0.10, "challenger": 0.11},
        "store": {"active": 0.20, "challenger": 0.20},
        "family": {"active": None, "challenger": None},
    },
}


def answers(
    role: Role,
    number: int,
    *,
    failures: int = 0,
    seconds: float = 0.01,
    spread: float = 0.5,
    call: str = "GET /forecast",
    share: float = 0.1,
) -> Evidence:
    """Return answers whose times have a mean logarithm of log(seconds)."""
    mean = log(seconds)
    squares = number * (mean**2 + spread**2)
    return Evidence(role, call, share, Counts(number, failures, number * mean, squares))


@pytest.mark.parametrize(
    ("active", "challenger", "is_fault"),
    [
        pytest.param((1000, 0), (100, 0), False, id="none"),
        pytest.param((1000, 0), (100, 2), False, id="fewer than are judged"),
        pytest.param((1000, 0), (100, 5), True, id="of the challenger alone"),
        pytest.param((1000, 50), (100, 6), False, id="as many as of the active release"),
        pytest.param((1000, 50), (100, 20), True, id="four times as many"),
        pytest.param((0, 0), (10, 10), True, id="all, where the active release answers nobody"),
        pytest.param((0, 0), (100_000, 60), False, id="a few of very many"),
    ],
)
@pytest.mark.parametrize("role", [Role.CANARY, Role.SHADOW])
def test_failures_are_compared_with_those_of_the_active_release(
    active: tuple[int, int], challenger: tuple[int, int], is_fault: bool, role: Role
) -> None:
    evidence = [
        answers(Role.ACTIVE, active[0], failures=active[1]),
        answers(role, challenger[0], failures=challenger[1]),
    ]
    fault = find_fault(evidence, None, ROLLOUT_PLAN)
    assert (fault is not None) is is_fault
    if fault is not None:
        assert f"{challenger[1]} of its {challenger[0]} answers failed" in fault


@pytest.mark.parametrize(
    ("number", "factor", "is_fault"),
    [
        pytest.param(1000, 1.0, False, id="equally fast"),
        pytest.param(1000, 1.4, False, id="slower, within the margin"),
        pytest.param(1000, 2.0, True, id="twice as slow"),
        pytest.param(20, 5.0, False, id="too few answers"),
        pytest.param(30, 1.6, False, id="within chance"),
    ],
)
def test_times_are_compared_beyond_chance(number: int, factor: float, is_fault: bool) -> None:
    evidence = [
        answers(Role.ACTIVE, 1000),
        answers(Role.CANARY, number, seconds=0.01 * factor),
    ]
    fault = find_fault(evidence, None, ROLLOUT_PLAN)
    assert (fault is not None) is is_fault
    if fault is not None:
        assert f"{factor:.1f} times as long" in fault


def test_costlier_calls_of_the_callers_are_no_fault() -> None:
    """Callers of the canary ask for slow things, which take as long with the active release."""
    slow = "POST /whatif"
    evidence = [
        answers(Role.ACTIVE, 1000),
        answers(Role.ACTIVE, 50, seconds=0.5, call=slow),
        answers(Role.CANARY, 50),
        answers(Role.CANARY, 1000, seconds=0.5, call=slow),
    ]
    times = compare_times(evidence)
    assert times is not None
    assert times.ratio == pytest.approx(1)
    assert find_fault(evidence, None, ROLLOUT_PLAN) is None


def test_answers_from_the_cache_tell_nothing_of_a_model() -> None:
    """Those of the challenger come from Redis at first, those of the active one from memory."""
    cached = "POST /forecast hit"
    evidence = [
        answers(Role.ACTIVE, 1000, seconds=0.001, call=cached),
        answers(Role.CANARY, 1000, seconds=0.01, call=cached),
    ]
    assert compare_times(evidence) is None
    assert find_fault(evidence, None, ROLLOUT_PLAN) is None


def test_a_busier_hour_is_no_fault() -> None:
    """The active release answered quickly while the challenger was a shadow."""
    evidence = [
        answers(Role.ACTIVE, 1000, seconds=0.002, share=0.0),
        answers(Role.ACTIVE, 100, seconds=0.008, share=0.1),
        answers(Role.CANARY, 100, seconds=0.008, share=0.1),
    ]
    times = compare_times(evidence)
    assert times is not None
    assert times.ratio == pytest.approx(1)
    assert find_fault(evidence, None, ROLLOUT_PLAN) is None


def test_times_of_calls_that_one_of_both_never_answered_are_not_compared() -> None:
    evidence = [answers(Role.ACTIVE, 100), answers(Role.CANARY, 100, call="POST /whatif")]
    assert compare_times(evidence) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({}, None, id="much the same"),
        pytest.param({"incoherence": 0.01}, "do not add up", id="incoherent"),
        pytest.param(
            {"recent": {"total": {"active": 0.1, "challenger": 0.15}}},
            "errors on the newest days are 50% larger",
            id="larger errors",
        ),
        pytest.param(
            {"live": {"days": 9, "change": 0.5, "low": 0.3, "high": 0.7}},
            "errors on 9 days since are 50% larger",
            id="larger live errors",
        ),
        pytest.param(
            {"live": {"days": 9, "change": 0.5, "low": 0.1, "high": 0.9}},
            None,
            id="larger live errors, perhaps by chance",
        ),
    ],
)
def test_the_report_may_be_the_fault(change: dict[str, Any], fault: str | None) -> None:
    sentence = find_fault([], REPORT | change, ROLLOUT_PLAN)
    assert (sentence is None) == (fault is None)
    assert (fault or "") in (sentence or "")


def test_levels_without_sales_are_left_out_of_the_errors() -> None:
    assert mean_worse(REPORT) == pytest.approx(0.05)
    assert mean_worse({"recent": {"total": {"active": None, "challenger": None}}}) is None


def test_counts_are_added_by_role_and_share() -> None:
    evidence = [answers(Role.CANARY, 5), answers(Role.CANARY, 6, call="POST /whatif")]
    assert total_of(evidence, Role.CANARY).answers == 11
    assert total_of(evidence, Role.CANARY, 0.1).answers == 11
    assert total_of(evidence, Role.CANARY, 0.5) == Counts()
    assert total_of(evidence, Role.ACTIVE) == Counts()
