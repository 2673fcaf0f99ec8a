"""POST /predict/batch: many series, each with a result or a problem of its own."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.forecasts.batch import MAX_ITEMS
from api.forecasts.items import MAX_PAST_ORIGINS
from api.http.csv_rows import MAX_ROWS
from errors import Code
from storage.artifacts import Release

GOOD = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER", "horizon": 15}
PAST = [f"2024-0{month}-11" for month in range(1, 7)]


def predict_batch(client: Any, *items: object) -> list[dict[str, Any]]:
    response = client.post("/predict/batch", predictions=list(items))
    assert response.status_code == 200, response.text
    answers: list[dict[str, Any]] = response.json()["predictions"]
    assert len(answers) == len(items)
    return answers


def send_csv(client: Any, text: str | bytes) -> httpx.Response:
    headers = {"content-type": "text/csv; charset=utf-8"}
    response: httpx.Response = client.request(
        "POST", "/predict/batch", content=text, headers=headers
    )
    return response


def rows_of(response: httpx.Response) -> list[dict[str, str]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


def test_an_item_has_the_answer_of_the_single_call(client: Any) -> None:
    items = [
        GOOD,
        {**GOOD, "date": "2024-07-20", "horizon": 60},
        {**GOOD, "date": "2024-03-03", "intervals": [55]},
        {**GOOD, "quantiles": [0.1, 0.9]},
        {**GOOD, "quantiles": [0.9]},
        {**GOOD, "store_nbr": 2, "date": "2024-03-03", "horizon": 90},
    ]
    singles = [client.post("/predict/simple", **item).json() for item in items]
    assert predict_batch(client, *items) == singles


def test_a_batch_of_cached_items_is_byte_for_byte_the_computed_one(client: Any) -> None:
    items = [
        {**GOOD, "horizon": 20},
        {**GOOD, "horizon": 20, "intervals": [60]},
        {"node": "store:1/family:LIQUOR,WINE,BEER", "horizon": 20, "period": "week"},
        {"series": {"store_nbr": 1}, "horizon": 20},
        {**GOOD, "horizon": 20, "date": "2024-03-03"},
    ]
    computed, missed, hit = (
        client.request("POST", "/predict/batch", json={"predictions": items}, headers=headers)
        for headers in ({"Cache-Control": "no-cache"}, {}, {})
    )
    responses = (computed, missed, hit)
    assert [each.headers["x-cache"] for each in responses] == ["bypass", "miss", "hit"]
    assert computed.content == missed.content == hit.content
    backwards = client.post("/predict/batch", predictions=items[::-1])
    assert backwards.headers["x-cache"] == "hit", "items are cached, not batches"
    assert backwards.json()["predictions"] == hit.json()["predictions"][::-1]


def test_new_items_are_computed_beside_cached_ones(client: Any, runners: Any) -> None:
    shorter, longer = ({**GOOD, "date": "2024-02-05", "horizon": days} for days in (9, 10))
    expected = predict_batch(client, shorter)
    runners.inferred.clear()
    mixed = predict_batch(client, {**GOOD, "store_nbr": 77}, longer, shorter, longer)
    assert mixed[2:] == [*expected, mixed[1]]
    assert mixed[0]["code"] == Code.INVALID_STORE.name
    (rows,) = runners.inferred
    assert rows == 10, "the cached item is not forecast again"


def test_a_problem_is_not_cached(client: Any) -> None:
    for _ in range(2):
        response = client.post("/predict/batch", predictions=[{**GOOD, "family": "DIARY"}])
        assert response.headers["x-cache"] == "miss"


def test_items_that_are_refused_leave_nothing_for_a_full_collection(
    client: Any, uncollected_problems: Callable[[], int]
) -> None:
    """A table of 3,000 misspelt rows would leave 33,000 objects."""
    predict_batch(client, *20 * [{**GOOD, "family": "DIARY"}])
    assert uncollected_problems() == 0


def test_problems_take_the_place_of_their_items(client: Any) -> None:
    bad = [
        ({**GOOD, "store_nbr": 77}, Code.INVALID_STORE, "store_nbr"),
        ({**GOOD, "family": "DIARY"}, Code.INVALID_FAMILY, "family"),
        ({**GOOD, "date": "2030-01-01"}, Code.INVALID_DATE, "date"),
        ({**GOOD, "horizon": 91}, Code.INVALID_HORIZON, "horizon"),
    ]
    answers = predict_batch(client, GOOD, *(item for item, _, _ in bad), GOOD, 3)
    assert answers[0] == answers[5]
    for number, (_, code, field) in enumerate(bad, start=1):
        assert (answers[number]["code"], answers[number]["status"]) == (code.name, 400)
        assert [error["pointer"] for error in answers[number]["errors"]] == [
            f"/predictions/{number}/{field}"
        ]
    assert answers[6]["code"] == Code.INVALID_REQUEST.name
    assert "request_id" not in answers[6], "the same request has the same answer"


def test_the_model_is_called_once_for_each_date_of_the_past(client: Any, runners: Any) -> None:
    families = ("DAIRY", "PRODUCE", "BEVERAGES")
    predict_batch(
        client,
        *(
            {"store_nbr": store, "family": family, "date": day, "horizon": horizon}
            for store in (1, 2, 3)
            for family in families
            for day in PAST[:2]
            for horizon in (15, 30)
        ),
    )
    assert len(runners.inferred) == 2
    runners.inferred.clear()
    predict_batch(client, *[GOOD] * MAX_ITEMS)
    assert runners.inferred == [], "the newest forecasts are stored"


def test_past_dates_above_the_limit_are_refused_and_others_answered(client: Any) -> None:
    answers = predict_batch(client, *({**GOOD, "date": day} for day in (*PAST, PAST[0])), GOOD)
    refused = [number for number, item in enumerate(answers) if "code" in item]
    assert refused == [MAX_PAST_ORIGINS, MAX_PAST_ORIGINS + 1]
    assert {answers[number]["code"] for number in refused} == {Code.BATCH_TOO_LARGE.name}


@pytest.mark.parametrize(
    ("items", "code"),
    [
        pytest.param([], Code.INVALID_REQUEST, id="empty"),
        pytest.param([GOOD] * (MAX_ITEMS + 1), Code.BATCH_TOO_LARGE, id="too many"),
        pytest.param("all", Code.INVALID_REQUEST, id="no list"),
    ],
)
def test_an_invalid_batch_is_refused(client: Any, items: Any, code: Code) -> None:
    problem = client.problem(client.post("/predict/batch", predictions=items), code)
    assert problem["errors"][0]["pointer"] == "/predictions"


# --- CSV --------------------------------------------------------------------------------------


def test_a_table_has_a_line_for_each_day_of_each_row(client: Any) -> None:
    text = (
        "store_nbr,family,horizon,date\r\n"
        '1,"LIQUOR,WINE,BEER",15,\r\n'
        "77,DAIRY,15,2024-03-03\r\n"
        "2,DAIRY,30,2024-03-03\r\n"
    )
    rows = rows_of(send_csv(client, text))
    assert [row["row"] for row in rows] == ["1"] * 15 + ["2"] + ["3"] * 30
    single = client.post("/predict/simple", **GOOD).json()["forecast"]
    for row, day in zip(rows, single, strict=False):
        assert row["family"] == "LIQUOR,WINE,BEER"
        assert row["code"] == ""
        for name in ("prediction", "lower_80", "upper_80", "lower_95", "upper_95"):
            assert float(row[name]) == day[name]
    refused = rows[15]
    assert (refused["code"], refused["prediction"]) == (Code.INVALID_STORE.name, "")
    assert "77" in refused["detail"]


def test_the_order_of_the_columns_is_the_callers(client: Any) -> None:
    text = 'horizon,family,store_nbr\n15,"LIQUOR,WINE,BEER",1\n\n'
    assert len(rows_of(send_csv(client, "\ufeff" + text))) == 15


def test_cells_are_parsed_as_in_the_input_tables(client: Any) -> None:
    text = "Store_Nbr, family ,horizon,date\n1.0, DAIRY\u00a0,15.0,2024-07-01 00:00:00\n"
    plain = "store_nbr,family,horizon,date\n1,DAIRY,15,2024-07-01\n"
    assert rows_of(send_csv(client, text)) == rows_of(send_csv(client, plain))


def test_store_numbers_are_as_long_as_json_has_them(client: Any) -> None:
    (row,) = rows_of(send_csv(client, "store_nbr,family,horizon\n5012345678900,DAIRY,15\n"))
    assert (row["code"], row["store_nbr"]) == (Code.INVALID_STORE.name, "5012345678900")
    assert "There is no store 5012345678900" in row["detail"]


def test_the_refusal_of_a_date_names_its_format(client: Any) -> None:
    header = "store_nbr,family,horizon,date\n"
    (row,) = rows_of(send_csv(client, f"{header}1,DAIRY,15,01.07.2024\n"))
    assert row["code"] == Code.INVALID_DATE.name
    assert "day first or month first" in row["detail"]


def test_a_cell_that_a_spreadsheet_would_compute_is_written_as_text(client: Any) -> None:
    """Names and requests are written by others than those who open the file."""
    lines = ["store_nbr,family,horizon,date", "=1+1,@SUM(A1),15,+cmd|x", "-5,DAIRY,15,"]
    first, second = rows_of(send_csv(client, "\n".join(lines)))
    assert (first["store_nbr"], first["family"], first["date"]) == ("'=1+1", "'@SUM(A1)", "'+cmd|x")
    assert second["store_nbr"] == "-5"


def test_headers_of_a_table_name_the_model_and_the_snapshot(client: Any, release: Release) -> None:
    response = send_csv(client, 'horizon,family,store_nbr\n15,"LIQUOR,WINE,BEER",1\n')
    versions = (response.headers["x-model-version"], response.headers["x-snapshot"])
    assert versions == (release.bundle, release.snapshot)


@pytest.mark.parametrize("number", ["9" * 500, "１５", "015", "+15", "1_5"])
@pytest.mark.parametrize("column", ["store_nbr", "horizon"])
def test_a_number_that_json_would_reject_is_refused_in_a_table(
    client: Any, column: str, number: str
) -> None:
    usual = {"store_nbr": "1", "family": "DAIRY", "horizon": "15"}
    first, second = ({**usual, **changed} for changed in ({column: number}, {}))
    lines = [",".join(row.values()) for row in (first, second)]
    rows = rows_of(send_csv(client, "\n".join(("store_nbr,family,horizon", *lines))))
    assert rows[0]["code"] in (Code.INVALID_STORE.name, Code.INVALID_HORIZON.name)
    assert [row["code"] for row in rows[1:]] == [""] * 15, "the other row is answered"


def test_the_event_loop_runs_while_a_table_is_written(client: Any) -> None:
    """The socket may accept everything immediately; the event loop must still run other tasks."""
    table = "store_nbr,family,horizon\n" + "1,DAIRY,15\n" * 200
    turns = []

    async def both() -> None:
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://mlrf") as http:
            writing = asyncio.create_task(
                http.post("/predict/batch", content=table, headers={"Content-Type": "text/csv"})
            )
            while not writing.done():
                turns.append(await asyncio.sleep(0))

    asyncio.run(both())
    assert len(turns) > 4, "a turn for each 50 rows at least"


def test_a_table_of_the_maximum_length_is_answered_and_a_longer_one_refused(client: Any) -> None:
    row = "99,DAIRY,15\n"  # a problem has one line, and costs little
    header = "store_nbr,family,horizon\n"
    rows = rows_of(send_csv(client, header + row * MAX_ROWS))
    assert [row["row"] for row in rows] == [str(number) for number in range(1, MAX_ROWS + 1)]
    client.problem(send_csv(client, header + row * (MAX_ROWS + 1)), Code.BATCH_TOO_LARGE)


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        pytest.param("", Code.INVALID_REQUEST, "first line", id="empty"),
        pytest.param("store_nbr,family,horizon\n", Code.INVALID_REQUEST, "no rows", id="no rows"),
        pytest.param("store_nbr,family\n1,DAIRY\n", Code.INVALID_REQUEST, "horizon", id="column"),
        pytest.param(
            "store_nbr,family,horizon,units\n1,DAIRY,15,3\n",
            Code.INVALID_REQUEST,
            "units",
            id="strange column",
        ),
        pytest.param(
            "store_nbr,family,horizon\n1,DAIRY,15\n1,LIQUOR,WINE,BEER,15\n",
            Code.PARSE_ERROR,
            "Row 2",
            id="commas without quotes",
        ),
        pytest.param(
            'store_nbr,family,horizon\n1,"DAIRY,15\n', Code.PARSE_ERROR, "Row 1", id="open quote"
        ),
        pytest.param(
            "store_nbr;family;horizon\n1;DAIRY;15\n",
            Code.PARSE_ERROR,
            "uses semicolons; separate the values with commas",
            id="semicolons",
        ),
        pytest.param(b"store_nbr,\xff\n", Code.PARSE_ERROR, "UTF-8", id="no text"),
    ],
)
def test_an_invalid_table_is_refused(
    client: Any, text: str | bytes, code: Code, expected: str
) -> None:
    assert expected in client.problem(send_csv(client, text), code)["detail"]
