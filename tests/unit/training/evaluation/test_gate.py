"""A new model is better, equal or worse than the one that serves, and no noise decides so."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from config.margins import Margins
from features.data.snapshot import Snapshot
from lifecycle.training_request import Outcome
from models.bundle import Bundle
from models.intervals import Intervals
from tests.support.forecast_errors import draw_errors
from training.evaluation.calibration import calibrate
from training.evaluation.forecast_errors import Errors
from training.evaluation.gate import LEAST_ORIGINS, Judged, challenge, judge


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
    verdict = judge(Judged(champion, None), Judged(with_errors(champion, factor), None), snapshot)
    assert verdict["outcome"] == outcome
    assert verdict["change"] == pytest.approx(factor - 1, abs=0.02)
    assert verdict["low"] <= verdict["change"] <= verdict["high"]
    assert f"{verdict['change']:+.1%}" in verdict["why"]
    assert bool(verdict["faults"]) <= (outcome is Outcome.WORSE)
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
        outcomes.append(judge(Judged(one, None), Judged(other, None), snapshot)["outcome"])
    assert outcomes.count(Outcome.EQUAL) >= 17, outcomes


def test_a_single_level_that_is_worse_is_named(champion: Errors, snapshot: Snapshot) -> None:
    stores = snapshot.hierarchy.slices["store"]
    mixed = with_errors(with_errors(champion, 0.5), 3.0, stores)
    verdict = judge(Judged(champion, None), Judged(mixed, None), snapshot)
    assert verdict["outcome"] == Outcome.WORSE
    better = with_errors(with_errors(champion, 0.2), 1.2 / 0.2, stores)
    verdict = judge(Judged(champion, None), Judged(better, None), snapshot)
    assert (verdict["outcome"], "level store" in verdict["why"]) == (Outcome.WORSE, True)


def test_days_that_one_of_both_does_not_know_do_not_count(
    champion: Errors, snapshot: Snapshot
) -> None:
    actual = champion.actual.copy()
    actual[:, :, 3:] = np.nan
    wrong = with_errors(champion, 1.0)
    wrong.forecast[:, :, 3:] *= 100
    verdict = judge(Judged(replace(champion, actual=actual), None), Judged(wrong, None), snapshot)
    assert verdict["change"] == pytest.approx(0)


def test_a_model_that_has_seen_the_days_is_not_judged(
    bundle: Bundle, champion: Errors, snapshot: Snapshot
) -> None:
    verdict = challenge(bundle, bundle, snapshot, champion)
    assert verdict["champion"] == bundle.name
    assert verdict["outcome"] == Outcome.UNKNOWN
    assert f"{LEAST_ORIGINS} are needed" in verdict["why"]


def test_days_of_one_span_that_are_worse_are_named(champion: Errors, snapshot: Snapshot) -> None:
    far = champion.horizons > 60
    forecast = champion.forecast.copy()
    sold = champion.actual[:, :, far]
    forecast[:, :, far] = np.maximum(sold + 4 * (forecast[:, :, far] - sold), 0)
    forecast[:, :, ~far] = champion.actual[:, :, ~far]
    verdict = judge(
        Judged(champion, None), Judged(replace(champion, forecast=forecast), None), snapshot
    )
    assert verdict["outcome"] == Outcome.WORSE
    assert any("61-90 ahead" in fault for fault in verdict["faults"])
    assert not any("1-7 ahead" in fault for fault in verdict["faults"])
    of_days = verdict["levels"]["store"]["buckets"]
    assert of_days["61-90"]["wape"]["change"] == pytest.approx(3, abs=0.1)
    assert of_days["1-7"]["wape"]["challenger"] == 0


def test_forecasts_that_are_too_low_are_named(champion: Errors, snapshot: Snapshot) -> None:
    """Even where their errors are smaller."""
    near = with_errors(champion, 0.5)
    low = replace(near, forecast=near.forecast * 0.95)
    verdict = judge(Judged(champion, None), Judged(low, None), snapshot)
    assert verdict["outcome"] == Outcome.WORSE
    assert verdict["high"] < 0
    (fault, *_) = verdict["faults"]
    assert fault.startswith("the bias of the level total is 0.0")
    allowed = judge(Judged(champion, None), Judged(low, None), snapshot, margins=Margins(bias=0.1))
    assert allowed["outcome"] == Outcome.BETTER


def test_intervals_that_hold_too_few_sales_are_named(champion: Errors, snapshot: Snapshot) -> None:
    right = Intervals(calibrate(champion, snapshot.hierarchy), snapshot.hierarchy)
    of_quiet_days = calibrate(with_errors(champion, 0.2), snapshot.hierarchy)
    narrow = Intervals(of_quiet_days, snapshot.hierarchy)
    verdict = judge(Judged(champion, right), Judged(champion, narrow), snapshot)
    assert verdict["outcome"] == Outcome.WORSE
    assert any("coverage of the level" in fault for fault in verdict["faults"])
    of_bottom = verdict["levels"]["bottom"]["coverage_80"]
    assert of_bottom["champion"] == pytest.approx(0.8, abs=0.05)
    assert of_bottom["challenger"] < 0.5
    assert verdict["levels"]["bottom"]["wis"]["change"] > 0.1


def test_intervals_are_compared_only_if_both_have_them(
    champion: Errors, snapshot: Snapshot
) -> None:
    right = Intervals(calibrate(champion, snapshot.hierarchy), snapshot.hierarchy)
    verdict = judge(Judged(champion, right), Judged(champion, None), snapshot)
    assert "coverage_80" not in verdict["levels"]["total"]


@pytest.mark.parametrize(
    ("served", "fault"),
    [
        pytest.param(
            {"moved": {"total": 0.1, "store": 0.6}},
            "forecasts of the level store move by 60% of their units",
            id="forecasts that move",
        ),
        pytest.param({"slower": 1.5}, "the new model takes 150% more time", id="a slow model"),
        pytest.param({"larger": 1.5}, "the new model is 150% larger", id="a large model"),
    ],
)
def test_a_better_model_is_refused_for_how_it_serves(
    champion: Errors, snapshot: Snapshot, served: dict[str, object], fault: str
) -> None:
    better = Judged(with_errors(champion, 0.5), None)
    of_champion = Judged(champion, None)
    assert judge(of_champion, better, snapshot, served={})["outcome"] == Outcome.BETTER
    verdict = judge(of_champion, better, snapshot, served=served)
    assert verdict["outcome"] == Outcome.WORSE
    assert verdict["why"].startswith(fault)


def test_a_model_of_an_older_day_is_judged_by_what_came_after(
    bundle: Bundle, snapshot: Snapshot, champion: Errors
) -> None:
    """The champion forecasts the later origins itself; its intervals are its own."""
    old = replace(
        bundle, facts=bundle.facts.model_copy(update={"trained_through": champion_day(snapshot)})
    )
    newest = snapshot.newest_origin
    errors = draw_errors(
        snapshot.hierarchy, np.random.default_rng(1), origins=12, first=newest - 12 * 7
    )
    verdict = challenge(old, bundle, snapshot, errors)
    assert verdict["origins"]["n"] == 6
    assert verdict["outcome"] in set(Outcome) - {Outcome.UNKNOWN}
    assert verdict["served"]["moved"] == dict.fromkeys(snapshot.hierarchy.levels, 0.0)
    assert verdict["served"]["larger"] == 0
    assert {"wape", "rmsle", "bias", "rmsse", "wis", "coverage_80", "coverage_95"} < set(
        verdict["levels"]["total"]
    )


def test_tables_of_another_retailer_are_no_measure(
    bundle: Bundle, snapshot: Snapshot, champion: Errors
) -> None:
    """Of the same form, they would be forecast better by any model of their own."""
    assert bundle.calibration is not None
    others = tuple(f"store:{number}" for number in range(1000, 2000))
    calibration = replace(bundle.calibration, nodes=bundle.calibration.nodes + others)
    old = replace(
        bundle,
        facts=bundle.facts.model_copy(update={"trained_through": champion_day(snapshot)}),
        calibration=calibration,
    )
    verdict = challenge(old, bundle, snapshot, champion)
    assert verdict["outcome"] == Outcome.UNKNOWN
    assert "may be of another retailer" in verdict["why"]
    assert f"of the {len(calibration.nodes):,} nodes" in verdict["why"]


def champion_day(snapshot: Snapshot) -> date:
    """Return a day after which six of the twelve weekly origins lie."""
    return snapshot.date_at(snapshot.newest_origin - 6 * 7)
