"""POST /explain: contributions of features to a forecast."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from math import prod
from threading import Event
from typing import Any

import anyio
import anyio.to_thread
import httpx
import numpy as np
import pytest

from api.forecasts import explain as module
from errors import Code
from features.contract import feature_set
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from models.engine import ForecastEngine
from models.explanation import Explainer, Explanation, ExplanationError
from storage.artifacts import Release

FEATURES, NAMES = feature_set(FAVORITA).features, feature_set(FAVORITA).names
SERIES = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER"}
NODE = "store:1/family:LIQUOR,WINE,BEER"
NEVER_SOLD = {"store_nbr": 3, "family": "BOOKS"}
NODES = [
    pytest.param(SERIES, NODE, "bottom", id="series"),
    pytest.param({"store_nbr": 2}, "store:2", "store", id="store"),
    pytest.param({"family": "DAIRY"}, "family:DAIRY", "family", id="family"),
    pytest.param({}, "total", "total", id="total"),
]
every_level = pytest.mark.parametrize(("fields", "node", "level"), NODES)


@pytest.fixture
def explain(client: Any) -> Callable[..., httpx.Response]:
    """POST /explain with fields as keyword arguments."""
    return partial(client.post, "/explain")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of rows of every run of the boosters."""
    rows: list[int] = []
    real = Explainer.contributions

    def count_contributions(explainer: Explainer, matrix: np.ndarray) -> np.ndarray:
        rows.append(len(matrix))
        return real(explainer, matrix)

    monkeypatch.setattr(Explainer, "contributions", count_contributions)
    return rows


def assert_adds_up(answer: dict[str, Any]) -> None:
    """Fail unless the parts of an answer add up to its prediction, as a client would check."""
    total = (
        answer["base_units"]
        + sum(feature["units"] for feature in answer["features"])
        + answer["cut"]
        + answer["reconciliation"]
        + answer["not_explained"]["units"]
    )
    assert total == pytest.approx(answer["prediction"], rel=1e-5, abs=1e-5)
    assert answer["missing"] == pytest.approx(abs(total - answer["prediction"]), abs=1e-9)
    size = [abs(feature["contribution"]) for feature in answer["features"]]
    assert size == sorted(size, reverse=True)
    assert sorted(feature["name"] for feature in answer["features"]) == sorted(NAMES)


def by_name(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {feature["name"]: feature for feature in answer["features"]}


def node_of(tree: dict[str, Any], name: str) -> dict[str, Any] | None:
    below = (node_of(child, name) for child in tree["children"])
    return tree if tree["id"] == name else next((node for node in below if node), None)


# --- one day of one series --------------------------------------------------------------------


def test_the_answer_states_its_model_and_data(
    explain: Callable, release: Release, newest: date, snapshot: Snapshot
) -> None:
    answer = explain(**SERIES).json()
    steps = ("groups", "features", "prediction", "base_value", "base_units", "missing")
    assert all(answer.pop(step) is not None for step in steps)
    assert answer == {
        "node": NODE,
        "level": "bottom",
        "date": (newest + timedelta(1)).isoformat(),
        "horizon": 1,
        "space": "log1p units",
        "cut": 0,
        "reconciliation": 0,
        "not_explained": {"series": 0, "units": 0},
        "explained_share": 1,
        "origin": newest.isoformat(),
        "method": "model",
        "analogues": [],
        "model_version": release.bundle,
        "model_trained_through": newest.isoformat(),
        "in_sample": False,
        "known_through": {"onpromotion": snapshot.facts.known_through.isoformat()},
        "snapshot": {"origin": newest.isoformat(), "digest": release.snapshot.rpartition("-")[2]},
        "degraded": False,
        "against": None,
    }


@pytest.mark.parametrize("ahead", [1, 16, 17, 90])
def test_contributions_of_a_day_add_up_and_multiply_to_the_forecast(
    explain: Callable, newest: date, ahead: int
) -> None:
    answer = explain(**SERIES, date=(newest + timedelta(ahead)).isoformat()).json()
    assert_adds_up(answer)
    score = answer["base_value"] + sum(step["contribution"] for step in answer["features"])
    assert np.expm1(score) == pytest.approx(answer["prediction"], rel=1e-5)
    factors = np.prod([step["factor"] for step in answer["features"]])
    assert np.exp(answer["base_value"]) * factors == pytest.approx(
        answer["prediction"] + 1, rel=1e-5
    )
    assert np.expm1(answer["base_value"]) == pytest.approx(answer["base_units"])
    assert by_name(answer)["horizon"]["value"] == ahead


@pytest.mark.parametrize("fields", [{}, {"horizon": 15}], ids=["a day", "a sum of days"])
def test_groups_unfold_to_all_features_and_add_up_to_the_same(
    explain: Callable, fields: dict[str, int]
) -> None:
    answer = explain(**SERIES, **fields).json()
    by_name = {feature["name"]: feature for feature in answer["features"]}
    unfolded = [name for group in answer["groups"] for name in group["features"]]
    assert sorted(unfolded) == sorted(by_name)
    for group in answer["groups"]:
        parts = [by_name[name] for name in group["features"]]
        assert {part["group"] for part in parts} == {group["name"]}
        assert group["units"] == pytest.approx(sum(part["units"] for part in parts), abs=1e-9)
        if fields:
            assert group["factor"] is None
        else:
            factor = prod(part["factor"] for part in parts)
            assert group["factor"] == pytest.approx(factor, rel=1e-9)
    steps = [answer["base_units"], *(group["units"] for group in answer["groups"])]
    steps += [answer["cut"], answer["reconciliation"], answer["not_explained"]["units"]]
    assert sum(steps) == pytest.approx(answer["prediction"], abs=answer["missing"] + 1e-9)


def test_values_are_readable_and_described(explain: Callable, newest: date) -> None:
    steps = by_name(explain(**SERIES, date=(newest + timedelta(60)).isoformat()).json())
    assert steps["family"]["value"] == "LIQUOR,WINE,BEER"
    assert steps["store"]["value"] == "1"
    assert steps["level"]["value"] == "bottom"
    assert steps["weekday"]["value"] == (newest + timedelta(60)).strftime("%A")
    assert steps["promo"]["value"] is None  # promotions are not planned 60 days ahead
    assert isinstance(steps["mean_28"]["value"], float)
    for feature in FEATURES:
        step = steps[feature.name]
        assert (step["unit"], step["description"]) == (feature.unit, feature.description)
        assert step["label"] == feature.label


def test_a_series_that_never_sold_is_zero_by_rule(explain: Callable) -> None:
    answer = explain(**NEVER_SOLD).json()
    assert answer["method"] == "zero_never_sold"
    assert (answer["prediction"], answer["base_value"], answer["base_units"]) == (0, 0, 0)
    assert {step["contribution"] for step in answer["features"]} == {0}
    assert {step["units"] for step in answer["features"]} == {0}
    assert answer["missing"] == 0


# --- any node, any days -----------------------------------------------------------------------


@every_level
@pytest.mark.parametrize("ago", [-20, 0, 200], ids=["ahead", "yesterday", "past"])
@pytest.mark.parametrize("horizon", [None, 15])
def test_the_explained_forecast_equals_that_of_the_tree(
    client: Any,
    explain: Callable,
    newest: date,
    fields: dict[str, Any],
    node: str,
    level: str,
    ago: int,
    horizon: int | None,
) -> None:
    days = {
        "date": (newest - timedelta(ago)).isoformat(),
        **({} if horizon is None else {"horizon": horizon}),
    }
    answer = explain(**fields, **days).json()
    assert (answer["node"], answer["level"]) == (node, level)
    assert (answer["date"], answer["horizon"]) == (days["date"], horizon or 1)
    way = {"by": "family"} if level == "family" else {}
    tree = client.get("/hierarchy", **days, **way).json()
    match = node_of(tree["tree"], node)
    assert match is not None
    assert answer["prediction"] == pytest.approx(match["prediction"], rel=1e-12)
    assert answer["origin"] == tree["origin"]
    assert answer["in_sample"] is (ago >= 0)
    assert_adds_up(answer)


@pytest.mark.parametrize("horizon", [15, 90])
def test_a_sum_is_that_of_the_days_of_predict_simple(
    client: Any, explain: Callable, horizon: int
) -> None:
    answer = explain(**SERIES, horizon=horizon).json()
    days = client.post("/predict/simple", **SERIES, horizon=horizon).json()
    assert answer["prediction"] == pytest.approx(sum(day["prediction"] for day in days["forecast"]))
    assert explain(**SERIES).json()["prediction"] == days["prediction"]
    assert answer["space"] == "units"
    assert answer["base_value"] == answer["base_units"]
    for step in answer["features"]:
        assert step["contribution"] == step["units"]
        assert (step["factor"], step["value"]) == (None, None)


def test_beyond_the_cap_the_rest_is_one_step(explain: Callable, snapshot: Snapshot) -> None:
    answer = explain(horizon=90).json()
    rest = answer["not_explained"]
    assert 0 < rest["series"] < snapshot.hierarchy.n_bottom
    assert 0 < rest["units"] < answer["prediction"]
    assert answer["explained_share"] == pytest.approx(1 - rest["units"] / answer["prediction"])
    assert_adds_up(answer)


# --- against a reference ----------------------------------------------------------------------


def day(newest: date, ahead: int) -> str:
    return (newest + timedelta(ahead)).isoformat()


@every_level
@pytest.mark.parametrize(
    ("ahead", "reference", "horizon", "days"),
    [
        pytest.param(12, 5, 1, None, id="a week before"),
        pytest.param(5, 12, 1, 1, id="a week after"),
        pytest.param(40, 3, 1, None, id="near and far"),
        pytest.param(5, 1, 1, 7, id="mean of a week"),
        pytest.param(8, 1, 7, None, id="period"),
    ],
)
def test_the_drivers_of_a_difference_add_up_to_it(
    explain: Callable,
    newest: date,
    fields: dict[str, Any],
    node: str,
    level: str,
    ahead: int,
    reference: int,
    horizon: int,
    days: int | None,
) -> None:
    request = {**fields, "date": day(newest, ahead), "horizon": horizon}
    compared = {"against": day(newest, reference)} | ({"against_horizon": days} if days else {})
    answer = explain(**request, **compared).json()
    against = answer["against"]
    assert (against["date"], against["horizon"]) == (day(newest, reference), days or horizon)
    ago = explain(**fields, date=day(newest, reference), horizon=days or horizon).json()
    expected = ago["prediction"] * horizon / (days or horizon)
    assert against["prediction"] == pytest.approx(expected, rel=1e-9)
    difference = answer["prediction"] - against["prediction"]
    assert against["difference"] == pytest.approx(difference, abs=1e-6)
    steps = [group["units"] for group in against["groups"]]
    steps += [against["reconciliation"], against["not_explained"]["units"]]
    assert sum(steps) == pytest.approx(difference, abs=1e-6)
    assert any(steps)
    plain = explain(**request).json()
    assert plain.pop("against") is None
    assert {name: answer[name] for name in plain} == plain


def test_a_past_day_is_compared_with_one_of_its_own_origin(explain: Callable, newest: date) -> None:
    answer = explain(date=day(newest, -20), against=day(newest, -13)).json()
    assert answer["origin"] == day(newest, -21)
    refused = explain(date=day(newest, -20), against=day(newest, -27))
    assert day(newest, -20) in refused.json()["detail"]


def test_the_values_of_a_day_and_its_reference_are_in_plain_terms(
    explain: Callable, newest: date
) -> None:
    answer = explain(**SERIES, date=day(newest, 5), against=day(newest, 1)).json()
    changed = {each["name"]: each for each in answer["against"]["changed"]}
    features = by_name(answer)
    assert changed["weekday"]["value"] == "Monday"
    assert features["weekday"]["plain_value"] == "Friday"
    assert "mean_28" not in changed
    assert features["mean_28"]["plain_unit"] == "units"
    assert features["mean_28"]["plain_value"] == pytest.approx(
        np.expm1(features["mean_28"]["value"])
    )
    assert explain(date=day(newest, 5), against=day(newest, 1)).json()["against"]["changed"] == []


# --- cache ------------------------------------------------------------------------------------


def test_a_repeated_request_is_computed_once(
    explain: Callable, runs: list[int], runners: Any, newest: date
) -> None:
    """Also for a past origin, whose forecast itself needs a run of the model."""
    past = (newest - timedelta(50)).isoformat()
    first, second = explain(**SERIES, date=past), explain(**SERIES, date=past)
    assert first.content == second.content
    assert runs == [1]
    assert len(runners.inferred) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"family": "DAIRY"}, id="another family"),
        pytest.param({"horizon": 15}, id="more days"),
        pytest.param({"date": "2024-07-02"}, id="the day after"),
        pytest.param({"date": "2024-05-02"}, id="a past day"),
    ],
)
def test_another_request_has_an_answer_of_its_own(
    explain: Callable, runs: list[int], other: dict[str, Any]
) -> None:
    first, second = explain(**SERIES), explain(**{**SERIES, **other})
    assert len(runs) == 2
    assert first.json()["prediction"] != second.json()["prediction"]


def test_equal_concurrent_requests_are_computed_once(
    client: Any, runs: list[int], newest: date
) -> None:
    async def ask() -> list[httpx.Response]:
        responses: list[httpx.Response] = []
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://mlrf") as http:

            async def one() -> None:
                responses.append(await http.post("/explain", json=SERIES))

            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(one)
        return responses

    answers = anyio.run(ask)
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.content for answer in answers}) == 1
    assert runs == [1]


def test_a_day_of_a_series_does_not_wait_for_a_store(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for others of its kind, and a store for other stores."""
    rows: list[int] = []
    started, may_end = Event(), Event()
    real = module.explain_node

    def hold_stores(engine: ForecastEngine, origin: int, row: int, *rest: Any) -> Explanation:
        rows.append(row)
        started.set()
        if row < engine.snapshot.hierarchy.n_upper:
            assert may_end.wait(20)
        return real(engine, origin, row, *rest)

    monkeypatch.setattr(module, "explain_node", hold_stores)

    async def main() -> None:
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://mlrf") as http:

            async def ask(**fields: Any) -> None:
                assert (await http.post("/explain", json=fields)).status_code == 200

            async with anyio.create_task_group() as group:
                try:
                    group.start_soon(partial(ask, store_nbr=1, horizon=15))
                    group.start_soon(partial(ask, store_nbr=2, horizon=15))
                    assert await anyio.to_thread.run_sync(started.wait, 20)
                    with anyio.fail_after(20):
                        await ask(**SERIES)
                    assert len(rows) == 2, "a store and the series"
                finally:
                    may_end.set()
        assert len(rows) == 3

    anyio.run(main)


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        pytest.param({"store_nbr": 99}, Code.INVALID_STORE, "/store_nbr", id="no such store"),
        pytest.param({"family": "TOYS"}, Code.INVALID_FAMILY, "/family", id="no such family"),
        pytest.param(
            *({"store_nbr": 99, "family": "DAIRY"}, Code.INVALID_STORE, "/store_nbr"),
            id="no such store for a series",
        ),
        pytest.param(
            *({"store_nbr": 1, "family": "TOYS"}, Code.INVALID_FAMILY, "/family"),
            id="no such family for a series",
        ),
        pytest.param({"store_nbr": "1"}, Code.INVALID_STORE, "/store_nbr", id="text as store"),
        pytest.param({"date": "2030-01-01"}, Code.INVALID_DATE, "/date", id="too late"),
        pytest.param({"date": "1 July"}, Code.INVALID_DATE, "/date", id="no date"),
        pytest.param({"horizon": 91}, Code.INVALID_HORIZON, "/horizon", id="other horizon"),
        pytest.param({"nodes": "total"}, Code.INVALID_REQUEST, "/nodes", id="unknown field"),
        pytest.param(
            {"against": "1 July"}, Code.INVALID_DATE, "/against", id="no date of a reference"
        ),
        pytest.param({"against": "2024-06-30"}, Code.INVALID_DATE, "/against", id="sold reference"),
        pytest.param({"against": "2024-09-29"}, Code.INVALID_DATE, "/against", id="late reference"),
        pytest.param(
            *({"horizon": 7, "against": "2024-09-25"}, Code.INVALID_DATE, "/against"),
            id="reference that ends late",
        ),
        pytest.param(
            {"against_horizon": 7},
            *(Code.INVALID_HORIZON, "/against_horizon"),
            id="days of no reference",
        ),
        pytest.param(
            {"horizon": 7, "against": "2024-07-10", "against_horizon": 8},
            *(Code.INVALID_HORIZON, "/against_horizon"),
            id="reference of another length",
        ),
        pytest.param(
            {"against": "2024-07-10", "against_horizon": 91},
            *(Code.INVALID_HORIZON, "/against_horizon"),
            id="mean of too many days",
        ),
    ],
)
def test_an_invalid_request_is_refused_with_its_pointer(
    client: Any, explain: Callable, fields: dict[str, Any], code: Code, pointer: str
) -> None:
    problem = client.problem(explain(**fields), code)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


# --- failures ---------------------------------------------------------------------------------


def test_a_server_that_cannot_explain_still_forecasts(
    client: Any, explain: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ExplanationError("off by 1")

    monkeypatch.setattr(module, "explain_node", fail)
    problem = client.problem(explain(**SERIES), Code.EXPLANATION_UNAVAILABLE)
    assert "log" in problem["detail"]
    assert client.post("/predict/simple", **SERIES, horizon=15).status_code == 200
    monkeypatch.undo()
    assert explain(**SERIES).status_code == 200  # the failure is not cached


def test_a_runner_that_fails_is_a_problem(client_with: Callable, newest: date) -> None:
    class Failing:
        async def infer(self, *_: object) -> None:
            raise ConnectionResetError

    client = client_with(onnx=Failing())
    past = client.post("/explain", **SERIES, date=newest.isoformat())
    client.problem(past, Code.INFERENCE_FAILED)


def test_without_a_model_nothing_is_explained(client_without_model: Any) -> None:
    response = client_without_model.post("/explain")
    client_without_model.problem(response, Code.MODEL_UNAVAILABLE)
