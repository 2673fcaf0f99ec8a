"""POST /whatif: forecasts under adjusted promotions or holidays, at every level."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from errors import Code
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from models.engine import ForecastEngine
from models.serving.forecast_store import Forecasts
from models.serving.release import LoadedRelease
from storage.artifacts import Release

FAMILY = "LIQUOR,WINE,BEER"
NODES: dict[str, dict[str, Any]] = {
    "total": {},
    "store:1": {"store_nbr": 1},
    f"family:{FAMILY}": {"family": FAMILY},
    f"store:1/family:{FAMILY}": {"store_nbr": 1, "family": FAMILY},
}
every_node = pytest.mark.parametrize("node", list(NODES))
TOLERANCE = 1e-6


@pytest.fixture
def ask(client: Any) -> Callable[..., httpx.Response]:
    """POST /whatif for 15 days; keyword arguments add fields or override."""
    return partial(client.post, "/whatif", horizon=15)


def parse_success(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def walk(children: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for child in children:
        yield child
        yield from walk(child["children"])


def iso(newest: date, ahead: int) -> str:
    return (newest + timedelta(ahead)).isoformat()


def sides(node: dict[str, Any]) -> list[float]:
    return [node[side] for side in ("baseline", "scenario", "delta")]


def assert_coherent(answer: dict[str, Any]) -> None:
    """Fail unless days add up to the node, children to their parent, and deltas are differences."""
    spread = 1e-9 * max(answer["baseline"], answer["scenario"], 1)
    for side in ("baseline", "scenario", "delta"):
        days = sum(day[side] for day in answer["days"])
        assert days == pytest.approx(answer[side], rel=TOLERANCE, abs=1e-9)
    for node in (answer, *answer["days"], *answer["ancestors"], *walk(answer["children"])):
        size = max(node["baseline"], node["scenario"], 1)
        assert node["delta"] == pytest.approx(node["scenario"] - node["baseline"], abs=1e-9 * size)
        assert min(node["baseline"], node["scenario"]) >= 0
    for node in (answer, *walk(answer["children"])):
        if node["children"]:
            sums = np.sum([sides(child) for child in node["children"]], axis=0)
            assert sums[2] == pytest.approx(node["delta"], rel=TOLERANCE, abs=spread)
            assert sums[:2] == pytest.approx(sides(node)[:2], rel=TOLERANCE)


# --- no difference ----------------------------------------------------------------------------


def test_values_that_the_data_do_not_have_are_warned_of(
    ask: Callable[..., httpx.Response], snapshot: Snapshot
) -> None:
    node = f"store:1/family:{FAMILY}"
    row = snapshot.hierarchy.index[node] - snapshot.hierarchy.n_upper
    most = float(snapshot.covariates["onpromotion"][row, : snapshot.n_days].max())
    for value, codes in ((most, []), (most + 1, ["outside-seen"]), (2 * most + 1, ["far"])):
        answer = parse_success(ask(node=node, adjustments={"onpromotion": value}))
        assert [warning["code"] for warning in answer["warnings"]] == codes
        for warning in answer["warnings"]:
            assert warning["detail"].startswith(f"The value of a series would be {value:g}; ")
            assert (warning["value"], warning["node"]) == (value, node)
            assert (warning["least"], warning["most"], warning["others"]) == (0, most, 0)


@every_node
@pytest.mark.parametrize("ahead", [-100, 1, 20], ids=["past", "newest", "later"])
def test_without_adjustments_the_scenario_equals_the_forecast(
    client: Any, ask: Callable, newest: date, node: str, ahead: int
) -> None:
    query = {"date": iso(newest, ahead), "horizon": 15}
    answer = parse_success(ask(**NODES[node], **query, adjustments={}, depth=2))
    tree = client.get("/hierarchy", **query, node=node, depth=0).json()["tree"]
    assert answer["baseline"] == pytest.approx(tree["prediction"])
    nodes = [answer, *answer["days"], *answer["ancestors"], *walk(answer["children"])]
    assert {part["delta"] for part in nodes} == {0}
    assert all(part["scenario"] == part["baseline"] for part in nodes)
    assert answer["delta_pct"] == 0
    assert (answer["moved_by_shared_features"], answer["moved_by_reconciliation"]) == (0, [])
    assert answer["levels_as_planned"] == []


@pytest.mark.parametrize(
    "adjustments",
    [
        {"onpromotion": {"op": "multiply", "value": 1}},
        {"onpromotion": {"op": "add", "value": 0}},
        {"onpromotion": {"op": "multiply", "value": 1}, "holiday": {"value": None, "to": "day 9"}},
    ],
    ids=["times one", "plus nothing", "and no holiday where none is"],
)
def test_an_adjustment_to_the_known_value_makes_no_difference(
    ask: Callable, runners: Any, newest: date, adjustments: dict[str, Any]
) -> None:
    if "holiday" in adjustments:
        adjustments["holiday"]["to"] = iso(newest, 9)
    answer = parse_success(ask(adjustments=adjustments, depth=2))
    assert {node["delta"] for node in (answer, *answer["days"], *walk(answer["children"]))} == {0}
    assert runners.inferred == []


def test_a_node_that_never_sells_has_no_percentage(ask: Callable) -> None:
    answer = parse_success(ask(store_nbr=3, family="BOOKS", adjustments={"onpromotion": 9}))
    assert sides(answer) == [0, 0, 0]
    assert answer["delta_pct"] is None


# --- differences ------------------------------------------------------------------------------


def test_the_answer_states_its_model_its_data_and_what_was_applied(
    ask: Callable, release: Release, snapshot: Snapshot, newest: date
) -> None:
    answer = parse_success(
        ask(
            store_nbr=1,
            adjustments={"onpromotion": {"op": "add", "value": 4, "to": iso(newest, 6)}},
        )
    )
    for name in ("baseline", "scenario", "delta", "delta_pct", "days", "ancestors", "children"):
        del answer[name]
    del answer["warnings"]
    assert answer == {
        "node": "store:1",
        "level": "store",
        "date": iso(newest, 1),
        "horizon": 15,
        "origin": newest.isoformat(),
        "applied": [
            {
                "covariate": "onpromotion",
                "op": "add",
                "value": 4,
                "from": iso(newest, 1),
                "to": iso(newest, 6),
                "series": snapshot.hierarchy.bottoms["store_nbr"].count("1"),
                "days": 6,
            }
        ],
        "levels_as_planned": ["family"],
        "moved_by_reconciliation": [],
        "moved_by_shared_features": 0,
        "model_version": release.bundle,
        "model_trained_through": newest.isoformat(),
        "in_sample": False,
        "known_through": {"onpromotion": snapshot.facts.known_through.isoformat()},
        "snapshot": {"origin": newest.isoformat(), "digest": release.snapshot.rpartition("-")[2]},
        "degraded": False,
    }


NEAR = {"onpromotion": {"op": "multiply", "value": 3}}
cases = st.fixed_dictionaries(
    {
        "node": st.sampled_from(list(NODES)),
        "ahead": st.sampled_from([-300, -40, 0, 1, 30]),
        "horizon": st.sampled_from([15, 60]),
        "items": st.floats(0, 200),
        "day": st.integers(0, 14),
        "name": st.sampled_from([None, "Lantern Day", "Black Friday"]),
        "by": st.sampled_from([None, "store", "family"]),
    }
)


@given(case=cases)
@example(
    case={"node": "total", "ahead": 1, "horizon": 60, "items": 50.0, "day": 3}
    | {"name": "Lantern Day", "by": "family"}
)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_scenario_adds_up_and_takes_one_run_of_the_model(
    ask: Callable, runners: Any, newest: date, case: dict[str, Any]
) -> None:
    first = iso(newest, case["ahead"])
    day = iso(newest, case["ahead"] + case["day"])
    runners.inferred.clear()
    answer = parse_success(
        ask(
            **NODES[case["node"]],
            date=first,
            horizon=case["horizon"],
            depth=2,
            by=case["by"] if case["node"] == "total" else None,
            adjustments={
                "onpromotion": {"value": case["items"], "from": day},
                "holiday": {"value": case["name"], "from": day, "to": day},
            },
        )
    )
    assert answer["node"] == case["node"]
    assert_coherent(answer)
    assert len(runners.inferred) <= 1
    assert len(answer["days"]) == case["horizon"]


@every_node
def test_promotions_of_a_node_move_it_and_its_ancestors_by_as_much(
    ask: Callable, newest: date, node: str
) -> None:
    """No series of another store or family moves."""
    adjustments = {"onpromotion": {"op": "multiply", "value": 2, "to": iso(newest, 10)}}
    answer = parse_success(ask(**NODES[node], adjustments=adjustments))
    assert answer["delta"] != 0
    for ancestor in answer["ancestors"]:
        assert ancestor["delta"] == pytest.approx(answer["delta"], rel=TOLERANCE)
    assert answer["moved_by_shared_features"] == 0
    assert_coherent(answer)


@pytest.mark.parametrize(
    ("node", "levels"),
    list(zip(NODES, [[], ["family"], ["store"], ["store", "family"]], strict=True)),
    ids=list(NODES),
)
def test_levels_of_which_an_adjustment_is_for_a_part_are_read_as_planned(
    ask: Callable, node: str, levels: list[str]
) -> None:
    fields = NODES[node]
    assert parse_success(ask(**fields, adjustments=NEAR))["levels_as_planned"] == levels
    holiday = {"holiday": "Lantern Day"}
    assert parse_success(ask(**fields, adjustments=holiday))["levels_as_planned"] == []


def test_ancestors_of_a_series_are_its_store_its_family_and_the_total(
    ask: Callable, newest: date
) -> None:
    answer = parse_success(ask(store_nbr=1, family=FAMILY, adjustments=NEAR))
    assert {node["id"] for node in answer["ancestors"]} == {"store:1", f"family:{FAMILY}", "total"}
    assert answer["ancestors"][-1]["id"] == "total"
    assert answer["children"] == []
    assert all(node["delta"] != 0 for node in answer["ancestors"])


def test_the_baseline_of_an_ancestor_is_its_own_forecast(ask: Callable) -> None:
    """A node has the same baseline in the answers for other nodes."""
    for ancestor in parse_success(ask(store_nbr=1, family=FAMILY, adjustments=NEAR))["ancestors"]:
        own = parse_success(ask(**NODES[ancestor["id"]]))
        assert own["baseline"] == pytest.approx(ancestor["baseline"])


@pytest.mark.parametrize(
    ("node", "by", "depth", "levels"),
    [
        ("total", None, 0, set()),
        ("total", None, 1, {"store"}),
        ("total", "family", 1, {"family"}),
        ("total", "family", 2, {"family", "bottom"}),
        ("store:1", None, 1, {"bottom"}),
        ("store:1", "store", 2, {"bottom"}),
        (f"family:{FAMILY}", None, 2, {"bottom"}),
        (f"store:1/family:{FAMILY}", "family", 2, set()),
    ],
)
def test_children_go_as_deep_as_asked(
    ask: Callable, node: str, by: str | None, depth: int, levels: set[str]
) -> None:
    answer = parse_success(ask(**NODES[node], by=by, depth=depth, adjustments=NEAR))
    assert {child["level"] for child in walk(answer["children"])} == levels
    assert_coherent(answer)


def test_a_promotion_moves_only_days_near_its_own(ask: Callable, newest: date) -> None:
    """A row knows the promotions of the three days before and after it."""
    adjustments = {"onpromotion": {"value": 60, "from": iso(newest, 8), "to": iso(newest, 9)}}
    answer = parse_success(ask(adjustments=adjustments))
    moved = {each["date"] for each in answer["days"] if each["delta"]}
    assert {iso(newest, 8), iso(newest, 9)} <= moved <= {iso(newest, day) for day in range(5, 13)}


def test_a_holiday_can_be_added_and_removed(
    ask: Callable, snapshot: Snapshot, newest: date
) -> None:
    coming = snapshot.calendar.names[snapshot.n_days :]
    known = int(np.flatnonzero(coming == "Lantern Day")[0]) + 1
    added = parse_success(
        ask(
            adjustments={
                "holiday": {"value": "Lantern Day", "from": iso(newest, 3), "to": iso(newest, 3)}
            }
        )
    )
    removed = parse_success(
        ask(
            adjustments={
                "holiday": {"value": None, "from": iso(newest, known), "to": iso(newest, known)}
            }
        )
    )
    for answer, day in ((added, 3), (removed, known)):
        assert_coherent(answer)
        delta = {each["date"]: each["delta"] for each in answer["days"]}
        assert delta[iso(newest, day)] != 0
        assert answer["moved_by_shared_features"] == 0
    signs = [
        np.sign(answer["days"][day - 1]["delta"]) for answer, day in ((added, 3), (removed, known))
    ]
    assert signs[0] == -signs[1], "what a holiday adds, a day without it lacks"


@pytest.mark.parametrize(
    ("adjustments", "value"),
    [
        ({"onpromotion": 5}, 5),
        ({"onpromotion": 0}, 0),
        ({"holiday": "Lantern Day"}, "Lantern Day"),
        ({"holiday": None}, None),
    ],
    ids=["number", "nothing promoted", "name", "no holiday"],
)
def test_a_bare_value_is_set_on_all_days(
    ask: Callable, newest: date, adjustments: dict[str, Any], value: object
) -> None:
    ((covariate, _),) = adjustments.items()
    short = parse_success(ask(adjustments=adjustments))
    whole = {"op": "set", "value": value, "from": iso(newest, 1), "to": iso(newest, 15)}
    assert parse_success(ask(adjustments={covariate: whole})) == short
    (applied,) = short["applied"]
    assert {name: applied[name] for name in whole} == whole
    assert applied["days"] == 15


def test_a_past_day_uses_the_origin_before_it(
    client: Any, ask: Callable, newest: date, snapshot: Snapshot
) -> None:
    """With the plan as known at that origin, which reaches as many days ahead as now."""
    first = newest - timedelta(200)
    lead = snapshot.lead
    answer = parse_success(ask(date=first.isoformat(), adjustments=NEAR))
    assert answer["origin"] == (first - timedelta(1)).isoformat()
    assert answer["in_sample"] is True
    assert answer["known_through"] == {"onpromotion": (first + timedelta(lead - 1)).isoformat()}
    assert answer["delta"] != 0
    (applied,) = parse_success(ask(date=first.isoformat(), horizon=30, adjustments=NEAR))["applied"]
    assert applied["to"] == (first + timedelta(lead - 1)).isoformat()


def test_equal_requests_have_equal_answers_byte_for_byte(ask: Callable) -> None:
    assert ask(adjustments=NEAR).content == ask(adjustments=NEAR).content


def test_only_the_rows_that_change_are_predicted(
    ask: Callable, runners: Any, newest: date, engine: ForecastEngine
) -> None:
    """Beyond the known plan, only the rows of one series on the days of the promotion."""
    days = {"value": 60, "from": iso(newest, 40), "to": iso(newest, 42)}
    answer = parse_success(
        ask(store_nbr=1, family=FAMILY, horizon=90, adjustments={"onpromotion": days})
    )
    (rows,) = runners.inferred
    assert 3 <= rows <= 9
    assert answer["delta"] != 0


def test_nodes_that_only_reconciliation_moves_are_listed(
    client_with: Callable, runners: Any, serving_release: LoadedRelease, newest: date
) -> None:
    """With a variance at the total and at some series, reconciliation moves only those series."""
    hierarchy = serving_release.engine.snapshot.hierarchy
    most = [node.id for node in hierarchy.nodes if node.key[1:] == ("GROCERY I",)]
    variances = {"total": 1000.0, **dict.fromkeys(most, 1.0)}
    engine = ForecastEngine(
        replace(serving_release.engine.bundle, variances=variances), serving_release.engine.snapshot
    )
    coherent = engine.forecast(engine.snapshot.newest_origin)
    stored = Forecasts(mean=coherent.values, clipped=coherent.clipped)
    runner = type(runners)(engine)
    client = client_with(
        release=replace(serving_release, engine=engine, forecasts=stored),
        onnx=runner,
        reconciler=runner,
    )
    days = {"value": 60, "from": iso(newest, 40)}
    body = {"store_nbr": 1, "family": FAMILY, "horizon": 90, "adjustments": {"onpromotion": days}}
    answer = parse_success(client.post("/whatif", **body))
    assert answer["moved_by_reconciliation"] == most
    assert answer["moved_by_shared_features"] == 0
    assert len(runner.inferred) == 1
    assert_coherent(answer)


# --- refusals ---------------------------------------------------------------------------------

VALUE = "/adjustments/onpromotion/value"


@pytest.mark.parametrize(
    ("adjustments", "pointer", "hint"),
    [
        pytest.param({"oil": 40}, "/adjustments/oil", "no covariate 'oil'", id="oil"),
        pytest.param({"rain": 1}, "/adjustments/rain", "onpromotion and holiday", id="unknown"),
        pytest.param({"a/b~c": 1}, "/adjustments/a~1b~0c", "'a/b~c'", id="escaped"),
        pytest.param({"onpromotion": True}, VALUE, "a number", id="boolean"),
        pytest.param({"onpromotion": "5"}, VALUE, "a number", id="text"),
        pytest.param({"onpromotion": None}, VALUE, "a number", id="null"),
        pytest.param({"onpromotion": [5]}, VALUE, "a number", id="list"),
        pytest.param({"onpromotion": 10**30}, VALUE, "1,000,000", id="huge"),
        pytest.param({"onpromotion": -1}, VALUE, "from 0", id="negative"),
        pytest.param(
            {"onpromotion": {"op": "add", "value": -1000}}, VALUE, "would be", id="below zero"
        ),
        pytest.param(
            *({"onpromotion": {"op": "multiply", "value": 1001}}, VALUE, "1,000"), id="factor"
        ),
        pytest.param(
            *({"holiday": {"op": "add", "value": "Lantern Day"}}, "/adjustments/holiday/op"),
            "takes set",
            id="holiday added",
        ),
        pytest.param({"holiday": 3}, "/adjustments/holiday/value", "name", id="number for a name"),
        pytest.param(
            {"holiday": "Easter"}, "/adjustments/holiday/value", "'Lantern Day'", id="holiday"
        ),
    ],
)
def test_an_invalid_adjustment_is_refused(
    client: Any, ask: Callable, adjustments: dict[str, Any], pointer: str, hint: str
) -> None:
    problem = client.problem(ask(adjustments=adjustments), Code.INVALID_ADJUSTMENT)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert hint in problem["detail"]


@pytest.mark.parametrize("op", ["add", "multiply"])
def test_promotions_are_added_to_and_multiplied_up_to_the_last_that_is_known(
    ask: Callable, snapshot: Snapshot, op: str
) -> None:
    known = snapshot.facts.known_through.isoformat()
    ends: dict[str, Any] = {"op": op, "value": 3}
    cut = parse_success(ask(horizon=30, adjustments={"onpromotion": ends}))
    (applied,) = cut["applied"]
    assert applied["to"] == known
    shortened = cut["warnings"][0]
    assert (shortened["code"], shortened["last"]) == ("shortened", known)
    explicit = parse_success(ask(horizon=30, adjustments={"onpromotion": {**ends, "to": known}}))
    assert explicit == {**cut, "warnings": cut["warnings"][1:]}
    set_all = parse_success(ask(horizon=30, adjustments={"onpromotion": 3}))
    assert "shortened" not in {warning["code"] for warning in set_all["warnings"]}


def test_an_end_after_the_days_forecast_is_refused_where_the_covariate_is_not_known_either(
    client: Any, ask: Callable, newest: date
) -> None:
    adjustment = {"op": "add", "value": 1, "to": iso(newest, 31)}
    wrong = ask(horizon=30, adjustments={"onpromotion": adjustment})
    problem = client.problem(wrong, Code.INVALID_ADJUSTMENT)
    assert [error["pointer"] for error in problem["errors"]] == ["/adjustments/onpromotion/to"]


@pytest.mark.parametrize("op", ["add", "multiply"])
def test_unknown_promotions_can_be_set_but_neither_added_to_nor_multiplied(
    client: Any, ask: Callable, snapshot: Snapshot, op: str
) -> None:
    beyond = (snapshot.facts.known_through + timedelta(1)).isoformat()
    adjustment = {"op": op, "value": 1, "from": beyond}
    wrong = ask(horizon=30, adjustments={"onpromotion": adjustment})
    problem = client.problem(wrong, Code.INVALID_ADJUSTMENT)
    assert beyond in problem["detail"]
    assert "use set" in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == ["/adjustments/onpromotion/op"]
    set_there = {"value": 5, "from": beyond}
    assert parse_success(ask(horizon=30, adjustments={"onpromotion": set_there}))["delta"] != 0


@pytest.mark.parametrize(
    ("days", "field"),
    [
        pytest.param({"from": 0}, "from", id="from the day before"),
        pytest.param({"to": 16}, "to", id="to the day after"),
        pytest.param({"from": 16}, "from", id="from the day after"),
        pytest.param({"to": 0}, "to", id="to the day before"),
        pytest.param({"from": 9, "to": 8}, "from", id="from after to"),
        pytest.param({"to": 10**6}, "to", id="far in the future"),
    ],
)
@pytest.mark.parametrize("covariate", ["onpromotion", "holiday"])
def test_days_that_are_not_forecast_are_refused(
    client: Any, ask: Callable, newest: date, days: dict[str, int], field: str, covariate: str
) -> None:
    value = {"onpromotion": 1, "holiday": "Lantern Day"}[covariate]
    dates = {name: iso(newest, ahead) for name, ahead in days.items()}
    wrong = ask(adjustments={covariate: {"value": value, **dates}})
    problem = client.problem(wrong, Code.INVALID_ADJUSTMENT)
    assert [error["pointer"] for error in problem["errors"]] == [
        f"/adjustments/{covariate}/{field}"
    ]


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"store_nbr": 99}, Code.INVALID_STORE, "/store_nbr"),
        ({"store_nbr": True}, Code.INVALID_STORE, "/store_nbr"),
        ({"store_nbr": "1"}, Code.INVALID_STORE, "/store_nbr"),
        ({"family": "TOYS"}, Code.INVALID_FAMILY, "/family"),
        ({"family": 5}, Code.INVALID_FAMILY, "/family"),
        ({"store_nbr": 1, "family": "TOYS"}, Code.INVALID_FAMILY, "/family"),
        ({"horizon": 91}, Code.INVALID_HORIZON, "/horizon"),
        ({"date": "tomorrow"}, Code.INVALID_DATE, "/date"),
        ({"date": "1999-01-01"}, Code.INVALID_DATE, "/date"),
        ({"depth": 21}, Code.INVALID_REQUEST, "/depth"),
        ({"depth": True}, Code.INVALID_REQUEST, "/depth"),
        ({"by": "city"}, Code.INVALID_REQUEST, "/by"),
        ({"store_nbr": 1, "by": "family"}, Code.INVALID_REQUEST, "/by"),
        ({"adjustment": {}}, Code.INVALID_REQUEST, "/adjustment"),
        ({"adjustments": [1]}, None, "/adjustments"),
        ({"adjustments": {"onpromotion": {}}}, None, VALUE),
        ({"adjustments": {"onpromotion": {"value": 1, "op": "divide"}}}, None, f"{VALUE[:-5]}op"),
        ({"adjustments": {"onpromotion": {"value": 1, "from": 5}}}, None, f"{VALUE[:-5]}from"),
        ({"adjustments": {"onpromotion": {"value": 1, "by": 5}}}, None, f"{VALUE[:-5]}by"),
    ],
    ids=str,
)
def test_a_wrong_request_is_refused_with_its_pointer(
    ask: Callable, change: dict[str, Any], code: Code | None, pointer: str
) -> None:
    document = ask(**{"horizon": 15, **change}).json()
    assert document["status"] == 400
    assert code is None or document["code"] == code.name
    assert [error["pointer"] for error in document["errors"]] == [pointer]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_number_that_is_not_finite_is_not_json(client: Any, number: str) -> None:
    content = f'{{"horizon": 15, "adjustments": {{"onpromotion": {number}}}}}'
    headers = {"content-type": "application/json"}
    response = client.request("POST", "/whatif", content=content, headers=headers)
    client.problem(response, Code.PARSE_ERROR)


class FailingRunner:
    """A runner that fails with an internal message."""

    async def infer(self, *arguments: object) -> None:
        raise ConnectionResetError("/srv/secret/runner.sock")

    reconcile = infer


@pytest.mark.parametrize("part", ["onnx", "reconciler"])
def test_a_runner_that_fails_is_a_problem(client_with: Callable, part: str) -> None:
    client = client_with(**{part: FailingRunner()})
    response = client.post("/whatif", horizon=15, adjustments=NEAR)
    client.problem(response, Code.INFERENCE_FAILED)


def test_the_last_days_that_can_be_forecast_can_be_adjusted(ask: Callable, newest: date) -> None:
    """The last column of the plan is the ninetieth day's."""
    adjustments = {"onpromotion": {"value": 60, "from": iso(newest, FAVORITA.horizon)}}
    answer = parse_success(ask(date=iso(newest, FAVORITA.horizon - 14), adjustments=adjustments))
    assert answer["days"][-1]["date"] == iso(newest, FAVORITA.horizon)
    assert answer["days"][-1]["delta"] != 0


def test_a_store_without_promotions_still_sells(client: Any) -> None:
    """Closed days have no promotions in the table; the model must not conclude the converse."""
    for fields in ({"store_nbr": 1}, {"family": "DAIRY"}, {}):
        answer = client.post("/whatif", horizon=15, adjustments={"onpromotion": 0}, **fields).json()
        assert -35 < answer["delta_pct"] < 0, fields
