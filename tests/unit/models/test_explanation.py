"""Explanations: contributions of the model that add up to the forecast."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from features.contract import UNKNOWN_CODE, feature_set
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from features.matrix import known_covariates
from features.relative import RelativeColumns
from features.state import MIN_HISTORY_DAYS, state_at
from models.bundle import GOLDEN_ROWS_FILE, Bundle, booster_file
from models.engine import ForecastEngine
from models.explanation import (
    MAX_ROWS,
    Explainer,
    Explanation,
    ExplanationError,
    Space,
    convert_to_units,
    explain,
    load_explainer,
    readable,
)

FEATURES, NAMES = feature_set(FAVORITA).features, feature_set(FAVORITA).names
ORDINARY = "store:1/family:LIQUOR,WINE,BEER"
NEVER_SOLD = "store:3/family:BOOKS"
GRAPH_ROUNDING = 1e-5
"""Tolerance between booster and ONNX graph: relative, and absolute below 1."""
Explains = Callable[..., Explanation]


def arguments_of(bundle: Bundle) -> tuple[Path, tuple[int, ...], int, RelativeColumns]:
    contract = bundle.contract
    facts = bundle.facts
    return bundle.path, facts.segments, contract.horizon_column, contract.relative_columns


def contributions_of(bundle: Bundle, last: int, rows: np.ndarray) -> np.ndarray:
    """Return the contributions of a segment's booster, and of the offset, which it never reads."""
    relative = bundle.contract.relative_columns
    booster = lgb.Booster(model_file=bundle.path / booster_file(last))
    contributions: np.ndarray = booster.predict(relative.tree_rows(rows), pred_contrib=True)
    golden_rows = np.load(bundle.path / GOLDEN_ROWS_FILE)
    mean = golden_rows[:, relative.offset].mean(dtype=np.float64)
    contributions[:, relative.offset] += rows[:, relative.offset].astype(np.float64) - mean
    contributions[:, -1] += mean
    return contributions


@pytest.fixture(scope="module")
def explainer(bundle: Bundle) -> Explainer:
    return Explainer(*arguments_of(bundle))


@pytest.fixture(scope="module")
def golden(bundle: Bundle) -> np.ndarray:
    """Return rows of both segments, near and far mixed."""
    rows: np.ndarray = np.load(bundle.path / GOLDEN_ROWS_FILE)
    return rows[np.random.default_rng(7).permutation(len(rows))]


@pytest.fixture(scope="module")
def explains(engine: ForecastEngine) -> Explains:
    """Return a function that explains a node, from the newest origin by default."""

    def explains(node: str, *horizons: int, origin: int | None = None) -> Explanation:
        at = engine.snapshot.newest_origin if origin is None else origin
        days = np.array(horizons)
        coherent = engine.forecast(at, days).values
        return explain(engine, at, engine.snapshot.hierarchy.index[node], days, coherent)

    return explains


def assert_adds_up(explanation: Explanation) -> None:
    """Assert that the steps add up to the prediction, but for float32 rounding.

    The rounding is that of the graph that serves; the explanation states it.
    """
    steps = [
        explanation.base_units,
        *explanation.units.tolist(),
        explanation.cut,
        explanation.reconciliation,
    ]
    total = sum([*steps, explanation.not_explained])
    assert total == pytest.approx(explanation.prediction, rel=GRAPH_ROUNDING, abs=GRAPH_ROUNDING)
    assert explanation.missing == pytest.approx(abs(total - explanation.prediction), abs=1e-9)
    assert_groups_add_up(explanation)
    if explanation.space is Space.UNITS:
        np.testing.assert_array_equal(explanation.contributions, explanation.units)
        assert explanation.base == explanation.base_units


def assert_groups_add_up(explanation: Explanation) -> None:
    """Assert that groups add up their features' steps: in units, in the space, and as factors."""
    groups = explanation.of_groups()
    columns = [column for step in groups.values() for column in step.columns]
    assert sorted(columns) == list(range(len(NAMES)))
    by_units = sum(step.units for step in groups.values())
    by_space = sum(step.contribution for step in groups.values())
    assert by_units == pytest.approx(explanation.units.sum(), rel=1e-9, abs=1e-9)
    assert by_space == pytest.approx(explanation.contributions.sum(), rel=1e-9, abs=1e-9)
    sizes = [abs(step.contribution) for step in groups.values()]
    assert sizes == sorted(sizes, reverse=True)
    for group, step in groups.items():
        assert {FEATURES[column].group for column in step.columns} == {group}
        moved = explanation.contributions[list(step.columns)]
        assert step.contribution == pytest.approx(moved.sum(), rel=1e-9, abs=1e-9)
        assert list(np.abs(moved)) == sorted(np.abs(moved), reverse=True)


# --- TreeSHAP of the boosters -----------------------------------------------------------------


def test_contributions_are_those_of_the_booster_that_forecasts_the_horizon(
    bundle: Bundle, explainer: Explainer, golden: np.ndarray
) -> None:
    """Rows of both segments are returned in order, each from its own booster."""
    near = golden[:, NAMES.index("horizon")] <= 16
    assert near.any()
    assert not near.all()
    contributions = explainer.contributions(golden)
    assert contributions.shape == (len(golden), len(NAMES) + 1)
    assert contributions.dtype == np.float64
    for last, chosen in ((16, near), (90, ~near)):
        expected = contributions_of(bundle, last, golden[chosen])
        np.testing.assert_allclose(contributions[chosen], expected, rtol=1e-12, atol=1e-15)
        relative = bundle.contract.relative_columns
        booster = lgb.Booster(model_file=bundle.path / booster_file(last))
        score = booster.predict(relative.tree_rows(golden[chosen])) + relative.offsets(
            golden[chosen]
        )
        np.testing.assert_allclose(contributions[chosen].sum(axis=1), score, rtol=1e-9, atol=1e-12)


def test_a_row_has_the_same_contributions_in_every_batch(
    explainer: Explainer, golden: np.ndarray
) -> None:
    together = explainer.contributions(golden[:5])
    separately = [explainer.contributions(row[None])[0] for row in golden[:5]]
    np.testing.assert_array_equal(together, separately)


def test_the_boosters_of_a_bundle_are_loaded_once(bundle: Bundle) -> None:
    first = load_explainer(*arguments_of(bundle))
    assert load_explainer(*arguments_of(bundle)) is first


def test_trees_of_another_kind_are_refused_by_name(bundle: Bundle, tmp_path: Path) -> None:
    folder = shutil.copytree(bundle.path, tmp_path / "bundle")
    linear = folder / booster_file(90)
    linear.write_text(linear.read_text().replace("is_linear=0", "is_linear=1", 1))
    with pytest.raises(ExplanationError, match=r"^booster-90\.txt cannot be explained: .*linear"):
        Explainer(folder, *arguments_of(bundle)[1:])


# --- one day of one series --------------------------------------------------------------------


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=some.data())
def test_the_steps_of_any_series_and_day_add_up(
    engine: ForecastEngine, explains: Explains, data: some.DataObject
) -> None:
    """It holds for any origin and segment, with and without sales."""
    hierarchy = engine.snapshot.hierarchy
    by_model = [
        row
        for row in range(hierarchy.n_upper, len(hierarchy))
        if engine.fallback_of_node[row] is None
    ]
    bottom = data.draw(some.sampled_from(by_model))
    origin = data.draw(some.integers(MIN_HISTORY_DAYS - 1, engine.snapshot.newest_origin))
    horizon = data.draw(some.integers(1, FAVORITA.horizon))
    node = hierarchy.nodes[bottom].id
    explanation = explains(node, horizon, origin=origin)
    assert explanation.space is Space.LINK
    assert_adds_up(explanation)
    score = explanation.base + explanation.contributions.sum()
    assert explanation.base_units + explanation.units.sum() == pytest.approx(
        np.expm1(score), rel=1e-9
    )
    assert explanation.reconciliation == pytest.approx(0, abs=1e-9 * max(explanation.prediction, 1))
    np.testing.assert_array_equal(np.sign(explanation.units), np.sign(explanation.contributions))


@pytest.mark.parametrize("horizon", [1, 16, 17, 90])
def test_the_contributions_of_a_day_are_lightgbms_for_its_row(
    engine: ForecastEngine, bundle: Bundle, explains: Explains, horizon: int
) -> None:
    snapshot, at = engine.snapshot, engine.snapshot.newest_origin
    node = np.array([snapshot.hierarchy.index[ORDINARY]])
    row = engine.builder.matrix(
        state_at(snapshot, at), known_covariates(snapshot, at), node, np.array([horizon])
    )
    (expected,) = contributions_of(bundle, 16 if horizon <= 16 else 90, row)
    explanation = explains(ORDINARY, horizon)
    np.testing.assert_allclose(
        [*explanation.contributions, explanation.base], expected, rtol=1e-12, atol=1e-15
    )
    assert explanation.values == readable(bundle.contract, row[0])


def test_a_past_day_is_explained_from_the_state_of_its_origin(
    explains: Explains, snapshot: Snapshot
) -> None:
    now = explains(ORDINARY, 7)
    then = explains(ORDINARY, 7, origin=snapshot.newest_origin - 364)
    assert now.values is not None
    assert then.values is not None
    assert now.values[NAMES.index("mean_7")] != then.values[NAMES.index("mean_7")]
    assert not np.array_equal(now.contributions, then.contributions)


def test_a_series_that_never_sold_has_no_steps(explains: Explains) -> None:
    explanation = explains(NEVER_SOLD, 3)
    assert (explanation.prediction, explanation.base, explanation.base_units) == (0, 0, 0)
    assert not explanation.contributions.any()
    assert not explanation.units.any()
    assert (explanation.cut, explanation.reconciliation, explanation.missing) == (0, 0, 0)
    assert explanation.explained_share == 1
    assert explanation.values is not None
    assert explanation.values[NAMES.index("family")] == "BOOKS"


# --- sums -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "days"),
    [
        pytest.param(ORDINARY, range(1, 16), id="series, near"),
        pytest.param(ORDINARY, range(10, 40), id="series, both segments"),
        pytest.param(ORDINARY, range(31, 91), id="series, far"),
        pytest.param("store:2", [1], id="store, a day"),
        pytest.param("family:DAIRY", range(1, 16), id="family"),
        pytest.param("total", [20], id="total, a day"),
        pytest.param(NEVER_SOLD, range(1, 31), id="never sold"),
    ],
)
def test_a_sum_is_explained_by_the_contributions_of_its_days_and_series(
    engine: ForecastEngine, explains: Explains, node: str, days: list[int]
) -> None:
    explanation = explains(node, *days)
    assert explanation.space is Space.UNITS
    assert explanation.values is None
    assert_adds_up(explanation)
    below = engine.snapshot.hierarchy.summing[[engine.snapshot.hierarchy.index[node]]].indices
    by_rule = engine.fallback_of_node[engine.snapshot.hierarchy.n_upper + below] != None  # noqa: E711
    assert explanation.series_not_explained == by_rule.sum(), "those that a rule forecasts"
    if not by_rule.any():
        assert explanation.not_explained == 0


@pytest.mark.parametrize("node", ["total", "store:3", "family:BOOKS"])
def test_a_node_is_explained_by_the_contributions_of_its_series(
    engine: ForecastEngine, explains: Explains, node: str
) -> None:
    """Series without any sale have none."""
    hierarchy = engine.snapshot.hierarchy
    keys = zip(hierarchy.bottoms["store_nbr"], hierarchy.bottoms["family"], strict=True)
    below = [
        f"store:{number}/family:{name}"
        for number, name in keys
        if node in ("total", f"store:{number}", f"family:{name}")
    ]
    explanation = explains(node, 20)
    singles = [explains(bottom, 20) for bottom in below]
    np.testing.assert_allclose(
        explanation.units, sum(single.units for single in singles), atol=1e-9
    )
    assert explanation.base_units == pytest.approx(sum(single.base_units for single in singles))
    assert explanation.prediction == pytest.approx(sum(single.prediction for single in singles))


def test_the_contributions_of_days_add_up(explains: Explains) -> None:
    days = (14, 15, 16, 17, 18)
    whole = explains(ORDINARY, *days)
    singles = [explains(ORDINARY, day) for day in days]
    np.testing.assert_allclose(whole.units, sum(single.units for single in singles), atol=1e-9)
    assert whole.prediction == pytest.approx(sum(single.prediction for single in singles))


def test_beyond_the_cap_the_largest_series_are_explained(
    engine: ForecastEngine, explains: Explains, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[np.ndarray] = []
    real = Explainer.contributions

    def record_rows(self: Explainer, rows: np.ndarray) -> np.ndarray:
        calls.append(rows)
        return real(self, rows)

    monkeypatch.setattr(Explainer, "contributions", record_rows)
    days = range(1, 31)
    explanation = explains("total", *days)
    hierarchy = engine.snapshot.hierarchy
    totals = engine.forecast(engine.snapshot.newest_origin, np.array(days)).values.sum(axis=1)
    room = MAX_ROWS // len(days)
    largest = sorted(totals[hierarchy.n_upper :], reverse=True)
    first = engine.snapshot.first_sale[hierarchy.n_upper :]
    sold = np.count_nonzero(first <= engine.snapshot.newest_origin)
    assert sold < hierarchy.n_bottom
    assert [len(rows) for rows in calls] == [room * len(days)]
    assert explanation.series_not_explained == sold - room
    assert explanation.not_explained == pytest.approx(sum(largest[room:]))
    assert explanation.explained_share == pytest.approx(sum(largest[:room]) / sum(largest))
    assert 0.2 < explanation.explained_share < 1
    assert_adds_up(explanation)


def test_one_series_is_explained_however_many_days_there_are(explains: Explains) -> None:
    assert explains(ORDINARY, *range(1, 91)).explained_share == 1


# --- clipping and reconciliation --------------------------------------------------------------


def test_clipping_a_negative_score_is_a_separate_step(
    engine: ForecastEngine, explains: Explains, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo's model has none, so one is constructed: a single contribution of -10."""

    def below(self: Explainer, rows: np.ndarray) -> np.ndarray:
        outputs = np.zeros((len(rows), len(NAMES) + 1))
        outputs[:, 3], outputs[:, -1] = -10, 2
        return outputs

    monkeypatch.setattr(Explainer, "contributions", below)
    monkeypatch.setattr(
        type(engine.bundle.model), "predict", lambda _, rows: np.zeros(len(rows), dtype=np.float32)
    )
    explanation = explains(ORDINARY, 1)
    assert explanation.prediction == 0
    assert explanation.cut == pytest.approx(-np.expm1(-8))
    assert explanation.base_units + explanation.units.sum() == pytest.approx(np.expm1(-8))
    assert_adds_up(explanation)


def test_the_effect_of_reconciliation_is_a_separate_step(engine: ForecastEngine) -> None:
    at, days = engine.snapshot.newest_origin, np.array([1, 2])
    row = engine.snapshot.hierarchy.index["store:1"]
    base = engine.forecast(at, days).values
    explanation = explain(engine, at, row, days, base * 1.1)
    assert explanation.prediction == pytest.approx(base[row].sum() * 1.1)
    assert explanation.reconciliation == pytest.approx(base[row].sum() * 0.1, rel=1e-4)
    assert_adds_up(explanation)


def test_an_explanation_that_differs_from_the_serving_model_is_refused(
    engine: ForecastEngine, explains: Explains, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = type(engine.bundle.model).predict
    monkeypatch.setattr(
        type(engine.bundle.model), "predict", lambda model, rows: real(model, rows) * 1.001
    )
    with pytest.raises(ExplanationError):
        explains(ORDINARY, 1)


@pytest.mark.parametrize("step", [0.0, 1e-300, 1e-12, -1e-9, 3.0, -5.0])
def test_steps_in_units_add_up_for_tiny_differences(step: float) -> None:
    base = np.array([2.0])
    units = convert_to_units(base, np.array([[step * 3, -step * 2]]))
    expected = np.expm1(base[0] + step) - np.expm1(base[0])
    assert units.sum() == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_contributions_that_cancel_out_keep_their_size_in_units() -> None:
    """Base value and score are equal, and yet each contribution moves the forecast."""
    units = convert_to_units(np.array([np.log(5)]), np.array([[0.5, -0.5]]))
    np.testing.assert_allclose(units, [[2.5, -2.5]])


# --- readable values --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feature", "value", "readable_value"),
    [
        pytest.param("store", 0.0, "1", id="store by its number"),
        pytest.param("family", float(UNKNOWN_CODE), None, id="unknown category"),
        pytest.param("level", 3.0, "bottom", id="level"),
        pytest.param("weekday", 0.0, "Monday", id="first weekday"),
        pytest.param("weekday", 6.0, "Sunday", id="last weekday"),
        pytest.param("promo", float("nan"), None, id="missing"),
        pytest.param("horizon", 5.0, 5.0, id="number"),
        pytest.param("growth_364", -1.0, -1.0, id="number that is a code elsewhere"),
    ],
)
def test_values_are_readable(
    bundle: Bundle, feature: str, value: float, readable_value: object
) -> None:
    row = np.zeros(len(NAMES), dtype=np.float32)
    row[NAMES.index(feature)] = value
    categories = {**bundle.contract.categories, "store": ("1", "2")}
    contract = bundle.contract.model_copy(update={"categories": categories})
    assert readable(contract, row)[NAMES.index(feature)] == readable_value


def test_every_category_code_is_decoded(engine: ForecastEngine, explains: Explains) -> None:
    hierarchy = engine.snapshot.hierarchy
    explanation = explains(ORDINARY, 1)
    assert explanation.values is not None
    by_name = dict(zip(NAMES, explanation.values, strict=True))
    number = hierarchy.index[ORDINARY] - hierarchy.n_upper
    for feature, column in (("store", "store_nbr"), ("family", "family")):
        assert by_name[feature] == hierarchy.bottoms[column][number]
    for feature in ("city", "state", "type", "cluster"):
        assert by_name[feature] == hierarchy.bottoms[feature][number]
    day = engine.snapshot.date_at(engine.snapshot.newest_origin + 1)
    assert by_name["weekday"] == day.strftime("%A")
    categorical = {feature.name for feature in FEATURES if feature.unit == "category"}
    assert categorical == set(engine.bundle.contract.categories)


def test_unseen_stores_and_families_are_explained(bundle: Bundle, odd_snapshot: Snapshot) -> None:
    odd = ForecastEngine(bundle, odd_snapshot)
    at, day = odd_snapshot.newest_origin, np.array([1])
    row = odd_snapshot.hierarchy.index["store:77/family:DAIRY"]
    explanation = explain(odd, at, row, day, odd.forecast(at, day).values)
    assert explanation.values is not None
    assert explanation.values[NAMES.index("store")] is None
    assert_adds_up(explanation)
