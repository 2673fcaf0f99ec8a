"""Boosters of every size become ONNX models that give the same forecasts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from features.relative import RelativeColumns
from models.onnx import OnnxModel
from training.export import TREES_PER_NODE, round_thresholds, to_onnx


@pytest.mark.parametrize(
    "trees",
    [1, TREES_PER_NODE - 1, TREES_PER_NODE, TREES_PER_NODE + 1, 3 * TREES_PER_NODE],
)
def test_any_number_of_trees_is_exported(
    trees: int, draw: np.random.Generator, tmp_path: Path
) -> None:
    x = draw.normal(size=(500, 3)).astype(np.float32)
    x[::7, 1] = np.nan
    y = np.log1p(np.maximum(x[:, 0] * 4 + 3, 0))
    fitted = lgb.train({"verbosity": -1}, lgb.Dataset(x, label=y), num_boost_round=trees)
    booster = round_thresholds(fitted)
    path = tmp_path / "model.onnx"
    path.write_bytes(to_onnx(booster))
    expected = np.expm1(np.maximum(booster.predict(x), 0))
    np.testing.assert_allclose(OnnxModel(path).predict(x), expected, rtol=1e-5, atol=1e-5)


def test_a_graph_reads_levels_less_the_offset_and_adds_it_to_the_trees(
    draw: np.random.Generator, tmp_path: Path
) -> None:
    relative = RelativeColumns(offset=1, references=((0, 1), (3, 2)))
    rows = draw.normal(loc=4, size=(800, 4)).astype(np.float32)
    rows[::5, 3] = np.nan
    y = rows[:, 1] + 0.5 * (rows[:, 0] - rows[:, 1])
    data = lgb.Dataset(relative.tree_rows(rows), label=y, init_score=relative.offsets(rows))
    booster = round_thresholds(lgb.train({"verbosity": -1}, data, num_boost_round=25))
    path = tmp_path / "model.onnx"
    path.write_bytes(to_onnx(booster, relative))
    score = relative.offsets(rows) + booster.predict(relative.tree_rows(rows))
    expected = np.expm1(np.maximum(score, 0))
    np.testing.assert_allclose(OnnxModel(path).predict(rows), expected, rtol=1e-5, atol=1e-5)
    assert np.abs(score - y).mean() < 0.1


_EXPORT = """
import sys
import lightgbm as lgb
from training.export import to_onnx
sys.stdout.buffer.write(to_onnx(lgb.Booster(model_file=sys.argv[1])))
"""


@pytest.mark.slow
def test_the_same_booster_gives_the_same_bytes_in_every_process(
    draw: np.random.Generator, tmp_path: Path
) -> None:
    x = draw.normal(size=(200, 2)).astype(np.float32)
    booster = lgb.train({"verbosity": -1}, lgb.Dataset(x, label=x[:, 0]), num_boost_round=12)
    path = tmp_path / "booster.txt"
    path.write_text(booster.model_to_string())
    exports = {
        subprocess.run(
            [sys.executable, "-c", _EXPORT, str(path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "20")  # a set of pairs of domain and version iterates in either order
    }
    assert exports == {to_onnx(booster)}


def test_a_rounded_booster_survives_being_written_and_read(draw: np.random.Generator) -> None:
    x = draw.normal(size=(300, 2)).astype(np.float32)
    fitted = lgb.train({"verbosity": -1}, lgb.Dataset(x, label=x[:, 0]), num_boost_round=15)
    rounded = round_thresholds(fitted)
    again = lgb.Booster(model_str=rounded.model_to_string())
    np.testing.assert_array_equal(again.predict(x), rounded.predict(x))
    np.testing.assert_allclose(rounded.predict(x), fitted.predict(x))
