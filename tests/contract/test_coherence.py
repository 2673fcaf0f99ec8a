"""Coherence across routes: for any query, all answers are parts of one forecast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.forecasts.items import MAX_PAST_ORIGINS
from api.schemas.requests import HORIZONS
from features.data.calendar import NO_HOLIDAY
from features.data.hierarchy import Node
from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM, FAVORITA, TOTAL
from features.data.step import Step
from features.state import first_origin
from models.engine import ForecastEngine
from models.intervals import MAX_NOMINAL, MIN_NOMINAL
from models.serving.forecast_store import Forecasts
from models.serving.release import LoadedRelease

pytestmark = pytest.mark.slow

Json = dict[str, Any]
PATHS = ("store", "family")
SIDES = ("baseline", "scenario", "delta")

several = settings(
    max_examples=25,
    derandomize=True,  # the same examples in every run
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # no request leaves a trace
)


@pytest.fixture(scope="module")
def reconciled_release(serving_release: LoadedRelease) -> LoadedRelease:
    """A release with equal variances at all nodes, so that reconciliation moves every series."""
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
    """A server with bottom-up forecasts, and one with reconciled forecasts."""
    if request.param == "bottom-up":
        return client_with()
    runner = type(runners)(reconciled_release.engine)
    return client_with(release=reconciled_release, onnx=runner, reconciler=runner)


# --- requests ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Days:
    """A window of days: the first as an index and as a date, and the horizon (None: one day)."""

    start: int
    date: str
    horizon: int | None

    @property
    def query(self) -> Json:
        return {"date": self.date} | ({} if self.horizon is None else {"horizon": self.horizon})

    def ahead(self, snapshot: Snapshot) -> int:
        """Return the days from the origin to the first day."""
        return max(self.start - snapshot.newest_origin, 1)


def days_of(
    snapshot: Snapshot, horizon: int | None, *, past: bool = True
) -> st.SearchStrategy[Days]:
    """Return a strategy for valid windows: right after the newest origin, later, or in the past."""
    newest = snapshot.newest_origin
    starts = [
        st.just(newest + 1),
        st.integers(newest + 1, newest + FAVORITA.horizon + 1 - (horizon or 1)),
    ]
    if past:
        starts.append(st.integers(first_origin(Step.DAY) + 1, newest))
    return st.one_of(starts).map(
        lambda start: Days(start, snapshot.date_at(start).isoformat(), horizon)
    )


def nodes_of(snapshot: Snapshot, *levels: str) -> st.SearchStrategy[Node]:
    """Return a strategy for nodes in which each level is equally frequent."""
    hierarchy = snapshot.hierarchy
    levels = levels or tuple(hierarchy.levels)
    return st.one_of(
        [st.sampled_from(hierarchy.nodes[hierarchy.slices[level]]) for level in levels]
    )


def node_fields(snapshot: Snapshot, node: Node) -> Json:
    """Return the fields of a request's body that select a node."""
    columns = snapshot.hierarchy.levels[node.level]
    names: Json = dict(zip(columns, node.key, strict=True))
    return names | ({"store_nbr": int(names["store_nbr"])} if "store_nbr" in names else {})


@st.composite
def adjustments_of(draw: st.DrawFn, snapshot: Snapshot, days: Days) -> Json:
    """Draw valid adjustments of promotions and holidays on some of the days."""
    assert days.horizon is not None
    planned = snapshot.lead + 1 - days.ahead(snapshot)
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
    selected = draw(st.sampled_from([["onpromotion"], ["holiday"], [*assumed]]))
    return {name: assumed[name] for name in selected}


# --- answers ----------------------------------------------------------------------------------


def parse_success(response: Any) -> Json:
    assert response.status_code == 200, response.text
    document: Json = response.json()
    return document


def tree_of(server: Any, **query: object) -> Json:
    tree: Json = parse_success(server.get("/hierarchy", **query))["tree"]
    return tree


def walk(tree: Json) -> Iterator[Json]:
    yield tree
    for child in tree["children"]:
        yield from walk(child)


def prune(tree: Json, depth: int) -> Json:
    """Return a tree without the nodes more than `depth` levels below its root."""
    children = [prune(child, depth - 1) for child in tree["children"]] if depth else []
    return tree | {"children": children}


def approximately(value: float, *, size: float = 0.0) -> Any:
    """Return an approximation that tolerates any order of adding floats of this size."""
    return pytest.approx(value, rel=1e-9, abs=1e-9 * max(size, 1))


def approximated(value: Any) -> Any:
    """Return a member of an answer, with its floats as approximations."""
    if isinstance(value, list):
        return [approximated(each) for each in value]
    if isinstance(value, dict):
        return {name: approximated(each) for name, each in value.items()}
    return approximately(value) if isinstance(value, float) else value


# --- POST /predict/simple ---------------------------------------------------------------------


@given(data=st.data())
@several
def test_intervals_hold_the_forecast_and_lie_within_each_other(
    server: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    series = data.draw(nodes_of(snapshot, BOTTOM))
    horizon = data.draw(st.sampled_from(HORIZONS[Step.DAY]))
    days = data.draw(days_of(snapshot, horizon))
    nominal = st.integers(MIN_NOMINAL, MAX_NOMINAL)
    nominals = data.draw(st.lists(nominal, min_size=1, max_size=5, unique=True))
    answer = parse_success(
        server.post(
            "/predict/simple", **node_fields(snapshot, series), **days.query, intervals=nominals
        )
    )
    dates = [snapshot.date_at(days.start + number).isoformat() for number in range(horizon)]
    assert [day["date"] for day in answer["forecast"]] == dates
    bounds = [
        *(f"lower_{percent}" for percent in sorted(nominals, reverse=True)),
        "prediction",
        *(f"upper_{percent}" for percent in sorted(nominals)),
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
    """A day's forecast and bounds do not depend on the other days of the request."""
    series = node_fields(snapshot, data.draw(nodes_of(snapshot, BOTTOM)))
    short, long = sorted(
        data.draw(
            st.lists(st.sampled_from(HORIZONS[Step.DAY]), min_size=2, max_size=2, unique=True)
        )
    )
    days = data.draw(days_of(snapshot, long))
    answers = [
        parse_success(server.post("/predict/simple", **series, date=days.date, horizon=horizon))
        for horizon in (short, long)
    ]
    beginning, whole = (answer["forecast"] for answer in answers)
    for day, again in zip(beginning, whole[:short], strict=True):
        assert again == approximated(day)
    for answer in answers:
        del answer["forecast"], answer["horizon"]
    assert answers[0] == answers[1] | {
        name: approximately(value) for name, value in answers[1].items() if isinstance(value, float)
    }


# --- GET /hierarchy ---------------------------------------------------------------------------


@given(data=st.data())
@several
def test_every_node_is_the_sum_of_its_children_by_store_and_by_family(
    server: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    days = data.draw(days_of(snapshot, data.draw(st.sampled_from([None, *HORIZONS[Step.DAY]]))))
    nodes_by_path = [list(walk(tree_of(server, **days.query, by=path))) for path in PATHS]
    for nodes in nodes_by_path:
        size = nodes[0]["prediction"]
        for node in nodes:
            assert node["prediction"] >= 0
            assert bool(node["children"]) is (node["level"] != BOTTOM)
            for value in ("prediction", "previous") if node["children"] else ():
                parts = [child[value] for child in node["children"]]
                absences = {part is None for part in (node[value], *parts)}
                assert len(absences) == 1
                if node[value] is not None:
                    assert sum(parts) == approximately(node[value], size=size)
    by_store, by_family = (
        {node["id"]: (node["prediction"], node["previous"], node["trend"]) for node in nodes}
        for nodes in nodes_by_path
    )
    shared = by_store.keys() & by_family.keys()
    assert shared == {node.id for node in snapshot.hierarchy.nodes if node.level in (TOTAL, BOTTOM)}
    assert {node: by_store[node] for node in shared} == {node: by_family[node] for node in shared}


@given(data=st.data())
@several
def test_a_subtree_equals_its_part_of_the_whole_tree(
    server: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    days = data.draw(days_of(snapshot, data.draw(st.sampled_from([None, *HORIZONS[Step.DAY]]))))
    path = data.draw(st.sampled_from(PATHS))
    depth = data.draw(st.integers(0, 3))
    node = data.draw(nodes_of(snapshot, TOTAL, path, BOTTOM))
    whole = tree_of(server, **days.query, by=path)
    (inside,) = [part for part in walk(whole) if part["id"] == node.id]
    subtree = tree_of(server, **days.query, by=path, node=node.id, depth=depth)
    assert subtree == prune(inside, depth)


@given(data=st.data())
@several
def test_a_series_equals_its_leaf_in_the_tree_and_its_days_add_up_to_it(
    server: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    series = data.draw(nodes_of(snapshot, BOTTOM))
    horizon = data.draw(st.sampled_from(HORIZONS[Step.DAY]))
    days = data.draw(days_of(snapshot, horizon))
    answer = parse_success(
        server.post("/predict/simple", **node_fields(snapshot, series), **days.query)
    )
    forecast = [day["prediction"] for day in answer["forecast"]]
    leaf = {"node": series.id, "date": days.date}
    assert tree_of(server, **leaf)["prediction"] == approximately(answer["prediction"])
    assert tree_of(server, **leaf, horizon=horizon)["prediction"] == approximately(sum(forecast))


@given(data=st.data())
@several
def test_the_days_of_a_node_add_up_to_its_horizon(
    server: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    """All days after the newest origin are forecast from it; past days have other origins."""
    horizon = data.draw(st.sampled_from(HORIZONS[Step.DAY]))
    days = data.draw(days_of(snapshot, horizon, past=False))
    node = data.draw(nodes_of(snapshot)).id
    single = [
        tree_of(server, node=node, depth=0, date=snapshot.date_at(start).isoformat())["prediction"]
        for start in range(days.start, days.start + horizon)
    ]
    assert tree_of(server, node=node, depth=0, **days.query)["prediction"] == approximately(
        sum(single)
    )


# --- POST /whatif -----------------------------------------------------------------------------


@given(data=st.data())
@settings(several, max_examples=40)
def test_baseline_scenario_and_delta_each_add_up(
    server: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    """Over children, over days, and on both paths; no adjustment makes no difference."""
    node = data.draw(nodes_of(snapshot))
    days = data.draw(days_of(snapshot, data.draw(st.sampled_from(HORIZONS[Step.DAY]))))
    adjustments = data.draw(adjustments_of(snapshot, days) | st.just({}))
    paths = PATHS if node.level == TOTAL else (None,)
    body = node_fields(snapshot, node) | days.query | {"adjustments": adjustments, "depth": 2}
    answers = [parse_success(server.post("/whatif", **body, by=path)) for path in paths]
    figures_by_node: dict[str, Json] = {}
    for answer in answers:
        root = answer | {"id": answer["node"]}
        check_sums(root)
        for part in (*walk(root), *answer["ancestors"]):
            figures = {side: part[side] for side in SIDES}
            assert figures_by_node.setdefault(part["id"], figures) == figures
            check_change(part)
            assert adjustments or part["delta"] == 0
        assert answer["moved_by_shared_features"] == 0
        if not answer["moved_by_reconciliation"]:
            for ancestor in answer["ancestors"]:
                assert ancestor["delta"] == approximately(
                    answer["delta"], size=ancestor["baseline"]
                )
    for path in PATHS:
        for part in walk(tree_of(server, **days.query, by=path)):
            if part["id"] in figures_by_node:
                assert figures_by_node[part["id"]]["baseline"] == approximately(part["prediction"])


def check_sums(root: Json) -> None:
    """Fail unless days add up to the node and children to their parent, on every side."""
    size = max(root["baseline"], root["scenario"])
    for side in SIDES:
        assert sum(day[side] for day in root["days"]) == approximately(root[side], size=size)
        for part in walk(root):
            if part["children"]:
                children = sum(child[side] for child in part["children"])
                assert children == approximately(part[side], size=size)


def check_change(part: Json) -> None:
    """Fail unless the delta is scenario minus baseline, and no side is negative."""
    baseline, scenario, delta = (part[side] for side in SIDES)
    assert min(baseline, scenario) >= 0
    assert delta == approximately(scenario - baseline, size=max(baseline, scenario))
    assert (delta == 0) or (scenario != baseline)


# --- POST /predict/batch ----------------------------------------------------------------------


@st.composite
def items_of(draw: st.DrawFn, snapshot: Snapshot) -> list[Json]:
    """Draw items of few dates: valid ones and ones that are refused."""
    few = st.lists(
        days_of(snapshot, min(HORIZONS[Step.DAY])), min_size=1, max_size=MAX_PAST_ORIGINS
    )
    dates = st.sampled_from([None, *(days.date for days in draw(few))])
    intervals = st.lists(st.integers(MIN_NOMINAL, MAX_NOMINAL), max_size=3)
    wrong = [{"store_nbr": 99}, {"family": "DIARY"}, {"horizon": 16}, {"date": "soon"}]
    items = []
    for _ in range(draw(st.integers(1, 8))):
        item = node_fields(snapshot, draw(nodes_of(snapshot, BOTTOM)))
        item |= {"date": draw(dates), "horizon": draw(st.sampled_from(HORIZONS[Step.DAY]))}
        item |= {"intervals": draw(intervals)}
        items.append(item | draw(st.just({}) | st.sampled_from([{}, *wrong])))
    return items


@given(data=st.data())
@several
def test_a_batch_equals_the_single_answers_byte_for_byte(
    client: Any, snapshot: Snapshot, data: st.DataObject
) -> None:
    """Problems differ only in their pointers.

    With reconciliation a past forecast would differ from the single call's by rounding, as the
    solve covers the days of other items too; hence only bottom-up forecasts are compared.
    """
    items = data.draw(items_of(snapshot))
    batch = client.post("/predict/batch", predictions=items)
    singles = [client.post("/predict/simple", **item) for item in items]
    parts = [
        as_batch_problem(single.json(), f"/predictions/{number}")
        if single.is_error
        else single.content
        for number, single in enumerate(singles)
    ]
    assert batch.content == b'{"predictions":[' + b",".join(parts) + b"]}"


def as_batch_problem(problem: Json, pointer: str) -> bytes:
    """Return the problem of a single call as a batch reports it."""
    del problem["request_id"]
    for fault in problem["errors"]:
        fault["pointer"] = pointer + fault["pointer"]
    return orjson.dumps(problem | {"instance": pointer})
