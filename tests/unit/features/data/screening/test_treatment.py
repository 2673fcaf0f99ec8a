"""Outliers are reported, replaced for features, or refused."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from config.outliers import OutlierPolicy
from features.data.build import build_snapshot
from features.data.closures import OUTLIER as OUTLIER_STATUS
from features.data.screening.outlier import OutlierKind
from features.data.screening.treatment import Screening
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.table_report import read_outliers, read_report
from features.data.tables import CheckedTables, DataError, read_tables

FIRST, END, DAY = date(2023, 1, 1), date(2024, 6, 30), pl.col("date")
SPIKE_DAY, SHIFT_DAY = END - timedelta(3), END - timedelta(2)
SERIES = (pl.col("store_nbr") == 3) & (pl.col("family") == "DAIRY")
SHIFTED = pl.col("family") == "BEVERAGES"
SERVED = END - timedelta(7)


def write_changed(
    demo: Path, folder: Path, factors: dict[str, float], *, through: date = END
) -> Path:
    """Write the demo with a spike of a series and a shift of a family, each times its factor."""
    folder.mkdir()
    for path in demo.iterdir():
        if path.name not in ("train.parquet", "test.parquet"):
            (folder / path.name).write_bytes(path.read_bytes())
    rows = pl.read_parquet(demo / "train.parquet").filter(DAY.is_between(FIRST, through))
    factor = (
        pl.when(SERIES & (DAY == SPIKE_DAY))
        .then(factors.get("spike", 1))
        .when(SHIFTED & (DAY == SHIFT_DAY))
        .then(factors.get("shift", 1))
        .otherwise(1)
    )
    promotions = pl.col("onpromotion")
    if "promotions" in factors:
        promotions = pl.when(SERIES & (DAY == SPIKE_DAY)).then(900).otherwise(promotions)
    rows.with_columns(sales=pl.col("sales") * factor, onpromotion=promotions).write_parquet(
        folder / "train.parquet"
    )
    return folder


@pytest.fixture
def spiked(demo_folder: Path, tmp_path: Path) -> Path:
    return write_changed(demo_folder, tmp_path / "spiked", {"spike": 5, "promotions": 1})


@pytest.fixture
def shifted(demo_folder: Path, tmp_path: Path) -> Path:
    return write_changed(demo_folder, tmp_path / "shifted", {"shift": 100})


def read(folder: Path, policy: OutlierPolicy, served: date = SERVED) -> CheckedTables:
    return read_tables(folder, screening=Screening(policy, served))


def build(tables: CheckedTables, folder: Path) -> Snapshot:
    return load_snapshot(build_snapshot(tables, folder).path)


def cell(snapshot: Snapshot, day: date) -> tuple[int, int]:
    row = snapshot.hierarchy.index["store:3/family:DAIRY"]
    return row, snapshot.index_of(day)


def test_warnings_are_in_the_report_and_outliers_in_the_snapshot(
    spiked: Path, tmp_path: Path
) -> None:
    tables = read(spiked, OutlierPolicy.WARN)
    codes = {kind.first.code: kind.first for kind in tables.report.warnings}
    spike = codes["spike"]
    assert (spike.file, spike.column) == ("train.parquet", "sales")
    row = pl.read_parquet(spiked / "train.parquet").row((spike.row or 0) - 1, named=True)
    assert (row["date"], row["store_nbr"], row["family"]) == (SPIKE_DAY, 3, "DAIRY")
    assert "promotion-range" in codes
    assert "unusual-sales" not in codes, "it is reported already"
    snapshot = build(tables, tmp_path / "snapshots")
    stored = read_outliers(tmp_path / "snapshots" / snapshot.name)
    assert stored == tables.outliers
    assert [each.kind for each in stored] == [OutlierKind.PROMOTION_RANGE, OutlierKind.SPIKE]
    assert not any(each.replaced for each in stored)
    assert read_report(tmp_path / "snapshots" / snapshot.name).count(spike.severity) == (
        tables.report.count(spike.severity) - 2
    ), "what was new is no part of what is wrong with the tables"
    assert snapshot.history[cell(snapshot, SPIKE_DAY)] == snapshot.sales[cell(snapshot, SPIKE_DAY)]


def test_quarantine_replaces_values_for_features_and_leaves_the_sales(
    spiked: Path, tmp_path: Path
) -> None:
    warned = build(read(spiked, OutlierPolicy.WARN), tmp_path / "snapshots")
    snapshot = build(read(spiked, OutlierPolicy.QUARANTINE), tmp_path / "snapshots")
    row, day = cell(snapshot, SPIKE_DAY)
    np.testing.assert_array_equal(snapshot.sales, warned.sales)
    weeks = [snapshot.sales[row, day - 7 * number] for number in (1, 2, 3, 4)]
    assert snapshot.history[row, day] == pytest.approx(np.mean(weeks))
    assert snapshot.status is not None
    bottom = row - snapshot.hierarchy.n_upper
    assert snapshot.status[bottom, day] == OUTLIER_STATUS
    assert (snapshot.status == OUTLIER_STATUS).sum() == 1
    assert np.isnan(snapshot.covariates["onpromotion"][bottom, day])
    assert all(each.replaced for each in read_outliers(tmp_path / "snapshots" / snapshot.name))


def test_what_has_happened_is_not_replaced(demo_folder: Path, tmp_path: Path) -> None:
    folder = write_changed(demo_folder, tmp_path / "closed", {})
    rows = pl.read_parquet(folder / "train.parquet")
    closed = (pl.col("store_nbr") == 10) & (DAY >= SPIKE_DAY)
    rows.with_columns(sales=pl.when(closed).then(0.0).otherwise("sales")).write_parquet(
        folder / "train.parquet"
    )
    tables = read(folder, OutlierPolicy.QUARANTINE)
    (outlier,) = tables.outliers
    assert (outlier.kind, outlier.replaced) == (OutlierKind.CLOSED_SITE, False)
    assert tables.replaced == {}


def test_the_next_refresh_keeps_what_was_replaced(
    demo_folder: Path, spiked: Path, tmp_path: Path
) -> None:
    """The day of a spike is no longer new then, and would otherwise be read."""
    earlier = write_changed(
        demo_folder, tmp_path / "earlier", {"spike": 5, "promotions": 1}, through=SPIKE_DAY
    )
    first = read(earlier, OutlierPolicy.QUARANTINE, SERVED)
    later = Screening(OutlierPolicy.QUARANTINE, SPIKE_DAY, first.outliers)
    second = read_tables(spiked, screening=later)
    assert second.outliers == first.outliers
    assert {kind.first.code for kind in second.report.warnings} & set(OutlierKind) == set()
    snapshot = build(second, tmp_path / "snapshots")
    place = cell(snapshot, SPIKE_DAY)
    assert snapshot.history[place] < snapshot.sales[place] / 2


def test_the_same_tables_give_the_same_snapshot_at_the_next_refresh(
    spiked: Path, tmp_path: Path
) -> None:
    first = read(spiked, OutlierPolicy.QUARANTINE)
    again = read_tables(spiked, screening=Screening(OutlierPolicy.QUARANTINE, END, first.outliers))
    names = {build(tables, tmp_path / "snapshots").name for tables in (first, again)}
    assert len(names) == 1


def test_a_corrected_value_is_no_longer_on_record(
    demo_folder: Path, spiked: Path, tmp_path: Path
) -> None:
    first = read(spiked, OutlierPolicy.QUARANTINE)
    corrected = write_changed(demo_folder, tmp_path / "corrected", {})
    screening = Screening(OutlierPolicy.QUARANTINE, END, first.outliers)
    tables = read_tables(corrected, screening=screening)
    assert (tables.outliers, tables.replaced) == ((), {})


def test_critical_outliers_are_refused_and_all_of_them_are_listed(shifted: Path) -> None:
    with pytest.raises(DataError, match="OUTLIERS=refuse") as refused:
        read(shifted, OutlierPolicy.REFUSE)
    assert "family:BEVERAGES sold" in str(refused.value)
    assert "close to 100 times the" in str(refused.value)


def test_refusal_lists_each_critical_outlier(shifted: Path) -> None:
    rows = pl.read_parquet(shifted / "train.parquet")
    missing = END - timedelta(5)
    day = END - timedelta(1)
    closed = (day == DAY) & (pl.col("store_nbr") == 2)
    rows.with_columns(sales=pl.when(closed).then(pl.col("sales") / 100).otherwise("sales")).filter(
        missing != DAY
    ).write_parquet(shifted / "train.parquet")
    with pytest.raises(DataError) as refused:
        read(shifted, OutlierPolicy.REFUSE)
    for words in ("family:BEVERAGES", "store:2 sold"):
        assert words in str(refused.value)


def test_warnings_do_not_refuse(spiked: Path) -> None:
    tables = read(spiked, OutlierPolicy.REFUSE)
    assert [each.kind for each in tables.outliers] == ["promotion-range", "spike"]


def test_what_is_served_already_is_not_refused_again(shifted: Path) -> None:
    first = read(shifted, OutlierPolicy.WARN)
    tables = read_tables(shifted, screening=Screening(OutlierPolicy.REFUSE, END, first.outliers))
    assert tables.outliers == first.outliers


def test_tables_with_other_errors_are_not_screened(spiked: Path) -> None:
    rows = pl.read_parquet(spiked / "train.parquet")
    pl.concat((rows, rows.head(1))).write_parquet(spiked / "train.parquet")
    with pytest.raises(DataError, match="repeats row"):
        read(spiked, OutlierPolicy.REFUSE)


def test_tables_are_not_screened_unless_that_is_wanted(spiked: Path) -> None:
    tables = read_tables(spiked)
    assert tables.outliers == ()
