"""The numbers of the dashboard's pages are those of the API, to their last digit."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from operator import add
from random import Random
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.dashboard.reading import (
    open_page,
    rows_of,
    stat,
    table,
    written_change,
    written_day,
    written_share,
    written_share_change,
    written_units,
)
from tests.support.servers import Server
from training.demo.generator import LAST

pytestmark = pytest.mark.e2e

STORES = ("1", "2", "3", "10", "11", "21")
FAMILIES = ("BEVERAGES", "DAIRY", "GROCERY I", "LIQUOR,WINE,BEER", "PRODUCE")
CASES = 10
FARTHEST_PAST_DAYS = 400
FARTHEST_AHEAD_DAYS = 60


def draw_cases() -> list[tuple[str, str, int]]:
    """Return nodes of all levels with first days, past and ahead, and horizons."""
    random = Random(20240630)
    cases = []
    for number in range(CASES):
        store, family = random.choice(STORES), random.choice(FAMILIES)
        nodes = ("total", f"store:{store}", f"family:{family}", f"store:{store}/family:{family}")
        day = LAST + timedelta(random.randint(-FARTHEST_PAST_DAYS, FARTHEST_AHEAD_DAYS))
        cases.append((nodes[number % len(nodes)], day.isoformat(), random.randint(1, 30)))
    return cases


@pytest.mark.parametrize(("node", "first", "horizon"), draw_cases())
def test_a_forecast_shows_the_numbers_of_the_api(
    page: Page, server: Server, node: str, first: str, horizon: int
) -> None:
    query = {"node": node, "date": first, "horizon": horizon}
    answer = server.post("/forecast", **query, period="horizon").json()
    open_page(page, server, "/forecasts", **query)
    by_day = {row["Day"]: row for row in rows_of(table(page, "Forecast: "))}
    for expected in answer["forecast"]:
        row = by_day[written_day(expected["date"])]
        assert row["Forecast"] == written_units(expected["prediction"])
        assert row["80 % interval"] == written_interval(expected["intervals"][0])
        assert row["95 % interval"] == written_interval(expected["intervals"][1])
        assert row["Sold"] == written_units(expected["actual"])
    if first > LAST.isoformat():
        (whole,) = answer["periods"]
        bands = [f"{each['level']} %: {written_interval(each)}" for each in whole["intervals"]]
        days = "All 1 day" if horizon == 1 else f"All {horizon} days"
        text = written_units(whole["prediction"]) + "".join(bands)
        assert stat(page, days).text_content() == text


@pytest.mark.parametrize(("node", "first", "horizon"), draw_cases())
def test_the_hierarchy_shows_the_numbers_of_the_api(
    page: Page, server: Server, node: str, first: str, horizon: int
) -> None:
    query = {"node": node, "date": first, "horizon": horizon}
    way = {"by": "family"} if node.startswith("family:") else {}
    tree = server.get("/hierarchy", **query, **way, depth=1, intervals=80).json()["tree"]
    open_page(page, server, "/tree", **query, sort="-forecast", against="period")
    children = sorted(tree["children"], key=lambda child: child["prediction"], reverse=True)
    expected = [
        written_node(tree, None),
        *(written_node(each, tree["prediction"]) for each in children),
    ]
    rows = [list(row.values())[2:8] for row in rows_of(table(page, "Hierarchy"))]
    assert rows[: len(expected)] == expected
    if children:
        (total,) = rows[len(expected) :]
        assert total[0] == written_units(reduce(add, (each["prediction"] for each in children)))


def written_interval(interval: dict[str, Any]) -> str:
    return f"{written_units(interval['lower'])} – {written_units(interval['upper'])}"


def written_node(node: dict[str, Any], whole: float | None) -> list[str]:
    """Return the cells of a node: forecast, changes, sold before, share of its parent, interval."""
    part, previous = node["prediction"] / whole if whole else None, node["previous"]
    return [
        written_units(node["prediction"]),
        written_share_change(node["trend"]),
        "–" if previous is None else written_change(node["prediction"] - previous),
        written_units(previous),
        written_share(part),
        written_interval(node["intervals"][0]),
    ]
