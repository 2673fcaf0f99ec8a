"""TreeSHAP of boosters, compared with LightGBM's own and with the definition."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from threading import Thread

import lightgbm as lgb
import numpy as np
import pytest

from models.tree_shap import TreeShap
from training.blend import blend

COLUMNS = 24
CHILDREN = ("left_child", "right_child")
ROUNDING = {"rtol": 1e-11, "atol": 1e-13}
"""Contributions are sums of up to thousands of terms in float64, in another order."""


def draw_rows(number: int, *, missing: float = 0.2) -> np.ndarray:
    """Draw rows: some columns continuous, some whole numbers, every third with missing values."""
    rng = np.random.default_rng(11)
    rows = rng.normal(size=(number, COLUMNS))
    rows[:, ::4] = rng.integers(-3, 4, size=rows[:, ::4].shape)
    rows[:, ::3] = np.where(rng.random(rows[:, ::3].shape) < missing, np.nan, rows[:, ::3])
    return rows.astype(np.float32)


def fit(rows: np.ndarray, *, trees: int = 8, seed: int = 3, **parameters: object) -> lgb.Booster:
    rng = np.random.default_rng(seed)
    filled = np.nan_to_num(rows, nan=2.0)
    target = filled @ rng.normal(size=COLUMNS) + 3 * filled[:, 0] * filled[:, 1] * filled[:, 2]
    fixed = {"objective": "regression", "num_leaves": 31, "min_data_in_leaf": 5, "verbose": -1}
    categories = parameters.pop("categorical_feature", "auto")
    data = lgb.Dataset(rows, target, categorical_feature=categories)
    return lgb.train({**fixed, "seed": seed, **parameters}, data, trees)


def shap_of(booster: lgb.Booster, rows: np.ndarray) -> np.ndarray:
    return TreeShap(booster.model_to_string(), COLUMNS).contributions(rows)


def integrate_exactly(root: dict, row: np.ndarray) -> list[Fraction]:
    """Return the contributions to a tree without missing values, in rational numbers.

    Each factor of the integrand is a polynomial of degree one in t, and the products are integrated
    by their coefficients.
    """
    values = [Fraction(0)] * COLUMNS

    def visit(node: dict, path: dict[int, tuple[bool, Fraction]]) -> None:
        if "leaf_value" in node:
            for feature, (passes, share) in path.items():
                polynomial = [Fraction(1)]
                for other, (other_passes, other_share) in path.items():
                    if other != feature:
                        slope = int(other_passes) - other_share
                        shifted = [0, *(slope * number for number in polynomial)]
                        scaled = [*(other_share * number for number in polynomial), 0]
                        polynomial = [a + b for a, b in zip(shifted, scaled, strict=True)]
                area = sum(number / (power + 1) for power, number in enumerate(polynomial))
                values[feature] += Fraction(node["leaf_value"]) * (int(passes) - share) * area
            return
        feature, left = node["split_feature"], bool(row[node["split_feature"]] <= node["threshold"])
        for side, taken in ((node["left_child"], left), (node["right_child"], not left)):
            rows = side.get("internal_count", side.get("leaf_count"))
            passes, share = path.get(feature, (True, Fraction(1)))
            now = (passes and taken, share * Fraction(rows, node["internal_count"]))
            visit(side, {**path, feature: now})

    visit(root, {})
    return values


def with_shares(text: str, share: float) -> str:
    """Return a tree whose longer side of each split was passed by that share of the rows."""
    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    left, right = (np.array(lines[name].split(), dtype=int) for name in CHILDREN)
    counts, leaf_counts = np.zeros(len(left), dtype=int), np.zeros(len(left) + 1, dtype=int)

    def depth(node: int) -> int:
        return 0 if node < 0 else 1 + max(depth(left[node]), depth(right[node]))

    def count(node: int, rows: int) -> None:
        if node < 0:
            leaf_counts[~node] = rows
            return
        counts[node] = rows
        shorter, longer = sorted((left[node], right[node]), key=depth)
        passing = max(int(share * rows), 1)
        count(longer, passing)
        count(shorter, max(rows - passing, 1))

    count(0, 2**30)
    for name, values in (("internal_count", counts), ("leaf_count", leaf_counts)):
        text = text.replace(f"{name}={lines[name]}", f"{name}={' '.join(map(str, values))}")
    return text


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return draw_rows(1500)


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"num_leaves": 4}, id="small trees"),
        pytest.param({}, id="medium trees"),
        pytest.param({"num_leaves": 255, "min_data_in_leaf": 1}, id="deep trees"),
        pytest.param({"objective": "l1"}, id="medians in the leaves"),
        pytest.param({"bagging_fraction": 0.5, "bagging_freq": 1}, id="trees of samples"),
        pytest.param({"use_missing": False}, id="missing values read as 0"),
    ],
)
def test_contributions_are_those_of_lightgbm(
    rows: np.ndarray, parameters: dict[str, object]
) -> None:
    booster = fit(rows, **parameters)
    some = rows[:60]
    expected = booster.predict(some, pred_contrib=True)
    np.testing.assert_allclose(shap_of(booster, some), expected, **ROUNDING)


def test_paths_with_many_features_are_exact() -> None:
    """One path has all 24 features; each lets four of nine rows pass, as far as counts can say."""
    rng = np.random.default_rng(5)
    rows = rng.random((4000, COLUMNS)).astype(np.float32)
    # each feature in turn sets apart a few rows, so that the tree grows as a chain
    target = np.zeros(len(rows))
    rest = np.ones(len(rows), dtype=bool)
    for column in range(COLUMNS):
        apart = rest & (rows[:, column] > 0.97)
        target[apart] = 1000.0 - 10 * column
        rest &= ~apart
    fixed = {"objective": "regression", "num_leaves": 64, "min_data_in_leaf": 1, "verbose": -1}
    booster = lgb.train(fixed, lgb.Dataset(rows, target), 1)
    text = with_shares(booster.model_to_string(), 4 / 9)
    root = lgb.Booster(model_str=text).dump_model()["tree_info"][0]["tree_structure"]
    row = rows[31]
    expected = [float(value) for value in integrate_exactly(root, row)]
    assert np.count_nonzero(expected) == COLUMNS
    (contributions,) = TreeShap(text, COLUMNS).contributions(row[None])
    np.testing.assert_allclose(contributions[:-1], expected, rtol=1e-10)


def test_a_row_with_missing_values_alone_is_explained(rows: np.ndarray) -> None:
    """Columns that had no missing values in training read them as 0."""
    booster = fit(rows)
    missing = np.full((1, COLUMNS), np.nan, dtype=np.float32)
    np.testing.assert_allclose(
        shap_of(booster, missing), booster.predict(missing, pred_contrib=True), **ROUNDING
    )


def test_values_on_a_threshold_go_left(rows: np.ndarray) -> None:
    booster = fit(rows, num_leaves=63)
    nodes = booster.trees_to_dataframe()
    # not the thresholds beside 0, where LightGBM reads the row's value as 0 and the graph does not
    splits = nodes[nodes["threshold"].abs() > 1e-30]
    on_thresholds = rows[: len(splits)].astype(np.float64)
    for row, feature, threshold in zip(
        on_thresholds, splits["split_feature"], splits["threshold"], strict=False
    ):
        row[int(feature.removeprefix("Column_"))] = threshold
    single = on_thresholds.astype(np.float32)  # LightGBM reads the same float32 values
    np.testing.assert_allclose(
        shap_of(booster, single), booster.predict(single, pred_contrib=True), **ROUNDING
    )


def test_a_blend_is_explained_as_one_booster(rows: np.ndarray) -> None:
    blended = blend([fit(rows), fit(rows, num_leaves=7, seed=9)], [0.7, 0.3])
    expected = blended.predict(rows[:40], pred_contrib=True)
    np.testing.assert_allclose(shap_of(blended, rows[:40]), expected, **ROUNDING)


def test_a_tree_without_splits_counts_in_the_base_alone(rows: np.ndarray) -> None:
    booster = fit(rows, trees=1, min_data_in_leaf=len(rows))
    assert booster.num_trees() == 1
    contributions = shap_of(booster, rows[:3])
    assert not contributions[:, :-1].any()
    np.testing.assert_allclose(contributions[:, -1], booster.predict(rows[:3]), rtol=1e-12)


def test_contributions_are_shapley_values_by_their_definition(rows: np.ndarray) -> None:
    """The mean over all orders in which features become known, of what each then changes.

    A feature that is not known goes to both sides of its splits, by their shares of the training.
    """
    used = [0, 1, 2, 5]
    only = np.zeros_like(rows)
    only[:, used] = rows[:, used]
    booster = fit(only, trees=1, num_leaves=12)
    root = booster.dump_model()["tree_info"][0]["tree_structure"]
    row = only[7]

    def worth(known: frozenset[int], node: dict) -> float:
        if "leaf_value" in node:
            return float(node["leaf_value"])
        sides = node["left_child"], node["right_child"]
        left, right = (worth(known, side) for side in sides)
        if node["split_feature"] in known:
            value = row[node["split_feature"]]
            goes_left = node["default_left"] if np.isnan(value) else value <= node["threshold"]
            return left if goes_left else right
        counts = [side.get("internal_count", side.get("leaf_count")) for side in sides]
        return (left * counts[0] + right * counts[1]) / sum(counts)

    expected = np.zeros(COLUMNS)
    orders = list(permutations(used))
    for order in orders:
        for place, feature in enumerate(order):
            before = frozenset(order[:place])
            gain = worth(before | {feature}, root) - worth(before, root)
            expected[feature] += gain / len(orders)
    (contributions,) = shap_of(booster, row[None])
    assert np.count_nonzero(contributions[used]) > 2
    np.testing.assert_allclose(contributions[:-1], expected, rtol=1e-10, atol=1e-12)
    assert contributions[-1] == pytest.approx(worth(frozenset(), root))


def test_contributions_add_up_to_the_score(rows: np.ndarray) -> None:
    booster = fit(rows, num_leaves=63)
    sums = shap_of(booster, rows[:100]).sum(axis=1)
    np.testing.assert_allclose(sums, booster.predict(rows[:100]), rtol=1e-10, atol=1e-12)


def test_threads_that_share_the_trees_get_the_same_bits(rows: np.ndarray) -> None:
    shap = TreeShap(fit(rows).model_to_string(), COLUMNS)
    expected = shap.contributions(rows[:30])
    results: list[np.ndarray] = []
    threads = [
        Thread(target=lambda: results.append(shap.contributions(rows[:30]))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(threads)
    for result in results:
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        pytest.param({"linear_tree": True}, "linear", id="linear"),
        pytest.param({"categorical_feature": [0]}, "compares categories", id="categories"),
        pytest.param({"zero_as_missing": True}, "zeros as missing", id="zeros as missing"),
    ],
)
def test_trees_of_another_kind_are_refused(
    rows: np.ndarray, parameters: dict[str, object], kind: str
) -> None:
    booster = fit(np.abs(rows), **parameters)
    with pytest.raises(ValueError, match=kind):
        TreeShap(booster.model_to_string(), COLUMNS)
