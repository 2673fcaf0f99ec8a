"""GET /hierarchy: the coherent tree."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from api.schemas.requests import HORIZONS
from errors import Code
from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM, FAVORITA
from features.data.step import Step
from middleware.headers import ARROW, CSV, JSON, PARQUET
from storage.artifacts import Release

TOLERANCE = 1e-6

every_path = pytest.mark.parametrize("by", ["store", "family"])


def walk(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield tree
    for child in tree["children"]:
        yield from walk(child)


def tree_of(client: Any, **query: object) -> dict[str, Any]:
    response = client.get("/hierarchy", **query)
    assert response.status_code == 200, response.text
    tree: dict[str, Any] = response.json()["tree"]
    return tree


def day(newest: date, offset: int) -> str:
    return (newest + timedelta(offset)).isoformat()


@every_path
@pytest.mark.parametrize("horizon", [None, 15, 90])
@pytest.mark.parametrize("offset", [-400, -30, 0, 1], ids=lambda offset: f"day {offset}")
def test_children_add_up_to_their_parent_at_every_node(
    client: Any, snapshot: Snapshot, newest: date, by: str, horizon: int | None, offset: int
) -> None:
    """For past days and coming ones, for a day and for sums of days."""
    query = {"date": day(newest, offset), "by": by} | ({"horizon": horizon} if horizon else {})
    nodes = list(walk(tree_of(client, **query)))
    assert len(nodes) == 1 + sum(
        len(range(*snapshot.hierarchy.slices[level].indices(len(snapshot.hierarchy))))
        for level in (by, BOTTOM)
    )
    for node in nodes:
        assert node["prediction"] >= 0
        assert bool(node["children"]) is (node["level"] != BOTTOM)
        if node["children"]:
            total = sum(child["prediction"] for child in node["children"])
            assert total == pytest.approx(node["prediction"], rel=TOLERANCE)
    assert nodes[0]["prediction"] > 0


def test_both_paths_have_the_same_bottom_series_and_the_same_total(client: Any) -> None:
    by_store, by_family = (
        {node["id"]: node["prediction"] for node in walk(tree_of(client, by=by, horizon=30))}
        for by in ("store", "family")
    )
    shared = by_store.keys() & by_family.keys()
    assert "total" in shared
    assert len(shared) > 20
    for node in shared:
        assert by_store[node] == pytest.approx(by_family[node], rel=TOLERANCE)


@pytest.mark.parametrize("offset", [-60, 0, 1, 20], ids=lambda offset: f"day {offset}")
def test_a_bottom_node_equals_predict_simple(client: Any, newest: date, offset: int) -> None:
    """That day's forecast, and the sum of the horizon's."""
    first = day(newest, offset)
    for series in walk(tree_of(client, date=first, depth=2)):
        if series["level"] != BOTTOM:
            continue
        store, family = series["id"].removeprefix("store:").split("/family:")
        simple = client.post(
            "/predict/simple", store_nbr=int(store), family=family, date=first, horizon=15
        ).json()
        assert series["prediction"] == pytest.approx(simple["prediction"], rel=TOLERANCE)
        if store == "1":
            summed = tree_of(client, node=series["id"], date=first, horizon=15)["prediction"]
            days = [one["prediction"] for one in simple["forecast"]]
            assert summed == pytest.approx(sum(days), rel=TOLERANCE)


def test_days_add_up_to_their_horizon(client: Any, newest: date) -> None:
    single = [
        tree_of(client, date=day(newest, offset), depth=0)["prediction"] for offset in range(1, 16)
    ]
    whole = tree_of(client, horizon=15, depth=0)["prediction"]
    assert whole == pytest.approx(sum(single), rel=TOLERANCE)
    assert len(set(single)) == 15


def test_the_answer_states_its_model_and_data(client: Any, release: Release, newest: date) -> None:
    answer = client.get("/hierarchy", depth=0).json()
    tree = answer.pop("tree")
    assert answer == {
        "date": day(newest, 1),
        "horizon": 1,
        "previous_date": day(newest, -6),
        "by": "store",
        "origin": newest.isoformat(),
        "adjusted": False,
        "model_version": release.bundle,
        "snapshot": {"origin": newest.isoformat(), "digest": release.snapshot.rpartition("-")[2]},
        "degraded": False,
    }
    assert tree.keys() == {
        *("id", "name", "level", "prediction"),
        *("statistical", "previous", "trend", "intervals", "children"),
    }
    assert (tree["id"], tree["level"], tree["children"]) == ("total", "total", [])


def test_a_past_day_uses_the_state_of_the_day_before(client: Any, newest: date) -> None:
    answer = client.get("/hierarchy", date=day(newest, -9), horizon=15, by="family").json()
    assert answer["origin"] == day(newest, -10)
    assert (answer["date"], answer["horizon"], answer["by"]) == (day(newest, -9), 15, "family")


@pytest.mark.parametrize(("depth", "levels"), [(0, 1), (1, 2), (2, 3), (7, 3)])
def test_depth_limits_the_levels_shown(client: Any, depth: int, levels: int) -> None:
    tree = tree_of(client, depth=depth)
    assert len({node["level"] for node in walk(tree)}) == levels


def test_a_subtree_is_the_same_as_in_the_whole(client: Any) -> None:
    whole = tree_of(client, by="store", horizon=30)
    for child in whole["children"]:
        assert tree_of(client, node=child["id"], horizon=30) == child


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        pytest.param({"node": ""}, Code.INVALID_NODE, "node", id="empty node"),
        pytest.param({"node": "store:99"}, Code.INVALID_NODE, "node", id="unknown node"),
        pytest.param({"node": "family:"}, Code.INVALID_NODE, "node", id="half a node"),
        pytest.param(
            {"node": "store:1", "by": "family"}, Code.INVALID_NODE, "node", id="wrong way"
        ),
        pytest.param({"by": "city"}, Code.INVALID_REQUEST, "by", id="unknown way"),
        pytest.param({"horizon": 91}, Code.INVALID_HORIZON, "horizon", id="other horizon"),
        pytest.param({"depth": -1}, Code.INVALID_REQUEST, "depth", id="negative depth"),
        pytest.param({"date": "today"}, Code.INVALID_DATE, "date", id="a word for a date"),
        pytest.param({"date": "2000-01-01"}, Code.INVALID_DATE, "date", id="too early"),
        pytest.param({"date": "2999-01-01"}, Code.INVALID_DATE, "date", id="too late"),
        pytest.param({"previous": "week"}, Code.INVALID_REQUEST, "previous", id="no such period"),
        pytest.param({"stroe": 1}, Code.INVALID_REQUEST, "stroe", id="unknown parameter"),
        pytest.param({"by": ["store", "family"]}, Code.INVALID_REQUEST, "by", id="twice"),
    ],
)
def test_a_wrong_query_is_refused_with_its_parameter(
    client: Any, query: dict[str, Any], code: Code, pointer: str
) -> None:
    problem = client.problem(client.get("/hierarchy", **query), code)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize("horizon", [1, *HORIZONS[Step.DAY]])
def test_the_last_valid_date_ends_with_the_last_forecast_day(
    client: Any, newest: date, horizon: int
) -> None:
    query = {} if horizon == 1 else {"horizon": horizon}
    last = FAVORITA.horizon - horizon + 1
    assert client.get("/hierarchy", date=day(newest, last), depth=0, **query).status_code == 200
    response = client.get("/hierarchy", date=day(newest, last + 1), depth=0, **query)
    client.problem(response, Code.INVALID_DATE)


@pytest.mark.parametrize(
    ("offset", "horizon", "back"),
    [
        pytest.param(1, 1, 7, id="a day: the same weekday a week before"),
        pytest.param(1, 15, 21, id="15 days: three weeks before"),
        pytest.param(1, 90, 91, id="90 days: thirteen weeks before"),
        pytest.param(-200, 30, 35, id="days of the past"),
        pytest.param(7, 15, 21, id="the last that ends with the data"),
    ],
)
def test_the_previous_period_is_the_sum_of_sales(
    client: Any, snapshot: Snapshot, newest: date, offset: int, horizon: int, back: int
) -> None:
    query = {"date": day(newest, offset)} | ({"horizon": horizon} if horizon > 1 else {})
    answer = client.get("/hierarchy", **query).json()
    start = snapshot.newest_origin + offset - back
    assert answer["previous_date"] == snapshot.date_at(start).isoformat()
    for node in walk(answer["tree"]):
        row = snapshot.hierarchy.index[node["id"]]
        sold = snapshot.sales[row, start : start + horizon].sum()
        assert node["previous"] == pytest.approx(sold)
        if sold:
            assert node["trend"] == pytest.approx(node["prediction"] / sold - 1)
        else:
            assert node["trend"] is None


@pytest.mark.parametrize("horizon", [1, 30])
def test_the_previous_year_is_52_weeks_before(
    client: Any, snapshot: Snapshot, newest: date, horizon: int
) -> None:
    answer = client.get("/hierarchy", horizon=horizon, previous="year", depth=1).json()
    start = snapshot.newest_origin + 1 - 364
    assert answer["previous_date"] == snapshot.date_at(start).isoformat()
    for node in walk(answer["tree"]):
        sold = snapshot.sales[snapshot.hierarchy.index[node["id"]], start : start + horizon].sum()
        assert node["previous"] == pytest.approx(sold)


def test_an_incomplete_previous_period_is_null(client: Any, newest: date) -> None:
    answer = client.get("/hierarchy", date=day(newest, 8), horizon=15, depth=0).json()
    assert answer["previous_date"] is None
    assert (answer["tree"]["previous"], answer["tree"]["trend"]) == (None, None)


# --- trees that are sent as they are made -----------------------------------------------------

FORMS = [pytest.param(form, id=form.rpartition(".")[2]) for form in (JSON, CSV, ARROW)]
QUERIES = [
    pytest.param({}, id="a day"),
    pytest.param({"horizon": 30, "intervals": "80,95", "quantiles": "0.1"}, id="intervals"),
    pytest.param({"node": "store:1", "depth": 1, "previous": "year"}, id="a part"),
    pytest.param({"date": "2024-05-01", "intervals": "80"}, id="a day of the past"),
]


@pytest.fixture
def streaming(client: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server that sends every tree as it is made, three nodes at a time."""
    monkeypatch.setattr("api.forecasts.hierarchy.STREAMED_NODES", 1)
    monkeypatch.setattr("api.forecasts.hierarchy.NODES_OF_A_PART", 3)
    return client


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("form", FORMS)
def test_a_tree_that_is_streamed_is_byte_by_byte_the_one_that_is_not(
    client: Any,
    client_with: Any,
    query: dict[str, Any],
    form: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = {"params": query, "headers": {"accept": form}}
    whole = client.request("GET", "/hierarchy", **options)
    monkeypatch.setattr("api.forecasts.hierarchy.STREAMED_NODES", 1)
    another = client_with()  # whose cache is empty
    streamed = another.request("GET", "/hierarchy", **options)
    assert (whole.headers["x-cache"], streamed.headers["x-cache"]) == ("miss", "bypass")
    assert streamed.content == whole.content
    assert streamed.headers["content-type"] == whole.headers["content-type"]
    if form != ARROW:  # whose parts have heads of their own
        monkeypatch.setattr("api.forecasts.hierarchy.NODES_OF_A_PART", 3)
        assert another.request("GET", "/hierarchy", **options).content == whole.content


def test_a_streamed_parquet_file_has_the_rows_of_the_table(streaming: Any) -> None:
    parquet = streaming.request("GET", "/hierarchy", headers={"accept": PARQUET}).content
    text = streaming.request("GET", "/hierarchy", headers={"accept": CSV}).content
    frame = pl.read_parquet(io.BytesIO(parquet))
    assert frame.equals(pl.read_csv(io.BytesIO(text), schema=frame.schema, null_values=[""]))


def test_a_streamed_tree_is_compressed_for_clients_that_accept_it(streaming: Any) -> None:
    plain = streaming.request("GET", "/hierarchy", headers={"accept-encoding": "identity"})
    packed = streaming.request("GET", "/hierarchy", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content  # decoded by the client


def test_a_client_that_has_a_streamed_tree_gets_no_body(streaming: Any) -> None:
    tag = streaming.get("/hierarchy").headers["etag"]
    assert tag.startswith('W/"')
    known = {"if-none-match": tag}
    same = streaming.request("GET", "/hierarchy", headers=known)
    assert (same.status_code, same.content) == (304, b"")
    other = streaming.request("GET", "/hierarchy", params={"horizon": 2}, headers=known)
    assert (other.status_code, other.headers["etag"] == tag) == (200, False)
    table = streaming.request("GET", "/hierarchy", headers={**known, "accept": CSV})
    assert table.status_code == 200


def test_what_cannot_be_computed_of_a_streamed_tree_is_a_problem(
    client_with: Any, runners: Any, monkeypatch: pytest.MonkeyPatch, newest: date
) -> None:
    monkeypatch.setattr("api.forecasts.hierarchy.STREAMED_NODES", 1)

    class Failing:
        async def infer(self, *arguments: object) -> None:
            raise OSError("the runner is gone")

    client = client_with(onnx=Failing())
    response = client.get("/hierarchy", date=day(newest, -5))
    client.problem(response, Code.INFERENCE_FAILED)
