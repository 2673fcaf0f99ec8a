"""What the calls say of one another: whatever is asked, their answers are parts of one forecast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.items import MAX_PAST_ORIGINS
from api.schemas.requests import HORIZONS
from features.calendar import NO_HOLIDAY
from features.hierarchy import BOTTOM, TOTAL, Node
from features.snapshot import MAX_HORIZON, Snapshot
from models.engine import ForecastEngine
from models.forecaster import FIRST_ORIGIN
from models.forecasts import Forecasts
from models.intervals import MAX_NOMINAL, MIN_NOMINAL
from models.release import LoadedRelease

Json = dict[str, Any]
WAYS = ("store", "family")
SIDES = ("baseline", "scenario", "delta")

several = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,  # the same examples in every run
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # no request leaves a trace
)


@pytest.fixture(scope="module")
def reconciled_release(serving_release: LoadedRelease) -> LoadedRelease:
    """A release whose upper nodes are believed as much as the series, so that all of them move."""
    snapshot = serving_release.engine.snapshot
    variances = {node.id: 1.0 for node in snapshot.hierarchy.nodes}
    bundle = replace(serving_release.engine.bundle, name="reconciled", variances=variances)
    engine = ForecastEngine(bundle, snapshot)
    coherent = engine.forecast(snapshot.newest_origin)
    assert coherent.clipped, "some series are raised to zero, too"
    stored = Forecasts(mean=coherent.values, clipped=coherent.clipped)
    return replace(serving_release, engine=engine, forecasts=stored)


@pytest.fixture(params=["bottom-up", "reconciled"])
def server(
    request: pytest.FixtureRequest,
    client_with: Callable[..., Any],
    runners: Any,
    reconciled_release: LoadedRelease,
) -> Any:
    """A server whose forecasts add up because they were added, or because they were made to."""
    if request.param == "bottom-up":
        return client_with()
    runner = type(runners)(reconciled_release.engine)
    return client_with(release=reconciled_release, onnx=runner, reconciler=runner)


# --- what is asked ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Days:
    """Days to ask for: the first as an index and as a date, and how many (None: a single one)."""

    start: int
    date: str
    horizon: int | None

    @property
    def query(self) -> Json:
        return {"date": self.date} | ({} if self.horizon is None else {"horizon": self.horizon})

    def ahead(self, snapshot: Snapshot) -> int:
        """Days from the origin to the first."""
        return max(self.start - snapshot.newest_origin, 1)


def days_of(
    snapshot: Snapshot, horizon: int | None, *, past: bool = True
) -> st.SearchStrategy[Days]:
    """Windows that may be asked for: from the newest origin, later, and as of the past."""
    newest = snapshot.newest_origin
    starts = [
        st.just(newest + 1),
        st.integers(newest + 1, newest + MAX_HORIZON + 1 - (horizon or 1)),
    ]
    if past:
        starts.append(st.integers(FIRST_ORIGIN + 1, newest))
    return st.one_of(starts).map(
        lambda start: Days(start, snapshot.date_at(start).isoformat(), horizon)
    )


def nodes_of(snapshot: Snapshot, *levels: str) -> st.SearchStrategy[Node]:
    """Nodes, each level as often as another."""
    hierarchy = snapshot.hierarchy
    levels = levels or tuple(hierarchy.levels)
    return st.one_of(
        [st.sampled_from(hierarchy.nodes[hierarchy.slices[level]]) for level in levels]
    )


def named(snapshot: Snapshot, node: Node) -> Json:
    """A node as a request's body names it."""
    columns = snapshot.hierarchy.levels[node.level]
    names: Json = dict(zip(columns, node.key, strict=True))
    return names | ({"store_nbr": int(names["store_nbr"])} if "store_nbr" in names else {})


@st.composite
def adjustments_of(draw: st.DrawFn, snapshot: Snapshot, days: Days) -> Json:
    """Promotions and holidays that may be assumed of some of the days."""
    assert days.horizon is not None
    planned = snapshot.promotion_lead + 1 - days.ahead(snapshot)
    op = draw(st.sampled_from(["set", "add", "multiply"] if planned > 0 else ["set"]))
    names = [None, *sorted(set(snapshot.calendar.names.tolist()) - {NO_HOLIDAY})]
    assumed: Json = {
        "onpromotion": {"op": op, "value": draw(st.floats(0, 5) | st.integers(0, 80))},
        "holiday": {"value": draw(st.sampled_from(names))},
    }
    for name, override in assumed.items():
        known = days.horizon if name == "holiday" or op == "set" else min(planned, days.horizon)
        first, last = sorted(draw(st.tuples(*[st.integers(0, known - 1)] * 2)))
        override["from"] = snapshot.date_at(days.start + first).isoformat()
        override["to"] = snapshot.date_at(days.start + last).isoformat()
    kept = draw(st.sampled_from([["onpromotion"], ["holiday"], [*assumed]]))
    return {name: assumed[name] for name in kept}


# --- what is answered -------------------------------------------------------------------------


def told(response: Any) -> Json:
    assert response.status_code == 200, response.text
    document: Json = response.json()
    return document


def tree_of(server: Any, **query: object) -> Json:
    tree: Json = told(server.get("/hierarchy", **query))["tree"]
    return tree


def walk(tree: Json) -> Iterator[Json]:
    yield tree
    for child in tree["children"]:
        yield from walk(child)


def cut(tree: Json, depth: int) -> Json:
    """A tree without what is more than `depth` levels below its root."""
    children = [cut(child, depth - 1) for child in tree["children"]] if depth else []
    return tree | {"children": children}


def same(value: float, *, size: float = 0.0) -> Any:
    """Equal but for the order in which floats are added, beside a number of that size."""
    return pytest.approx(value, rel=1e-9, abs=1e-9 * max(size, 1))


# --- POST /predict/simple ---------------------------------------------------------------------


@given(data=st.data())
@several
def test_intervals_hold_the_forecast_and_lie_within_each_other(
    server: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    series = data.draw(nodes_of(snapshot, BOTTOM))
    horizon = data.draw(st.sampled_from(HORIZONS))
    days = data.draw(days_of(snapshot, horizon))
    nominal = st.integers(MIN_NOMINAL, MAX_NOMINAL)
    asked = data.draw(st.lists(nominal, min_size=1, max_size=5, unique=True))
    answer = told(
        server.post("/predict/simple", **named(snapshot, series), **days.query, intervals=asked)
    )
    dates = [snapshot.date_at(days.start + number).isoformat() for number in range(horizon)]
    assert [day["date"] for day in answer["forecast"]] == dates
    bounds = [
        *(f"lower_{percent}" for percent in sorted(asked, reverse=True)),
        "prediction",
        *(f"upper_{percent}" for percent in sorted(asked)),
    ]
    for day in answer["forecast"]:
        assert day.keys() == {"date", "intervals", "actual", *bounds}
        assert all(low <= high for low, high in pairwise([0, *(day[name] for name in bounds)])), day
    first = answer["forecast"][0]
    assert {name: answer[name] for name in ("date", *bounds)} == {
        name: first[name] for name in ("date", *bounds)
    }


@given(data=st.data())
@several
def test_a_horizon_is_the_beginning_of_a_longer_one(
    server: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    """Whatever else is computed with a day, its forecast and its bounds are the same."""
    series = named(snapshot, data.draw(nodes_of(snapshot, BOTTOM)))
    short, long = sorted(
        data.draw(st.lists(st.sampled_from(HORIZONS), min_size=2, max_size=2, unique=True))
    )
    days = data.draw(days_of(snapshot, long))
    answers = [
        told(server.post("/predict/simple", **series, date=days.date, horizon=horizon))
        for horizon in (short, long)
    ]
    beginning, whole = (answer["forecast"] for answer in answers)
    for day, again in zip(beginning, whole[:short], strict=True):
        for name, value in day.items():
            assert again[name] == (same(value) if isinstance(value, float) else value)
    for answer in answers:
        del answer["forecast"], answer["horizon"]
    assert answers[0] == answers[1] | {
        name: same(value) for name, value in answers[1].items() if isinstance(value, float)
    }


# --- GET /hierarchy ---------------------------------------------------------------------------


@given(data=st.data())
@several
def test_every_node_is_the_sum_of_its_children_on_both_ways_down(
    server: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    days = data.draw(days_of(snapshot, data.draw(st.sampled_from([None, *HORIZONS]))))
    of_way = [list(walk(tree_of(server, **days.query, by=way))) for way in WAYS]
    for nodes in of_way:
        size = nodes[0]["prediction"]
        for node in nodes:
            assert node["prediction"] >= 0
            assert bool(node["children"]) is (node["level"] != BOTTOM)
            for value in ("prediction", "previous") if node["children"] else ():
                parts = [child[value] for child in node["children"]]
                told_of_none = {part is None for part in (node[value], *parts)}
                assert len(told_of_none) == 1
                if node[value] is not None:
                    assert sum(parts) == same(node[value], size=size)
    by_store, by_family = (
        {node["id"]: (node["prediction"], node["previous"], node["trend"]) for node in nodes}
        for nodes in of_way
    )
    shared = by_store.keys() & by_family.keys()
    assert shared == {node.id for node in snapshot.hierarchy.nodes if node.level in (TOTAL, BOTTOM)}
    assert {node: by_store[node] for node in shared} == {node: by_family[node] for node in shared}


@given(data=st.data())
@several
def test_a_part_of_the_tree_is_the_same_asked_for_alone(
    server: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    days = data.draw(days_of(snapshot, data.draw(st.sampled_from([None, *HORIZONS]))))
    way = data.draw(st.sampled_from(WAYS))
    depth = data.draw(st.integers(0, 3))
    node = data.draw(nodes_of(snapshot, TOTAL, way, BOTTOM))
    whole = tree_of(server, **days.query, by=way)
    (inside,) = [shown for shown in walk(whole) if shown["id"] == node.id]
    alone = tree_of(server, **days.query, by=way, node=node.id, depth=depth)
    assert alone == cut(inside, depth)


@given(data=st.data())
@several
def test_a_series_is_the_tree_s_leaf_and_its_days_add_up_to_it(
    server: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    series = data.draw(nodes_of(snapshot, BOTTOM))
    horizon = data.draw(st.sampled_from(HORIZONS))
    days = data.draw(days_of(snapshot, horizon))
    answer = told(server.post("/predict/simple", **named(snapshot, series), **days.query))
    forecast = [day["prediction"] for day in answer["forecast"]]
    leaf = {"node": series.id, "date": days.date}
    assert tree_of(server, **leaf)["prediction"] == same(answer["prediction"])
    assert tree_of(server, **leaf, horizon=horizon)["prediction"] == same(sum(forecast))


@given(data=st.data())
@several
def test_the_days_of_a_node_add_up_to_its_horizon(
    server: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    """From one origin, which days to come share."""
    horizon = data.draw(st.sampled_from(HORIZONS))
    days = data.draw(days_of(snapshot, horizon, past=False))
    node = data.draw(nodes_of(snapshot)).id
    single = [
        tree_of(server, node=node, depth=0, date=snapshot.date_at(start).isoformat())["prediction"]
        for start in range(days.start, days.start + horizon)
    ]
    assert tree_of(server, node=node, depth=0, **days.query)["prediction"] == same(sum(single))


# --- POST /whatif -----------------------------------------------------------------------------


@given(data=st.data())
@settings(several, max_examples=40)
def test_a_scenario_adds_up_beside_the_forecast_that_it_departs_from(
    server: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    """Over children, over days, and on both ways down; nothing assumed is no difference at all."""
    node = data.draw(nodes_of(snapshot))
    days = data.draw(days_of(snapshot, data.draw(st.sampled_from(HORIZONS))))
    assumed = data.draw(adjustments_of(snapshot, days) | st.just({}))
    ways = WAYS if node.level == TOTAL else (None,)
    body = named(snapshot, node) | days.query | {"adjustments": assumed, "depth": 2}
    answers = [told(server.post("/whatif", **body, by=way)) for way in ways]
    shown: dict[str, Json] = {}
    for answer in answers:
        root = answer | {"id": answer["node"]}
        check_sums(root)
        for part in (*walk(root), *answer["ancestors"]):
            figures = {side: part[side] for side in SIDES}
            assert shown.setdefault(part["id"], figures) == figures
            check_change(part)
            assert assumed or part["delta"] == 0
        if not answer["moved_by_shared_features"] and not answer["moved_by_reconciliation"]:
            for above in answer["ancestors"]:
                assert above["delta"] == same(answer["delta"], size=above["baseline"])
    for way in WAYS:
        for part in walk(tree_of(server, **days.query, by=way)):
            if part["id"] in shown:
                assert shown[part["id"]]["baseline"] == same(part["prediction"])


def check_sums(root: Json) -> None:
    """Days add up to the node, and children to their parent: both sides, and the difference."""
    size = max(root["baseline"], root["scenario"])
    for side in SIDES:
        assert sum(day[side] for day in root["days"]) == same(root[side], size=size)
        for part in walk(root):
            if part["children"]:
                children = sum(child[side] for child in part["children"])
                assert children == same(part[side], size=size)


def check_change(part: Json) -> None:
    """A difference is one, and no side is negative."""
    baseline, scenario, delta = (part[side] for side in SIDES)
    assert min(baseline, scenario) >= 0
    assert delta == same(scenario - baseline, size=max(baseline, scenario))
    assert (delta == 0) or (scenario != baseline)


# --- POST /predict/batch ----------------------------------------------------------------------


@st.composite
def items_of(draw: st.DrawFn, snapshot: Snapshot) -> list[Json]:
    """Items of few dates, good ones and such as are refused, some for too many days."""
    few = st.lists(days_of(snapshot, min(HORIZONS)), min_size=1, max_size=MAX_PAST_ORIGINS)
    dates = st.sampled_from([None, *(days.date for days in draw(few))])
    intervals = st.lists(st.integers(MIN_NOMINAL, MAX_NOMINAL), max_size=3)
    wrong = [{"store_nbr": 99}, {"family": "DIARY"}, {"horizon": 16}, {"date": "soon"}]
    items = []
    for _ in range(draw(st.integers(1, 8))):
        item = named(snapshot, draw(nodes_of(snapshot, BOTTOM)))
        item |= {"date": draw(dates), "horizon": draw(st.sampled_from(HORIZONS))}
        item |= {"intervals": draw(intervals)}
        items.append(item | draw(st.just({}) | st.sampled_from([{}, *wrong])))
    return items


@given(data=st.data())
@several
def test_a_batch_is_the_single_answers_byte_for_byte(
    client: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    """A problem differs by what names its place alone. Where forecasts are reconciled, one of the
    past is the single call's but for rounding: other days are solved beside it."""
    items = data.draw(items_of(snapshot))
    batch = client.post("/predict/batch", predictions=items)
    singles = [client.post("/predict/simple", **item) for item in items]
    parts = [
        placed(single.json(), f"/predictions/{number}") if single.is_error else single.content
        for number, single in enumerate(singles)
    ]
    assert batch.content == b'{"predictions":[' + b",".join(parts) + b"]}"


def placed(problem: Json, pointer: str) -> bytes:
    """The problem of a single call as a batch tells it."""
    del problem["request_id"]
    for fault in problem["errors"]:
        fault["pointer"] = pointer + fault["pointer"]
    return orjson.dumps(problem | {"instance": pointer})
