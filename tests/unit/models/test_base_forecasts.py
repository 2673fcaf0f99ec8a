"""Forecasts made part by part are those of all series together, bit by bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from models import base_forecasts
from models.baselines import Baseline
from models.bundle import Bundle
from models.engine import ForecastEngine
from models.serving import forecast_store
from models.serving.forecast_store import find_forecasts, load_or_make
from storage.artifacts import Release, Store

WEIGHTS = {
    "bottom-up": lambda node: node.level == "bottom",
    "reconciled": lambda node: node.level != "total",
}


def with_announced(snapshot: Snapshot) -> Snapshot:
    """Announce a series that never sold, from the third day on."""
    row = snapshot.hierarchy.index["store:3/family:BOOKS"] - snapshot.hierarchy.n_upper
    begins = np.zeros(snapshot.hierarchy.n_bottom, dtype=np.int64)
    begins[row] = 3
    return replace(snapshot, begins=begins)


@pytest.fixture(params=["plain", "announced", "hard to forecast"])
def of(request: pytest.FixtureRequest, snapshot: Snapshot) -> Snapshot:
    if request.param == "announced":
        return with_announced(snapshot)
    odd: Snapshot = request.getfixturevalue("odd_snapshot")
    return snapshot if request.param == "plain" else odd


@pytest.fixture(params=WEIGHTS.values(), ids=WEIGHTS)
def forecaster(request: pytest.FixtureRequest, bundle: Bundle, of: Snapshot) -> ForecastEngine:
    """Return an engine with weighted upper nodes or without, and with rules for two series."""
    nodes = of.hierarchy.nodes
    variances = {node.id: 1.0 + len(node.id) for node in nodes if request.param(node)}
    fallbacks = dict(zip((nodes[-1].id, nodes[-20].id), Baseline, strict=True))
    return ForecastEngine(replace(bundle, variances=variances, fallbacks=fallbacks), of)


def series_per_part(monkeypatch: pytest.MonkeyPatch, engine: ForecastEngine, count: int) -> None:
    """Let a part have a given number of series, where sites are not larger."""
    monkeypatch.setattr(base_forecasts, "PART_ROWS", count * engine.snapshot.horizon)


@pytest.mark.parametrize("back", [0, 200], ids=["the newest origin", "a past origin"])
@pytest.mark.parametrize("count", [30, 1], ids=["some sites a part", "one site a part"])
def test_forecasts_do_not_depend_on_the_parts(
    forecaster: ForecastEngine, monkeypatch: pytest.MonkeyPatch, count: int, back: int
) -> None:
    origin = forecaster.snapshot.newest_origin - back
    whole = forecaster.base_forecasts(origin)
    series_per_part(monkeypatch, forecaster, count)
    done: list[tuple[int, int]] = []
    parts = forecaster.base_forecasts(origin, progress=lambda *step: done.append(step))
    assert parts.tobytes() == whole.tobytes()
    number = len(forecaster.snapshot.split(count))
    assert number > 1
    assert done == [(part, number) for part in range(1, number + 1)]


def test_stored_forecasts_have_the_same_name(
    forecaster: ForecastEngine, own_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name holds the digest of the files."""
    release = Release(forecaster.bundle.name, forecaster.snapshot.name)
    names = []
    for count in (1_000, 30, 1):
        if folder := find_forecasts(own_store, release):
            folder.rename(own_store.root / f"before-{count}")
        series_per_part(monkeypatch, forecaster, count)
        monkeypatch.setattr(forecast_store, "_CHUNK_NODES", count)
        load_or_make(forecaster, own_store)
        names.append(getattr(find_forecasts(own_store, release), "name", None))
    assert len(set(names)) == 1
    assert names[0] is not None


def test_days_are_forecast_in_chunks_where_a_site_has_many_series(
    engine: ForecastEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size of a chunk bounds memory and does not change the numbers."""
    origin, horizons = engine.snapshot.newest_origin, np.array([1, 2, 15, 16, 17, 40, 90])
    whole = engine.forecast(origin, horizons).values
    monkeypatch.setattr(base_forecasts, "PART_ROWS", 1)
    rows: list[int] = []
    predict = engine.bundle.model.predict
    monkeypatch.setattr(
        engine.bundle.model, "predict", lambda of: rows.append(len(of)) or predict(of)
    )
    chunks = engine.forecast(origin, horizons).values
    np.testing.assert_array_equal(chunks, whole)
    of_sites = [len(part) for part in engine.snapshot.split(1)]
    assert rows == [count for count in of_sites for _ in horizons]
