"""A model is compared with simple rules, and falls back to them where they are better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from features.data.specification import Expect
from models.baselines import Baseline
from models.error_sums import judge_known_parts
from training.evaluation.forecast_errors import Errors
from training.evaluation.quality import (
    choose_fallbacks,
    mark_seasoned,
    mean_known,
    quality_report,
    rule_errors,
    weighted_errors,
    with_fallbacks,
)

ORIGINS = 20
HORIZONS = np.array([1, 7, 20, 60, 89])


@pytest.fixture(scope="module")
def exact(snapshot: Snapshot) -> Errors:
    """Errors of forecasts that are exactly what was sold."""
    origins = snapshot.newest_origin - 89 - 7 * np.arange(ORIGINS)[::-1]
    upper = snapshot.hierarchy.n_upper
    pairs = [
        judge_known_parts(snapshot.hierarchy, sold, sold)
        for sold in (snapshot.targets(slice(upper, None), origin + HORIZONS) for origin in origins)
    ]
    forecast, actual = (np.stack(each) for each in zip(*pairs, strict=True))
    sold = np.stack([snapshot.first_sale <= origin for origin in origins])
    return Errors(origins, HORIZONS, forecast, actual, sold, np.ones((ORIGINS, 5), dtype=bool))


def scaled(errors: Errors, snapshot: Snapshot, rows: slice, factor: float) -> Errors:
    """Return errors of forecasts that are wrong by a factor for some bottom series."""
    upper = snapshot.hierarchy.n_upper
    bottoms = errors.forecast[:, upper:].copy()
    bottoms[:, rows] *= factor
    forecast = np.stack([snapshot.hierarchy.aggregate(each) for each in bottoms])
    return replace(errors, forecast=forecast)


@pytest.fixture(scope="module")
def rules(snapshot: Snapshot, exact: Errors) -> dict[Baseline, Errors]:
    return {rule: rule_errors(snapshot, exact, rule) for rule in Baseline}


def test_a_rule_forecasts_from_the_days_up_to_each_origin(
    snapshot: Snapshot, exact: Errors, rules: dict[Baseline, Errors]
) -> None:
    bottom = snapshot.hierarchy.n_upper
    origin = int(exact.origins[3])
    naive = rules[Baseline.SEASONAL_NAIVE].forecast[3, bottom]
    assert naive.tolist() == [snapshot.history[bottom, origin - 6 + (h - 1) % 7] for h in HORIZONS]


def test_a_model_that_is_better_everywhere_keeps_all_series(
    snapshot: Snapshot, exact: Errors, rules: dict[Baseline, Errors]
) -> None:
    assert not choose_fallbacks(snapshot, exact, rules, Expect.MEAN)
    assert mean_known(weighted_errors(snapshot, exact)) == pytest.approx(0)


def test_a_series_for_which_a_rule_is_better_falls_back_to_it(
    snapshot: Snapshot, exact: Errors, rules: dict[Baseline, Errors]
) -> None:
    wrong = scaled(exact, snapshot, slice(0, 1), 30.0)
    hierarchy = snapshot.hierarchy
    fallbacks = choose_fallbacks(snapshot, wrong, rules, Expect.MEDIAN)
    assert fallbacks.keys() == {hierarchy.nodes[hierarchy.n_upper].id}
    served = with_fallbacks(snapshot, wrong, rules, fallbacks)
    row = hierarchy.n_upper
    rule = rules[fallbacks[hierarchy.nodes[row].id]]
    assert np.array_equal(served.forecast[:, row], rule.forecast[:, row])
    assert np.array_equal(served.forecast[:, row + 1 :], wrong.forecast[:, row + 1 :])
    for forecast in served.forecast:
        whole = hierarchy.aggregate(forecast[hierarchy.n_upper :])
        assert np.allclose(forecast, whole, rtol=1e-9)


def test_a_model_that_is_worse_over_all_levels_serves_no_series(
    snapshot: Snapshot, exact: Errors, rules: dict[Baseline, Errors]
) -> None:
    wrong = scaled(exact, snapshot, slice(None), 5.0)
    fallbacks = choose_fallbacks(snapshot, wrong, rules, Expect.MEAN)
    assert len(fallbacks) == snapshot.hierarchy.n_bottom
    assert len(set(fallbacks.values())) == 1
    served = with_fallbacks(snapshot, wrong, rules, fallbacks)
    report = quality_report(snapshot, served, rules, fallbacks)
    assert any("forecasts all series instead" in warning for warning in report["warnings"])


def test_bias_of_the_total_is_reported(
    snapshot: Snapshot, exact: Errors, rules: dict[Baseline, Errors]
) -> None:
    high = scaled(exact, snapshot, slice(None), 1.2)
    report = quality_report(snapshot, high, rules, {})
    assert any("20.0% too high" in warning for warning in report["warnings"])
    assert report["levels"]["total"]["1-7"]["bias"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("begin", "seasoned"),
    [
        pytest.param(0, [True] * 4, id="all had seen two years"),
        pytest.param(400, [False, False, True, True], id="some had"),
        pytest.param(500, [False, False, False, True], id="none had: the newest"),
        pytest.param(700, [True] * 4, id="nor has the served one"),
    ],
)
def test_models_that_saw_no_two_years_do_not_judge_one_that_did(
    snapshot: Snapshot, begin: int, seasoned: list[bool]
) -> None:
    """The data have 1,277 days, and the last of the frozen models is of day 1,187."""
    origins = np.repeat([1_000, 1_100, 1_150, 1_187], 10) + np.tile(np.arange(10), 4)
    sales = snapshot.history.copy()
    sales[:, :begin] = 0
    young = replace(snapshot, sales=sales, estimated=sales)
    expected = np.repeat(seasoned, 10)
    assert mark_seasoned(young, origins).tolist() == expected.tolist()


def test_one_frozen_model_is_too_few_for_a_series_to_fall_back(
    snapshot: Snapshot, exact: Errors, rules: dict[Baseline, Errors]
) -> None:
    wrong = scaled(exact, snapshot, slice(0, 1), 30.0)
    few = np.arange(len(exact.origins)) < 8
    of_rules = {rule: each.select(few) for rule, each in rules.items()}
    assert not choose_fallbacks(snapshot, wrong.select(few), of_rules, Expect.MEDIAN)
