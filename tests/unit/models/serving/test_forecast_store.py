"""Stored forecasts: what is read from them is what would be computed."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from features.state_parts import UpperPast
from models import base_forecasts
from models.bundle import Bundle
from models.engine import ForecastEngine
from models.exceptions import RECENT_DAYS, band_origin
from models.serving.forecast_store import load_or_make
from models.serving.release import LoadedRelease
from models.uncertainty import USUAL, Uncertainty
from storage.artifacts import Store

OTHERS = {
    "another coverage": Uncertainty((80, 90)),
    "another order": Uncertainty((95, 80)),
    "quantiles too": Uncertainty((80, 95), (0.5,)),
    "none": Uncertainty(),
}


@pytest.fixture(params=["plain", "with new, closed and announced series"])
def loaded(
    request: pytest.FixtureRequest,
    own_store: Store,
    bundle: Bundle,
    snapshot: Snapshot,
    odd_snapshot: Snapshot,
) -> LoadedRelease:
    of = snapshot if request.param == "plain" else odd_snapshot
    engine = ForecastEngine(bundle, of)
    assert engine.intervals is not None
    return LoadedRelease(engine, engine.intervals, load_or_make(engine, own_store))


def numbers_of(loaded: LoadedRelease, wanted: Uncertainty = USUAL, ago: int = 0) -> np.ndarray:
    """Return the numbers of some nodes and days."""
    snapshot = loaded.engine.snapshot
    nodes = np.array([len(snapshot.hierarchy) - 1, 0, 3])
    horizons = np.array([1, 2, 30, 90])
    mean = loaded.forecasts.mean[nodes[:, None], horizons - 1]
    return loaded.evaluate(snapshot.newest_origin - ago, nodes, mean, horizons, wanted)


def computed(loaded: LoadedRelease) -> LoadedRelease:
    """Return a release without stored bounds."""
    return replace(loaded, forecasts=replace(loaded.forecasts, bounds=None))


def test_stored_bounds_are_those_that_would_be_computed(loaded: LoadedRelease) -> None:
    """Bit for bit, for every node and day."""
    engine, forecasts = loaded.engine, loaded.forecasts
    assert forecasts.bounds is not None
    every = engine.evaluate(
        loaded.intervals,
        engine.snapshot.newest_origin,
        np.arange(len(forecasts.mean)),
        forecasts.mean,
        engine.all_horizons,
        USUAL,
    )
    np.testing.assert_array_equal(np.moveaxis(forecasts.bounds, 2, 0), every)
    np.testing.assert_array_equal(numbers_of(loaded), numbers_of(computed(loaded)))


@pytest.mark.parametrize("wanted", OTHERS.values(), ids=OTHERS)
def test_other_numbers_are_computed(loaded: LoadedRelease, wanted: Uncertainty) -> None:
    expected = numbers_of(computed(loaded), wanted)
    np.testing.assert_array_equal(numbers_of(loaded, wanted), expected)


def test_numbers_of_a_past_origin_are_computed(loaded: LoadedRelease) -> None:
    past = numbers_of(loaded, ago=300)
    np.testing.assert_array_equal(past, numbers_of(computed(loaded), ago=300))


def test_adapted_intervals_are_not_those_that_are_stored(
    loaded: LoadedRelease,
) -> None:
    narrow = replace(loaded, intervals=_Narrow(), adaptation=object())  # type: ignore[arg-type]
    assert (numbers_of(narrow) == 7).all()


def test_stored_forecasts_of_the_recent_days_are_those_that_would_be_computed(
    own_store: Store, bundle: Bundle, snapshot: Snapshot
) -> None:
    shutil.rmtree(own_store.forecasts)
    engine = ForecastEngine(bundle, snapshot)
    origin = band_origin(snapshot)
    assert origin is not None
    computed = engine.forecast(origin, np.arange(1, RECENT_DAYS + 1)).values
    np.testing.assert_array_equal(load_or_make(engine, own_store).recent, computed)


def test_what_all_parts_read_of_the_past_is_stored_beside_forecasts_of_many_series(
    own_store: Store, bundle: Bundle, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that reads it computes the parts of the nodes alone, with the same bits."""
    nodes = np.array([0, 3, len(snapshot.hierarchy) - 1])
    origin, days = snapshot.newest_origin, np.arange(1, 31)
    expected = ForecastEngine(bundle, snapshot).rows_of(origin, nodes, days)
    monkeypatch.setattr(base_forecasts, "PART_ROWS", snapshot.horizon)
    shutil.rmtree(own_store.forecasts)
    load_or_make(ForecastEngine(bundle, snapshot), own_store)
    monkeypatch.setattr(UpperPast, "at", None)
    engine = ForecastEngine(bundle, snapshot)
    load_or_make(engine, own_store)
    np.testing.assert_array_equal(engine.rows_of(origin, nodes, days), expected)


class _Narrow:
    """Intervals whose numbers are all alike."""

    def evaluate(
        self,
        nodes: np.ndarray,
        mean: np.ndarray,
        horizons: np.ndarray,
        wanted: Uncertainty,
        **_: object,
    ) -> np.ndarray:
        return np.full((len(wanted.shares), *mean.shape), 7.0)
