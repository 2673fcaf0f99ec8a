"""POST /predict/simple: one series, day by day."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import anyio
import httpx
import numpy as np
import pytest

from api.schemas.requests import HORIZONS
from config.paths import ROOT
from errors import Code
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from features.data.step import Step
from features.state import MIN_HISTORY_DAYS
from models.engine import ForecastEngine
from models.methods import Method
from models.serving.forecaster import MAX_CONCURRENT
from models.serving.release import LoadedRelease
from storage.artifacts import Release

SERIES = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER"}
NODE = "store:1/family:LIQUOR,WINE,BEER"
every_horizon = pytest.mark.parametrize("horizon", HORIZONS[Step.DAY])


def dates_of(answer: dict[str, Any]) -> list[date]:
    return [date.fromisoformat(day["date"]) for day in answer["forecast"]]


def predictions(answer: dict[str, Any]) -> list[float]:
    return [day["prediction"] for day in answer["forecast"]]


def from_day(first: date, days: int) -> list[date]:
    return [first + timedelta(number) for number in range(days)]


@every_horizon
def test_the_newest_forecast_is_that_of_the_engine(
    simple: Callable, engine: ForecastEngine, newest: date, horizon: int
) -> None:
    """Every number is what the model and the reconciliation say, day by day."""
    answer = simple(horizon=horizon).json()
    assert dates_of(answer) == from_day(newest + timedelta(1), horizon)
    row = engine.snapshot.hierarchy.index[NODE]
    coherent = engine.forecast(engine.snapshot.newest_origin, np.arange(1, horizon + 1))
    np.testing.assert_allclose(predictions(answer), coherent.values[row], rtol=1e-6)


def test_the_answer_states_its_model_and_data(
    simple: Callable, release: Release, newest: date, snapshot: Snapshot
) -> None:
    answer = simple(horizon=15).json()
    days = answer.pop("forecast")
    assert answer == {
        **SERIES,
        "date": (newest + timedelta(1)).isoformat(),
        "horizon": 15,
        "adjusted": False,
        **{key: value for key, value in days[0].items() if key != "actual"},
        "origin": newest.isoformat(),
        "method": "model",
        "model_version": release.bundle,
        "model_trained_through": newest.isoformat(),
        "in_sample": False,
        "known_through": {
            "onpromotion": snapshot.facts.known_through.isoformat(),
        },
        "snapshot": {"origin": newest.isoformat(), "digest": release.snapshot.rpartition("-")[2]},
        "degraded": False,
    }
    assert [day["actual"] for day in days] == [None] * 15


def test_ninety_days_are_ninety_different_forecasts(simple: Callable, newest: date) -> None:
    """Features that were averaged over the past would give each weekday, or each day, the same."""
    answer = simple(horizon=90).json()
    assert len(set(dates_of(answer))) == 90
    assert len(set(predictions(answer))) > 60
    assert min(predictions(answer)) >= 0
    weeks = np.array(predictions(answer)[:84]).reshape(12, 7)
    assert (weeks.std(axis=0) > 0).all(), "a weekday has one number for the whole quarter"


def test_a_shorter_horizon_is_the_beginning_of_a_longer_one(simple: Callable) -> None:
    longest = predictions(simple(horizon=90).json())
    for horizon in (15, 30, 60):
        assert predictions(simple(horizon=horizon).json()) == longest[:horizon]


def test_equal_requests_have_equal_answers_byte_for_byte(simple: Callable) -> None:
    """The request's id, the only difference, is in the headers."""
    first, second = simple(horizon=30), simple(horizon=30)
    assert first.content == second.content
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


def test_the_newest_origin_needs_no_run_of_the_model(simple: Callable, runners: Any) -> None:
    assert simple(horizon=90).status_code == 200
    assert runners.inferred == []


# --- methods ----------------------------------------------------------------------------------


def test_a_series_that_never_sold_is_zero_and_says_so(client: Any) -> None:
    answer = client.post("/predict/simple", store_nbr=3, family="BOOKS", horizon=90).json()
    assert answer["method"] == "zero_never_sold"
    assert set(predictions(answer)) == {0}
    assert answer["degraded"] is False


@pytest.mark.parametrize(
    ("store", "day", "method"),
    [
        pytest.param(21, date(2024, 5, 2), "zero_never_sold", id="opens that day"),
        pytest.param(21, date(2024, 5, 6), "model_new", id="opened 4 days ago"),
        pytest.param(21, date(2024, 6, 30), "model", id="opened 59 days ago"),
        pytest.param(3, date(2023, 4, 3), "model_idle", id="closed for 28 days"),
        pytest.param(3, date(2023, 4, 2), "model", id="closed for 27 days"),
    ],
)
def test_a_past_forecast_states_the_method_of_its_origin(
    client: Any, store: int, day: date, method: str
) -> None:
    """Store 21 opens on 2 May 2024, store 3 is closed from 6 March to 16 April 2023."""
    fields = {"store_nbr": store, "family": "BEVERAGES", "date": day.isoformat(), "horizon": 15}
    answer = client.post("/predict/simple", **fields).json()
    assert answer["method"] == method
    assert np.isfinite(predictions(answer)).all()
    assert min(predictions(answer)) >= 0


def test_every_method_that_an_answer_may_name_is_documented() -> None:
    text = (ROOT / "docs" / "explanation" / "forecasts.md").read_text(encoding="utf-8")
    assert all(f"| `{method}` |" in text for method in Method)


# --- other days -------------------------------------------------------------------------------


@pytest.mark.parametrize("ago", [0, 10, 200], ids=lambda days: f"{days} days ago")
def test_a_past_day_is_forecast_from_the_day_before_with_what_was_sold(
    simple: Callable, engine: ForecastEngine, snapshot: Snapshot, newest: date, ago: int
) -> None:
    first = newest - timedelta(ago)
    answer = simple(date=first.isoformat(), horizon=30).json()
    assert answer["origin"] == (first - timedelta(1)).isoformat()
    assert answer["date"] == first.isoformat()
    assert answer["in_sample"] is True
    assert dates_of(answer) == from_day(first, 30)
    row = snapshot.hierarchy.index[NODE]
    sold = [float(value) for value in snapshot.sales[row, snapshot.index_of(first) :][:30]]
    unknown = [None] * (30 - len(sold))
    assert [day["actual"] for day in answer["forecast"]] == sold + unknown
    coherent = engine.forecast(snapshot.index_of(first) - 1, np.arange(1, 31))
    np.testing.assert_allclose(predictions(answer), coherent.values[row], rtol=1e-6)


def test_a_past_day_takes_one_run_of_the_model_for_the_series_alone(
    simple: Callable, runners: Any, engine: ForecastEngine, newest: date
) -> None:
    assert engine.is_separable
    simple(date=newest.isoformat(), horizon=15)
    assert runners.inferred == [15]


def test_what_was_sold_later_does_not_change_a_past_forecast(
    simple: Callable, newest: date
) -> None:
    """The same target days, from origins a week apart, are two different forecasts."""
    earlier, later = (newest - timedelta(days) for days in (20, 13))
    first = simple(date=earlier.isoformat(), horizon=15).json()
    second = simple(date=later.isoformat(), horizon=15).json()
    assert dates_of(first)[7:] == dates_of(second)[:8]
    assert predictions(first)[7:] != predictions(second)[:8]


@pytest.mark.parametrize(("offset", "in_sample"), [(-1, True), (0, True), (1, False), (20, False)])
def test_a_past_forecast_states_whether_its_days_are_in_sample(
    client_with: Callable,
    serving_release: LoadedRelease,
    newest: date,
    offset: int,
    in_sample: bool,
) -> None:
    """The model of this test was trained through 30 days before the newest origin."""
    trained_through = newest - timedelta(30)
    engine = copy(serving_release.engine)
    facts = engine.bundle.facts.model_copy(update={"trained_through": trained_through})
    engine.bundle = replace(engine.bundle, facts=facts)
    client = client_with(release=replace(serving_release, engine=engine))
    first = trained_through + timedelta(offset)
    answer = client.post("/predict/simple", **SERIES, date=first.isoformat(), horizon=15).json()
    assert answer["model_trained_through"] == trained_through.isoformat()
    assert answer["in_sample"] is in_sample


def test_a_later_day_is_part_of_the_newest_forecast(simple: Callable, newest: date) -> None:
    later = simple(date=(newest + timedelta(31)).isoformat(), horizon=60).json()
    whole = simple(horizon=90).json()
    assert later["origin"] == newest.isoformat()
    assert later["forecast"] == whole["forecast"][30:]
    assert later["prediction"] == whole["forecast"][30]["prediction"]


def test_the_first_day_with_enough_history_can_be_asked(
    simple: Callable, snapshot: Snapshot
) -> None:
    first = snapshot.facts.first_date + timedelta(MIN_HISTORY_DAYS)
    assert simple(date=first.isoformat(), horizon=15).status_code == 200


def test_days_out_of_range_are_refused(
    client: Any, simple: Callable, snapshot: Snapshot, newest: date
) -> None:
    early = snapshot.facts.first_date + timedelta(MIN_HISTORY_DAYS - 1)
    late = newest + timedelta(FAVORITA.horizon - 15 + 2)
    for day in (early, late, date.min, date.max):
        response = simple(date=day.isoformat(), horizon=15)
        problem = client.problem(response, Code.INVALID_DATE)
        assert [error["pointer"] for error in problem["errors"]] == ["/date"]
        assert (newest + timedelta(FAVORITA.horizon - 14)).isoformat() in problem["detail"]


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [None, 0, 91, -15, "15", 15.5])
def test_a_horizon_is_a_number_of_days_up_to_90(
    client: Any, simple: Callable, horizon: object
) -> None:
    problem = client.problem(simple(horizon=horizon), Code.INVALID_HORIZON)
    assert "expected" in problem["detail"]


@pytest.mark.parametrize("horizon", [1, 14, 16, 45])
def test_any_number_of_days_is_forecast(simple: Callable, horizon: int) -> None:
    answer = simple(horizon=horizon).json()
    assert len(answer["forecast"]) == answer["horizon"] == horizon


@pytest.mark.parametrize(
    ("change", "code", "pointer", "hint"),
    [
        pytest.param({"store_nbr": 99}, Code.INVALID_STORE, "/store_nbr", "99", id="store"),
        pytest.param({"store_nbr": -1}, Code.INVALID_STORE, "/store_nbr", "-1", id="negative"),
        pytest.param({"store_nbr": 10**30}, Code.INVALID_STORE, "/store_nbr", "", id="huge"),
        pytest.param({"family": "TOYS"}, Code.INVALID_FAMILY, "/family", "TOYS", id="family"),
        pytest.param(
            *({"family": "liquor,wine,beer"}, Code.INVALID_FAMILY, "/family"),
            "Did you mean 'LIQUOR,WINE,BEER'?",
            id="misspelt family",
        ),
        pytest.param({"family": ""}, Code.INVALID_FAMILY, "/family", "''", id="empty family"),
    ],
)
def test_an_unknown_series_is_refused(
    client: Any, simple: Callable, change: dict[str, Any], code: Code, pointer: str, hint: str
) -> None:
    problem = client.problem(simple(**{**SERIES, "horizon": 15, **change}), code)
    assert hint in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_a_body_that_cannot_be_read_is_refused(client: Any) -> None:
    for content, media_type, code in (
        (b"{", "application/json", Code.PARSE_ERROR),
        (b"store_nbr=1", "application/x-www-form-urlencoded", Code.UNSUPPORTED_MEDIA_TYPE),
        (b"[]", "application/json", Code.INVALID_REQUEST),
    ):
        headers = {"content-type": media_type}
        response = client.request("POST", "/predict/simple", content=content, headers=headers)
        client.problem(response, code)


def test_a_wrong_method_is_refused_with_the_right_one(client: Any) -> None:
    response = client.get("/predict/simple")
    client.problem(response, Code.METHOD_NOT_ALLOWED)
    assert response.headers["allow"] == "POST"


# --- failures ---------------------------------------------------------------------------------


class FailingRunner:
    """A runner that fails with an internal message."""

    async def infer(self, *arguments: object) -> None:
        raise ConnectionResetError("/srv/secret/runner.sock")

    reconcile = infer


@pytest.mark.parametrize("part", ["onnx", "reconciler"])
def test_a_runner_that_fails_is_a_problem(client_with: Callable, newest: date, part: str) -> None:
    client = client_with(**{part: FailingRunner()})
    past = client.get("/hierarchy", date=newest.isoformat(), horizon=15)
    client.problem(past, Code.INFERENCE_FAILED)
    assert client.post("/predict/simple", **SERIES, horizon=15).status_code == 200


@pytest.mark.parametrize(
    "requested",
    [None, [80, 95], [50], [60, 99], [90, 90]],
    ids=["default", "both", "50", "two", "twice"],
)
def test_intervals_are_the_requested_ones_and_nested(
    simple: Callable, requested: list[int] | None
) -> None:
    answer = simple(horizon=15, **({} if requested is None else {"intervals": requested})).json()
    nominals = sorted(set(requested or [80, 95]))
    for day in answer["forecast"]:
        levels = {int(key.removeprefix("lower_")) for key in day if key.startswith("lower_")}
        assert levels == set(nominals)
        bounds = [day[f"lower_{nominal}"] for nominal in reversed(nominals)]
        bounds += [day["prediction"], *(day[f"upper_{nominal}"] for nominal in nominals)]
        assert bounds == sorted(bounds)
        assert bounds[0] >= 0


@pytest.mark.parametrize("wrong", [[49], [100], ["80"], 80, [80.5]], ids=str)
def test_an_interval_that_is_not_offered_is_refused(simple: Callable, wrong: object) -> None:
    answer = simple(horizon=15, intervals=wrong)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"].startswith("/intervals")


def test_an_empty_list_of_intervals_is_valid(simple: Callable) -> None:
    day = simple(horizon=15, intervals=[]).json()["forecast"][0]
    assert set(day) == {"date", "prediction", "intervals", "actual"}
    assert day["intervals"] == []


@pytest.mark.parametrize("requested", [None, [99, 50, 80]], ids=["usual", "in an order of its own"])
def test_the_list_of_intervals_equals_the_named_bounds(
    simple: Callable, requested: list[int] | None
) -> None:
    answer = simple(horizon=15, **({} if requested is None else {"intervals": requested})).json()
    for part in (answer, *answer["forecast"]):
        assert part["intervals"] == [
            {"level": level, "lower": part[f"lower_{level}"], "upper": part[f"upper_{level}"]}
            for level in requested or [80, 95]
        ]
    assert answer["intervals"] == answer["forecast"][0]["intervals"]


def test_the_number_of_concurrent_past_origins_is_limited(
    client_with: Callable[..., Any], runners: Any, newest: date
) -> None:
    """Each holds the rows of the whole hierarchy; the others wait for their turn."""
    running, most = 0, 0
    full = anyio.Event()

    class Counting:
        async def infer(self, *arguments: Any) -> Any:
            nonlocal running, most
            running += 1
            most = max(most, running)
            if running == MAX_CONCURRENT:
                full.set()
            with anyio.move_on_after(30):  # on a busy machine the second comes late
                await full.wait()
            await anyio.sleep(0.01)  # long enough for others to enter if there were no limit
            running -= 1
            return await runners.infer(*arguments)

    client = client_with(onnx=Counting())

    async def ask() -> list[int]:
        codes: list[int] = []
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://mlrf") as http:

            async def get_one(ago: int) -> None:
                whole = {"horizon": 90, "date": (newest - timedelta(ago)).isoformat()}
                codes.append((await http.get("/hierarchy", params=whole)).status_code)

            async with anyio.create_task_group() as group:
                for ago in range(6):
                    group.start_soon(get_one, ago)
        return codes

    assert anyio.run(ask) == [200] * 6
    assert most == MAX_CONCURRENT
