"""A retailer's file and tables make a specification, or an error that names what is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.data.build import build_snapshot
from features.data.findings import Report, Severity
from features.data.guess import guess
from features.data.reading.layout import (
    STANDARD,
    DateOrder,
    DecimalMark,
    Delimiter,
    TableLayout,
)
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.specification import BOTTOM, TOTAL, Kind, Returns
from features.data.stated import StatedCovariate
from features.data.statement_checks import RetailerError
from features.data.tables import check_tables, read_tables
from tests.support.shops import AHEAD, DAYS, FLOOR, RETAILER, write_shops

A1_FOOD = "shop:A1/department:food"


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shops(tmp_path_factory.mktemp("retailer") / "shops")


@pytest.fixture
def own(shops: Path, tmp_path: Path) -> Path:
    """A copy of the tables that the test may change."""
    return Path(shutil.copytree(shops, tmp_path / "shops"))


def state(folder: Path, old: str, new: str) -> None:
    assert old in RETAILER
    (folder / "retailer.yaml").write_text(RETAILER.replace(old, new), encoding="utf-8")


def alter(folder: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Change the table of sales."""
    path = folder / "sales.csv"
    change(pl.read_csv(path, infer_schema=False)).write_csv(path)


def snapshot_of(folder: Path, tmp_path: Path) -> Snapshot:
    return load_snapshot(build_snapshot(read_tables(folder), tmp_path / "snapshots").path)


def faults(folder: Path, severity: Severity = Severity.ERROR) -> list[str]:
    report = Report()
    check_tables(folder, STANDARD, report)
    return list(report.summary_lines(severity))


@pytest.mark.parametrize(
    ("old", "new", "key", "phrase"),
    [
        pytest.param("[shop, dep", "[shp, dep", "series", "it has Tag, shop", id="series"),
        pytest.param("target: Menge", "target: Mengen", "target", "Menge", id="target"),
        pytest.param("date: Tag", "date: Day", "calendar.holidays", "Tag", id="date"),
        pytest.param("open: offen", "open: offn", "open", "offen", id="open"),
        pytest.param("levels: [region", "levels: [regon", "levels", "region", id="level"),
        pytest.param("region: land", "region: lnd", "calendar.region", "land", id="region"),
        pytest.param("country: DE", "country: XX", "calendar.country", "XX", id="country"),
        pytest.param("anlass.csv", "anlas.csv", "calendar.holidays", "anlass", id="holidays"),
        pytest.param("{price:", "{prize:", "covariates", "price", id="covariate"),
        pytest.param("expect: median", "expct: median", "expct", "expect", id="unknown key"),
        pytest.param("expect: median", "expect: mode", "expect", "'mode'", id="unknown value"),
        pytest.param("fallback: false", "fallback: [", "", "is not YAML", id="no YAML"),
    ],
)
def test_a_wrong_entry_is_named_with_what_there_is(
    own: Path, old: str, new: str, key: str, phrase: str
) -> None:
    state(own, old, new)
    (line,) = faults(own)
    assert line.startswith("retailer.yaml")
    assert key in line
    assert phrase in line


def test_kinds_follow_from_values(shops: Path) -> None:
    specification = read_tables(shops).specification
    kinds = {each.name: (each.kind, each.known_ahead) for each in specification.covariates}
    assert kinds == {
        "promo": (Kind.FLAG, True),
        "visitors": (Kind.COUNT, False),
        "price": (Kind.PRICE, True),
        "Spring sale": (Kind.FLAG, True),
    }
    assert list(specification.columns_of_level) == [
        *(TOTAL, "region", "shop", "department", "region_department", BOTTOM)
    ]


def test_a_text_of_few_values_is_a_flag_for_each_unusual_one(own: Path, tmp_path: Path) -> None:
    day = pl.col("Tag").str.slice(8, 2)
    alter(
        own,
        lambda sales: sales.with_columns(
            weather=pl.when(day == "01").then(pl.lit("snow")).otherwise(pl.lit("sun"))
        ),
    )
    snapshot = snapshot_of(own, tmp_path)
    assert snapshot.specification.covariate("weather=snow").kind is Kind.FLAG
    snow = snapshot.covariates["weather=snow"]
    firsts = [number for number in range(DAYS) if snapshot.date_at(number).day == 1]
    assert np.flatnonzero(snow[0] == 1).tolist() == firsts


def test_text_that_no_series_changes_is_an_attribute(own: Path) -> None:
    alter(own, lambda sales: sales.with_columns(floor=pl.lit(FLOOR) + pl.col("shop")))
    state(own, "[region, shop,", "[region, floor, shop,")
    specification = read_tables(own).specification
    assert "floor" in [attribute.name for attribute in specification.attributes]
    assert "floor" in specification.between


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        pytest.param("weekday", pl.col("Tag").str.to_date().dt.weekday(), "date", id="weekday"),
        pytest.param(
            "note", pl.int_range(pl.len()).cast(pl.String) + "x", "could become flags", id="text"
        ),
        pytest.param("nothing", pl.lit(""), "no value", id="empty"),
    ],
)
def test_what_is_not_read_is_said(own: Path, column: str, values: pl.Expr, why: str) -> None:
    alter(own, lambda sales: sales.with_columns(values.alias(column)))
    (line,) = (line for line in faults(own, Severity.WARNING) if column in line)
    assert "is not read" in line
    assert why in line


def test_closed_days_are_marked_and_are_no_targets(shops: Path, tmp_path: Path) -> None:
    snapshot = snapshot_of(shops, tmp_path)
    row = snapshot.hierarchy.index[A1_FOOD]
    targets = snapshot.targets(np.array([row, 0]), np.arange(14))
    sundays = [day for day in range(14) if snapshot.date_at(day).weekday() == 6]
    assert np.flatnonzero(np.isnan(targets[0])).tolist() == sundays
    assert not np.isnan(targets[1]).any(), "the total of a closed day is known"
    ahead = snapshot.closed_nodes(np.array([0]), snapshot.newest_origin, np.arange(1, AHEAD + 1))
    assert ahead is not None
    assert ahead.sum() == AHEAD // 7


@pytest.mark.parametrize(
    ("missing", "sales", "target"),
    [
        pytest.param("zero", 0.0, 0.0, id="zero"),
        pytest.param("unknown", np.nan, np.nan, id="unknown"),
        pytest.param("closed", 0.0, np.nan, id="closed"),
    ],
)
def test_a_missing_row_means_what_is_stated(
    own: Path, tmp_path: Path, missing: str, sales: float, target: float
) -> None:
    day = "2022-03-02"
    state(own, "open: offen", f"missing: {missing}")
    alter(
        own,
        lambda table: table.filter(
            (pl.col("Tag") != day) | (pl.col("shop") != "A1") | (pl.col("department") != "food")
        ),
    )
    snapshot = snapshot_of(own, tmp_path)
    row, at = snapshot.hierarchy.index[A1_FOOD], 60
    assert snapshot.date_at(at).isoformat() == day
    assert np.array_equal(snapshot.sales[row, at], sales, equal_nan=True)
    read = snapshot.targets(np.array([row]), np.array([at]))[0, 0]
    assert np.array_equal(read, target, equal_nan=True)
    if missing != "zero":
        assert snapshot.history[row, at] > 0, "features read an estimate"


def test_negative_sales_are_refused_unless_returns_are_stated(own: Path, tmp_path: Path) -> None:
    first = (pl.col("Tag") == "2022-03-03") & (pl.col("shop") == "A1")
    alter(
        own,
        lambda sales: sales.with_columns(
            pl.when(first).then(pl.lit("-1")).otherwise("Menge").alias("Menge")
        ),
    )
    assert any("too-small" in line or "at least 0" in line for line in faults(own))
    state(own, "expect: median", "expect: median\nreturns: net")
    snapshot = snapshot_of(own, tmp_path)
    assert (snapshot.sales >= 0).all()


def test_a_guess_finds_date_sales_series_and_price(shops: Path) -> None:
    stated = guess(shops, STANDARD, Report())
    assert stated.columns == {"date": "Tag"}
    assert stated.target == "Menge"
    assert stated.series == ("shop", "department")
    assert stated.open == "offen"
    assert stated.covariates == {"price": StatedCovariate(kind="number", transform="log")}


def test_a_long_closure_that_is_stated_stays_closed(own: Path, tmp_path: Path) -> None:
    """Features read estimates of it, which they do not of a long shut that is only noticed."""
    march = pl.col("Tag").is_between(pl.lit("2022-03-01"), pl.lit("2022-04-30"))
    shut = march & (pl.col("shop") == "A1")
    alter(
        own,
        lambda sales: sales.with_columns(
            offen=pl.when(shut).then(pl.lit("false")).otherwise("offen"),
            Menge=pl.when(shut).then(pl.lit("0")).otherwise("Menge"),
        ),
    )
    snapshot = snapshot_of(own, tmp_path)
    row = snapshot.hierarchy.index[A1_FOOD]
    assert snapshot.sales[row, 70] == 0
    assert snapshot.history[row, 70] > 0


def write_export(folder: Path, *, lowest: float = 3.0) -> Path:
    """Write weekly sales as a spreadsheet does that has decimal commas."""
    folder.mkdir()
    lines = ["Filiale;Woche;Umsatz"]
    for number in range(30):
        day = date(2024, 1, 5) + timedelta(weeks=number)
        units = lowest if number == 7 else 3.5 + number
        lines.append(f"F1;{day:%d.%m.%Y};{f'{units:.2f}'.replace('.', ',')}")
    (folder / "sales.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


SPREADSHEET = TableLayout(
    delimiter=Delimiter.SEMICOLON, decimal=DecimalMark.COMMA, dates=DateOrder.DMY
)


def test_an_export_with_semicolons_names_the_option(tmp_path: Path) -> None:
    report = Report()
    with pytest.raises(RetailerError):
        guess(write_export(tmp_path / "export"), STANDARD, report)
    (kind,) = report.errors
    assert kind.first.code == "delimiter"
    assert kind.first.advice is not None
    assert "--delimiter ';'" in kind.first.advice


@pytest.mark.parametrize(
    ("lowest", "returns"),
    [
        pytest.param(3.0, Returns.REFUSE, id="none is negative"),
        pytest.param(-3.0, Returns.NET, id="one is"),
    ],
)
def test_negative_sales_are_guessed_to_be_returns(
    tmp_path: Path, lowest: float, returns: Returns
) -> None:
    folder = write_export(tmp_path / "export", lowest=lowest)
    assert guess(folder, SPREADSHEET, Report()).returns is returns


def test_negative_sales_that_are_refused_say_what_to_state(own: Path) -> None:
    alter(own, lambda sales: sales.with_columns(Menge=pl.lit("-4")))
    (fault, *_) = [each for each in faults(own) if "at least 0" in each]
    assert "returns: net" in fault
