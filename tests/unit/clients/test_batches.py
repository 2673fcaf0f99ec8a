"""Rows and frames are divided into the requests that a server takes, and put together again."""

from __future__ import annotations

import datetime as dt
import json
import warnings
from collections.abc import Callable, Generator
from typing import Any

import polars as pl
import pytest

from api.forecasts.items import MAX_PAST_ORIGINS
from api.operations import OPERATIONS
from api.schemas import requests
from mlrf_client._batch_frames import batch_frame
from mlrf_client._batches import MAX_BYTES, MAX_DATES, MAX_ITEMS, batch
from mlrf_client._requests import Request, encode
from mlrf_client.answers import Forecast
from mlrf_client.errors import ApiError, MixedReleases, UnexpectedAnswer, UnknownNode
from tests.unit.clients.documents import forecast_document, problem_document

Items = list[dict[str, Any]]


def answer_items(items: Items) -> Any:
    """Return a forecast for each item; a problem for a node `none`."""
    names = [str(item.get("node") or [*item["series"].values()]) for item in items]
    return [
        problem_document() if name == "none" else forecast_document(name, days=item["horizon"])
        for name, item in zip(names, items, strict=True)
    ]


def run(
    steps: Generator[Request, Any, Any], answer: Callable[[Items], Any] = answer_items
) -> tuple[Any, list[Items]]:
    """Return the result of an operation, and the items of each of its requests."""
    sent: list[Items] = []
    try:
        request = next(steps)
        while True:
            content = request.content()
            assert content is not None
            items = json.loads(content)["predictions"]
            sent.append(items)
            request = steps.send({"predictions": answer(items)})
    except StopIteration as end:
        return end.value, sent


def nodes(count: int) -> list[dict[str, Any]]:
    return [{"node": f"shop:{number}"} for number in range(count)]


# --- rows -------------------------------------------------------------------------------------


def test_the_limits_are_those_of_the_server() -> None:
    (operation,) = [each for each in OPERATIONS if each.path == "/predict/batch"]
    assert MAX_ITEMS == requests.MAX_ITEMS
    assert MAX_BYTES + len(b'{"predictions":[]}') == operation.max_body
    assert MAX_DATES == MAX_PAST_ORIGINS


def test_rows_are_answered_in_their_order_in_full_requests() -> None:
    done: list[tuple[int, int]] = []
    results, sent = run(
        batch(nodes(205), horizon=1, progress=lambda count, of: done.append((count, of)))
    )
    assert [result.node for result in results] == [f"shop:{number}" for number in range(205)]
    assert list(map(len, sent)) == [100, 100, 5]
    assert done == [(100, 205), (200, 205), (205, 205)]


def test_a_smaller_chunk_makes_smaller_requests() -> None:
    _, sent = run(batch(nodes(5), horizon=1, chunk=2))
    assert list(map(len, sent)) == [2, 2, 1]


@pytest.mark.parametrize("chunk", [0, 101])
def test_a_chunk_beyond_the_server_is_refused(chunk: int) -> None:
    with pytest.raises(ValueError, match=f"chunk is {chunk}; 1 to 100"):
        run(batch(nodes(1), horizon=1, chunk=chunk))


def test_no_rows_need_no_request() -> None:
    assert run(batch([], horizon=1)) == ([], [])


def test_a_request_has_few_dates_and_rows_keep_their_order() -> None:
    rows = [
        {"node": f"n{number}", "date": dt.date(2024, 5, 1 + number % 6)} for number in range(18)
    ]
    results, sent = run(batch(rows, horizon=1))
    assert [result.node for result in results] == [row["node"] for row in rows]
    assert [len({item["date"] for item in items}) for items in sent] == [4, 2]


def test_a_request_is_no_larger_than_the_server_reads() -> None:
    rows = [{"node": "é" * 5000 + str(number)} for number in range(60)]
    results, sent = run(batch(rows, horizon=1))
    assert len(results) == 60
    assert [len(encode({"predictions": items})) <= 256 * 1024 for items in sent] == [True] * 3


def test_a_row_names_its_node_and_overrides_the_arguments() -> None:
    rows = [
        {"shop": "A1", "item": "tea", "horizon": 3},
        {"series": {"node": "x"}, "intervals": [90], "quantiles": [0.1], "date": None},
        {"node": "total", "period": "week"},
    ]
    _, (items,) = run(batch(rows, horizon=7, date="2024-07-01", intervals=[80], quantiles=[0.9]))
    common = {"horizon": 7, "date": "2024-07-01", "intervals": [80], "quantiles": [0.9]}
    assert items == [
        {**common, "series": {"shop": "A1", "item": "tea"}, "horizon": 3},
        {**common, "series": {"node": "x"}, "intervals": [90], "quantiles": [0.1]},
        {**common, "node": "total", "period": "week"},
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param({"shop": "A1", "item": None}, "item is missing", id="null"),
        pytest.param({"shop": float("nan")}, "shop is missing", id="NaN"),
        pytest.param({"node": None}, "node is missing", id="node"),
        pytest.param({}, "name the node", id="no name"),
        pytest.param({"node": "a", "shop": "A1"}, "name the node", id="two names"),
    ],
)
def test_a_row_that_does_not_name_one_node_is_refused(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=f"Row 1: {reason}"):
        run(batch([{"node": "total"}, row], horizon=1))


def test_a_horizon_is_needed() -> None:
    with pytest.raises(ValueError, match="Row 0: horizon is missing"):
        run(batch(nodes(1)))


def test_a_row_that_cannot_be_answered_is_an_error_in_its_place() -> None:
    (first, second), _ = run(batch([{"node": "none"}, {"node": "b"}], horizon=1))
    assert isinstance(first, UnknownNode)
    assert isinstance(second, Forecast)


@pytest.mark.parametrize("parts", [None, [], [{}, {}]], ids=["null", "too few", "too many"])
def test_an_answer_with_other_results_is_an_error(parts: Any) -> None:
    with pytest.raises(UnexpectedAnswer):
        run(batch(nodes(1), horizon=1), lambda _: parts)


def test_forecasts_of_two_releases_are_warned_of() -> None:
    releases = iter(("r1", "r2"))

    def answer(items: Items) -> Any:
        release = next(releases)
        return [forecast_document("n", release=release) for _ in items]

    with pytest.warns(MixedReleases, match="2 releases"):
        run(batch(nodes(2), horizon=1, chunk=1), answer)


def test_forecasts_of_one_release_are_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(batch(nodes(2), horizon=1, chunk=1))


# --- frames -----------------------------------------------------------------------------------

COLUMNS = ("shop", "item", "date", "prediction", "lower_80", "upper_80")
LAST = ("actual", "method", "origin", "model_version", "degraded", "error_code", "error")
SHOPS = pl.DataFrame({"shop": [1, 2], "item": ["tea", "tea"]}, schema_overrides={"shop": pl.Int8})


def test_a_frame_has_a_row_for_each_node_and_day() -> None:
    result, (items,) = run(batch_frame(SHOPS, horizon=2))
    assert items[0] == {"horizon": 2, "series": {"shop": 1, "item": "tea"}}
    assert tuple(result.columns) == COLUMNS + LAST
    assert result.schema["shop"] == pl.Int8, "columns of the frame stay as they are"
    assert result.schema["date"] == pl.Date
    assert result["actual"].dtype == result["prediction"].dtype == pl.Float64
    assert result["shop"].to_list() == [1, 1, 2, 2]
    assert result["date"].to_list() == [dt.date(2024, 7, 1), dt.date(2024, 7, 2)] * 2
    assert result["degraded"].to_list() == [False] * 4


def test_a_frame_has_a_row_for_each_period_that_is_added_up() -> None:
    result, _ = run(batch_frame(SHOPS, horizon=2, period="horizon"))
    assert result.columns[2:6] == ["first", "last", "days", "prediction"]
    assert result["days"].to_list() == [2, 2]


def test_a_node_that_cannot_be_forecast_has_a_row_with_its_error() -> None:
    frame = pl.DataFrame({"node": ["none", "b"], "horizon": [1, 2]})
    result, _ = run(batch_frame(frame))
    assert result["node"].to_list() == ["none", "b", "b"]
    assert result["error_code"].to_list() == ["INVALID_NODE", None, None]
    assert result["prediction"].to_list() == [None, 2.0, 2.0]
    assert result.columns[3:5] == ["lower_80", "upper_80"]


def test_a_frame_has_a_column_for_each_quantile() -> None:
    def answer(items: Items) -> Any:
        return [forecast_document("a", days=1, quantiles=item["quantiles"]) for item in items]

    result, (items,) = run(batch_frame(SHOPS, horizon=1, quantiles=[0.25, 0.5]), answer)
    assert [item["quantiles"] for item in items] == [[0.25, 0.5]] * 2
    assert result["quantile_0.25"].to_list() == [1.0, 1.0]
    assert result["quantile_0.5"].to_list() == [2.0, 2.0]


def test_a_frame_without_rows_has_none() -> None:
    result, sent = run(batch_frame(SHOPS.clear(), horizon=2))
    assert (len(result), sent) == (0, [])
    assert {"shop", "prediction", "error"} <= set(result.columns)


def test_a_frame_of_pandas_is_answered_by_one() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "shop": [1, 2],
            "item": pd.Categorical(["tea", "tea"]),
            "date": pd.to_datetime(["2024-07-01", None]),
        },
        index=[7, 7],
    )
    result, (items,) = run(batch_frame(frame, horizon=1))
    assert [item.get("date") for item in items] == [None, "2024-07-01"]
    assert items[1]["series"] == {"shop": 1, "item": "tea"}
    assert tuple(result.columns) == COLUMNS + LAST
    assert str(result["date"].dtype) == "datetime64[ns]"
    assert str(result["item"].dtype) == "category"
    assert result.index.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        pytest.param(pl.DataFrame({"horizon": [1]}), "No column", id="no node"),
        pytest.param(pl.DataFrame({"period": ["week"]}), "period", id="an argument"),
        pytest.param(pl.DataFrame({"quantiles": [0.1]}), "quantiles", id="quantiles"),
        pytest.param(pl.DataFrame({"shop": [None]}), "Row 0: shop is missing", id="null"),
        pytest.param(pl.DataFrame({"method": ["x"]}), "method is a column", id="of the result"),
    ],
)
def test_a_frame_that_does_not_name_nodes_is_refused(frame: pl.DataFrame, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        run(batch_frame(frame, horizon=1))


@pytest.mark.parametrize("frame", [SHOPS.lazy(), {"shop": [1]}], ids=["lazy", "no frame"])
def test_only_frames_are_taken(frame: Any) -> None:
    with pytest.raises(TypeError, match="DataFrame of Polars or pandas"):
        run(batch_frame(frame, horizon=1))


def test_an_error_in_rows_is_raised_before_anything_is_sent() -> None:
    rows = [*nodes(150), {"node": None}]
    with pytest.raises(ValueError, match="Row 150"):
        next(batch(rows, horizon=1))


def test_an_item_of_a_batch_is_an_api_error_value() -> None:
    (result,), _ = run(batch([{"node": "none"}], horizon=1))
    assert isinstance(result, ApiError)
    assert result.request_id is None
