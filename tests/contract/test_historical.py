"""POST /historical: past sales."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from errors import Code
from features.data.snapshot import Snapshot

NODES = [
    pytest.param({}, "total", id="total"),
    pytest.param({"store_nbr": 2}, "store:2", id="store"),
    pytest.param({"family": "LIQUOR,WINE,BEER"}, "family:LIQUOR,WINE,BEER", id="family"),
    pytest.param({"store_nbr": 2, "family": "DAIRY"}, "store:2/family:DAIRY", id="bottom"),
]


def read_pages(client: Any, **fields: object) -> list[dict[str, Any]]:
    """Return all requested days, fetched page by page."""
    days: list[dict[str, Any]] = []
    while True:
        page = client.post("/historical", **fields).json()
        days += page["days"]
        if page["next"] is None:
            return days
        fields["from"] = page["next"]


@pytest.mark.parametrize(("fields", "node"), NODES)
def test_days_are_those_of_the_data(
    client: Any, snapshot: Snapshot, fields: dict[str, object], node: str
) -> None:
    row = snapshot.hierarchy.index[node]
    answer = client.post(
        "/historical", **fields, **{"from": "2024-01-05", "to": "2024-02-03"}
    ).json()
    start = snapshot.index_of(date(2024, 1, 5))
    assert (answer["node"], answer["next"]) == (node, None)
    np.testing.assert_allclose(
        [day["units"] for day in answer["days"]], snapshot.sales[row, start : start + 30]
    )
    onpromotion = snapshot.hierarchy.aggregate(snapshot.covariates["onpromotion"])
    items = onpromotion[row, start : start + 30]
    np.testing.assert_allclose([day["onpromotion"] for day in answer["days"]], items)
    assert answer["days"][-1]["date"] == "2024-02-03"


@pytest.mark.parametrize("limit", [1, 7, 10, 1000])
def test_pages_together_equal_one_large_page(client: Any, limit: int) -> None:
    span = {"store_nbr": 1, "from": "2024-06-01", "to": "2024-06-20"}
    whole = read_pages(client, **span)
    assert len(whole) == 20
    assert read_pages(client, **span, limit=limit) == whole


def test_without_dates_it_returns_the_newest_90_days(client: Any, newest: date) -> None:
    days = client.post("/historical").json()["days"]
    assert [days[0]["date"], days[-1]["date"]] == [
        (newest - timedelta(89)).isoformat(),
        newest.isoformat(),
    ]


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        pytest.param({"from": "2020-12-31"}, Code.INVALID_DATE, "/from", id="before the data"),
        pytest.param({"to": "2024-07-01"}, Code.INVALID_DATE, "/to", id="after the data"),
        pytest.param(
            {"from": "2024-03-02", "to": "2024-03-01"}, Code.INVALID_DATE, "/to", id="backwards"
        ),
        pytest.param({"from": 19000}, Code.INVALID_DATE, "/from", id="no date"),
        pytest.param({"limit": 0}, Code.INVALID_REQUEST, "/limit", id="empty page"),
        pytest.param({"limit": 1001}, Code.INVALID_REQUEST, "/limit", id="too long a page"),
        pytest.param({"store_nbr": 99}, Code.INVALID_STORE, "/store_nbr", id="no such store"),
        pytest.param({"family": "DIARY"}, Code.INVALID_FAMILY, "/family", id="misspelt family"),
        pytest.param({"days": 3}, Code.INVALID_REQUEST, "/days", id="unknown field"),
    ],
)
def test_an_invalid_request_is_refused(
    client: Any, fields: dict[str, object], code: Code, pointer: str
) -> None:
    problem = client.problem(client.post("/historical", **fields), code)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_a_refusal_speaks_of_sales_and_not_of_forecasts(client: Any) -> None:
    document = client.post("/historical", **{"from": "1990-01-01"}).json()
    assert document["code"] == "INVALID_DATE"
    assert "forecast" not in f"{document['title']} {document['detail']}"


def test_the_first_day_with_sales_is_named(client: Any, snapshot: Snapshot) -> None:
    for row, node in enumerate(snapshot.hierarchy.nodes):
        first = int(snapshot.first_sale[row])
        expected = snapshot.date_at(first).isoformat() if first < snapshot.n_days else None
        assert client.post("/historical", node=node.id, limit=1).json()["first_sale"] == expected
