"""Building a snapshot: the content of each array; equal tables give equal bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.data.build import build_snapshot
from features.data.reading.schema import SCHEMAS
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.specification import BOTTOM, FAVORITA, TOTAL, Levels
from features.data.tables import Tables, read_tables
from tests.support.tables import frames_of

WINE, MILK = "LIQUOR,WINE,BEER", "MILK"
FIRST, LAST = date(2023, 12, 23), date(2023, 12, 27)
CLOSED = date(2023, 12, 25)
TEN_WINE, TEN_MILK, TWO_WINE, TWO_MILK = (
    "store:10/family:LIQUOR,WINE,BEER",
    "store:10/family:MILK",
    "store:2/family:LIQUOR,WINE,BEER",
    "store:2/family:MILK",
)


def frame(name: str, rows: Mapping[str, list[object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={column.name: column.dtype for column in SCHEMAS[name]})


def days(*offsets: int) -> list[object]:
    """Return the day some days after the first one."""
    return [FIRST + timedelta(offset) for offset in offsets]


def small_tables() -> Tables:
    """Return five days to 27 December without the 25th; store 2 sells milk from day two on."""
    return Tables.of_frames(
        {
            "train": frame(
                "train",
                {
                    "date": days(0, 0, 1, 1, 1, 3, 3, 3, 4, 4, 4),
                    "store_nbr": [10, 2, 10, 2, 2, 10, 2, 2, 10, 2, 2],
                    "family": [WINE, WINE, WINE, MILK, WINE, WINE, MILK, WINE, WINE, MILK, WINE],
                    "sales": [1.0, 2.0, 3.0, 4.5, 5.0, 6.0, 7.125, 0.0, 8.0, 9.0, 10.0],
                    "onpromotion": [0.0, 1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 0.0, 4.0, 0.0, 5.0],
                },
            ),
            "stores": frame(
                "stores",
                {
                    "store_nbr": [10, 2, 30],
                    "city": ["Brook", "Alder", "Cove"],
                    "state": ["North", "North", "South"],
                    "type": ["A", "B", "C"],
                    "cluster": ["9", "10", "1"],
                },
            ),
            "oil": frame(
                "oil", {"date": days(1, 2, 3, 4, 5), "dcoilwtico": [70.0, None, 72.5, None, 99.0]}
            ),
            "holidays_events": frame(
                "holidays_events",
                {
                    "date": days(9, 2),
                    "type": ["Holiday", "Holiday"],
                    "locale": ["National", "National"],
                    "locale_name": ["Country", "Country"],
                    "description": ["New Year", "Midwinter"],
                    "transferred": [False, False],
                },
            ),
            "transactions": frame(
                "transactions",
                {
                    "date": days(-1, 0, 1, 4, 5, 1),
                    "store_nbr": [2, 2, 2, 10, 10, 30],
                    "transactions": [11.0, 12.0, 13.0, 14.0, 15.0, 16.0],
                },
            ),
            "test": frame(
                "test",
                {
                    "id": [0, 1, 2, 3],
                    "date": days(5, 5, 7, 5 + FAVORITA.horizon),
                    "store_nbr": [10, 2, 2, 2],
                    "family": [WINE, MILK, MILK, MILK],
                    "onpromotion": [6.0, 0.0, 7.0, 8.0],
                },
            ),
        }
    )


@pytest.fixture
def tables() -> Tables:
    return small_tables()


@pytest.fixture
def snapshot(tables: Tables, tmp_path: Path) -> Snapshot:
    return build(tables, tmp_path)


def build(tables: Tables, folder: Path) -> Snapshot:
    return load_snapshot(build_snapshot(tables, folder).path)


def sales(snapshot: Snapshot, node: str) -> list[float]:
    values: list[float] = snapshot.sales[snapshot.hierarchy.index[node]].tolist()
    return values


def promotions(snapshot: Snapshot, node: str) -> list[float]:
    row = snapshot.hierarchy.index[node] - snapshot.hierarchy.n_upper
    values: list[float] = snapshot.covariates["onpromotion"][row].tolist()
    return values


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_series_are_those_of_train_by_store_number_and_family(snapshot: Snapshot) -> None:
    ids = [node.id for node in snapshot.hierarchy.nodes]
    assert ids == [
        TOTAL,
        *("store:2", "store:10"),
        *(f"family:{WINE}", f"family:{MILK}"),
        *(TWO_WINE, TWO_MILK, TEN_WINE),
    ]
    assert TEN_MILK not in ids


def test_day_without_a_row_is_a_day_without_sales(snapshot: Snapshot) -> None:
    closed = snapshot.index_of(CLOSED)
    assert not snapshot.sales[:, closed].any()
    assert promotions(snapshot, TWO_WINE)[closed] == 0
    assert sales(snapshot, TWO_WINE) == [2, 5, 0, 0, 10]
    assert sales(snapshot, TWO_MILK) == [0, 4.5, 0, 7.125, 9]
    assert sales(snapshot, TEN_WINE) == [1, 3, 0, 6, 8]


def test_parents_are_the_sums_of_their_bottoms(snapshot: Snapshot) -> None:
    assert sales(snapshot, "store:2") == [2, 9.5, 0, 7.125, 19]
    assert sales(snapshot, "store:10") == [1, 3, 0, 6, 8]
    assert sales(snapshot, f"family:{WINE}") == [3, 8, 0, 6, 18]
    assert sales(snapshot, f"family:{MILK}") == [0, 4.5, 0, 7.125, 9]
    assert sales(snapshot, TOTAL) == [3, 12.5, 0, 13.125, 27]


def test_facts_state_the_span_and_the_last_planned_day(snapshot: Snapshot) -> None:
    assert snapshot.facts.first_date == FIRST
    assert snapshot.facts.origin == LAST
    assert snapshot.facts.known_through == FIRST + timedelta(7)
    assert snapshot.lead == 3
    assert (snapshot.n_days, snapshot.newest_origin) == (5, 4)
    assert snapshot.date_at(snapshot.newest_origin) == LAST
    assert len(snapshot.dates) == 5 + FAVORITA.horizon


def test_promotions_that_are_not_planned_are_unknown_and_not_zero(snapshot: Snapshot) -> None:
    ahead = slice(snapshot.n_days, None)
    unknown = np.full(FAVORITA.horizon, np.nan)
    expected = {
        TWO_WINE: unknown.copy(),
        TWO_MILK: unknown.copy(),
        TEN_WINE: unknown.copy(),
    }
    expected[TWO_MILK][[0, 2]] = [0, 7]  # the day between is not in the test table
    expected[TEN_WINE][0] = 6
    for node, values in expected.items():
        np.testing.assert_array_equal(promotions(snapshot, node)[ahead], values)


def test_past_promotions_are_those_of_train(snapshot: Snapshot) -> None:
    assert promotions(snapshot, TWO_WINE)[:5] == [1, 0, 0, 0, 5]
    assert promotions(snapshot, TWO_MILK)[:5] == [0, 2, 0, 0, 0]
    assert promotions(snapshot, TEN_WINE)[:5] == [0, 0, 0, 3, 4]


def test_promotions_beyond_the_horizon_are_left_out(tables: Tables, tmp_path: Path) -> None:
    assert tables.test is not None
    far = tables.test.filter(pl.col("date") == pl.col("date").max())
    near = far.with_columns(date=pl.lit(LAST + timedelta(FAVORITA.horizon)))
    beyond = build(replace(tables, test=far), tmp_path)
    assert np.isnan(beyond.covariates["onpromotion"][:, beyond.n_days :]).all()
    assert beyond.facts.known_through == LAST
    last = build(replace(tables, test=near), tmp_path)
    assert promotions(last, TWO_MILK)[-1] == 8
    assert last.lead == FAVORITA.horizon


def test_without_a_test_table_no_promotion_is_known(tables: Tables, tmp_path: Path) -> None:
    snapshot = build(replace(tables, test=None), tmp_path)
    assert np.isnan(snapshot.covariates["onpromotion"][:, snapshot.n_days :]).all()
    assert not np.isnan(snapshot.covariates["onpromotion"][:, : snapshot.n_days]).any()
    assert snapshot.lead == 0


def test_stores_are_ordered_and_those_that_never_sold_left_out(snapshot: Snapshot) -> None:
    bottoms = snapshot.hierarchy.bottoms
    assert list(dict.fromkeys(bottoms["store_nbr"])) == ["2", "10"]
    assert list(dict.fromkeys(bottoms["city"])) == ["Alder", "Brook"]
    shares = snapshot.site_share.toarray()
    assert shares[snapshot.hierarchy.index[TOTAL]].tolist() == [2 / 3, 1 / 3]
    assert shares[snapshot.hierarchy.index["store:10"]].tolist() == [0, 1]


def test_transactions_are_placed_by_store_and_day(snapshot: Snapshot) -> None:
    nan = np.nan
    expected = [[12, 13, nan, nan, nan], [nan, nan, nan, nan, 14]]
    np.testing.assert_array_equal(
        snapshot.covariates["transactions"], np.array(expected, dtype=np.float32)
    )


def test_holidays_are_stored_by_date(snapshot: Snapshot) -> None:
    assert [holiday.description for holiday in snapshot.holidays] == ["Midwinter", "New Year"]
    assert snapshot.calendar.day["national_day_off"][snapshot.index_of(CLOSED)] == 1


def test_first_sale_is_the_first_day_with_sales(tables: Tables, tmp_path: Path) -> None:
    never = tables.train.with_columns(
        sales=pl.when(pl.col("family") == MILK).then(0.0).otherwise("sales")
    )
    snapshot = build(tables, tmp_path)
    silent = build(replace(tables, train=never), tmp_path)
    row = snapshot.hierarchy.index[TWO_MILK]
    assert snapshot.first_sale[row] == 1
    assert silent.first_sale[row] == silent.n_days
    assert silent.first_sale[0] == 0


def test_arrays_cannot_be_written_to(snapshot: Snapshot) -> None:
    for values in (snapshot.sales, *snapshot.covariates.values()):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1


def test_a_level_may_be_added(tables: Tables, tmp_path: Path) -> None:
    levels: Levels = {TOTAL: (), "city": ("city",), BOTTOM: ("store_nbr", "family")}
    by_city = FAVORITA.with_levels(levels)
    snapshot = load_snapshot(build_snapshot(replace(tables, specification=by_city), tmp_path).path)
    assert list(snapshot.hierarchy.levels) == [TOTAL, "city", BOTTOM]
    assert sales(snapshot, "city:Alder") == [2, 9.5, 0, 7.125, 19]
    assert sales(snapshot, "city:Brook") == [1, 3, 0, 6, 8]


def test_two_builds_are_equal_byte_for_byte(tables: Tables, tmp_path: Path) -> None:
    folders = [build_snapshot(tables, tmp_path / name).path for name in ("one", "two")]
    assert folders[0].name == folders[1].name
    assert files(folders[0]) == files(folders[1])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_order_of_rows_does_not_matter(tables: Tables, tmp_path: Path, seed: int) -> None:
    shuffled = {
        name: frame.sample(fraction=1, shuffle=True, seed=seed)
        for name, frame in frames_of(tables).items()
    }
    name = build_snapshot(tables, tmp_path / "plain").name
    assert build_snapshot(Tables.of_frames(shuffled), tmp_path / "shuffled").name == name


@pytest.mark.parametrize(
    ("table", "change"),
    [
        pytest.param("train", pl.col("sales") + 0.001, id="sales"),
        pytest.param("train", pl.col("onpromotion") + 1, id="promotions"),
        pytest.param("test", pl.col("onpromotion") + 1, id="plans"),
        pytest.param("stores", pl.col("city") + "x", id="cities"),
        pytest.param("transactions", pl.col("transactions") + 1, id="transactions"),
        pytest.param("holidays_events", pl.col("description") + "x", id="holidays"),
    ],
)
def test_other_data_have_another_name(
    tables: Tables, tmp_path: Path, table: str, change: pl.Expr
) -> None:
    frames = frames_of(tables)
    other = Tables.of_frames({**frames, table: frames[table].with_columns(change)})
    assert build_snapshot(other, tmp_path).name != build_snapshot(tables, tmp_path).name


def test_name_begins_with_the_origin(tables: Tables, tmp_path: Path) -> None:
    assert build_snapshot(tables, tmp_path).name.startswith("2023-12-27-")


def test_csv_and_parquet_give_the_same_snapshot(tables: Tables, tmp_path: Path) -> None:
    folders = {form: tmp_path / form for form in ("csv", "parquet")}
    for folder in folders.values():
        folder.mkdir()
    # adds values with many digits, which a CSV file must keep exactly
    awkward = tables.train.with_columns(sales=pl.col("sales") / 3 + 0.1)
    for name, table in {**frames_of(tables), "train": awkward}.items():
        table.write_csv(folders["csv"] / f"{name}.csv")
        table.write_parquet(folders["parquet"] / f"{name}.parquet")
    assert f'"{WINE}"' in (folders["csv"] / "train.csv").read_text()
    artifacts = {
        form: build_snapshot(read_tables(folder), tmp_path / f"from {form}")
        for form, folder in folders.items()
    }
    assert artifacts["csv"].name == artifacts["parquet"].name
    assert files(artifacts["csv"].path) == files(artifacts["parquet"].path)
    ids = load_snapshot(artifacts["csv"].path).hierarchy.index
    assert TWO_WINE in ids


def regular_tables(tables: Tables, *, change: pl.Expr | None = None) -> Tables:
    """Return 60 days of two families of stores 2 and 10; each day sells 20 units more."""
    rows = [
        (FIRST + timedelta(day), store, family, 20.0 * (day + 1), 1.0)
        for day in range(60)
        for store in (2, 10)
        for family in (WINE, MILK)
    ]
    train = pl.DataFrame(
        rows,
        schema={column.name: column.dtype for column in SCHEMAS["train"]},
        orient="row",
    )
    return replace(tables, train=train if change is None else train.with_columns(change), test=None)


def test_undelivered_days_of_a_store_are_missing(tables: Tables, tmp_path: Path) -> None:
    whole = regular_tables(tables)
    newest = FIRST + timedelta(59)
    late = whole.train.filter((pl.col("store_nbr") != 2) | (pl.col("date") < newest - timedelta(1)))
    snapshot, complete = build(replace(whole, train=late), tmp_path), build(whole, tmp_path)
    assert np.isnan(sales(snapshot, TWO_WINE)[-2:]).all()
    assert sales(snapshot, TWO_WINE)[:-2] == sales(complete, TWO_WINE)[:-2]
    assert sales(snapshot, TEN_WINE) == sales(complete, TEN_WINE)
    for node in ("store:2", f"family:{WINE}", TOTAL):
        assert np.isnan(sales(snapshot, node)[-2:]).all(), "a part is not a sum"
    assert np.isnan(promotions(snapshot, TWO_WINE)[58:60]).all()
    assert promotions(snapshot, TEN_WINE)[58:60] == [1, 1]

    row = snapshot.hierarchy.index[TWO_WINE]
    assert snapshot.history[row, -1] == np.mean([20 * (60 - 7 * week) for week in (1, 2, 3, 4)])
    np.testing.assert_array_equal(
        snapshot.history, snapshot.hierarchy.aggregate(snapshot.history[5:])
    )
    days = np.array([57, 58, 59])
    targets = snapshot.targets(np.array([row, row + 2]), days)
    assert targets.tolist()[1] == [58 * 20, 59 * 20, 60 * 20]
    np.testing.assert_array_equal(targets[0], [58 * 20, np.nan, np.nan])
    assert snapshot.sales_known_through[[row, row + 2]].tolist() == [57, 59]
    assert snapshot.sales_known_through[0] == 57


def test_an_outlier_is_stored_and_excluded_from_training(tables: Tables, tmp_path: Path) -> None:
    is_cell = (
        (pl.col("date") == FIRST + timedelta(40))
        & (pl.col("store_nbr") == 2)
        & (pl.col("family") == MILK)
    )
    absurd = pl.when(is_cell).then(7501031311309.0).otherwise("sales").alias("sales")
    snapshot = build(regular_tables(tables, change=absurd), tmp_path)
    row = snapshot.hierarchy.index[TWO_MILK]
    assert snapshot.sales[row, 40] == 7501031311309
    assert snapshot.history[row, 40] == np.mean([20 * (41 - 7 * week) for week in (1, 2, 3, 4)])
    assert snapshot.history.max() < 10_000
    targets = snapshot.targets(slice(None), np.arange(snapshot.n_days))
    unusable = {snapshot.hierarchy.nodes[at].id for at in np.flatnonzero(np.isnan(targets[:, 40]))}
    assert unusable == {TOTAL, "store:2", f"family:{MILK}", TWO_MILK}
    assert not np.isnan(np.delete(targets, 40, axis=1)).any()


def test_outliers_of_promotions_and_transactions_are_missing(
    tables: Tables, tmp_path: Path
) -> None:
    on = (pl.col("date") == FIRST + timedelta(40)) & (pl.col("store_nbr") == 2)
    absurd = pl.when(on).then(1e9).otherwise("onpromotion").alias("onpromotion")
    visits = frame(
        "transactions",
        {
            "date": days(*range(60)),
            "store_nbr": [2] * 60,
            "transactions": [1e9 if day == 50 else 300.0 for day in range(60)],
        },
    )
    regular = regular_tables(tables, change=absurd)
    changed = replace(regular, others={**regular.others, "transactions": visits})
    snapshot = build(changed, tmp_path)
    assert np.isnan(promotions(snapshot, TWO_WINE)[40])
    assert promotions(snapshot, TEN_WINE)[40] == 1
    onpromotion = FAVORITA.covariate("onpromotion")
    assert snapshot.past_values(onpromotion, slice(40, 41)).tolist() == [[1]] * 4
    assert np.isnan(snapshot.covariates["transactions"][0, 50])
    assert np.nanmax(snapshot.covariates["transactions"]) == 300


def test_complete_tables_have_no_estimates(tables: Tables, tmp_path: Path) -> None:
    artifact = build_snapshot(regular_tables(tables), tmp_path)
    assert "estimated.npy" not in files(artifact.path)
    snapshot = load_snapshot(artifact.path)
    assert snapshot.history is snapshot.sales


def test_repeated_holidays_change_nothing(tables: Tables, tmp_path: Path) -> None:
    twice = replace(tables, holidays_events=pl.concat([tables.holidays_events] * 8))
    assert build_snapshot(twice, tmp_path).name == build_snapshot(tables, tmp_path).name


def test_promotions_of_a_series_are_known_as_far_as_its_rows_of_test(snapshot: Snapshot) -> None:
    """The tables have rows for some series only.

    Milk of store 2 has rows on the 1st and 3rd day after the origin, wine of store 10 on the 1st,
    wine of store 2 on none.
    """
    known = snapshot.known_lead["onpromotion"].tolist()
    lead = {node.id: days for node, days in zip(snapshot.hierarchy.nodes, known, strict=True)}
    assert lead == {
        TOTAL: 0,
        "store:2": 0,
        "store:10": 1,
        f"family:{WINE}": 0,
        f"family:{MILK}": 1,
        TWO_WINE: 0,
        TWO_MILK: 1,
        TEN_WINE: 1,
    }


def test_only_a_snapshot_of_the_demo_is_marked(demo_folder: Path, tmp_path: Path) -> None:
    """The manifest and the name of other data do not change."""
    tables = read_tables(demo_folder)
    plain = build_snapshot(tables, tmp_path)
    demo = build_snapshot(tables, tmp_path, demo=True)
    assert "demo" not in plain.facts
    assert not load_snapshot(plain.path).facts.demo
    assert demo.facts["demo"] is True
    assert load_snapshot(demo.path).facts.demo
    assert demo.name != plain.name


# --- series that begin ahead ------------------------------------------------------------------


def with_new_series(tables: Tables) -> Tables:
    """Return the tables with store 30, which begins three days ahead, and bread in store 2."""
    assert tables.test is not None
    new = frame(
        "test",
        {
            "id": [4, 5, 6],
            "date": days(7, 8, 5),
            "store_nbr": [30, 30, 2],
            "family": [MILK, MILK, "BREAD"],
            "onpromotion": [3.0, 0.0, 9.0],
        },
    )
    return replace(tables, test=pl.concat((tables.test, new)))


THIRTY_MILK, TWO_BREAD = "store:30/family:MILK", "store:2/family:BREAD"


def test_a_series_of_the_days_ahead_alone_is_announced(tables: Tables, tmp_path: Path) -> None:
    snapshot = build(with_new_series(tables), tmp_path)
    hierarchy = snapshot.hierarchy
    assert snapshot.begins is not None
    ids = [node.id for node in hierarchy.nodes[hierarchy.n_upper :]]
    begins = dict(zip(ids, snapshot.begins.tolist(), strict=True))
    assert begins == {TWO_BREAD: 1, TWO_WINE: 0, TWO_MILK: 0, TEN_WINE: 0, THIRTY_MILK: 3}
    announced = {hierarchy.nodes[row].id for row in np.flatnonzero(snapshot.announced)}
    assert announced >= {TWO_BREAD, THIRTY_MILK, "store:30", "family:BREAD"}
    assert not announced & {TOTAL, "store:2", "family:MILK", TWO_MILK}
    row = hierarchy.index[THIRTY_MILK]
    assert snapshot.first_sale[row] == snapshot.n_days
    assert hierarchy.bottoms["city"][row - hierarchy.n_upper] == "Cove"
    assert promotions(snapshot, THIRTY_MILK)[5:9] == pytest.approx(
        [np.nan, np.nan, 3, 0], nan_ok=True
    )


def test_the_past_of_an_announced_series_is_neither_learnt_from_nor_sold(
    tables: Tables, snapshot: Snapshot, tmp_path: Path
) -> None:
    new = build(with_new_series(tables), tmp_path / "new")
    rows = np.array([new.hierarchy.index[node] for node in (THIRTY_MILK, "store:30", TWO_WINE)])
    targets = new.targets(rows, np.arange(new.n_days))
    assert np.isnan(targets[:2]).all()
    assert not np.isnan(targets[2]).any()
    for node in (TOTAL, "store:2", "family:MILK", TWO_MILK):
        assert sales(new, node) == sales(snapshot, node)


def test_only_after_the_newest_origin_an_announced_series_may_sell(
    tables: Tables, tmp_path: Path
) -> None:
    snapshot = build(with_new_series(tables), tmp_path)
    row, newest = snapshot.hierarchy.index[THIRTY_MILK], snapshot.newest_origin
    assert snapshot.may_sell(newest)[row]
    assert not snapshot.may_sell(newest - 1)[row]
    bottom = row - snapshot.hierarchy.n_upper
    ahead = np.arange(1, 6)
    closed = snapshot.closed_ahead(newest, ahead)
    assert closed is not None
    assert closed[bottom].tolist() == [True, True, False, False, False]
    assert closed.sum() == 2
    assert snapshot.closed_ahead(newest - 1, ahead) is None


def test_covariates_of_other_nodes_do_not_depend_on_announced_series(
    tables: Tables, snapshot: Snapshot, tmp_path: Path
) -> None:
    """A shop that opens late would make those of all nodes above it unknown until then."""
    new = build(with_new_series(tables), tmp_path / "new")
    rows = [new.hierarchy.index[node.id] for node in snapshot.hierarchy.nodes]
    onpromotion = FAVORITA.covariate("onpromotion")

    def of_nodes(of: Snapshot) -> np.ndarray:
        return of.of_nodes(onpromotion, of.covariates["onpromotion"])

    np.testing.assert_array_equal(of_nodes(new)[rows], of_nodes(snapshot))
    np.testing.assert_array_equal(
        new.average(new.covariates["onpromotion"])[rows],
        snapshot.average(snapshot.covariates["onpromotion"]),
    )
    np.testing.assert_array_equal(
        new.known_lead["onpromotion"][rows], snapshot.known_lead["onpromotion"]
    )
    of_store = of_nodes(new)[new.hierarchy.index["store:30"]]
    assert of_store.tolist() == pytest.approx(promotions(new, THIRTY_MILK), nan_ok=True)


def test_tables_without_new_series_make_the_snapshot_that_they_made(snapshot: Snapshot) -> None:
    assert snapshot.begins is None
    assert not snapshot.announced.any()
