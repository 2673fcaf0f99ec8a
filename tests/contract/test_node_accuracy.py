"""GET /accuracy/series: the errors of single nodes in a forecast of the last days."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from errors import Code
from features.data.snapshot import Snapshot
from models.serving.release import LoadedRelease
from tests.contract.conftest import Client


def test_the_last_four_weeks_are_forecast_from_the_day_before(
    client: Client, snapshot: Snapshot, newest: date
) -> None:
    answer = client.get("/accuracy/series", level="total").json()
    first = newest - timedelta(27)
    assert (answer["date"], answer["horizon"]) == (first.isoformat(), 28)
    assert answer["origin"] == (first - timedelta(1)).isoformat()
    assert answer["in_sample"] is True
    (total,) = answer["series"]
    past = client.post("/forecast", node="total", date=first.isoformat(), horizon=28).json()
    predicted = np.array([day["prediction"] for day in past["forecast"]])
    sold = snapshot.sales[0, -28:]
    assert total["units_forecast"] == pytest.approx(predicted.sum())
    assert total["units_sold"] == pytest.approx(sold.sum())
    assert total["wape"] == pytest.approx(np.abs(predicted - sold).sum() / sold.sum())
    assert total["baselines"].keys() == {"seasonal_naive", "weekday_mean"}


@pytest.mark.parametrize(
    ("order", "member", "sign"), [("hard", "wape", -1), ("easy", "wape", 1), ("units", None, -1)]
)
def test_series_are_ordered_by_their_errors(
    client: Client, order: str, member: str | None, sign: int
) -> None:
    answer = client.get("/accuracy/series", order=order, limit=5).json()
    values = [sign * node[member or "units_wrong"] for node in answer["series"]]
    assert values == sorted(values)
    assert (len(values), answer["order"], answer["level"]) == (5, order, "bottom")
    assert answer["nodes"] > 5


def test_pages_together_are_the_whole_list(client: Client) -> None:
    whole = client.get("/accuracy/series", order="units").json()["series"]
    pages = [
        client.get("/accuracy/series", order="units", limit=20, offset=at).json()["series"]
        for at in range(0, len(whole), 20)
    ]
    assert [node for page in pages for node in page] == whole
    assert client.get("/accuracy/series", offset=len(whole)).json()["series"] == []


def test_days_that_were_not_trained_on_are_no_sample(
    client_with: Callable[..., Client], serving_release: LoadedRelease, newest: date
) -> None:
    engine = copy(serving_release.engine)
    facts = engine.bundle.facts.model_copy(update={"trained_through": newest - timedelta(7)})
    engine.bundle = replace(engine.bundle, facts=facts)
    client = client_with(release=replace(serving_release, engine=engine))
    in_sample = {
        days: client.get("/accuracy/series", horizon=days, level="total").json()["in_sample"]
        for days in (7, 8)
    }
    assert in_sample == {7: False, 8: True}


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        pytest.param({"level": "shop"}, Code.INVALID_REQUEST, "level", id="no such level"),
        pytest.param({"order": "best"}, Code.INVALID_REQUEST, "order", id="no such order"),
        pytest.param({"limit": 501}, Code.INVALID_REQUEST, "limit", id="too many"),
        pytest.param({"offset": -1}, Code.INVALID_REQUEST, "offset", id="before the first"),
        pytest.param({"horizon": 91}, Code.INVALID_HORIZON, "horizon", id="too far"),
    ],
)
def test_an_invalid_query_is_refused(
    client: Client, query: dict[str, Any], code: Code, pointer: str
) -> None:
    problem = client.problem(client.get("/accuracy/series", **query), code)
    assert problem["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("days", "query", "detail"),
    [
        pytest.param(
            70,
            {"horizon": 28},
            "horizon: The sales measure a forecast of at most 14 days, not 28.",
            id="a few",
        ),
        pytest.param(56, {}, "horizon: The sales are too few to measure a forecast.", id="no days"),
    ],
)
def test_sales_that_are_too_few_to_measure_are_named(
    client_with: Callable[..., Client],
    serving_release: LoadedRelease,
    snapshot: Snapshot,
    days: int,
    query: dict[str, Any],
    detail: str,
) -> None:
    engine = copy(serving_release.engine)
    engine.snapshot = replace(snapshot, sales=snapshot.sales[:, -days:], estimated=None)
    client = client_with(release=replace(serving_release, engine=engine))
    response = client.get("/accuracy/series", **query)
    assert client.problem(response, Code.INVALID_HORIZON)["detail"] == detail


def test_an_answer_is_cached_and_has_an_etag(client: Client) -> None:
    first, second = client.get("/accuracy/series"), client.get("/accuracy/series")
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("miss", "hit")
    assert first.headers["etag"] == second.headers["etag"]
