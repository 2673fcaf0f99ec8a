"""Undelivered days of sales and unplanned promotions are null in answers, never zero."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lifecycle.refresh import refresh
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease, load_release
from storage.artifacts import Store
from tests.contract.conftest import Client, FixedServing, LocalRunners, client_of

LATE_STORE, LATE_DAYS = 2, 3
PLANNED_STORE, PLANNED_DAYS = 1, 10
FAMILY = "LIQUOR,WINE,BEER"


@pytest.fixture(scope="module")
def late_release(trained: Store, demo_folder: Path, tmp_path_factory: Any) -> LoadedRelease:
    """The demo without the last days of one store, and with the plans of only one other."""
    root = tmp_path_factory.mktemp("late")
    store = Store(Path(shutil.copytree(trained.root, root / "artifacts")))
    folder = Path(shutil.copytree(demo_folder, root / "tables"))
    train, test = (pl.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))
    newest = train["date"].max()
    late = (pl.col("store_nbr") == LATE_STORE) & (pl.col("date") > newest - timedelta(LATE_DAYS))
    train.filter(~late).write_parquet(folder / "train.parquet")
    planned = (pl.col("store_nbr") == PLANNED_STORE) & (
        pl.col("date") <= newest + timedelta(PLANNED_DAYS)
    )
    test.filter(planned).write_parquet(folder / "test.parquet")
    _, release = refresh(store, folder)
    return load_release(store, release)


@pytest.fixture
def client(late_release: LoadedRelease) -> Client:
    runners = LocalRunners(late_release.engine)
    return client_of(FixedServing(Forecaster(late_release, runners, runners)))


@pytest.fixture
def delivered(newest: date) -> date:
    """The last day of the late store."""
    return newest - timedelta(LATE_DAYS)


@pytest.mark.parametrize(
    "node",
    [
        pytest.param({"store_nbr": LATE_STORE, "family": FAMILY}, id="bottom"),
        pytest.param({"store_nbr": LATE_STORE}, id="store"),
        pytest.param({"family": FAMILY}, id="family"),
        pytest.param({}, id="total"),
    ],
)
def test_sales_that_are_not_delivered_are_null(
    client: Client, node: dict[str, Any], newest: date, delivered: date
) -> None:
    first = (delivered - timedelta(1)).isoformat()
    days = client.post("/historical", **node, **{"from": first}).json()["days"]
    assert [day["units"] is None for day in days] == [False] * 2 + [True] * LATE_DAYS
    assert [day["onpromotion"] is None for day in days] == [False] * 2 + [True] * LATE_DAYS


def test_sales_of_other_stores_are_returned(client: Client) -> None:
    days = client.post("/historical", store_nbr=PLANNED_STORE).json()["days"]
    assert all(day["units"] is not None for day in days)


def test_a_forecast_of_late_days_has_no_actual(client: Client, delivered: date) -> None:
    response = client.post(
        "/predict/simple",
        store_nbr=LATE_STORE,
        family=FAMILY,
        date=delivered.isoformat(),
        horizon=15,
    )
    known = [day["actual"] is not None for day in response.json()["forecast"]]
    assert known == [True] + [False] * 14


def test_known_through_is_that_of_the_series(client: Client, newest: date, delivered: date) -> None:
    def known_through(store: int) -> dict[str, str]:
        fields = {"store_nbr": store, "family": FAMILY, "horizon": 15}
        forecast = client.post("/predict/simple", **fields).json()["known_through"]
        explained = client.post("/explain", **fields).json()["known_through"]
        adjusted = {"onpromotion": {"op": "set", "value": 1}}
        compared = client.post("/whatif", **fields, adjustments=adjusted).json()["known_through"]
        assert forecast == explained == compared
        return dict(forecast)

    planned = (newest + timedelta(PLANNED_DAYS)).isoformat()
    assert known_through(PLANNED_STORE) == {"onpromotion": planned}
    assert known_through(3) == {"onpromotion": newest.isoformat()}
    assert known_through(LATE_STORE) == {
        "onpromotion": newest.isoformat(),
        "sales": delivered.isoformat(),
    }


def test_series_of_one_batch_have_each_their_own(client: Client, newest: date) -> None:
    items = [{"store_nbr": store, "family": FAMILY, "horizon": 15} for store in (LATE_STORE, 3, 1)]
    answers = client.post("/predict/batch", predictions=items).json()["predictions"]
    planned = [date.fromisoformat(answer["known_through"]["onpromotion"]) for answer in answers]
    assert planned == [newest, newest, newest + timedelta(PLANNED_DAYS)]
    assert ["sales" in answer["known_through"] for answer in answers] == [True, False, False]


def test_all_promotions_are_known_as_far_as_those_of_every_series(
    client: Client, newest: date
) -> None:
    meta = client.get("/meta").json()
    assert meta["data"]["promotions_known_through"] == newest.isoformat()


def test_a_trend_that_rests_on_late_days_is_null(client: Client) -> None:
    tree = client.get("/hierarchy", horizon=90, depth=1, by="store").json()["tree"]
    previous = {node["id"]: node["previous"] for node in (tree, *tree["children"])}
    assert previous["total"] is None
    assert previous[f"store:{LATE_STORE}"] is None
    assert previous[f"store:{PLANNED_STORE}"] > 0


def test_forecasts_are_near_those_with_the_missing_days(
    late_release: LoadedRelease, serving_release: LoadedRelease
) -> None:
    """Estimates for the missing days are near the sales; zeros would be off by whole days."""
    index = late_release.engine.snapshot.hierarchy.index
    rows = [index[f"store:{LATE_STORE}"], index["total"]]
    late, whole = (
        release.forecasts.mean[rows, :7].sum(axis=1) for release in (late_release, serving_release)
    )
    np.testing.assert_allclose(late, whole, rtol=0.05)
    assert (late != whole).all()


def test_a_node_knows_promotions_as_far_as_all_its_series_do(late_release: LoadedRelease) -> None:
    engine = late_release.engine
    hierarchy = engine.snapshot.hierarchy
    lead = engine.snapshot.known_lead["onpromotion"]
    assert lead[hierarchy.index[f"store:{PLANNED_STORE}"]] == PLANNED_DAYS
    assert lead[hierarchy.index["total"]] == lead[hierarchy.index[f"family:{FAMILY}"]] == 0
