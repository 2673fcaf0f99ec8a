"""Each reconciliation method equals its reference; the study evaluates on unseen days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hierarchicalforecast.methods import BottomUp, MinTrace, TopDown

from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM, FAVORITA
from training.evaluation import reconciliation_study as module
from training.evaluation.backtest_result import Document
from training.evaluation.reconciliation_methods import (
    METHODS,
    bottom_up,
    mint_shrink,
    shrunk_covariance,
    top_down,
    wls_structural,
    wls_variance,
)
from training.evaluation.reconciliation_study import (
    BASE,
    Plan,
    choose_method,
    plan_study,
    reduce_recipe,
    study,
)
from training.history import TooLittleHistoryError
from training.progress import Clock, NullReporter
from training.recipe import Recipe

pytestmark = pytest.mark.slow

STORES = ("1", "1", "1", "2", "2", "3")
GROUPED = Hierarchy({"store_nbr": STORES, "family": ("A", "B", "C", "A", "C", "B")})
STRICT = Hierarchy(
    {"store_nbr": STORES, "family": ("A", "B", "C", "D", "E", "F")},
    FAVORITA.with_levels({"total": (), "store": ("store_nbr",), BOTTOM: ("store_nbr", "family")}),
)
TIMES, DATES = 40, 5


def residuals(draw: np.random.Generator, hierarchy: Hierarchy) -> np.ndarray:
    """Return correlated errors of the bottoms, and incoherent ones of the upper nodes."""
    bottoms = draw.normal(0, 3, (hierarchy.n_bottom, TIMES)) + draw.normal(0, 2, TIMES)
    sums = hierarchy.aggregate(bottoms)
    return sums + draw.normal(1, 2, sums.shape)


def base_forecasts(draw: np.random.Generator, hierarchy: Hierarchy, low: float) -> np.ndarray:
    sums = hierarchy.aggregate(draw.uniform(low, 100, (hierarchy.n_bottom, DATES)))
    return np.maximum(sums + draw.normal(0, 3, sums.shape), 0)


def reference(
    method: object, hierarchy: Hierarchy, base: np.ndarray, errors: np.ndarray
) -> np.ndarray:
    """Return the result of hierarchicalforecast."""
    tags = {level: np.arange(rows.start, rows.stop) for level, rows in hierarchy.slices.items()}
    summing = hierarchy.summing.toarray()
    actual = np.zeros_like(errors)
    arguments = {"S": summing, "y_hat": base, "tags": tags}
    if isinstance(method, MinTrace):
        arguments |= {"y_insample": actual, "y_hat_insample": actual - errors}
    values: np.ndarray = method.fit_predict(**arguments)["mean"]  # type: ignore[attr-defined]
    return values


@pytest.mark.parametrize(
    ("ours", "theirs", "hierarchy"),
    [
        pytest.param(bottom_up, BottomUp(), GROUPED, id="bottom-up"),
        pytest.param(wls_variance, MinTrace("wls_var"), GROUPED, id="residual variance"),
        pytest.param(wls_structural, MinTrace("wls_struct"), GROUPED, id="structural"),
        pytest.param(mint_shrink, MinTrace("mint_shrink"), GROUPED, id="shrunk covariance"),
        pytest.param(mint_shrink, MinTrace("mint_shrink"), STRICT, id="shrunk, strict"),
    ],
)
def test_a_method_equals_its_reference(
    ours: object, theirs: object, hierarchy: Hierarchy, draw: np.random.Generator
) -> None:
    errors, base = residuals(draw, hierarchy), base_forecasts(draw, hierarchy, low=60)
    expected = reference(theirs, hierarchy, base, errors)
    assert expected.min() > 0, "the case must need no clipping"
    values = ours(hierarchy, errors)(base).values  # type: ignore[operator]
    np.testing.assert_allclose(values, expected, rtol=1e-7)


def test_top_down_equals_its_reference(draw: np.random.Generator) -> None:
    errors, base = residuals(draw, STRICT), base_forecasts(draw, STRICT, low=5)
    expected = np.column_stack(
        [
            reference(TopDown("forecast_proportions"), STRICT, base[:, [date]], errors)
            for date in range(DATES)
        ]
    )
    values = top_down(STRICT, errors, through="store")(base).values
    np.testing.assert_allclose(values, expected, rtol=1e-9)


def test_top_down_keeps_the_total_where_bottoms_are_zero(
    draw: np.random.Generator,
) -> None:
    base = base_forecasts(draw, GROUPED, low=5)
    base[1:, 0] = 0
    values = top_down(GROUPED, residuals(draw, GROUPED), through="family")(base).values
    np.testing.assert_allclose(values[0], base[0])


def test_correlations_are_shrunk_and_variances_are_not(draw: np.random.Generator) -> None:
    errors = residuals(draw, GROUPED)
    shrunk, sample = shrunk_covariance(errors), np.cov(errors)
    np.testing.assert_allclose(np.diag(shrunk), np.diag(sample))
    off = ~np.eye(len(sample), dtype=bool)
    ratio = shrunk[off] / sample[off]
    np.testing.assert_allclose(ratio, ratio[0])
    assert 0 < ratio[0] < 1


@pytest.mark.parametrize("name", METHODS)
def test_forecasts_are_coherent_and_non_negative(name: str, draw: np.random.Generator) -> None:
    errors = residuals(draw, GROUPED)
    errors[-1] = 0  # a series that never sold
    base = base_forecasts(draw, GROUPED, low=0) * draw.integers(0, 2, (len(GROUPED), DATES))
    values = METHODS[name](GROUPED, errors)(base).values
    assert (values >= 0).all()
    np.testing.assert_allclose(values, GROUPED.aggregate(values[GROUPED.n_upper :]), atol=1e-9)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(wls_variance, "wls_var"), (mint_shrink, "mint_shrink")]
)
def test_non_negative_forecasts_are_near_the_quadratic_programme(
    ours: object, theirs: str, draw: np.random.Generator
) -> None:
    """Clipping and rescaling is not the projection, but was within 0.6 % of its sums."""
    errors = residuals(draw, GROUPED)
    base = base_forecasts(draw, GROUPED, low=0)
    base[GROUPED.n_upper] = 0.2
    base[: GROUPED.n_upper] *= 0.9
    coherent = ours(GROUPED, errors)(base)  # type: ignore[operator]
    assert coherent.clipped, "the case must need clipping"
    nearest = reference(MinTrace(theirs, nonnegative=True), GROUPED, base, errors)
    np.testing.assert_allclose(nearest, GROUPED.aggregate(nearest[GROUPED.n_upper :]), rtol=1e-5)
    distance = np.abs(coherent.values - nearest).sum() / nearest.sum()
    assert 0 < distance < 0.01


# --- the study --------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def _few_rows_and_trees() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_UPPER_TREES", 60)
        patch.setattr(module, "_UPPER_STEP", 30)
        yield


@pytest.fixture(scope="module")
def document(snapshot: Snapshot, recipe: Recipe) -> Document:
    return run_study(snapshot, recipe)


def run_study(snapshot: Snapshot, recipe: Recipe) -> Document:
    """Run the study with one model for residuals and windows, and few origins."""
    smaller = reduce_recipe(recipe, rows=5_000, trees=8)
    segments = [
        segment.model_copy(update={"origin_step": 60, "years": 2}) for segment in smaller.segments
    ]
    smaller = smaller.model_copy(update={"segments": tuple(segments)})
    plan = plan_study(snapshot)
    plan = replace(plan, frozen=int(plan.calibration.min()))
    return study(snapshot, smaller, plan, threads=1, clock=Clock(NullReporter()))


def test_every_method_is_scored_on_every_window(document: Document, snapshot: Snapshot) -> None:
    assert len(document["windows"]) == 5
    for window in document["windows"]:
        assert list(window["methods"]) == [BASE, *METHODS]
        for scores in window["methods"].values():
            assert scores["wrmsse"] == pytest.approx(np.mean(list(scores["rmsse"].values())))
            assert list(scores["rmsse"]) == list(snapshot.hierarchy.levels)


def test_bottom_up_leaves_the_bottoms_and_top_down_the_total(document: Document) -> None:
    means = document["means"]
    assert means["bottom-up"]["rmsle"] == means[BASE]["rmsle"]
    for name in METHODS:
        if name.startswith("top-down"):
            assert means[name]["rmsse"]["total"] == pytest.approx(means[BASE]["rmsse"]["total"])


def test_upper_nodes_are_forecast_by_a_model_that_knows_them(document: Document) -> None:
    """They beat the day before, by which RMSSE is scaled, with right rows, offsets and targets."""
    errors = document["means"][BASE]["rmsse"]
    assert errors["total"] < 1
    assert errors["store"] < 1


def test_the_newest_days_are_excluded(
    document: Document, snapshot: Snapshot, recipe: Recipe
) -> None:
    """They belong to the holdout of the backtest."""
    sales = snapshot.sales.copy()
    sales[:, -16:] = snapshot.hierarchy.aggregate(np.full((snapshot.hierarchy.n_bottom, 16), 99.0))
    assert run_study(replace(snapshot, sales=sales), recipe) == document


def test_a_window_seen_in_training_is_refused() -> None:
    origins = np.array([900, 907])
    Plan(frozen=923, calibration=origins, judged=(923, 939))
    with pytest.raises(ValueError, match="seen"):
        Plan(frozen=924, calibration=origins, judged=(923, 939))
    with pytest.raises(ValueError, match="seen"):
        Plan(frozen=900, calibration=origins, judged=(922, 938))


def test_too_short_data_are_refused(snapshot: Snapshot) -> None:
    days = 600
    with pytest.raises(TooLittleHistoryError, match="the study needs"):
        plan_study(replace(snapshot, sales=snapshot.sales[:, :days]))


@pytest.mark.parametrize(
    ("rmsle", "wrmsse", "expected"),
    [
        pytest.param(0.403, 0.36, "WLS, residual variance", id="better and cheap"),
        pytest.param(0.404, 0.36, "bottom-up", id="better but expensive"),
        pytest.param(0.39, 0.38, "bottom-up", id="not better"),
    ],
)
def test_bottom_up_is_replaced_only_where_sums_improve_at_little_cost(
    rmsle: float, wrmsse: float, expected: str
) -> None:
    means = {name: {"rmsle": 0.4, "wrmsse": 0.38} for name in METHODS}
    means["WLS, residual variance"] = {"rmsle": rmsle, "wrmsse": wrmsse}
    assert choose_method(means) == expected
