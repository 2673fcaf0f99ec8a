"""Errors of analogues, measured on established series."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM
from models.buckets import buckets_of
from models.engine import ForecastEngine
from models.intervals import Intervals
from training.evaluation.calibration import calibrate
from training.evaluation.forecast_errors import Errors
from training.evaluation.new_series import analogues_of_all, forecast_as_new, scales_of_new

HORIZONS = np.array([1, 3, 7, 12, 20, 40, 60, 85])


@pytest.fixture(scope="module")
def errors(engine: ForecastEngine) -> Errors:
    """Return errors of analogues at eight past origins."""
    snapshot, upper = engine.snapshot, engine.snapshot.hierarchy.n_upper
    analogues = analogues_of_all(snapshot)
    origins = snapshot.newest_origin - 90 - 7 * np.arange(8)[::-1]
    forecast, means, actual = [], [], []
    for origin in origins.tolist():
        values = engine.forecast(origin).values
        of_new = forecast_as_new(snapshot, analogues, origin, values[upper:])
        forecast.append(values[:, HORIZONS - 1])
        means.append(snapshot.hierarchy.aggregate(of_new)[:, HORIZONS - 1])
        actual.append(snapshot.targets(slice(None), origin + HORIZONS))
    return Errors(
        origins=origins,
        horizons=HORIZONS,
        forecast=np.stack(forecast),
        actual=np.stack(actual),
        sold=np.stack([snapshot.first_sale <= origin for origin in origins]),
        ordinary=np.ones((len(origins), len(HORIZONS)), dtype=bool),
        by_analogues=np.stack(means),
    )


def test_a_series_is_forecast_by_others_that_had_sold_by_the_origin(
    engine: ForecastEngine,
) -> None:
    snapshot, upper = engine.snapshot, engine.snapshot.hierarchy.n_upper
    origin = snapshot.newest_origin - 30
    forecast = engine.forecast(origin).values[upper:]
    analogues = analogues_of_all(snapshot)
    of_new = forecast_as_new(snapshot, analogues, origin, forecast)
    sold = snapshot.first_sale[upper:] <= origin
    assert not of_new[~sold].any()
    for number in np.flatnonzero(sold)[:10].tolist():
        others = [at for at in analogues.of(number).tolist() if sold[at]]
        assert number not in others
        np.testing.assert_allclose(of_new[number], forecast[others].mean(axis=0), rtol=1e-12)


def test_the_scale_is_the_root_mean_square_of_what_counts(snapshot: Snapshot) -> None:
    hierarchy = snapshot.hierarchy
    residual = np.full((2, len(hierarchy), 3), np.nan)
    rows = hierarchy.slices[BOTTOM]
    residual[0, rows.start, :] = (3, 4, 5)
    residual[1, rows.start + 1, 0] = 5
    bucket = np.array([0, 0, 1])
    scales = scales_of_new(residual, bucket, 3, hierarchy)
    assert scales[BOTTOM].tolist() == pytest.approx([np.sqrt(50 / 3), 5, 0])
    assert not scales["total"].any(), "nothing is known of it"


def test_intervals_of_new_series_hold_about_their_share(snapshot: Snapshot, errors: Errors) -> None:
    """Half of the origins calibrate the intervals of the others, every series being a new one.

    The scale of the level alone, as a node has that the calibration does not know, is too small.
    """
    hierarchy, late = snapshot.hierarchy, np.arange(len(errors.origins)) >= 4
    calibration, judged = calibrate(errors.select(~late), hierarchy), errors.select(late)
    buckets = len(buckets_of(snapshot.specification))
    unknown = replace(calibration, nodes=(), scale=np.empty((0, buckets)))
    of_level = coverage_of_new(Intervals(unknown, hierarchy), judged, hierarchy)
    every = np.ones(len(hierarchy), dtype=bool)
    of_new = coverage_of_new(Intervals(calibration, hierarchy, new=every), judged, hierarchy)
    assert of_level < 0.6
    assert of_new == pytest.approx(0.8, abs=0.1)


def coverage_of_new(intervals: Intervals, judged: Errors, hierarchy: Hierarchy) -> float:
    """Return the share of the sales within 80 % intervals around the forecasts by analogues."""
    assert judged.by_analogues is not None
    inside = []
    for mean, actual, sold in zip(judged.by_analogues, judged.actual, judged.sold, strict=True):
        rows = hierarchy.n_upper + np.flatnonzero(sold[hierarchy.n_upper :])
        every = np.ones(len(rows), dtype=bool)
        lower, upper = intervals.bounds(rows, mean[rows], HORIZONS, 80, sold=every)
        inside.append(((lower <= actual[rows]) & (actual[rows] <= upper)).ravel())
    return float(np.concatenate(inside).mean())


def test_errors_keep_those_of_analogues_when_they_are_selected_and_joined(errors: Errors) -> None:
    first = np.arange(len(errors.origins)) < 3
    joined = Errors.concatenate([errors.select(first), errors.select(~first)])
    assert joined.by_analogues is not None
    np.testing.assert_array_equal(joined.by_analogues, errors.by_analogues)
    without = replace(errors, by_analogues=None)
    assert Errors.concatenate([without, without]).by_analogues is None
