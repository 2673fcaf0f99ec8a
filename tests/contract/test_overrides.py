"""Planners' overrides: made, previewed, listed, withdrawn, and served by every forecast call."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from sqlalchemy import Engine

from api.forecasts.planning import Planning
from errors import Code
from features.data.snapshot import Snapshot
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.override_store import OverrideStore
from tests.contract.conftest import Client, FixedServing, LocalRunners, client_of
from tests.support.clock import Clock

NODE = "store:1/family:DAIRY"
STORE = "store:1"
FAMILY = "family:DAIRY"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def wall() -> Clock[datetime]:
    return Clock(NOW)


@pytest.fixture
def client_on(
    database: Engine, wall: Clock[datetime], serving_release: LoadedRelease, runners: LocalRunners
) -> Callable[..., Client]:
    """Make one more worker over the same database."""

    def client_on(release: LoadedRelease = serving_release) -> Client:
        serving = FixedServing(Forecaster(release, runners, runners))
        return client_of(serving, planning=Planning(OverrideStore(database, wall)))

    return client_on


@pytest.fixture
def planner(client_on: Callable[..., Client]) -> Client:
    return client_on()


@pytest.fixture
def first(newest: date) -> date:
    return newest + timedelta(3)


Override = dict[str, Any]


def fields_of(first: date, days: int = 2, **fields: Any) -> Override:
    """Return a request that doubles a series; keyword arguments override."""
    span = {"from": first.isoformat(), "to": (first + timedelta(days - 1)).isoformat()}
    return {"node": NODE, **span, "op": "multiply", "value": 2, **fields}


def make(client: Client, override: Override) -> dict[str, Any]:
    response = client.post("/overrides", **override)
    assert response.status_code == 201, response.text
    document: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/overrides/{document['id']}"
    return document


def forecast(client: Client, node: str = NODE, **fields: Any) -> dict[str, Any]:
    response = client.post("/forecast", **{"node": node, "horizon": 15, **fields})
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def predictions(document: dict[str, Any]) -> list[float]:
    return [day["prediction"] for day in document["forecast"]]


# --- make, preview, withdraw ------------------------------------------------------------------


def test_a_made_override_alters_adjusted_forecasts_and_no_others(
    planner: Client, first: date
) -> None:
    before = forecast(planner)
    made = make(planner, fields_of(first, reason="promotion", note="Leaflet"))
    plain, adjusted = forecast(planner), forecast(planner, adjusted=True)
    assert plain == before
    assert (plain["adjusted"], adjusted["adjusted"]) == (False, True)
    expected = predictions(before)
    expected[2:4] = [2 * value for value in expected[2:4]]
    assert predictions(adjusted) == pytest.approx(expected)
    assert [day["statistical"] for day in adjusted["forecast"]] == predictions(before)
    assert [day["intervals"] for day in adjusted["forecast"]] == [
        day["intervals"] for day in before["forecast"]
    ]
    assert (made["state"], made["reason"], made["note"]) == ("active", "promotion", "Leaflet")
    assert [day["before"] for day in made["days"]] == predictions(before)[2:4]
    assert [day["result"] for day in made["days"]] == pytest.approx(expected[2:4])
    assert made["total"]["delta"] == pytest.approx(sum(expected[2:4]) / 2)
    assert made["now"]["holds"] is True
    assert made["revision"] == 1


def test_a_stored_day_has_the_statistical_forecast_and_its_intervals(
    planner: Client, first: date
) -> None:
    (day, _) = make(planner, fields_of(first))["days"]
    of_day = forecast(planner)["forecast"][2]
    for name in ("date", "lower_80", "upper_80", "lower_95", "upper_95"):
        assert day[name] == of_day[name]
    assert day["statistical"] == of_day["prediction"]
    assert day["actual"] is None


@pytest.mark.parametrize("node", [NODE, STORE, FAMILY, "total"])
def test_all_levels_add_up_with_overrides(planner: Client, first: date, node: str) -> None:
    make(planner, fields_of(first, node=node, op="set", value=5000))
    make(planner, fields_of(first, node=STORE, op="add", value=100))
    for by in ("store", "family"):
        tree = planner.get("/hierarchy", by=by, date=first, adjusted="true").json()["tree"]
        waiting = [tree]
        while waiting:
            each = waiting.pop()
            if each["children"]:
                total = sum(child["prediction"] for child in each["children"])
                assert total == pytest.approx(each["prediction"], rel=1e-9, abs=1e-6)
                waiting += each["children"]


def test_the_answer_shows_the_changes_above_and_below(planner: Client, first: date) -> None:
    made = make(planner, fields_of(first, node=STORE, op="add", value=10))
    assert [each["id"] for each in made["ancestors"]][-1] == "total"
    assert [each["delta"] for each in made["ancestors"]] == pytest.approx(
        [20.0] * len(made["ancestors"])
    )
    assert sum(each["delta"] for each in made["children"]) == pytest.approx(20)
    assert len(made["children"]) > 1


def test_a_preview_says_the_same_and_stores_nothing(planner: Client, first: date) -> None:
    previewed = planner.post("/overrides/preview", **fields_of(first))
    assert previewed.status_code == 200
    assert planner.get("/overrides").json() == {"overrides": [], "next": None, "revision": 0}
    made = make(planner, fields_of(first))
    assert previewed.json() == {**made, "id": None, "revision": 0}


def test_a_withdrawn_override_no_longer_counts_and_stays_listed(
    planner: Client, first: date
) -> None:
    before = predictions(forecast(planner))
    number = make(planner, fields_of(first))["id"]
    withdrawn = planner.request("DELETE", f"/overrides/{number}").json()
    assert (withdrawn["state"], withdrawn["withdrawn_by"]) == ("withdrawn", "local")
    assert predictions(forecast(planner, adjusted=True)) == before
    again = planner.request("DELETE", f"/overrides/{number}")
    assert (again.status_code, again.json()) == (200, withdrawn)
    assert planner.get(f"/overrides/{number}").json() == withdrawn
    (listed,) = planner.get("/overrides", state="withdrawn").json()["overrides"]
    assert listed == withdrawn
    assert planner.get("/overrides").json()["revision"] == 2


@pytest.mark.parametrize("number", ["999", "0", "x", "1" * 30])
def test_an_override_that_there_is_not_is_not_found(planner: Client, number: str) -> None:
    for method in ("GET", "DELETE"):
        planner.problem(planner.request(method, f"/overrides/{number}"), Code.NOT_FOUND)


def test_units_of_a_period_are_shared_in_the_proportions_of_the_forecast(
    planner: Client, first: date
) -> None:
    before = np.array(predictions(forecast(planner))[2:6])
    made = make(planner, fields_of(first, 4, op="set", value=1000, spread="period"))
    results = [day["result"] for day in made["days"]]
    assert results == pytest.approx(1000 * before / before.sum())
    assert made["total"]["result"] == pytest.approx(1000)


def test_overrides_apply_in_the_order_in_which_they_were_made(planner: Client, first: date) -> None:
    lower = make(planner, fields_of(first, 1, op="set", value=300))
    upper = make(planner, fields_of(first, 1, node=STORE, value=3))
    day = forecast(planner, adjusted=True)["forecast"][2]
    assert day["prediction"] == pytest.approx(900)
    listed = {each["id"]: each["now"] for each in planner.get("/overrides").json()["overrides"]}
    assert listed[lower["id"]]["requested"] == pytest.approx(300)
    assert listed[lower["id"]]["result"] == pytest.approx(900)
    assert listed[lower["id"]]["holds"] is False
    assert listed[upper["id"]]["holds"] is True


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "fields", "pointers"),
    [
        pytest.param(-3, {}, ["/from", "/to"], id="days that are sold"),
        pytest.param(88, {}, ["/to"], id="a day beyond the horizon"),
        pytest.param(0, {"to": "2024-07-01"}, ["/from"], id="a last day before the first"),
        pytest.param(0, {"op": "set", "value": -1}, ["/value"], id="less than nothing"),
        pytest.param(0, {"value": 101}, ["/value"], id="a factor above 100"),
        pytest.param(0, {"expires_at": "2026-03-01T12:00:00Z"}, ["/expires_at"], id="expired"),
        pytest.param(
            -3,
            {"value": -1, "expires_at": "2020-01-01T00:00:00Z"},
            ["/from", "/to", "/value", "/expires_at"],
            id="all of it",
        ),
        pytest.param(0, {"op": "add", "value": -1e6}, ["/value"], id="more than there is"),
    ],
)
def test_what_cannot_be_done_is_refused_with_every_fault(
    planner: Client, newest: date, days: int, fields: Override, pointers: list[str]
) -> None:
    override = fields_of(newest + timedelta(days + 2), **fields)
    for path in ("/overrides", "/overrides/preview"):
        problem = planner.problem(planner.post(path, **override), Code.INVALID_OVERRIDE)
        assert [fault["pointer"] for fault in problem["errors"]] == pointers
    assert planner.get("/overrides").json()["revision"] == 0


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        pytest.param({"node": "store:99"}, Code.INVALID_NODE, "/node", id="a node"),
        pytest.param({"op": "divide"}, Code.INVALID_REQUEST, "/op", id="an operation"),
        pytest.param({"value": "2"}, Code.INVALID_REQUEST, "/value", id="a value"),
        pytest.param({"reason": "mood"}, Code.INVALID_REQUEST, "/reason", id="a reason"),
        pytest.param({"note": "n" * 501}, Code.INVALID_REQUEST, "/note", id="a long note"),
        pytest.param({"note": "a\0b"}, Code.INVALID_REQUEST, "/note", id="a control character"),
        pytest.param({"from": "soon"}, Code.INVALID_DATE, "/from", id="a date"),
    ],
)
def test_a_field_that_is_not_as_described_is_refused(
    planner: Client, first: date, fields: Override, code: Code, pointer: str
) -> None:
    problem = planner.problem(planner.post("/overrides", **fields_of(first, **fields)), code)
    assert problem["errors"][0]["pointer"] == pointer


def test_an_add_below_zero_names_the_day_and_what_there_is(planner: Client, first: date) -> None:
    there = predictions(forecast(planner))[2]
    response = planner.post("/overrides", **fields_of(first, op="add", value=-1e5))
    detail = planner.problem(response, Code.INVALID_OVERRIDE)["detail"]
    assert f"On {first} the forecast is {there:.10g}; with -100000 it would be" in detail


# --- warnings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        pytest.param({"value": 1.001}, ["small", "upward"], id="a little more"),
        pytest.param({"value": 0.999}, ["small"], id="a little less"),
        pytest.param({"value": 1}, ["no-change"], id="the same"),
        pytest.param({"value": 50}, ["outside-band"], id="far more"),
    ],
)
def test_a_planner_is_warned_of_the_size_of_a_change(
    planner: Client, first: date, fields: Override, codes: list[str]
) -> None:
    made = make(planner, fields_of(first, **fields))
    assert [warning["code"] for warning in made["warnings"]] == codes


def test_a_planner_is_warned_of_other_overrides_of_the_same_series(
    planner: Client, first: date
) -> None:
    other = make(planner, fields_of(first, node=FAMILY))
    make(planner, fields_of(first, node="store:2/family:BOOKS"))
    made = planner.post("/overrides/preview", **fields_of(first, node=STORE, value=3)).json()
    warnings = {warning["code"]: warning["detail"] for warning in made["warnings"]}
    assert f"{other['id']} of local ({FAMILY}" in warnings["overlap"]
    assert FAMILY in warnings["moves"]
    assert "BOOKS" not in warnings["overlap"]


# --- two planners -----------------------------------------------------------------------------


def test_a_planner_who_has_not_seen_a_change_of_the_same_series_is_refused(
    planner: Client, client_on: Callable[..., Client], first: date
) -> None:
    seen = planner.get("/overrides").json()["revision"]
    other = make(client_on(), fields_of(first, node=STORE))
    for path in ("/overrides", "/overrides/preview"):
        response = planner.post(path, **fields_of(first, revision=seen))
        problem = planner.problem(response, Code.CONFLICT)
        detail = problem["detail"]
        assert detail.startswith(f"Since revision {seen}: override {other['id']} of local (store:1")
        assert [fault["pointer"] for fault in problem["errors"]] == ["/revision"]
        assert "was made at 2026-03-01T12:00:00+00:00" in detail
    seen = planner.get("/overrides").json()["revision"]
    made = make(planner, fields_of(first, revision=seen))
    client_on().request("DELETE", f"/overrides/{other['id']}")
    response = planner.post("/overrides", **fields_of(first, revision=made["revision"]))
    detail = planner.problem(response, Code.CONFLICT)["detail"]
    assert "was withdrawn by local at" in detail


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"node": "store:2/family:BOOKS"}, id="other series"),
        pytest.param({"days": 30}, id="other days"),
    ],
)
def test_changes_of_other_series_or_days_do_not_conflict(
    planner: Client, first: date, other: dict[str, Any]
) -> None:
    shift = other.pop("days", 0)
    make(planner, fields_of(first + timedelta(shift), **other))
    assert make(planner, fields_of(first, revision=0))["revision"] == 2


def test_a_revision_that_there_is_not_is_refused(planner: Client, first: date) -> None:
    response = planner.post("/overrides", **fields_of(first, revision=7))
    problem = planner.problem(response, Code.CONFLICT)
    assert problem["errors"][0]["pointer"] == "/revision"


def test_a_repeated_request_makes_no_second_override(planner: Client, first: date) -> None:
    def send(**fields: Any) -> httpx.Response:
        headers = {"Idempotency-Key": "f2b6"}
        return planner.request(
            "POST", "/overrides", json=fields_of(first, **fields), headers=headers
        )

    made, repeated = send(), send()
    assert (made.status_code, repeated.status_code) == (201, 200)
    changes = ("ancestors", "children", "warnings")
    assert {name: of for name, of in repeated.json().items() if name not in changes} == {
        name: of for name, of in made.json().items() if name not in changes
    }
    planner.problem(send(value=3), Code.CONFLICT)
    assert planner.get("/overrides").json()["revision"] == 1


# --- lists ------------------------------------------------------------------------------------


def test_overrides_are_listed_page_by_page_newest_first(planner: Client, first: date) -> None:
    numbers = [make(planner, fields_of(first, node=node))["id"] for node in (NODE, STORE, FAMILY)]
    page = planner.get("/overrides", limit=2).json()
    assert [each["id"] for each in page["overrides"]] == numbers[:0:-1]
    rest = planner.get("/overrides", limit=2, before=page["next"]).json()
    assert [each["id"] for each in rest["overrides"]] == numbers[:1]
    assert rest["next"] is None


def test_a_list_is_filtered_by_node_days_and_state(planner: Client, first: date) -> None:
    number = make(planner, fields_of(first))["id"]
    make(planner, fields_of(first + timedelta(10), node=STORE))

    def listed(**query: Any) -> list[int]:
        return [each["id"] for each in planner.get("/overrides", **query).json()["overrides"]]

    assert listed(node=NODE) == [number]
    assert listed(to=first) == [number]
    assert listed(**{"from": first + timedelta(1)}, to=first + timedelta(1)) == [number]
    assert listed(state="active", node=NODE) == [number]
    assert listed(state="withdrawn") == listed(state="expired") == listed(state="over") == []


def test_an_override_expires(planner: Client, wall: Clock[datetime], first: date) -> None:
    before = predictions(forecast(planner))
    end = NOW + timedelta(hours=1)
    number = make(planner, fields_of(first, expires_at=end.isoformat()))["id"]
    assert predictions(forecast(planner, adjusted=True)) != before
    wall.now = end
    assert predictions(forecast(planner, adjusted=True)) == before
    expired = planner.get(f"/overrides/{number}").json()
    assert (expired["state"], expired["now"]) == ("expired", None)
    assert planner.get("/overrides", state="active").json()["overrides"] == []
    assert len(planner.get("/overrides", state="expired").json()["overrides"]) == 1


# --- forecasts --------------------------------------------------------------------------------


def test_a_series_of_the_simple_call_is_adjusted(planner: Client, first: date) -> None:
    make(planner, fields_of(first))
    payload = {"store_nbr": 1, "family": "DAIRY", "horizon": 15}
    plain = planner.post("/predict/simple", **payload).json()
    adjusted = planner.post("/predict/simple", **payload, adjusted=True).json()
    assert (plain["adjusted"], adjusted["adjusted"]) == (False, True)
    assert predictions(adjusted)[2] == pytest.approx(2 * predictions(plain)[2])
    assert adjusted["statistical"] == plain["prediction"]
    assert "statistical" not in plain


def test_sums_of_days_are_adjusted(planner: Client, first: date) -> None:
    make(planner, fields_of(first, op="add", value=7))
    fields: dict[str, Any] = {"period": "horizon", "quantiles": [0.1, 0.9]}
    plain, adjusted = forecast(planner, **fields), forecast(planner, **fields, adjusted=True)
    for before, after in zip(plain["forecast"], adjusted["forecast"], strict=True):
        assert after["quantiles"] == before["quantiles"]
    (plain,), (adjusted,) = plain["periods"], adjusted["periods"]
    assert adjusted["prediction"] == pytest.approx(plain["prediction"] + 14)
    assert adjusted["statistical"] == plain["prediction"]
    assert adjusted["intervals"] == plain["intervals"]
    assert adjusted["quantiles"] == plain["quantiles"]


def test_each_item_of_a_batch_says_whether_it_is_adjusted(planner: Client, first: date) -> None:
    make(planner, fields_of(first))
    items = [
        {"store_nbr": 1, "family": "DAIRY", "horizon": 15},
        {"store_nbr": 1, "family": "DAIRY", "horizon": 15, "adjusted": True},
        {"node": NODE, "horizon": 15, "adjusted": True},
        {"node": "total", "horizon": 15},
    ]
    answers = planner.post("/predict/batch", predictions=items).json()["predictions"]
    assert [each["adjusted"] for each in answers] == [False, True, True, False]
    plain, adjusted, node, _ = answers
    assert predictions(adjusted)[2] == pytest.approx(2 * predictions(plain)[2])
    assert node["forecast"] == adjusted["forecast"]
    make(planner, fields_of(first + timedelta(5)))
    again = planner.post("/predict/batch", predictions=items).json()["predictions"]
    assert predictions(again[1])[7] == pytest.approx(2 * predictions(plain)[7]), "not cached"
    assert (again[0], again[3]) == (answers[0], answers[3])


def test_rows_of_csv_are_adjusted(planner: Client, first: date) -> None:
    make(planner, fields_of(first))
    body = "store_nbr,family,horizon,adjusted\n1,DAIRY,4,true\n1,DAIRY,4,false\n1,DAIRY,4,\n"

    def send(body: str) -> list[dict[str, str]]:
        headers = {"Content-Type": "text/csv"}
        response = planner.request("POST", "/predict/batch", content=body, headers=headers)
        return list(csv.DictReader(io.StringIO(response.text)))

    rows = send(body)
    assert float(rows[2]["prediction"]) == pytest.approx(2 * float(rows[6]["prediction"]))
    assert rows[2]["statistical"] == rows[6]["prediction"] == rows[10]["prediction"]
    assert rows[6]["statistical"] == ""
    assert "statistical" not in send("store_nbr,family,horizon\n1,DAIRY,4\n")[0]
    (refused,) = send("store_nbr,family,horizon,adjusted\n1,DAIRY,4,perhaps\n")
    assert refused["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize("path", ["/forecast", "/hierarchy"])
def test_tables_have_the_statistical_forecast_beside_an_adjusted_one(
    planner: Client, first: date, path: str
) -> None:
    make(planner, fields_of(first))

    def table(**fields: Any) -> pl.DataFrame:
        headers = {"Accept": "application/vnd.apache.parquet"}
        if path == "/forecast":
            payload = {"node": NODE, "horizon": 15, **fields}
            response = planner.request("POST", path, json=payload, headers=headers)
        else:
            query = {"node": STORE, "horizon": "15", **fields}
            response = planner.request("GET", path, params=query, headers=headers)
        return pl.read_parquet(io.BytesIO(response.content))

    plain, adjusted = table(), table(adjusted=True if path == "/forecast" else "true")
    assert "statistical" not in plain.columns
    assert adjusted["statistical"].to_list() == plain["prediction"].to_list()
    assert adjusted["prediction"].sum() > plain["prediction"].sum()


def test_forecasts_from_older_origins_do_not_know_an_override(
    planner: Client, newest: date
) -> None:
    """A past day is forecast as of the day before it; 30 days then reach the overridden ones."""
    make(planner, fields_of(newest + timedelta(3)))
    past = {"date": (newest - timedelta(5)).isoformat(), "horizon": 30}
    adjusted = forecast(planner, **past, adjusted=True)
    assert predictions(adjusted) == predictions(forecast(planner, **past))


# --- the cache --------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["/forecast", "/predict/simple", "/hierarchy"])
def test_an_adjusted_answer_is_cached_and_never_stale(
    planner: Client, client_on: Callable[..., Client], first: date, call: str
) -> None:
    worker = client_on()

    def send(client: Client) -> httpx.Response:
        if call == "/hierarchy":
            return client.get(call, node=NODE, date=first, by="store", adjusted="true")
        names = {"node": NODE} if call == "/forecast" else {"store_nbr": 1, "family": "DAIRY"}
        return client.post(call, **names, date=first.isoformat(), horizon=1, adjusted=True)

    def units(response: httpx.Response) -> float:
        document = response.json()
        day = document["tree"] if call == "/hierarchy" else document["forecast"][0]
        value: float = day["prediction"]
        return value

    before = send(planner)
    assert send(planner).headers["x-cache"] == "hit"
    number = make(worker, fields_of(first))["id"]
    doubled = send(planner)
    assert doubled.headers["x-cache"] == "miss"
    assert units(doubled) == pytest.approx(2 * units(before))
    assert send(planner).headers["x-cache"] == "hit"
    worker.request("DELETE", f"/overrides/{number}")
    assert units(send(planner)) == units(before)
    make(worker, fields_of(first, value=3))
    assert units(send(planner)) == pytest.approx(3 * units(before))


def test_plain_forecasts_do_not_need_the_database(planner: Client, database: Engine) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("drop table overrides")
    assert forecast(planner)["adjusted"] is False
    response = planner.post("/forecast", node=NODE, horizon=15, adjusted=True)
    planner.problem(response, Code.OVERRIDES_UNAVAILABLE)
    items = [{"node": NODE, "horizon": 15}, {"node": NODE, "horizon": 15, "adjusted": True}]
    plain, failed = planner.post("/predict/batch", predictions=items).json()["predictions"]
    assert plain["adjusted"] is False
    assert failed["code"] == "OVERRIDES_UNAVAILABLE"


# --- a new release ----------------------------------------------------------------------------


def with_forecast(release: LoadedRelease, factor: float) -> LoadedRelease:
    """Return a release whose model forecasts other units."""
    forecasts = dataclasses.replace(release.forecasts, mean=release.forecasts.mean * factor)
    return dataclasses.replace(release, forecasts=forecasts)


def test_a_standing_override_applies_to_the_forecast_of_a_new_release(
    planner: Client,
    client_on: Callable[..., Client],
    serving_release: LoadedRelease,
    first: date,
) -> None:
    make(planner, fields_of(first, 1))
    make(planner, fields_of(first + timedelta(1), 1, op="set", value=777))
    newer = client_on(with_forecast(serving_release, 1.5))
    statistical = predictions(forecast(newer))
    adjusted = predictions(forecast(newer, adjusted=True))
    assert adjusted[2] == pytest.approx(2 * statistical[2])
    assert adjusted[3] == pytest.approx(777)


def test_what_a_new_release_makes_negative_is_zero_and_reported(
    planner: Client,
    client_on: Callable[..., Client],
    serving_release: LoadedRelease,
    first: date,
) -> None:
    there = predictions(forecast(planner))[2]
    made = make(planner, fields_of(first, 1, op="add", value=-0.9 * there))
    assert made["now"]["floored"] is False
    newer = client_on(with_forecast(serving_release, 0.5))
    assert predictions(forecast(newer, adjusted=True))[2] == 0
    assert newer.get(f"/overrides/{made['id']}").json()["now"]["floored"] is True


def test_a_new_release_without_any_forecast_gets_equal_shares(
    planner: Client,
    client_on: Callable[..., Client],
    serving_release: LoadedRelease,
    first: date,
) -> None:
    made = make(planner, fields_of(first, 1, node=STORE, op="set", value=100))
    assert made["now"]["equal_shares"] is False
    newer = client_on(with_forecast(serving_release, 0))
    assert newer.get(f"/overrides/{made['id']}").json()["now"]["equal_shares"] is True
    tree = newer.get("/hierarchy", node=STORE, date=first, adjusted="true").json()["tree"]
    assert len({child["prediction"] for child in tree["children"]}) == 1
    response = newer.post("/overrides", **fields_of(first, node=STORE, op="set", value=50))
    problem = newer.problem(response, Code.INVALID_OVERRIDE)
    assert problem["errors"][0]["pointer"] == "/node"


def test_value_added_is_scored_once_days_are_sold(
    planner: Client, client_on: Callable[..., Client], snapshot: Snapshot, database: Engine
) -> None:
    """The record is dated back, to days whose sales are known."""
    day = snapshot.date_at(snapshot.newest_origin)
    made = make(planner, fields_of(day + timedelta(1), 1, value=3))
    assert made["value_added"] is None
    later, now = (day + timedelta(1)).isoformat(), day.isoformat()
    with database.begin() as connection:
        connection.exec_driver_sql(
            "update overrides set first = ?, last = ?, statistical = replace(statistical, ?, ?), "
            "days = replace(days, ?, ?)",
            (now, now, later, now, later, now),
        )
    scored = client_on().get(f"/overrides/{made['id']}").json()
    sold = float(snapshot.sales[snapshot.hierarchy.index[NODE], snapshot.newest_origin])
    (of_day,) = scored["days"]
    assert (scored["state"], of_day["actual"]) == ("over", sold)
    assert scored["value_added"] == {
        "days": 1,
        "statistical_error": pytest.approx(abs(of_day["statistical"] - sold)),
        "adjusted_error": pytest.approx(abs(of_day["result"] - sold)),
    }
