"""Answers as CSV, Parquet and Arrow: the numbers of the JSON answer, in typed columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

import httpx
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api.http.response_cache import LARGE
from api.http.table_files import FACTS
from config.paths import ROOT
from errors import Code
from middleware.headers import ARROW, CSV, JSON, PARQUET
from storage.artifacts import Release
from tests.contract.conftest import Client

Rows = list[dict[str, Any]]
DAY = date.fromisoformat
SERIES = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER"}
PAST = "2024-06-25"
ITEMS = [
    {**SERIES, "horizon": 15},
    {**SERIES, "store_nbr": 77, "horizon": 15},
    {
        "node": "family:DAIRY",
        "date": PAST,
        "horizon": 9,
        "intervals": [55, 80],
        "quantiles": [0.5, 0.1],
    },
    {
        "series": {"store_nbr": 2, "family": "DAIRY"},
        "horizon": 3,
        "intervals": [],
        "quantiles": [0.9],
    },
    3,
]


def _read_parquet(body: bytes) -> Rows:
    frame = pl.read_parquet(io.BytesIO(body))
    assert pq.read_table(io.BytesIO(body)).to_pylist() == frame.to_dicts()
    return frame.to_dicts()


def _read_arrow(body: bytes) -> Rows:
    frame = pl.read_ipc_stream(io.BytesIO(body))
    assert pa.ipc.open_stream(body).read_all().to_pylist() == frame.to_dicts()
    return frame.to_dicts()


TYPED: dict[str, Callable[[bytes], Rows]] = {PARQUET: _read_parquet, ARROW: _read_arrow}
FORMATS = [pytest.param(CSV, id="csv"), *(pytest.param(each, id=each[23:]) for each in TYPED)]
typed = pytest.mark.parametrize("media_type", FORMATS[1:])


class Operation(NamedTuple):
    """An operation with a request, and the rows that its JSON answer has."""

    method: str
    path: str
    fields: dict[str, Any]
    rows_of: Callable[[Any], Rows]


def quantiles_of(document: Mapping[str, Any]) -> dict[str, float]:
    quantiles = document.get("quantiles", ())
    return {f"quantile_{each['probability']}": each["value"] for each in quantiles}


def days_of(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a forecast, from its JSON."""
    simple = "node" not in answer
    series = {name: answer[name] for name in ("store_nbr", "family")} if simple else {}
    key = {name: str(value) for name, value in (series or answer["series"]).items()}
    node = "store:{store_nbr}/family:{family}".format(**key) if simple else answer["node"]
    for day in answer["forecast"]:
        bounds = {name: value for name, value in day.items() if name[:6] in ("lower_", "upper_")}
        yield {
            "node": node,
            "level": "bottom" if simple else answer["level"],
            "store_nbr": key.get("store_nbr"),
            "family": key.get("family"),
            "date": DAY(day["date"]),
            "prediction": day["prediction"],
            **bounds,
            **quantiles_of(day),
            "actual": day["actual"],
            "origin": DAY(answer["origin"]),
            "method": answer["method"],
            "in_sample": answer["in_sample"],
            "degraded": answer["degraded"],
        }


def items_of(answer: Mapping[str, Any]) -> Rows:
    """Return the rows of a batch, from its JSON."""
    rows: Rows = []
    for number, item in enumerate(answer["predictions"], start=1):
        if "code" in item:
            rows.append({"row": number, "code": item["code"], "detail": item["detail"]})
        else:
            rows += ({"row": number, **day} for day in days_of(item))
    return rows


def tree_of(answer: Mapping[str, Any]) -> Rows:
    """Return the rows of a tree, from its JSON."""
    previous = answer["previous_date"]

    def walk(node: dict[str, Any], parent: str | None) -> Iterator[dict[str, Any]]:
        yield {
            "node": node["id"],
            "parent": parent,
            **{name: node[name] for name in ("level", "name", "prediction", "previous", "trend")},
            "date": DAY(answer["date"]),
            "horizon": answer["horizon"],
            "previous_date": previous and DAY(previous),
            **{
                f"{side}_{each['level']}": each[side]
                for each in node["intervals"]
                for side in ("lower", "upper")
            },
            **quantiles_of(node),
        }
        for child in node["children"]:
            yield from walk(child, node["id"])

    return list(walk(answer["tree"], None))


def past_of(answer: Mapping[str, Any]) -> Rows:
    """Return the rows of past days, from their JSON."""
    key = dict(part.split(":") for part in answer["node"].split("/") if ":" in part)
    node = {"node": answer["node"], "level": answer["level"]}
    node |= {"store_nbr": key.get("store"), "family": key.get("family")}
    return [
        {**node, "date": DAY(day["date"]), "units": day["units"], **day["covariates"]}
        for day in answer["days"]
    ]


def forecast_of(answer: Mapping[str, Any]) -> Rows:
    return list(days_of(answer))


OPERATIONS = [
    pytest.param(Operation("POST", "/forecast", {**SERIES, "horizon": 30}, forecast_of), id="node"),
    pytest.param(
        Operation(
            "POST", "/forecast", {"date": PAST, "horizon": 9, "intervals": [60]}, forecast_of
        ),
        id="past total",
    ),
    pytest.param(
        Operation(
            "POST", "/forecast", {**SERIES, "horizon": 9, "quantiles": [0.9, 0.25]}, forecast_of
        ),
        id="quantiles",
    ),
    pytest.param(
        Operation(
            "POST", "/forecast", {"store_nbr": 2, "horizon": 2, "intervals": []}, forecast_of
        ),
        id="no intervals",
    ),
    pytest.param(Operation("GET", "/hierarchy", {"horizon": 30}, tree_of), id="tree"),
    pytest.param(
        Operation(
            "GET",
            "/hierarchy",
            {"horizon": 9, "intervals": "80,95", "quantiles": "0.25,0.5"},
            tree_of,
        ),
        id="tree with quantiles",
    ),
    pytest.param(
        Operation(
            "GET", "/hierarchy", {"by": "family", "date": "2024-07-08", "horizon": 15}, tree_of
        ),
        id="tree without past",
    ),
    pytest.param(Operation("POST", "/historical", {"store_nbr": 1}, past_of), id="past"),
    pytest.param(Operation("POST", "/predict/batch", {"predictions": ITEMS}, items_of), id="batch"),
]
every_operation = pytest.mark.parametrize("operation", OPERATIONS)
every_format = pytest.mark.parametrize("media_type", FORMATS)


def send(client: Client, operation: Operation, **headers: str) -> httpx.Response:
    kind = "params" if operation.method == "GET" else "json"
    header_fields = {name.replace("_", "-"): value for name, value in headers.items()}
    options: dict[str, Any] = {kind: operation.fields}
    return client.request(operation.method, operation.path, headers=header_fields, **options)


def rows_of(response: httpx.Response) -> Rows:
    """Return the rows of a table; cells of CSV have the type that they look like."""
    assert response.status_code == 200, response.text
    media_type = response.headers["content-type"].partition(";")[0]
    if media_type == CSV:
        frame = pl.read_csv(
            response.content,
            infer_schema_length=None,
            try_parse_dates=True,
            schema_overrides={"store_nbr": pl.String},
        )
        return frame.to_dicts()
    return TYPED[media_type](response.content)


def without_nulls(rows: Rows) -> Rows:
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


@every_format
@every_operation
def test_a_table_has_the_values_of_the_json_answer(
    client: Client, operation: Operation, media_type: str
) -> None:
    expected = operation.rows_of(send(client, operation).json())
    response = send(client, operation, Accept=media_type)
    assert response.headers["content-type"].startswith(media_type)
    rows = rows_of(response)
    assert without_nulls(rows) == without_nulls(expected)
    assert {*expected[0]} <= {*rows[0]}, "a column without a value is there too"


@every_operation
def test_all_formats_have_the_same_columns(client: Client, operation: Operation) -> None:
    tables = [rows_of(send(client, operation, Accept=each)) for each in (CSV, PARQUET, ARROW)]
    assert [*tables[0][0]] == [*tables[1][0]] == [*tables[2][0]]


@every_format
@every_operation
def test_a_table_names_the_model_and_the_data(
    client: Client, release: Release, operation: Operation, media_type: str
) -> None:
    for _ in range(2):  # also from the cache
        headers = send(client, operation, Accept=media_type).headers
        versions = (headers["x-model-version"], headers["x-snapshot"])
        assert versions == (release.bundle, release.snapshot)


@every_operation
def test_every_answer_varies_by_accept(client: Client, operation: Operation) -> None:
    for accept in (JSON, CSV, PARQUET):
        for _ in range(2):
            assert "Accept" in send(client, operation, Accept=accept).headers["vary"].split(", ")


@every_operation
def test_a_client_that_names_no_table_gets_json(client: Client, operation: Operation) -> None:
    usual = send(client, operation)
    for accept in ("*/*", "image/png", f"{PARQUET};q=0.2, {JSON}"):
        response = send(client, operation, Accept=accept)
        assert response.headers["content-type"] == JSON
        assert response.content == usual.content


@every_operation
def test_a_parquet_file_has_the_facts_beside_its_rows(client: Client, operation: Operation) -> None:
    answer = send(client, operation).json()
    first = answer["predictions"][0] if "predictions" in answer else answer
    body = send(client, operation, Accept=PARQUET).content
    facts = orjson.loads(pl.read_parquet_metadata(io.BytesIO(body))[FACTS])
    assert facts.items() <= first.items()
    assert facts["snapshot"] == first["snapshot"]


@typed
def test_types_are_those_of_the_values(client: Client, media_type: str) -> None:
    """Codes are texts, also where they look like numbers."""
    body = send(client, OPERATIONS[0].values[0], Accept=media_type).content  # type: ignore[arg-type]
    read = pl.read_parquet if media_type == PARQUET else pl.read_ipc_stream
    assert read(io.BytesIO(body)).schema == {
        **dict.fromkeys(("node", "level", "store_nbr", "family"), pl.String),
        "date": pl.Date,
        "prediction": pl.Float64,
        **dict.fromkeys(("lower_80", "upper_80", "lower_95", "upper_95", "actual"), pl.Float64),
        "origin": pl.Date,
        "method": pl.String,
        "in_sample": pl.Boolean,
        "degraded": pl.Boolean,
    }


@typed
@pytest.mark.parametrize("nominals", [[], [50], [99, 50, 80]], ids=str)
def test_the_bounds_of_every_interval_are_columns(
    client: Client, media_type: str, nominals: list[int]
) -> None:
    operation = Operation("POST", "/forecast", {"horizon": 2, "intervals": nominals}, forecast_of)
    columns = [*rows_of(send(client, operation, Accept=media_type))[0]]
    bounds = [f"{side}_{nominal}" for nominal in nominals for side in ("lower", "upper")]
    assert [name for name in columns if name[:6] in ("lower_", "upper_")] == bounds


@typed
def test_quantiles_follow_the_bounds_as_columns(client: Client, media_type: str) -> None:
    fields = {"horizon": 2, "intervals": [80], "quantiles": [0.9, 0.025]}
    operation = Operation("POST", "/forecast", fields, forecast_of)
    columns = [*rows_of(send(client, operation, Accept=media_type))[0]]
    at = columns.index("lower_80")
    numbers = ["lower_80", "upper_80", "quantile_0.025", "quantile_0.9"]
    assert columns[at : at + 5] == [*numbers, "actual"]


@every_format
def test_a_table_of_more_quantiles_than_a_request_may_have_is_refused(
    client: Client, media_type: str
) -> None:
    """Items of a hundred different quantiles each would make ten thousand columns."""
    items = [
        {"node": "total", "horizon": 1, "quantiles": [(first + step) / 200 for step in range(51)]}
        for first in (10, 60)
    ]
    batch = Operation("POST", "/predict/batch", {"predictions": items}, items_of)
    problem = client.problem(send(client, batch, Accept=media_type), Code.INVALID_REQUEST)
    assert "up to 99 quantiles" in problem["detail"]
    assert "101 different ones" in problem["detail"]
    assert send(client, batch).status_code == 200


# --- tables for tables ------------------------------------------------------------------------

TABLE = (
    "store_nbr,family,horizon,date\r\n"
    '1,"LIQUOR,WINE,BEER",15,\r\n'
    "77,DAIRY,15,2024-03-03\r\n"
    "2,=1+1,15,01.07.2024\r\n"
    "2,DAIRY,30,2024-03-03\r\n"
)


def send_table(client: Client, accept: str, text: str = TABLE) -> httpx.Response:
    headers = {"Content-Type": CSV, "Accept": accept}
    return client.request("POST", "/predict/batch", content=text, headers=headers)


@typed
def test_a_table_is_answered_in_the_format_that_accept_names(
    client: Client, media_type: str
) -> None:
    usual = list(csv.DictReader(io.StringIO(send_table(client, "*/*").text, newline="")))
    rows = rows_of(send_table(client, media_type))
    assert [*rows[0]] == [*usual[0]]
    assert len(rows) == 15 + 1 + 1 + 30
    for row, expected in zip(rows, usual, strict=True):
        assert (str(row["row"]), row["code"] or "") == (expected["row"], expected["code"])
        number = row["prediction"]
        assert ("" if number is None else str(number)) == expected["prediction"]
    assert rows[15]["date"] == date(2024, 3, 3)
    assert (rows[16]["date"], rows[16]["family"]) == (None, "=1+1"), "nothing computes it there"


def test_a_table_is_not_answered_with_json(client: Client) -> None:
    response = send_table(client, JSON)
    assert response.headers["content-type"] == "text/csv; header=present; charset=utf-8"


@typed
def test_a_long_table_has_all_its_rows_in_their_order(client: Client, media_type: str) -> None:
    lines = [f"{1 + number % 3},DAIRY,15" for number in range(250)]
    rows = rows_of(send_table(client, media_type, "\n".join(["store_nbr,family,horizon", *lines])))
    assert [row["row"] for row in rows] == [number for number in range(1, 251) for _ in range(15)]
    assert [row["store_nbr"] for row in rows[::15]] == [line[0] for line in lines]


# --- refusals ---------------------------------------------------------------------------------


@every_format
@pytest.mark.parametrize(
    ("operation", "code"),
    [
        pytest.param(
            Operation("POST", "/forecast", {"horizon": 0}, forecast_of),
            Code.INVALID_HORIZON,
            id="horizon",
        ),
        pytest.param(
            Operation("POST", "/forecast", {"node": "x", "horizon": 1}, forecast_of),
            Code.INVALID_NODE,
            id="node",
        ),
        pytest.param(
            Operation("GET", "/hierarchy", {"date": "today"}, tree_of), Code.INVALID_DATE, id="tree"
        ),
        pytest.param(
            Operation("POST", "/historical", {"from": "1999-01-01"}, past_of),
            Code.INVALID_DATE,
            id="past",
        ),
        pytest.param(
            Operation("POST", "/predict/batch", {"predictions": []}, items_of),
            Code.INVALID_REQUEST,
            id="batch",
        ),
    ],
)
def test_a_refusal_is_a_problem_whatever_is_accepted(
    client: Client, operation: Operation, code: Code, media_type: str
) -> None:
    client.problem(send(client, operation, Accept=media_type), code)


@every_format
def test_a_table_that_is_refused_has_a_problem_whatever_is_accepted(
    client: Client, media_type: str
) -> None:
    refused = send_table(client, media_type, "store_nbr,family\n1,DAIRY\n")
    client.problem(refused, Code.INVALID_REQUEST)


@every_format
def test_sums_of_days_are_not_left_out_without_a_word(client: Client, media_type: str) -> None:
    item = {"horizon": 14, "period": "week"}
    operation = Operation("POST", "/forecast", item, forecast_of)
    problem = client.problem(send(client, operation, Accept=media_type), Code.INVALID_REQUEST)
    assert problem["errors"][0]["pointer"] == "/period"
    batch = {"predictions": [{**item, "node": "total"}, {"node": "total", "horizon": 1}]}
    rows = rows_of(
        send(client, Operation("POST", "/predict/batch", batch, items_of), Accept=media_type)
    )
    assert [row["code"] for row in rows] == [Code.INVALID_REQUEST.name, None]


# --- cache ------------------------------------------------------------------------------------

CACHED = [each for each in OPERATIONS if each.id in ("node", "tree")]
every_cached = pytest.mark.parametrize("operation", CACHED)


@every_cached
def test_the_cache_never_hands_one_format_for_another(client: Client, operation: Operation) -> None:
    """Neither by the bytes of the request, nor by its meaning (`Cache-Control` skips the bytes)."""
    accepted = (JSON, CSV, PARQUET, ARROW)
    first = [send(client, operation, Accept=each) for each in accepted]
    assert [each.headers["x-cache"] for each in first] == ["miss"] * 4
    for headers in ({}, {"Cache_Control": "max-age=0"}):
        again = [send(client, operation, Accept=each, **headers) for each in accepted]
        assert [each.headers["x-cache"] for each in again] == ["hit"] * 4
        for before, after, media_type in zip(first, again, accepted, strict=True):
            assert after.content == before.content
            assert after.headers["content-type"] == before.headers["content-type"]
            assert after.headers["content-type"].startswith(media_type)
    assert len({each.content for each in first}) == 4


@every_cached
@typed
def test_a_cached_table_is_the_computed_one(
    client: Client, operation: Operation, media_type: str
) -> None:
    cached = [send(client, operation, Accept=media_type) for _ in range(2)][1]
    computed = send(client, operation, Accept=media_type, Cache_Control="no-cache")
    assert computed.headers["x-cache"] == "bypass"
    assert computed.content == cached.content


def test_every_format_has_an_etag_of_its_own(client: Client) -> None:
    operation: Any = CACHED[1].values[0]
    tags = {each: send(client, operation, Accept=each).headers["etag"] for each in (JSON, PARQUET)}
    same = send(client, operation, Accept=PARQUET, If_None_Match=tags[PARQUET])
    assert (same.status_code, same.content) == (304, b"")
    assert "Accept" in same.headers["vary"]
    other = send(client, operation, Accept=PARQUET, If_None_Match=tags[JSON])
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("media_type", "compressed"),
    [(CSV, True), (PARQUET, False), (ARROW, True)],
    ids=["csv", "parquet", "arrow.stream"],
)
def test_a_table_is_compressed_unless_it_is_so_within(
    client: Client, media_type: str, compressed: bool
) -> None:
    operation = Operation(
        "POST", "/forecast", {"horizon": 90, "intervals": [*range(50, 100, 2)]}, forecast_of
    )
    plain = send(client, operation, Accept=media_type, Accept_Encoding="identity")
    assert len(plain.content) >= LARGE
    for _ in range(2):
        gzipped = send(client, operation, Accept=media_type, Accept_Encoding="gzip")
        assert (gzipped.headers.get("content-encoding") == "gzip") is compressed
        assert gzipped.content == plain.content
        assert ("Accept-Encoding" in gzipped.headers["vary"]) is compressed


# --- pages ------------------------------------------------------------------------------------


@every_format
def test_a_page_of_the_past_names_the_next_one(client: Client, media_type: str) -> None:
    fields: dict[str, Any] = {"from": "2024-06-01", "to": "2024-06-20", "limit": 15}
    operation = Operation("POST", "/historical", fields, past_of)
    page = send(client, operation, Accept=media_type)
    assert page.headers["x-next"] == "2024-06-16"
    fields["from"] = page.headers["x-next"]
    last = send(client, operation, Accept=media_type)
    assert "x-next" not in last.headers
    days = [row["date"] for row in (*rows_of(page), *rows_of(last))]
    assert days == [DAY("2024-06-01") + timedelta(number) for number in range(20)]


# --- documentation ----------------------------------------------------------------------------


def documented_columns(first_cell: str) -> list[str]:
    """Return the columns of a table, as the reference lists them."""
    text = (ROOT / "docs/reference/api.md").read_text(encoding="utf-8")
    section = text.partition("\n## Tables\n")[2].partition("\n## ")[0]
    (line,) = (each for each in section.splitlines() if each.startswith(f"| {first_cell} | "))
    before, those, after = line.split(" | ")[2].partition("those of `/forecast`")
    between = documented_columns("`POST /forecast`") if those else []
    return [*re.findall(r"`(\w+)`", before), *between, *re.findall(r"`(\w+)`", after)]


@pytest.mark.parametrize(
    ("first_cell", "operation"),
    [
        ("`POST /forecast`", Operation("POST", "/forecast", {"horizon": 1}, forecast_of)),
        ("`GET /hierarchy`", Operation("GET", "/hierarchy", {}, tree_of)),
        ("`POST /historical`", Operation("POST", "/historical", {}, past_of)),
        (
            "`POST /predict/batch`",
            Operation("POST", "/predict/batch", {"predictions": ITEMS[:1]}, items_of),
        ),
    ],
    ids=["forecast", "hierarchy", "historical", "batch"],
)
def test_the_reference_lists_the_columns(
    client: Client, first_cell: str, operation: Operation
) -> None:
    rows = rows_of(send(client, operation, Accept=PARQUET))
    assert [*rows[0]] == documented_columns(first_cell)


def test_the_reference_lists_the_columns_of_a_table_for_a_table(client: Client) -> None:
    rows = rows_of(send_table(client, PARQUET))
    assert [*rows[0]] == documented_columns("the same, of a body in CSV")


def test_the_example_in_python_works(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs/how-to/forecast-file.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.setattr(httpx, "get", lambda url, **options: client.request("GET", url, **options))
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["tree"]["node"][0] == "total"
