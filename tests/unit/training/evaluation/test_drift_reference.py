"""The reference of drift: daily errors of frozen models, and what the bundle holds of them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM, TOTAL
from lifecycle.monitoring.daily import list_groups
from models.buckets import buckets_of
from models.bundle import DRIFT_FILE, KIND, Bundle, load_bundle
from models.drift.measures import MEASURES
from models.drift.reference import DriftReference
from models.drift.rows import compared_features
from storage.artifacts import ArtifactError, seal, staging, verify
from training.evaluation.drift_reference import sum_errors
from training.evaluation.forecast_errors import Errors


@pytest.fixture(scope="session")
def reference(bundle: Bundle) -> DriftReference:
    stored = bundle.read_drift_reference()
    assert stored is not None
    return stored


def errors_of(snapshot: Snapshot, origins: np.ndarray, factor: float) -> Errors:
    """Return the errors of forecasts that are a multiple of the sales."""
    horizons = np.array([1, 2, 8, 20])
    actual = np.stack([snapshot.targets(slice(0, None), each + horizons) for each in origins])
    return Errors(
        origins,
        horizons,
        forecast=np.nan_to_num(factor * actual, nan=5.0),
        actual=actual,
        sold=np.ones(actual.shape[:2], dtype=np.bool_),
        ordinary=np.ones((len(origins), len(horizons)), dtype=np.bool_),
    )


def test_the_reference_is_small_and_covers_levels_and_upper_nodes(
    bundle: Bundle, snapshot: Snapshot, reference: DriftReference
) -> None:
    assert (bundle.path / DRIFT_FILE).stat().st_size < 100_000
    assert reference.groups == list_groups(snapshot.hierarchy)
    assert reference.groups[:4] == tuple(snapshot.hierarchy.levels)
    assert {"store:1", "family:DAIRY"} < set(reference.groups)
    assert reference.buckets == buckets_of(snapshot.specification).names
    assert tuple(reference.cells) == MEASURES


def test_the_reference_is_read_as_it_was_written(reference: DriftReference, tmp_path: Path) -> None:
    reference.save(tmp_path / "again.npz")
    again = DriftReference.load(tmp_path / "again.npz")
    for name, cells in reference.cells.items():
        for each in fields(cells):
            np.testing.assert_array_equal(
                getattr(again.cells[name], each.name), getattr(cells, each.name)
            )
    assert again.covariates.keys() == reference.covariates.keys() == {"onpromotion"}
    assert again.sketches is not None
    assert reference.sketches is not None
    np.testing.assert_array_equal(again.sketches.counts, reference.sketches.counts)


def test_features_that_follow_from_the_date_are_not_compared(
    bundle: Bundle, reference: DriftReference
) -> None:
    assert reference.sketches is not None
    names = reference.sketches.names
    assert names == compared_features(bundle.contract.names)
    assert {"horizon", "day_of_year"}.isdisjoint(names)
    assert {"mean_28", "promo_7"} < set(names)


def test_limits_exist_where_there_is_a_reference(reference: DriftReference) -> None:
    for cells in reference.cells.values():
        tested = ~np.isnan(cells.sd)
        assert tested.any()
        assert (cells.limit[tested] > 0).all()
        assert np.isfinite(cells.limit[tested]).all()


def test_sums_of_a_day_are_those_of_its_nodes(snapshot: Snapshot) -> None:
    origins = np.array([snapshot.newest_origin - 40, snapshot.newest_origin - 30])
    first = int(origins[0]) + 1
    sums = sum_errors(
        snapshot, errors_of(snapshot, origins, 1.5), buckets_of(snapshot.specification), first=first
    )
    groups = list_groups(snapshot.hierarchy)
    store, day = groups.index("store:1"), int(origins[0]) + 8 - first
    row = snapshot.hierarchy.index["store:1"]
    sold = snapshot.sales[row, origins[0] + 8]
    assert sums["sold"][day, store, 1] == pytest.approx(sold)
    assert sums["excess"][day, store, 1] == pytest.approx(sold / 2)
    assert sums["absolute"][day, groups.index(BOTTOM), 1] == pytest.approx(
        snapshot.sales[0, origins[0] + 8] / 2
    )
    assert sums["known"][day, groups.index(TOTAL), 1] == 1
    assert (np.nan_to_num(sums["within_80"]) <= sums["known"]).all()


def test_a_bundle_without_a_reference_loads_and_says_so(bundle: Bundle, tmp_path: Path) -> None:
    source = verify(bundle.path, kind=KIND)
    with staging(tmp_path) as copy:
        for name in source.manifest.files:
            if name != DRIFT_FILE:
                (copy / name).write_bytes((bundle.path / name).read_bytes())
        older = seal(copy, kind=KIND, label=source.manifest.label, facts=source.facts)
    assert load_bundle(older.path).read_drift_reference() is None


def test_a_reference_that_cannot_be_read_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    source = verify(bundle.path, kind=KIND)
    with staging(tmp_path) as copy:
        for name in source.manifest.files:
            (copy / name).write_bytes((bundle.path / name).read_bytes())
        (copy / DRIFT_FILE).write_bytes(b"no archive")
        broken = seal(copy, kind=KIND, label=source.manifest.label, facts=source.facts)
    with pytest.raises(ArtifactError, match="reference of drift"):
        load_bundle(broken.path).read_drift_reference()
