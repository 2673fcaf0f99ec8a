"""Newer tables are screened from the day on that follows what a store serves."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from config.outliers import OutlierPolicy
from features.data.build import build_snapshot
from features.data.screening.treatment import Screening
from features.data.snapshot import Snapshot
from features.data.tables import DataError, read_tables
from lifecycle.refresh import refresh
from lifecycle.screening import list_new, screening_of
from storage.artifacts import Store

SHIFT = (pl.col("family") == "BEVERAGES") & (pl.col("date") == date(2024, 6, 28))


@pytest.fixture
def shifted(demo_folder: Path, tmp_path: Path) -> Path:
    """The demo with a family times a hundred on one day."""
    folder = Path(shutil.copytree(demo_folder, tmp_path / "shifted"))
    rows = pl.read_parquet(folder / "train.parquet")
    factor = pl.when(SHIFT).then(100).otherwise(1)
    rows.with_columns(sales=pl.col("sales") * factor).write_parquet(folder / "train.parquet")
    return folder


def test_a_store_that_serves_nothing_has_no_day_that_is_known(tmp_path: Path) -> None:
    expected = Screening(OutlierPolicy.REFUSE)
    assert screening_of(Store(tmp_path), OutlierPolicy.REFUSE) == expected


def test_days_after_the_served_ones_are_new(own_store: Store, snapshot: Snapshot) -> None:
    screening = screening_of(own_store, OutlierPolicy.WARN)
    assert screening == Screening(OutlierPolicy.WARN, snapshot.facts.origin, ())


def test_the_demo_says_nothing_of_the_days_of_a_retailer(
    demo_folder: Path, own_store: Store
) -> None:
    artifact = build_snapshot(read_tables(demo_folder), own_store.snapshots, demo=True)
    own_store.promote(type(own_store.current())(own_store.current().bundle, artifact.path.name))
    assert screening_of(own_store, OutlierPolicy.WARN) == Screening(OutlierPolicy.WARN)


def test_a_refresh_refuses_critical_outliers_and_serves_on(
    own_store: Store, shifted: Path, snapshot: Snapshot
) -> None:
    before, served = own_store.current(), snapshot.facts.origin - timedelta(7)
    with pytest.raises(DataError, match="family:BEVERAGES sold"):
        refresh(own_store, shifted, screening=Screening(OutlierPolicy.REFUSE, served))
    assert own_store.current() == before
    assert len(list(own_store.snapshots.iterdir())) == 1


def test_a_refresh_records_outliers_for_the_next_one(
    own_store: Store, shifted: Path, snapshot: Snapshot
) -> None:
    first = Screening(OutlierPolicy.QUARANTINE, snapshot.facts.origin - timedelta(7))
    _, release = refresh(own_store, shifted, screening=first)
    (text,) = list_new(own_store, release.snapshot, first)
    assert "family:BEVERAGES sold" in text
    second = screening_of(own_store, OutlierPolicy.QUARANTINE)
    assert [each.node for each in second.recorded] == ["family:BEVERAGES"]
    assert refresh(own_store, shifted, screening=second) == (release, release)
    assert list_new(own_store, release.snapshot, second) == []
