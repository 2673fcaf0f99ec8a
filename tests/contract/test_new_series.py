"""Series without sales that the days ahead announce are served by every call."""

from __future__ import annotations

import io
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from features.data.tables import read_tables
from models.serving.release import LoadedRelease, load_release
from storage.artifacts import Store
from tests.contract.conftest import Client, client_of_release, make_once, train_once
from tests.support.shops import (
    CLOSED_WEEKDAY,
    LAST,
    NEW_DEPARTMENT,
    NEW_SHOP,
    OPENING,
    announce_series,
    write_shops,
)
from training.forecast_file import forecast_file
from training.recipe import Recipe

pytestmark = pytest.mark.slow

EXACT = 1e-9
DAYS = 28
OPENS = {"shop": NEW_SHOP, "department": "food"}
LISTED = {"shop": "A1", "department": NEW_DEPARTMENT}
OLD = {"shop": "A1", "department": "food"}


@pytest.fixture(scope="session")
def announced(shared_folder: Path) -> Path:
    """Tables of a retailer that opens a shop, and lists a department in another."""
    return make_once(
        shared_folder / "announced", lambda folder: announce_series(write_shops(folder))
    )


@pytest.fixture(scope="session")
def store(shared_folder: Path, announced: Path, recipe: Recipe) -> Store:
    return train_once(shared_folder / "announced-artifacts", announced, recipe)


@pytest.fixture(scope="session")
def release(store: Store) -> LoadedRelease:
    return load_release(store, store.current())


@pytest.fixture
def client(release: LoadedRelease) -> Client:
    return client_of_release(release)


def predictions(answer: dict[str, Any]) -> np.ndarray:
    return np.array([day["prediction"] for day in answer["forecast"]])


def open_days() -> np.ndarray:
    """Return which days ahead are none on which all shops are closed."""
    days = [LAST + timedelta(number) for number in range(1, DAYS + 1)]
    return np.array([day.weekday() != CLOSED_WEEKDAY for day in days])


def test_the_check_warns_of_them_in_one_line(announced: Path) -> None:
    report = read_tables(announced).report
    (warning,) = [kind for kind in report.warnings if kind.first.code == "new-series"]
    assert warning.count == 1
    assert warning.first.message.startswith("3 series not in the sales table are taken for new")


def test_they_are_exceptions_with_what_is_forecast(client: Client) -> None:
    answer = client.get("/exceptions", kind="new-series", level="bottom").json()
    assert answer["counts"] == {"new-series": 3}
    for entry in answer["exceptions"]:
        assert (entry["reference"], entry["change"]) == (0, None)
        assert entry["detail"].startswith("Announced, without sales so far. Forecast: ")


def test_a_shop_that_opens_sells_like_its_neighbours_from_its_first_day(client: Client) -> None:
    answer = client.post("/forecast", series=OPENS, horizon=DAYS).json()
    assert answer["method"] == "analogue"
    likes = [
        predictions(client.post("/forecast", series={**OPENS, "shop": shop}, horizon=DAYS).json())
        for shop in ("A1", "A2")
    ]
    expected = np.mean(likes, axis=0)
    expected[: OPENING - 1] = 0
    np.testing.assert_allclose(predictions(answer), expected, rtol=EXACT)
    for day in answer["forecast"][: OPENING - 1]:
        assert (day["lower_80"], day["upper_80"]) == (0, 0)


def test_a_department_that_is_listed_sells_like_those_of_its_shop(client: Client) -> None:
    answer = client.post("/forecast", series=LISTED, horizon=DAYS).json()
    assert answer["method"] == "analogue"
    likes = [
        predictions(
            client.post("/forecast", series={**LISTED, "department": name}, horizon=DAYS).json()
        )
        for name in ("food", "toys", "garden tools")
    ]
    np.testing.assert_allclose(predictions(answer), np.mean(likes, axis=0), rtol=EXACT)
    assert (predictions(answer) > 0).tolist() == open_days().tolist()


@pytest.mark.parametrize("series", [OPENS, LISTED], ids=["shop", "department"])
def test_its_intervals_are_wider_than_those_of_a_series_with_a_past(
    client: Client, series: dict[str, str]
) -> None:
    def width(of: dict[str, str]) -> np.ndarray:
        days = client.post("/forecast", series=of, horizon=DAYS).json()["forecast"]
        return np.array([np.sqrt(day["upper_80"]) - np.sqrt(day["lower_80"]) for day in days])

    days = open_days() & (np.arange(1, DAYS + 1) >= OPENING)
    assert (width(series)[days] > 1.5 * width(OLD)[days]).all()


def test_a_sum_of_its_days_has_an_interval(client: Client) -> None:
    answer = client.post("/forecast", series=OPENS, horizon=DAYS, period="week").json()
    last = answer["periods"][-2]
    assert 0 < last["lower_80"] < last["prediction"] < last["upper_80"]


def test_every_node_is_the_sum_of_its_series(release: LoadedRelease) -> None:
    hierarchy, mean = release.engine.snapshot.hierarchy, release.forecasts.mean
    np.testing.assert_allclose(mean, hierarchy.aggregate(mean[hierarchy.n_upper :]), rtol=EXACT)
    assert mean[hierarchy.index[f"shop:{NEW_SHOP}"], OPENING - 1 :].sum() > 0


def test_it_is_a_leaf_of_the_hierarchy(client: Client) -> None:
    tree = client.get("/hierarchy", by="shop", horizon=DAYS).json()["tree"]
    (shop,) = [child for child in tree["children"] if child["id"] == f"shop:{NEW_SHOP}"]
    assert len(shop["children"]) == 2
    assert shop["prediction"] == pytest.approx(
        sum(child["prediction"] for child in shop["children"]), rel=EXACT
    )
    assert tree["prediction"] == pytest.approx(
        sum(child["prediction"] for child in tree["children"]), rel=EXACT
    )


def test_an_earlier_origin_knows_nothing_of_it(client: Client) -> None:
    day = (LAST - timedelta(30)).isoformat()
    answer = client.post("/forecast", series=LISTED, date=day, horizon=7).json()
    assert answer["method"] == "zero_never_sold"
    assert not predictions(answer).any()


def test_a_batch_and_meta_and_the_past_name_it(client: Client) -> None:
    items = [{"series": OPENS, "horizon": DAYS}, {"node": f"shop:{NEW_SHOP}", "horizon": 3}]
    first, second = client.post("/predict/batch", predictions=items).json()["predictions"]
    assert (first["method"], second["method"]) == ("analogue", "sum")
    meta = client.get("/meta").json()
    assert NEW_SHOP in meta["series"]["shop"]
    assert NEW_DEPARTMENT in meta["series"]["department"]
    past = client.post("/historical", series=OPENS, limit=3).json()["days"]
    assert [day["units"] for day in past] == [0, 0, 0]


def test_a_table_has_its_rows(client: Client) -> None:
    answer = client.request(
        "POST",
        "/forecast",
        json={"series": OPENS, "horizon": DAYS},
        headers={"Accept": "application/vnd.apache.parquet"},
    )
    table = pl.read_parquet(io.BytesIO(answer.content))
    assert set(table["shop"]) == {NEW_SHOP}


def test_its_explanation_names_its_analogues(client: Client) -> None:
    day = (LAST + timedelta(OPENING)).isoformat()
    answer = client.post("/explain", series=OPENS, date=day).json()
    assert answer["method"] == "analogue"
    assert answer["analogues"] == ["shop:A1/department:food", "shop:A2/department:food"]
    assert answer["not_explained"] == {"series": 1, "units": answer["prediction"]}
    assert answer["explained_share"] == 0
    whole = client.post("/explain", series={"shop": NEW_SHOP}, date=day, horizon=3).json()
    assert (whole["method"], whole["analogues"]) == ("sum", [])
    assert whole["not_explained"]["series"] == 2
    known = client.post("/explain", series=OLD, date=day).json()
    assert known["analogues"] == []


def test_a_whatif_moves_it_through_its_analogues_alone(client: Client) -> None:
    adjustments = {"promo": 1}
    own = client.post("/whatif", series=OPENS, horizon=DAYS, adjustments=adjustments).json()
    assert own["delta"] == 0
    whole = client.post(
        "/whatif", series={"department": "food"}, horizon=DAYS, adjustments=adjustments
    ).json()
    children = {child["id"]: child["delta"] for child in whole["children"]}
    assert children["shop:C1/department:food"] != 0
    assert sum(children.values()) == pytest.approx(whole["delta"], rel=EXACT)


def test_a_whatif_of_an_analogue_moves_no_new_series_elsewhere(client: Client) -> None:
    """Shop A1 is an analogue of the new shop."""
    analogue = {"shop": "A1", "department": "food"}
    answer = client.post("/whatif", series=analogue, horizon=DAYS, adjustments={"promo": 1}).json()
    assert answer["delta"] != 0
    for ancestor in answer["ancestors"]:
        assert ancestor["delta"] == pytest.approx(answer["delta"], rel=EXACT)
    assert answer["moved_by_reconciliation"] == []


def test_a_relative_whatif_of_all_series_needs_no_value_of_the_new_ones(client: Client) -> None:
    """The department has no price, and the shop none before it opens."""
    adjustments = {"price": {"op": "multiply", "value": 0.9}}
    answer = client.post("/whatif", horizon=DAYS, adjustments=adjustments).json()
    assert answer["delta"] != 0


def test_the_file_of_forecasts_has_its_rows(announced: Path, store: Store, tmp_path: Path) -> None:
    own = Store(Path(shutil.copytree(store.root, tmp_path / "artifacts")))
    out = tmp_path / "forecast.csv"
    forecast_file(announced, own, out)
    rows = pl.read_csv(out).filter(pl.col("shop") == NEW_SHOP)
    assert len(rows) == 2 * (DAYS - OPENING + 1)
    assert rows["Menge"].sum() > 0
