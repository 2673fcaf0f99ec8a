"""Weekly sales are served like daily ones, in weeks."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sqlalchemy import Engine

from api.forecasts.planning import Planning
from errors import Code
from examples.writer import write_example
from features.data.snapshot import Snapshot
from models.serving.release import LoadedRelease, load_release
from storage.artifacts import Store
from storage.override_store import OverrideStore
from tests.contract.conftest import Client, client_of_release, make_once, train_once
from training.forecast_file import forecast_file
from training.recipe import Recipe

pytestmark = pytest.mark.slow

HORIZON = 39
SERIES = {"Store": "1", "Dept": "2"}
EXACT = 1e-9


@pytest.fixture(scope="session")
def tables(shared_folder: Path) -> Path:
    return make_once(
        shared_folder / "weekly", lambda folder: write_example("hypermarkets", folder, scale=0.3)
    )


@pytest.fixture(scope="session")
def store(shared_folder: Path, tables: Path, recipe: Recipe) -> Store:
    return train_once(shared_folder / "weekly-artifacts", tables, recipe)


@pytest.fixture(scope="session")
def release(store: Store) -> LoadedRelease:
    return load_release(store, store.current())


@pytest.fixture
def snapshot(release: LoadedRelease) -> Snapshot:
    return release.engine.snapshot


@pytest.fixture
def client(release: LoadedRelease) -> Client:
    return client_of_release(release)


def dates(days: list[dict[str, Any]]) -> list[date]:
    return [date.fromisoformat(day["date"]) for day in days]


def test_meta_states_the_step_and_the_horizon(client: Client) -> None:
    meta = client.get("/meta").json()
    assert (meta["step"], meta["max_horizon"]) == ("week", HORIZON)
    assert meta["horizons"] == [4, 8, 13, 26]
    last, reached = (date.fromisoformat(meta[of]["last"]) for of in ("data", "forecast"))
    assert reached - last == timedelta(weeks=HORIZON)


def test_a_forecast_has_a_value_for_each_week(client: Client, snapshot: Snapshot) -> None:
    answer = client.post("/forecast", series=SERIES, horizon=13).json()
    weeks = [snapshot.facts.origin + timedelta(weeks=number) for number in range(1, 14)]
    assert dates(answer["forecast"]) == weeks
    for week in answer["forecast"]:
        assert week["lower_95"] <= week["prediction"] <= week["upper_95"]


def test_a_sum_of_weeks_has_an_interval_of_its_own(client: Client) -> None:
    answer = client.post("/forecast", node="total", horizon=13, period="horizon").json()
    (whole,) = answer["periods"]
    assert whole["days"] == 13
    assert whole["prediction"] == pytest.approx(
        sum(week["prediction"] for week in answer["forecast"])
    )
    widths = [week["upper_80"] - week["lower_80"] for week in answer["forecast"]]
    assert 0 < whole["upper_80"] - whole["lower_80"] < sum(widths)


@pytest.mark.parametrize(
    ("body", "code", "fragment"),
    [
        pytest.param(
            {"horizon": HORIZON + 1},
            Code.INVALID_HORIZON,
            f"A number of at most {HORIZON} is expected, not {HORIZON + 1}",
            id="too far",
        ),
        pytest.param(
            {"horizon": 2, "date": "2031-01-03"},
            Code.INVALID_DATE,
            "A forecast of 2 weeks may begin from",
            id="too late",
        ),
    ],
)
def test_what_no_forecast_reaches_is_refused(
    client: Client, body: dict[str, Any], code: Code, fragment: str
) -> None:
    assert (
        fragment in client.problem(client.post("/forecast", node="total", **body), code)["detail"]
    )


def test_exceptions_are_looked_for_in_the_next_four_weeks(
    client: Client, snapshot: Snapshot
) -> None:
    answer = client.get("/exceptions", kind="last-year", limit=500).json()
    assert answer["horizon"] == 4
    index = snapshot.hierarchy.index
    before = snapshot.n_days - 52
    for entry in answer["exceptions"]:
        sold = snapshot.sales[index[entry["node"]], before : before + 4].sum()
        assert entry["reference"] == pytest.approx(sold)
    checked = client.get("/exceptions").json()
    assert checked["not_checked"] == []
    assert checked["counts"].keys() >= {"last-year", "recent", "outside-band", "stockout"}


def test_a_past_week_is_forecast_from_the_week_before(client: Client, snapshot: Snapshot) -> None:
    past = snapshot.facts.origin - timedelta(weeks=10)
    answer = client.post("/forecast", node="total", horizon=2, date=past.isoformat()).json()
    assert answer["origin"] == (past - timedelta(weeks=1)).isoformat()
    assert [week["actual"] for week in answer["forecast"]] == pytest.approx(
        snapshot.sales[0, -11:-9].tolist()
    )


def test_a_tree_of_any_level_adds_up(client: Client) -> None:
    for by in ("Type/Store", "Dept"):
        tree = client.get("/hierarchy", by=by, horizon=13).json()["tree"]
        parts = sum(child["prediction"] for child in tree["children"])
        assert tree["prediction"] == pytest.approx(parts, rel=EXACT)


def test_an_explanation_names_only_what_weeks_have(client: Client) -> None:
    answer = client.post("/explain", series=SERIES).json()
    steps = answer["base_units"] + sum(group["units"] for group in answer["groups"])
    whole = steps + answer["cut"] + answer["reconciliation"]
    assert whole == pytest.approx(answer["prediction"], rel=1e-5)
    assert "weekday" not in {group["name"] for group in answer["groups"]}
    names = {feature["name"] for feature in answer["features"]}
    assert {"mean_28", "year_value", "IsHoliday"} <= names
    assert not names & {"weekday", "recent_3", "days_to_payday"}


def test_a_whatif_moves_parents_and_children_alike(client: Client) -> None:
    answer = client.post(
        "/whatif", series={"Dept": "1"}, horizon=13, adjustments={"MarkDown": 9000}
    ).json()
    children = sum(child["delta"] for child in answer["children"])
    assert children == pytest.approx(answer["delta"], rel=EXACT)


def test_the_file_of_forecasts_has_the_weeks_ahead(
    tables: Path, store: Store, tmp_path: Path
) -> None:
    out = tmp_path / "forecast.csv"
    own = Store(Path(shutil.copytree(store.root, tmp_path / "artifacts")))
    forecast_file(tables, own, out)
    written, wanted = pl.read_csv(out), pl.read_csv(tables / "test.csv")
    assert written["Date"].to_list() == wanted["Date"].to_list()
    assert written["Weekly_Sales"].min() >= 0  # type: ignore[operator]


def test_the_calibration_learns_from_origins_near_the_end(release: LoadedRelease) -> None:
    """A model frozen 39 weeks earlier would not have seen the year twice."""
    calibration = release.engine.bundle.metrics["calibration"]
    snapshot = release.engine.snapshot
    last = date.fromisoformat(calibration["origins"]["last"])
    assert snapshot.index_of(last) == snapshot.newest_origin - 1
    assert release.forecasts.mean.shape[1] == HORIZON
    assert np.isfinite(release.forecasts.mean).all()


# --- overrides --------------------------------------------------------------------------------


@pytest.fixture
def planner(release: LoadedRelease, database: Engine) -> Client:
    return client_of_release(release, planning=Planning(OverrideStore(database)))


def test_an_override_is_of_weeks(planner: Client, snapshot: Snapshot) -> None:
    first, last = (snapshot.facts.origin + timedelta(weeks=number) for number in (2, 4))
    span = {"from": first.isoformat(), "to": last.isoformat()}
    override = {"series": SERIES, **span, "op": "set", "value": 300, "spread": "period"}
    made = planner.post("/overrides", **override).json()
    assert dates(made["days"]) == [first, first + timedelta(7), last]
    assert made["total"]["result"] == pytest.approx(300)
    answer = planner.post("/forecast", series=SERIES, horizon=5, adjusted=True).json()
    assert sum(week["prediction"] for week in answer["forecast"][1:4]) == pytest.approx(300)


def test_a_day_that_names_no_week_cannot_be_overridden(planner: Client, snapshot: Snapshot) -> None:
    week = snapshot.facts.origin + timedelta(weeks=2)
    span = {"from": (week + timedelta(1)).isoformat(), "to": (week + timedelta(7)).isoformat()}
    override = {"series": SERIES, **span, "op": "multiply", "value": 2}
    problem = planner.problem(planner.post("/overrides", **override), Code.INVALID_OVERRIDE)
    (fault,) = problem["errors"]
    assert fault["pointer"] == "/from"
    assert f"{week} and {week + timedelta(7)} do" in fault["detail"]
