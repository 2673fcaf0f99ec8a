"""The demo tables: their documented effects, and equal bytes from equal seeds."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from features.data.build import build_snapshot
from features.data.calendar import HOLIDAY_TYPES, LOCALES, Holiday
from features.data.reading.schema import SCHEMAS
from features.data.snapshot_files import load_snapshot
from features.data.specification import FAVORITA
from features.data.tables import read_tables
from tests.support.tables import frames_of
from training.demo.generator import FIRST, LAST, demo_tables, write_demo

FAMILIES = [
    "BABY CARE",
    "BEVERAGES",
    "BOOKS",
    "DAIRY",
    "GROCERY I",
    "LIQUOR,WINE,BEER",
    "PRODUCE",
    "SCHOOL AND OFFICE SUPPLIES",
]
STORES_AS_TEXT = [1, 10, 11, 2, 21, 3]
SCHOOL = "SCHOOL AND OFFICE SUPPLIES"
Raw = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def raw(folder: Path) -> Raw:
    return {name: pl.read_parquet(folder / f"{name}.parquet") for name in SCHEMAS}


@pytest.fixture(scope="module")
def sold(raw: Raw) -> pl.DataFrame:
    """Return train from May 2023 on, without the store that opens last."""
    return raw["train"].filter(
        pl.col("date") >= date(2023, 5, 1),
        pl.col("store_nbr") != 21,
        pl.col("date") < date(2024, 6, 1),
    )


@pytest.fixture(scope="module")
def effects(raw: Raw) -> dict[str, float]:
    """Return the coefficients of a regression of the log of liquor sales.

    December is left out: its season would be taken for holidays.
    """
    holidays, day = raw["holidays_events"], pl.col("date")
    national = pl.col("locale") == "National"

    def on(*conditions: pl.Expr) -> pl.Expr:
        return day.is_in(holidays.filter(*conditions)["date"].to_list())

    local = holidays.filter(~national).select(day.cast(pl.String) + pl.col("locale_name"))
    observed = local.to_series().to_list()
    columns = {
        "payday": (day.dt.day() == 15) | (day == day.dt.month_end()),
        "promotion": pl.col("onpromotion").log1p(),
        "holiday": on(national, pl.col("type") == "Holiday", ~pl.col("transferred")),
        "transferred": on(pl.col("transferred")),
        "transfer": on(pl.col("type") == "Transfer"),
        "bridge": on(pl.col("type") == "Bridge"),
        "work day": on(pl.col("type") == "Work Day"),
        "Black Friday": on(pl.col("description") == "Black Friday"),
        "Mother's Day": on(pl.col("description") == "Mother's Day"),
        "local": pl.any_horizontal(
            (day.cast(pl.String) + pl.col(place)).is_in(observed) for place in ("city", "state")
        ),
        "trend": (day - FIRST).dt.total_days() / 365,
    }
    rows = raw["train"].filter(
        is_family("LIQUOR,WINE,BEER"),
        pl.col("sales") > 0,
        pl.col("store_nbr") != 21,
        day.dt.month() < 12,
        day.dt.ordinal_day() > 1,
    )
    rows = rows.join(raw["stores"], on="store_nbr")
    design = rows.select(
        *(column.cast(pl.Float64).alias(name) for name, column in columns.items()),
        "store_nbr",
        weekday=day.dt.weekday(),
        month=day.dt.month(),
    )
    dummies = design.to_dummies(["store_nbr", "weekday", "month"])
    coefficients = np.linalg.lstsq(dummies.to_numpy(), rows["sales"].log().to_numpy())[0]
    return dict(zip(dummies.columns, coefficients.tolist(), strict=True))


def mean_sales(frame: pl.DataFrame, *conditions: pl.Expr) -> float:
    mean = frame.filter(*conditions)["sales"].mean()
    assert isinstance(mean, float)
    return mean


def is_family(name: str) -> pl.Expr:
    return pl.col("family") == name


def test_tables_pass_the_checks_of_the_reader(folder: Path) -> None:
    tables = read_tables(folder)
    expected = demo_tables()
    for name, frame in frames_of(tables).items():
        assert_frame_equal(frame, frames_of(expected)[name])


def test_folder_is_made_and_returned(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert write_demo(folder) == folder
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}.parquet" for name in SCHEMAS
    )


def test_csv_files_are_read_as_the_same_tables(tmp_path: Path) -> None:
    tables, expected = read_tables(write_demo(tmp_path, csv=True)), demo_tables()
    for name, frame in frames_of(tables).items():
        assert_frame_equal(frame, frames_of(expected)[name])


def test_same_seed_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = write_demo(tmp_path)
    for name in SCHEMAS:
        file = f"{name}.parquet"
        assert (again / file).read_bytes() == (folder / file).read_bytes(), name


def test_another_seed_gives_other_sales() -> None:
    one, other = demo_tables(seed=1), demo_tables(seed=2)
    assert not one.train["sales"].equals(other.train["sales"])
    assert one.train.drop("sales", "onpromotion").equals(other.train.drop("sales", "onpromotion"))


def test_span_is_fixed(raw: Raw) -> None:
    days = raw["train"]["date"]
    assert (days.min(), days.max()) == (FIRST, LAST) == (date(2021, 1, 1), date(2024, 6, 30))
    planned = raw["test"]["date"].unique().sort().to_list()
    assert planned == [LAST + timedelta(step) for step in range(1, 17)]


def test_rows_are_ordered_by_date_store_as_text_and_family(raw: Raw) -> None:
    for name in ("train", "test"):
        frame = raw[name]
        keys = frame.select("date", pl.col("store_nbr").cast(pl.String), "family")
        assert keys.equals(keys.sort(keys.columns)), name
    day = raw["train"].filter(pl.col("date") == LAST)
    assert day["store_nbr"].unique(maintain_order=True).to_list() == STORES_AS_TEXT


def test_ids_count_on_from_train_to_test(raw: Raw) -> None:
    ids = [*raw["train"]["id"], *raw["test"]["id"]]
    assert ids == list(range(len(ids)))


def test_every_series_has_a_row_on_every_day_but_25_december(raw: Raw) -> None:
    days = set(raw["train"]["date"].to_list())
    span = {FIRST + timedelta(step) for step in range((LAST - FIRST).days + 1)}
    assert span - days == {date(year, 12, 25) for year in (2021, 2022, 2023)}
    counts = raw["train"].group_by("store_nbr", "family").len()
    assert counts.height == 48
    assert set(counts["len"]) == {len(days)}
    assert sorted(set(raw["train"]["family"])) == FAMILIES


def test_stores_differ_in_all_that_describes_them(raw: Raw) -> None:
    stores = raw["stores"]
    assert sorted(stores["store_nbr"]) == sorted(STORES_AS_TEXT)
    distinct = {column: stores[column].n_unique() for column in ("city", "state", "type")}
    assert distinct == {"city": 4, "state": 3, "type": 5}
    assert stores.group_by("city").agg(pl.col("state").n_unique())["state"].to_list() == [1] * 4
    assert stores["cluster"].n_unique() > 1


def test_shops_are_shut_on_25_december_and_nearly_so_on_1_january(raw: Raw) -> None:
    shut = (pl.col("date").dt.month() == 12) & (pl.col("date").dt.day() == 25)
    for name in ("train", "transactions"):
        assert raw[name].filter(shut).is_empty(), name
    daily = raw["train"].group_by("date").agg(pl.col("sales").sum())
    new_year = daily.filter(pl.col("date").dt.ordinal_day() == 1)["sales"]
    usual = daily["sales"].median()
    assert isinstance(usual, float)
    assert new_year.len() == 4
    assert all(0 < units < 0.1 * usual for units in new_year)
    visited = raw["transactions"].filter(pl.col("date").dt.ordinal_day() == 1)
    assert visited["store_nbr"].to_list() == [1] * 4


@pytest.mark.parametrize(
    ("store", "first"),
    [(1, FIRST), (11, date(2022, 5, 16)), (21, date(2024, 5, 2))],
    ids=["always open", "second year", "60 days before the end"],
)
def test_stores_open_at_different_times(raw: Raw, store: int, first: date) -> None:
    store_rows = pl.col("store_nbr") == store
    assert raw["train"].filter(store_rows, pl.col("sales") > 0)["date"].min() == first
    assert raw["transactions"].filter(store_rows)["date"].min() == first
    before = raw["train"].filter(store_rows, pl.col("date") < first)
    assert before["onpromotion"].sum() == 0


def test_last_store_opens_about_60_days_before_the_end(raw: Raw) -> None:
    firsts = raw["transactions"].group_by("store_nbr").agg(pl.col("date").min())["date"]
    newest = firsts.max()
    assert isinstance(newest, date)
    assert (LAST - newest).days + 1 == 60


def test_one_store_is_closed_for_six_weeks(raw: Raw) -> None:
    rows = raw["train"].filter(pl.col("store_nbr") == 3, is_family("GROCERY I"))
    shut = rows.filter(pl.col("sales") == 0, pl.col("date").dt.ordinal_day() > 1)["date"].to_list()
    assert shut == [date(2023, 3, 6) + timedelta(step) for step in range(42)]
    traffic = raw["transactions"].filter(pl.col("store_nbr") == 3, pl.col("date").is_in(shut))
    assert traffic.is_empty()


def test_one_family_starts_late_everywhere(raw: Raw) -> None:
    firsts = raw["train"].filter(pl.col("sales") > 0).group_by("family").agg(pl.col("date").min())
    late = firsts.filter(pl.col("date") > date(2021, 3, 1))
    assert late.rows() == [("PRODUCE", date(2021, 6, 1))]


def test_one_series_never_sells_and_some_hardly_ever(raw: Raw) -> None:
    shares = (
        raw["train"]
        .group_by("store_nbr", "family")
        .agg(sold=(pl.col("sales") > 0).mean(), units=pl.col("sales").sum())
    )
    never = shares.filter(pl.col("units") == 0).select("store_nbr", "family").rows()
    assert never == [(3, "BOOKS")]
    baby = shares.filter(is_family("BABY CARE"), pl.col("store_nbr").is_in([2, 10]))
    assert all(0 < share < 0.1 for share in baby["sold"])


def test_books_are_intermittent(sold: pl.DataFrame) -> None:
    books = sold.filter(is_family("BOOKS"), pl.col("store_nbr") != 3)["sales"]
    assert 0.4 < (books == 0).mean() < 0.9  # type: ignore[operator]
    assert books.max() >= 4  # type: ignore[operator]


def test_produce_is_weighed_and_the_rest_counted(raw: Raw) -> None:
    weighed = is_family("PRODUCE")
    produce = raw["train"].filter(weighed)["sales"]
    counted = raw["train"].filter(~weighed)["sales"]
    assert produce.equals(produce.round(3))
    assert (produce != produce.round(2)).mean() > 0.5  # type: ignore[operator]
    assert counted.equals(counted.round(0))


@pytest.mark.parametrize(
    ("family", "ratio"), [("LIQUOR,WINE,BEER", 1.4), ("GROCERY I", 1.2), ("DAIRY", 1.1)]
)
def test_weekends_sell_more(sold: pl.DataFrame, family: str, ratio: float) -> None:
    weekend = pl.col("date").dt.weekday() >= 6
    rows = sold.filter(is_family(family))
    assert mean_sales(rows, weekend) > ratio * mean_sales(rows, ~weekend)


@pytest.mark.parametrize("store", [1, 2, 3])
def test_school_supplies_have_a_strong_season(sold: pl.DataFrame, store: int) -> None:
    rows = sold.filter(is_family(SCHOOL), pl.col("store_nbr") == store)
    season = pl.col("date").dt.month().is_in([8, 9])
    assert mean_sales(rows, season) > 4 * mean_sales(rows, ~season)


@pytest.mark.parametrize("store", [10, 11])
def test_school_season_of_one_state_is_another(sold: pl.DataFrame, store: int) -> None:
    rows = sold.filter(is_family(SCHOOL), pl.col("store_nbr") == store)
    spring, autumn = (pl.col("date").dt.month().is_in(part) for part in ([4, 5], [8, 9]))
    assert mean_sales(rows, spring) > 4 * mean_sales(rows, autumn)


def test_december_lifts_liquor(sold: pl.DataFrame) -> None:
    rows = sold.filter(is_family("LIQUOR,WINE,BEER"))
    late = (pl.col("date").dt.month() == 12) & (pl.col("date").dt.day() > 15)
    november = pl.col("date").dt.month() == 11
    assert mean_sales(rows, late) > 1.5 * mean_sales(rows, november)


def test_sales_grow_slowly(raw: Raw) -> None:
    rows = raw["train"].filter(is_family("DAIRY"), pl.col("store_nbr").is_in([1, 2, 10]))
    years = [mean_sales(rows, pl.col("date").dt.year() == year) for year in (2021, 2022, 2023)]
    assert years == sorted(years)
    assert 1.02 < years[2] / years[1] < 1.25


@pytest.mark.parametrize(
    "family", ["BEVERAGES", "DAIRY", "GROCERY I", "LIQUOR,WINE,BEER", "PRODUCE"]
)
def test_promotions_sell_more_on_the_same_weekday(sold: pl.DataFrame, family: str) -> None:
    """Days with a promotion are compared with others of the same store, weekday and family."""
    rows = sold.filter(is_family(family)).with_columns(
        weekday=pl.col("date").dt.weekday(),
        usual=pl.col("onpromotion").mean().over("store_nbr", pl.col("date").dt.weekday()),
    )
    lively = rows.filter(pl.col("usual") >= 0.5 * pl.col("usual").max().over("store_nbr"))
    promoted = pl.col("onpromotion") >= pl.col("usual")
    lift = lively.group_by("store_nbr", "weekday").agg(
        on=pl.col("sales").filter(promoted).mean(), off=pl.col("sales").filter(~promoted).mean()
    )
    assert lift.height >= 5
    assert lift.select((pl.col("on") / pl.col("off")).mean()).item() > 1.08


def test_promotions_rise_and_are_planned_by_weekday(raw: Raw) -> None:
    rows = raw["train"].filter(is_family("GROCERY I"), pl.col("store_nbr") == 1)
    yearly = [
        int(rows.filter(pl.col("date").dt.year() == year)["onpromotion"].sum())
        for year in (2021, 2022, 2023)
    ]
    assert yearly == sorted(yearly)
    assert yearly[2] > 1.5 * yearly[0]
    weekly = rows.group_by(pl.col("date").dt.weekday()).agg(pl.col("onpromotion").mean())
    busiest = weekly.sort("onpromotion")["date"].to_list()[-3:]
    assert sorted(busiest) == [4, 5, 6]


def test_promotions_are_planned_for_the_days_of_test(raw: Raw) -> None:
    planned = raw["test"]
    assert planned.height == 48 * 16
    assert (planned.group_by("date").agg(pl.col("onpromotion").sum())["onpromotion"] > 0).all()
    assert planned.filter(is_family("BOOKS"))["onpromotion"].sum() == 0


def test_holidays_are_of_every_type_and_place(raw: Raw) -> None:
    holidays, stores = raw["holidays_events"], raw["stores"]
    assert set(holidays["type"]) == set(HOLIDAY_TYPES)
    assert set(holidays["locale"]) == set(LOCALES)
    regional = holidays.filter(pl.col("locale") == "Regional")["locale_name"]
    local = holidays.filter(pl.col("locale") == "Local")["locale_name"]
    assert set(regional) == set(stores["state"])
    assert set(local) == set(stores["city"])
    names = set(holidays["description"])
    assert {"Black Friday", "Mother's Day"} <= names


def test_transferred_holidays_move_to_a_later_friday(raw: Raw) -> None:
    rows = [Holiday.model_validate(row) for row in raw["holidays_events"].to_dicts()]
    moved = [row for row in rows if row.transferred]
    transfers = [row for row in rows if row.type == "Transfer"]
    assert len(moved) == len(transfers) >= 4
    for one, other in zip(moved, transfers, strict=True):
        assert other.description == f"Traslado {one.name}"
        assert 0 < (other.date - one.date).days < 7
        assert other.date.weekday() == 4
        assert not other.transferred


def test_bridges_are_made_up_for_on_a_saturday(raw: Raw) -> None:
    rows = raw["holidays_events"]
    bridges = rows.filter(pl.col("type") == "Bridge")["date"].to_list()
    work = rows.filter(pl.col("type") == "Work Day")["date"].to_list()
    assert len(bridges) == len(work) >= 2
    for bridge, made_up in zip(bridges, work, strict=True):
        assert bridge.weekday() in (0, 4)
        assert made_up.weekday() == 5
        assert 0 < (made_up - bridge).days <= 8


@pytest.mark.parametrize(
    ("kind", "transferred"),
    [("Transfer", False), ("Holiday", True), ("Bridge", False), ("Work Day", False)],
    ids=["transfer", "transferred", "bridge", "work day"],
)
def test_the_days_to_forecast_have_special_days(raw: Raw, kind: str, transferred: bool) -> None:
    ahead = raw["holidays_events"].filter(
        pl.col("date") > LAST, pl.col("date") <= LAST + timedelta(FAVORITA.horizon)
    )
    rows = ahead.filter(pl.col("type") == kind, pl.col("transferred") == transferred)
    assert not rows.is_empty()


def test_holidays_are_listed_until_120_days_after_train(raw: Raw) -> None:
    last = raw["holidays_events"]["date"].max()
    assert isinstance(last, date)
    assert (last - LAST).days >= 120


@pytest.mark.parametrize(
    ("effect", "least", "most"),
    [
        ("payday", 0.1, 0.4),
        ("promotion", 0.15, 0.25),
        ("holiday", 0.35, 0.8),
        ("transfer", 0.3, 0.8),
        ("bridge", 0.2, 0.9),
        ("transferred", -0.2, 0.2),
        ("work day", -0.7, -0.1),
        ("Black Friday", 0.2, 0.8),
        ("Mother's Day", 0.1, 0.5),
        ("local", 0.2, 0.6),
        ("trend", 0.05, 0.2),
    ],
)
def test_known_covariates_change_sales(
    effects: dict[str, float], effect: str, least: float, most: float
) -> None:
    assert least < effects[effect] < most


def test_oil_has_working_days_only_and_gaps(raw: Raw) -> None:
    oil = raw["oil"]
    assert oil["date"].dt.weekday().max() == 5
    assert oil["date"].is_sorted()
    assert oil["dcoilwtico"][0] is None
    assert 10 < oil["dcoilwtico"].null_count() < 0.1 * oil.height
    price = oil["dcoilwtico"].drop_nulls()
    assert price.equals(price.round(2))
    assert (price > 5).all()


def test_transactions_follow_sales(raw: Raw) -> None:
    daily = raw["train"].group_by("date", "store_nbr").agg(pl.col("sales").sum())
    open_days = daily.filter(pl.col("sales") > 0)
    both = open_days.join(raw["transactions"], on=["date", "store_nbr"])
    assert both.height == open_days.height == raw["transactions"].height
    related = both.group_by("store_nbr").agg(pl.corr("sales", "transactions"))
    assert (related["sales"] > 0.9).all()


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("stores", ["store_nbr"]),
        ("oil", ["date"]),
        ("transactions", ["date", "store_nbr"]),
        ("holidays_events", ["date", "locale_name"]),
    ],
    ids=["stores", "oil", "transactions", "holidays_events"],
)
def test_other_tables_are_sorted_too(raw: Raw, name: str, keys: list[str]) -> None:
    assert raw[name].select(keys).equals(raw[name].select(keys).sort(keys))


def test_a_snapshot_is_built_from_them(tmp_path: Path) -> None:
    snapshot = load_snapshot(build_snapshot(demo_tables(), tmp_path).path)
    assert snapshot.facts.origin == LAST
    assert snapshot.lead == 16
    assert len(snapshot.hierarchy) == 1 + 6 + 8 + 48
    assert snapshot.hierarchy.nodes[1].id == "store:1"
    never = snapshot.hierarchy.index["store:3/family:BOOKS"]
    assert snapshot.first_sale[never] == snapshot.n_days
