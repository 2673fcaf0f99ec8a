"""A new model is better, equal or worse than the one that serves, and no noise decides so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from lifecycle.training_request import Outcome
from models.bundle import Bundle
from tests.support.forecast_errors import draw_errors
from training.evaluation.forecast_errors import Errors
from training.evaluation.gate import LEAST_ORIGINS, challenge, judge


@pytest.fixture(scope="module")
def champion(snapshot: Snapshot) -> Errors:
    newest = snapshot.newest_origin
    return draw_errors(
        snapshot.hierarchy, np.random.default_rng(1), origins=12, first=newest - 12 * 7
    )


def with_errors(errors: Errors, factor: float, rows: slice = slice(None)) -> Errors:
    """Return errors that are `factor` times as large, at some nodes."""
    forecast = errors.forecast.copy()
    sold = errors.actual[:, rows]
    forecast[:, rows] = np.maximum(sold + factor * (forecast[:, rows] - sold), 0)
    return replace(errors, forecast=forecast)


@pytest.mark.parametrize(
    ("factor", "outcome"),
    [
        pytest.param(0.8, Outcome.BETTER, id="smaller errors"),
        pytest.param(1.0, Outcome.EQUAL, id="the same"),
        pytest.param(1.2, Outcome.WORSE, id="larger errors"),
    ],
)
def test_the_errors_decide(
    champion: Errors, snapshot: Snapshot, factor: float, outcome: Outcome
) -> None:
    verdict = judge(champion, with_errors(champion, factor), snapshot)
    assert verdict["outcome"] == outcome
    assert verdict["change"] == pytest.approx(factor - 1, abs=0.02)
    assert verdict["low"] <= verdict["change"] <= verdict["high"]
    assert f"{verdict['change']:+.1%}" in verdict["why"]
    assert set(verdict["levels"]) == set(snapshot.hierarchy.levels)


def test_noise_decides_nothing(snapshot: Snapshot) -> None:
    """Errors of another draw are as large on average, and differ by chance."""
    first = snapshot.newest_origin - 12 * 7
    outcomes = []
    for seed in range(20):
        one, other = (
            draw_errors(
                snapshot.hierarchy, np.random.default_rng([seed, of]), origins=12, first=first
            )
            for of in (1, 2)
        )
        outcomes.append(judge(one, other, snapshot)["outcome"])
    assert outcomes.count(Outcome.EQUAL) >= 14, outcomes


def test_a_single_level_that_is_worse_is_named(champion: Errors, snapshot: Snapshot) -> None:
    stores = snapshot.hierarchy.slices["store"]
    mixed = with_errors(with_errors(champion, 0.5), 3.0, stores)
    verdict = judge(champion, mixed, snapshot)
    assert verdict["outcome"] == Outcome.WORSE
    better = with_errors(with_errors(champion, 0.2), 1.2 / 0.2, stores)
    verdict = judge(champion, better, snapshot)
    assert (verdict["outcome"], "level store" in verdict["why"]) == (Outcome.WORSE, True)


def test_days_that_one_of_both_does_not_know_do_not_count(
    champion: Errors, snapshot: Snapshot
) -> None:
    actual = champion.actual.copy()
    actual[:, :, 3:] = np.nan
    wrong = with_errors(champion, 1.0)
    wrong.forecast[:, :, 3:] *= 100
    verdict = judge(replace(champion, actual=actual), wrong, snapshot)
    assert verdict["change"] == pytest.approx(0)


def test_a_model_that_has_seen_the_days_is_not_judged(
    bundle: Bundle, champion: Errors, snapshot: Snapshot
) -> None:
    verdict = challenge(bundle, snapshot, champion)
    assert verdict["champion"] == bundle.name
    assert verdict["outcome"] == Outcome.UNKNOWN
    assert f"{LEAST_ORIGINS} are needed" in verdict["why"]
