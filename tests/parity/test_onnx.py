"""Parity of the booster and the ONNX model, on rows where they are likely to differ."""

from __future__ import annotations

import re
from collections.abc import Iterator

import lightgbm as lgb
import numpy as np
import pytest

from models.bundle import GOLDEN_ROWS_FILE, Bundle, booster_file, model_file
from models.onnx import OnnxModel
from training.export import round_thresholds

RELATIVE = 1e-5
LIGHTGBM_ZERO = np.float32(1e-35)
"""LightGBM reads a value of up to this size as zero; no feature has such a value except zero."""


@pytest.fixture(scope="module", params=[16, 90], ids=["near", "far"])
def segment(request: pytest.FixtureRequest) -> int:
    last: int = request.param
    return last


@pytest.fixture(scope="module")
def booster(bundle: Bundle, segment: int) -> lgb.Booster:
    return lgb.Booster(model_file=bundle.path / booster_file(segment))


@pytest.fixture(scope="module")
def model(bundle: Bundle, segment: int) -> OnnxModel:
    return OnnxModel(bundle.path / model_file(segment))


def splits(booster: lgb.Booster) -> Iterator[tuple[int, float]]:
    """Yield feature and threshold of every split of the trees."""
    text = booster.model_to_string()
    for tree in text.split("\nTree=")[1:]:
        columns = {
            key: match[1].split()
            for key in ("split_feature", "threshold")
            if (match := re.search(rf"^{key}=(.*)$", tree, re.M))
        }
        yield from zip(
            map(int, columns["split_feature"]), map(float, columns["threshold"]), strict=True
        )


def units(bundle: Bundle, booster: lgb.Booster, rows: np.ndarray) -> np.ndarray:
    relative = bundle.contract.relative_columns
    score = relative.offsets(rows) + booster.predict(relative.tree_rows(rows))
    return np.expm1(np.maximum(score, 0))


def rows_on_thresholds(bundle: Bundle, booster: lgb.Booster, rows: np.ndarray) -> np.ndarray:
    """Return, for every threshold, a row on it, one just below and one just above.

    Offset and references are 0, so that the trees read the values of relative columns as they are.
    """
    rows, relative = rows.copy(), bundle.contract.relative_columns
    rows[:, [relative.offset, *(reference for _, reference in relative.references)]] = 0
    adversarial = []
    for number, (feature, threshold) in enumerate(splits(booster)):
        row = rows[number % len(rows)].copy()
        exact = np.float32(threshold)
        for value in (exact, np.nextafter(exact, -np.inf), np.nextafter(exact, np.inf)):
            row[feature] = 0 if abs(value) <= LIGHTGBM_ZERO else value
            adversarial.append(row.copy())
    return np.array(adversarial, dtype=np.float32)


def assert_equal(ours: np.ndarray, reference: np.ndarray) -> None:
    off = np.abs(ours - reference) / np.maximum(reference, 1)
    assert off.max() < RELATIVE, f"{(off >= RELATIVE).sum()} of {len(off)} rows are off"


def test_golden_rows_hold_missing_covariates(bundle: Bundle) -> None:
    rows = np.load(bundle.path / GOLDEN_ROWS_FILE)
    for name in ("promo", "year_value", "event_effect"):
        missing = np.isnan(rows[:, bundle.contract.names.index(name)])
        assert missing.any(), name
        assert not missing.all(), name


def test_parity_on_rows_that_lie_on_thresholds(
    bundle: Bundle, booster: lgb.Booster, model: OnnxModel
) -> None:
    rows = rows_on_thresholds(bundle, booster, np.load(bundle.path / GOLDEN_ROWS_FILE))
    assert len(rows) > 1000
    assert_equal(model.predict(rows), units(bundle, booster, rows))


def test_parity_on_rows_of_the_training(
    bundle: Bundle, booster: lgb.Booster, model: OnnxModel
) -> None:
    rows = np.load(bundle.path / GOLDEN_ROWS_FILE)
    assert bundle.contract.relative
    assert (rows[:, bundle.contract.relative_columns.offset] > 0).any()
    assert_equal(model.predict(rows), units(bundle, booster, rows))


def test_parity_where_each_covariate_is_missing(
    bundle: Bundle, booster: lgb.Booster, model: OnnxModel
) -> None:
    rows = np.load(bundle.path / GOLDEN_ROWS_FILE)
    nullable = np.flatnonzero(np.isnan(rows).any(axis=0))
    names = {bundle.contract.names[column] for column in nullable}
    assert names >= {
        "promo",
        "promo_store",
        "year_value",
    }
    for column in nullable:
        blanked = rows.copy()
        blanked[:, column] = np.nan
        assert_equal(model.predict(blanked), units(bundle, booster, blanked))


def test_unrounded_thresholds_would_be_off(bundle: Bundle, draw: np.random.Generator) -> None:
    """Thresholds must be rounded down to float32.

    A booster has float64 thresholds, some of which float32 rounds up; a row that lies on such a
    rounded threshold would change its leaf.
    """
    x = draw.normal(size=(2000, 1)).astype(np.float32)
    fitted = lgb.train(
        {"verbosity": -1, "num_leaves": 63, "min_data_in_leaf": 5},
        lgb.Dataset(x, label=draw.normal(size=2000)),
        num_boost_round=20,
    )
    rounded = round_thresholds(fitted)
    ups = [
        np.float32(threshold)
        for _, threshold in splits(fitted)
        if float(np.float32(threshold)) > threshold
    ]
    assert ups, "no threshold is rounded up: the test shows nothing"
    rows = np.array(ups, dtype=np.float32)[:, None]
    assert all(float(np.float32(threshold)) == threshold for _, threshold in splits(rounded))
    np.testing.assert_array_equal(fitted.predict(rows), rounded.predict(rows))
