"""Figures of a bundle, as metrics."""

from __future__ import annotations

from typing import Any

import pytest

from app.figures import backtest_figures, cells_of, expected_figures, show_release
from lifecycle.monitoring.live_accuracy import ALL_DAYS, Estimate, LiveFigures
from models.bundle import Bundle
from models.serving.release import load_release
from storage.artifacts import Store
from telemetry.instruments import REGISTRY

RECORDED: dict[str, Any] = {
    "calibration": {
        "levels": {
            "store": {
                "1-7": {"rmsle": 0.3, "wape": 0.10, "bias": 0.01},
                "8-16": {"rmsle": 0.5, "wape": 0.20, "bias": -0.03},
            }
        }
    },
    "quality": {
        "levels": {"store": {"1-7": {"coverage_80": 0.8}, "8-16": {"coverage_80": None}}},
        "wrmsse": {"store": {"model": 0.6, "seasonal_naive": 1.0}},
    },
}


def live(days_ahead: str, *, sold: float, values: int) -> LiveFigures:
    estimate = Estimate(0.1)
    return LiveFigures(
        level="store",
        node="",
        days_ahead=days_ahead,
        days=7,
        values=values,
        sold=sold,
        wape=estimate,
        bias=estimate,
        rmsle=None,
        coverage={80: estimate},
        wis=None,
        naive_wape=None,
        base_wape=None,
    )


def test_the_figures_of_a_bundle_are_means_over_the_days_ahead() -> None:
    assert backtest_figures(RECORDED) == {
        ("store", "rmsle"): pytest.approx(0.4),
        ("store", "wape"): pytest.approx(0.15),
        ("store", "bias"): pytest.approx(-0.01),
        ("store", "coverage_80"): 0.8,
        ("store", "wrmsse"): 0.6,
    }


def test_what_is_expected_counts_each_number_of_days_ahead_as_it_was_served() -> None:
    """A bundle that served near days only is not compared with errors of far ones."""
    served = [
        live("1-7", sold=300, values=30),
        live("8-16", sold=100, values=10),
        live(ALL_DAYS, sold=400, values=40),
    ]
    expected = expected_figures(served, cells_of(RECORDED))
    assert expected["store", "wape"] == pytest.approx((300 * 0.1 + 100 * 0.2) / 400)
    assert expected["store", "coverage_80"] == 0.8, "of the days that have one"
    assert expected_figures(served[:1], cells_of(RECORDED))["store", "wape"] == 0.1


def test_a_release_that_serves_shows_its_figures(trained: Store, bundle: Bundle) -> None:
    show_release(load_release(trained, trained.current()))
    read = REGISTRY.get_sample_value
    for (level, measure), value in backtest_figures(bundle.metrics).items():
        assert read("mlrf_model_backtest", {"level": level, "measure": measure}) == value
    assert read("mlrf_unseen_series") == 0
    assert read("mlrf_missing_covariates_ratio", {"covariate": "onpromotion"}) is not None
