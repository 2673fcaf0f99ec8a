"""load/lighthouse: what is read of a report, and which limits it breaks."""

from __future__ import annotations

from typing import Any

import pytest

from load.lighthouse.__main__ import TIMINGS, Figures, MeasureError, read_report


def report(score: float | None = 0.95, timing: float = 0.05) -> dict[str, Any]:
    return {
        "categories": {"performance": {"id": "performance", "score": score}},
        "audits": {name: {"numericValue": timing} for name in TIMINGS},
    }


def test_a_page_at_the_limits_passes() -> None:
    figures = read_report("/", report())
    assert figures.scores == {"performance": 95}
    assert list(figures.faults()) == []


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        pytest.param(Figures("/", {"seo": 94}, {}), "seo is 94", id="score"),
        *(
            pytest.param(Figures("/", {}, {name: value}), f"{name} is {value:g}", id=name)
            for name, value in (
                ("largest-contentful-paint", 2501.0),
                ("cumulative-layout-shift", 0.11),
                ("interaction-to-next-paint", 208.0),
            )
        ),
    ],
)
def test_a_broken_limit_is_named_with_its_value(figures: Figures, expected: str) -> None:
    (fault,) = figures.faults()
    assert expected in fault


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param({"runtimeError": {"message": "no page"}}, "no page", id="not loaded"),
        pytest.param(report(score=None), "no score for performance", id="no score"),
    ],
)
def test_a_page_that_was_not_measured_is_an_error(answer: dict[str, Any], expected: str) -> None:
    with pytest.raises(MeasureError, match=expected):
        read_report("/", answer)
