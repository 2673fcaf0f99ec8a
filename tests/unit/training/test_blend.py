"""A blend of boosters is one booster."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from training.blend import blend

WEIGHTS = (0.7, 0.3)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    draw = np.random.default_rng(5)
    x = draw.normal(size=(2000, 4)).astype(np.float32)
    x[::9, 2] = np.nan
    return x


@pytest.fixture(scope="module")
def boosters(rows: np.ndarray) -> list[lgb.Booster]:
    y = np.exp(rows[:, 0]) + (rows[:, 1] > 0)
    common = {"verbosity": -1, "num_leaves": 15}
    return [
        lgb.train({**common, "objective": "regression"}, lgb.Dataset(rows, np.log1p(y)), 20),
        lgb.train(
            {**common, "objective": "tweedie", "tweedie_variance_power": 1.3},
            lgb.Dataset(rows, y + 1),
            15,
        ),
    ]


def test_the_score_of_a_blend_is_the_weighted_sum_of_scores(
    boosters: list[lgb.Booster], rows: np.ndarray
) -> None:
    scores = [booster.predict(rows, raw_score=True) for booster in boosters]
    expected = sum(weight * score for weight, score in zip(WEIGHTS, scores, strict=True))
    blended = blend(boosters, WEIGHTS)
    assert blended.num_trees() == 35
    np.testing.assert_allclose(blended.predict(rows), expected, rtol=1e-12)


def test_the_contributions_of_a_blend_add_up_to_its_score(
    boosters: list[lgb.Booster], rows: np.ndarray
) -> None:
    blended = blend(boosters, WEIGHTS)
    contributions = blended.predict(rows[:50], pred_contrib=True)
    np.testing.assert_allclose(contributions.sum(axis=1), blended.predict(rows[:50]), rtol=1e-9)
    parts = [booster.predict(rows[:50], pred_contrib=True) for booster in boosters]
    expected = sum(weight * part for weight, part in zip(WEIGHTS, parts, strict=True))
    np.testing.assert_allclose(contributions, expected, rtol=1e-6, atol=1e-9)


def test_a_blend_of_one_booster_equals_it(boosters: list[lgb.Booster], rows: np.ndarray) -> None:
    np.testing.assert_array_equal(
        blend(boosters[:1], [1.0]).predict(rows), boosters[0].predict(rows)
    )
