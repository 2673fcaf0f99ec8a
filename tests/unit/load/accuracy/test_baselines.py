"""Baselines of the accuracy measurement."""

from __future__ import annotations

import numpy as np
import pytest

from examples.writer import write_example
from features.data.build import build_snapshot
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.step import Step
from features.data.tables import read_tables
from load.accuracy.baselines import baselines, plain_lightgbm


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("items")
    write_example("items", folder / "tables", scale=0.1)
    return load_snapshot(build_snapshot(read_tables(folder / "tables"), folder).path)


@pytest.mark.slow
@pytest.mark.parametrize("name", baselines(Step.DAY, 1))
def test_forecasts_are_units_of_every_series(name: str, items: Snapshot) -> None:
    forecast = baselines(Step.DAY, 1)[name](items, 42)
    assert forecast.shape == (items.hierarchy.n_bottom, 42)
    assert (forecast >= 0).all()
    recent = items.history[0, -42:].sum()
    assert forecast.sum() == pytest.approx(recent, rel=0.3)


def test_lightgbm_reads_nothing_after_its_lags(items: Snapshot) -> None:
    """A forecast of more days has longer lags, so it is another one."""
    assert not np.array_equal(plain_lightgbm(items, 7)[:, :7], plain_lightgbm(items, 14)[:, :7])
