"""Measurements read from k6's summary."""

from __future__ import annotations

from typing import Any

import pytest

from load.generator import Plan, Step
from load.outcome import ALL, RunSummary, limits

TIMES = {"count": 40, "avg": 2.0, "med": 1.5, "p(95)": 8.0, "p(99)": 9.0, "max": 12.0}
NONE = dict.fromkeys(TIMES, 0)


def trend(values: dict[str, float], **thresholds: bool) -> dict[str, Any]:
    judged = {rule: {"ok": ok} for rule, ok in thresholds.items()}
    return {"type": "trend", "values": values, **({"thresholds": judged} if judged else {})}


def errors(passes: int, fails: int, **thresholds: bool) -> dict[str, Any]:
    values = {"passes": passes, "fails": fails, "rate": passes / max(1, passes + fails)}
    return {**trend(values, **thresholds), "type": "rate"}


@pytest.fixture
def document() -> dict[str, Any]:
    return {
        "metrics": {
            "http_req_duration": trend({**TIMES, "count": 1000}),  # includes the warm-up
            "http_req_duration{part:measured}": trend({**TIMES, "count": 60}),
            "errors{part:measured}": errors(3, 57, **{"rate<0.01": False}),
            "http_req_duration{part:measured,call:simple}": trend(
                TIMES, **{"p(50)<5": True, "p(95)<5": False}
            ),
            "errors{part:measured,call:simple}": errors(3, 37),
            "content_length{part:measured,call:simple}": trend({**TIMES, "avg": 2048}),
            "http_req_duration{part:measured,call:explain}": trend({**TIMES, "count": 20}),
            "errors{part:measured,call:explain}": errors(0, 20),
            "http_req_duration{part:measured,call:whatif}": trend(NONE, **{"p(95)<50": True}),
            "http_req_duration{users:100}": trend(NONE, **{"p(95)<100": True}),
            "http_req_duration{scenario:step_1}": trend({**TIMES, "count": 60}),
            "errors{scenario:step_1}": errors(3, 57),
            "dropped_iterations": {
                "values": {"count": 0, "rate": 0},
                "thresholds": {"count==0": {"ok": True}},
            },
        },
        "root_group": {
            "checks": [
                {"name": "simple: 200, JSON", "passes": 40, "fails": 0},
                {"name": "simple: what was asked for", "passes": 37, "fails": 3},
            ]
        },
    }


@pytest.fixture
def measured(document: dict[str, Any]) -> RunSummary:
    plan = Plan("ramp", 10.0, (Step("step_1", 25, 10.0, 20.0, None),))
    return RunSummary(plan, document)


def test_calls_are_listed_with_the_total_at_the_end(measured: RunSummary) -> None:
    """Rates are per second of the counted time, not of the whole run."""
    table = measured.calls
    assert table.column("call") == ["simple", "explain", ALL]
    assert table.column("requests") == [40, 20, 60]
    assert table.column("per second") == [2, 1, 3]
    assert table.column("errors") == [3, 0, 3]
    assert table.column("mean KiB") == [2, None, None]
    assert table.column("p50 ms") == [1.5] * 3
    assert table.column("p99 ms") == [9.0] * 3


def test_steps_have_their_users_and_duration(measured: RunSummary) -> None:
    (row,) = measured.steps.rows
    assert row == (25, 20.0, 60, 3.0, 1.5, 8.0, 9.0, 12.0, 3)


def test_verdicts_have_the_measured_value(measured: RunSummary) -> None:
    verdicts = {(verdict.subject, verdict.rule): verdict for verdict in measured.verdicts}
    assert len(verdicts) == 6
    passed = verdicts["simple, ms", "p(50)<5"]
    assert (passed.value, passed.holds) == (1.5, True)
    failed = verdicts["simple, ms", "p(95)<5"]
    assert (failed.value, failed.holds) == (8.0, False)
    assert str(failed) == "simple, ms: p(95)<5, measured: 8"
    wrong = verdicts[f"{ALL}, share of errors", "rate<0.01"]
    assert (wrong.value, wrong.holds) == (0.05, False)


def test_a_threshold_without_measurements_fails(measured: RunSummary) -> None:
    """k6 itself reports such a threshold as passed."""
    verdicts = {verdict.subject: verdict for verdict in measured.verdicts}
    for subject in ("whatif, ms", "100 users, ms"):
        assert not verdicts[subject].holds
        assert str(verdicts[subject]).endswith("measured: nothing was measured")


def test_zero_dropped_requests_is_a_measurement(measured: RunSummary) -> None:
    (dropped,) = [v for v in measured.verdicts if v.rule == "count==0"]
    assert (dropped.value, dropped.holds) == (0, True)


def test_checks_that_failed_are_named(measured: RunSummary) -> None:
    assert measured.wrong == {"simple: what was asked for": 3}


def test_memory_limits_apply_to_the_soak_scenario() -> None:
    assert limits("memory", "soak") == {"largest_change": 0.03}
    assert limits("memory", "ramp") == {}
