"""Planners override forecasts in the dashboard, alone and at once with others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from storage.artifacts import Store
from tests.e2e.browser import Faults
from tests.e2e.dashboard.planner import ADMIN, WITH_KEYS, figure, make_key, sign_in, units
from tests.support.servers import Server, running

pytestmark = pytest.mark.e2e

NODE, LABEL = "store:1/family:DAIRY", "Store 1 · DAIRY"
DAYS = 3
PLANNER = ("forecast", "plan")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("overrides"), trained, **WITH_KEYS) as started:
        started.wait_for("/readyz")
        yield started


@pytest.fixture(autouse=True)
def no_overrides(server: Server) -> Iterator[None]:
    """Withdraw what a test leaves behind."""
    yield
    for each in call(server, "GET", "/overrides?state=active")["overrides"]:
        call(server, "DELETE", f"/overrides/{each['id']}")


@pytest.fixture(scope="module")
def first(server: Server) -> date:
    """The first day that the tests override: the third one ahead."""
    return date.fromisoformat(call(server, "GET", "/meta")["data"]["last"]) + timedelta(3)


@pytest.fixture(scope="module")
def anna(server: Server) -> str:
    """The key of a planner."""
    return make_key(server, "anna", *PLANNER).text


def call(server: Server, method: str, path: str, **fields: Any) -> dict[str, Any]:
    """Call the API as its administrator, beside the page."""
    response = server.request(method, path, headers=ADMIN, **({"json": fields} if fields else {}))
    assert response.is_success, response.text
    document: dict[str, Any] = response.json()
    return document


def span_of(first: date) -> dict[str, str]:
    return {"from": first.isoformat(), "to": (first + timedelta(DAYS - 1)).isoformat()}


def plan_page(first: date, **query: str) -> str:
    """Return the address of the page of overrides with a node and its days chosen."""
    return f"/plan?{urlencode({'node': NODE, **span_of(first), **query})}"


def forecast_of(server: Server, first: date, *, adjusted: bool = False) -> float:
    """Return what the API expects of the node on the days, all in all."""
    fields = {"node": NODE, "date": first.isoformat(), "horizon": DAYS, "adjusted": adjusted}
    days = call(server, "POST", "/forecast", **fields)["forecast"]
    return sum(day["prediction"] for day in days)


def write_percent(page: Page, percent: str) -> None:
    page.get_by_label("Percent", exact=True).fill(percent)


def save(page: Page) -> None:
    """Save as soon as the preview is of what was written."""
    button = page.get_by_role("button", name="Save the override")
    expect(button).to_be_enabled()
    button.click()


def notice(page: Page, title: str) -> Locator:
    return page.get_by_role("status").or_(page.get_by_role("alert")).filter(has_text=title)


# --- before saving ------------------------------------------------------------------------------


def test_a_planner_chooses_a_node_and_days_and_sees_what_a_raise_would_do(
    page: Page, server: Server, first: date, anna: str
) -> None:
    sign_in(page, server.url, anna, "/plan")
    what = page.get_by_role("combobox", name="What", exact=True)
    what.fill("store 1 dairy")
    page.get_by_role("option", name=LABEL).first.click()
    for label, day in zip(("From", "To"), span_of(first).values(), strict=True):
        page.get_by_label(label, exact=True).fill(day)
    write_percent(page, "10")
    expected = forecast_of(server, first)
    expect(figure(page, "Forecast")).to_have_text(units(expected))
    expect(figure(page, "With your override")).to_contain_text(units(1.1 * expected))
    expect(figure(page, "Change")).to_contain_text("+10%")
    expect(page.get_by_text("The forecast is multiplied by 1.1.")).to_be_visible()
    lead = page.locator("header p")
    expect(lead).to_contain_text(f"{units(expected)} units become {units(1.1 * expected)}")
    assert call(server, "GET", "/overrides")["overrides"] == [], "nothing was saved"


def test_overrides_of_others_are_between_the_forecast_and_the_result(
    page: Page, server: Server, first: date, anna: str
) -> None:
    fields = {"node": "family:DAIRY", **span_of(first), "op": "multiply", "value": 2}
    call(server, "POST", "/overrides", **fields)
    sign_in(page, server.url, anna, plan_page(first, op="multiply", value="1.1"))
    expected = forecast_of(server, first)
    expect(figure(page, "Forecast")).to_have_text(units(expected))
    expect(figure(page, "With overrides so far")).to_have_text(units(2 * expected))
    expect(figure(page, "With your override")).to_contain_text(units(2.2 * expected))
    warnings = notice(page, "Before you save")
    expect(warnings).to_contain_text("There are other overrides of the same products and days")
    expect(warnings).to_contain_text("(family:DAIRY")


@pytest.mark.parametrize(
    ("percent", "warning"),
    [
        pytest.param("0.1", "probably not worth it", id="a small change"),
        pytest.param("+900", "beyond what the forecast deems possible", id="an enormous one"),
    ],
)
def test_a_planner_is_warned_of(
    page: Page, server: Server, first: date, anna: str, percent: str, warning: str
) -> None:
    sign_in(page, server.url, anna, plan_page(first))
    write_percent(page, percent)
    expect(notice(page, "Before you save")).to_contain_text(warning)


# --- saved --------------------------------------------------------------------------------------


def test_a_saved_override_is_in_forecasts_with_overrides_until_it_is_undone(
    page: Page, server: Server, first: date, anna: str
) -> None:
    expected = forecast_of(server, first)
    sign_in(page, server.url, anna, plan_page(first), keep=True)
    write_percent(page, "10")
    page.get_by_role("combobox", name="Reason").select_option("Event")
    page.get_by_label("Note").fill("Street festival")
    save(page)
    expect(notice(page, "Saved")).to_contain_text(f"units became {units(1.1 * expected)}")
    assert forecast_of(server, first, adjusted=True) == pytest.approx(1.1 * expected)
    item = page.get_by_role("listitem").filter(has_text="Street festival")
    expect(item).to_contain_text("Made by anna")
    expect(item).to_contain_text("Raised by 10% (× 1.1)")

    look_at_forecast(page, server, first)
    page.get_by_label("With overrides").check()
    expect(figure(page, f"All {DAYS} days")).to_contain_text(units(1.1 * expected))
    expect(figure(page, "Without overrides")).to_contain_text(units(expected))
    assert sums_of_table(page) == pytest.approx((expected, 1.1 * expected), abs=DAYS * 0.5)

    page.get_by_role("link", name="Overrides", exact=True).click()
    page.get_by_role("button", name=f"Undo {LABEL}").click()
    expect(notice(page, "Undone")).to_contain_text("this no longer counts")
    expect(page.get_by_text("There are none of these.")).to_be_visible()
    assert forecast_of(server, first, adjusted=True) == expected
    look_at_forecast(page, server, first)
    page.get_by_label("With overrides").check()
    expect(figure(page, f"All {DAYS} days")).to_contain_text(units(expected))


def look_at_forecast(page: Page, server: Server, first: date) -> None:
    query = urlencode({"node": NODE, "date": first.isoformat(), "horizon": DAYS})
    page.goto(f"{server.url}/forecasts?{query}")


def sums_of_table(page: Page) -> tuple[float, float]:
    """Return the sums of the two forecasts in the table of the chart."""
    page.get_by_text("Show as a table").click()
    table = page.get_by_role("table")
    names = table.get_by_role("columnheader").all_text_contents()
    rows = [row.locator("th, td").all_text_contents() for row in table.locator("tbody tr").all()]
    without, with_ = names.index("Forecast"), names.index("With overrides")
    ahead = [row for row in rows if row[with_] != "–"]
    assert len(ahead) == DAYS
    first, second = (
        sum(float(row[column].replace(",", "")) for row in ahead) for column in (without, with_)
    )
    return first, second


@pytest.mark.parametrize("node", [NODE, "store:1", "family:DAIRY", "total"])
def test_after_a_raise_of_any_level_all_levels_add_up(
    page: Page, server: Server, first: date, anna: str, node: str
) -> None:
    sign_in(page, server.url, anna, plan_page(first, node=node))
    write_percent(page, "10")
    save(page)
    expect(notice(page, "Saved")).to_be_visible()
    trees = [adjusted_tree(server, first, by) for by in ("store", "family")]
    assert trees[0]["prediction"] == pytest.approx(trees[1]["prediction"], abs=1e-6)
    raised = 0
    for each in (node for tree in trees for node in nodes_below(tree)):
        raised += each["prediction"] > each["statistical"]
        if each["children"]:
            total = sum(child["prediction"] for child in each["children"])
            assert total == pytest.approx(each["prediction"], rel=0, abs=1e-6), each["id"]
    assert raised >= 6, "the series, its store, its family and the total, in one tree or both"


def adjusted_tree(server: Server, first: date, by: str) -> dict[str, Any]:
    query = urlencode({"by": by, "date": first.isoformat(), "horizon": DAYS, "adjusted": "true"})
    tree: dict[str, Any] = call(server, "GET", f"/hierarchy?{query}")["tree"]
    return tree


def nodes_below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a node of a tree and all below it."""
    yield node
    for child in node["children"]:
        yield from nodes_below(child)


def test_what_was_just_saved_can_be_undone_at_once(
    page: Page, server: Server, first: date, anna: str
) -> None:
    sign_in(page, server.url, anna, plan_page(first))
    write_percent(page, "10")
    save(page)
    notice(page, "Saved").get_by_role("button", name="Undo").click()
    expect(notice(page, "Undone")).to_be_visible()
    assert call(server, "GET", "/overrides?state=active")["overrides"] == []


# --- several people -----------------------------------------------------------------------------


def test_of_two_planners_at_once_the_slower_one_is_told_of_the_other_and_looks_again(
    page: Page, faults: Faults, browser: Browser, server: Server, first: date, anna: str
) -> None:
    expected = forecast_of(server, first)
    ben = make_key(server, "ben", *PLANNER).text
    sign_in(page, server.url, anna, plan_page(first))
    write_percent(page, "10")
    expect(figure(page, "With your override")).to_contain_text(units(1.1 * expected))
    with browser.new_context() as context:
        other = context.new_page()
        sign_in(other, server.url, ben, plan_page(first))
        write_percent(other, "20")
        save(other)
        expect(notice(other, "Saved")).to_be_visible()

    save(page)
    conflict = page.get_by_role("alert")
    expect(conflict).to_contain_text("Somebody else changed this meanwhile")
    expect(conflict).to_contain_text(f"of ben ({NODE}")
    expect(conflict).not_to_contain_text("/revision")
    faults.forgive("409")
    assert forecast_of(server, first, adjusted=True) == pytest.approx(1.2 * expected)

    conflict.get_by_role("button", name="Look at the forecast again").click()
    expect(figure(page, "With overrides so far")).to_have_text(units(1.2 * expected))
    expect(figure(page, "With your override")).to_contain_text(units(1.32 * expected))
    expect(page.get_by_label("Percent", exact=True)).to_have_value("10")
    save(page)
    expect(notice(page, "Saved")).to_be_visible()
    assert forecast_of(server, first, adjusted=True) == pytest.approx(1.32 * expected)


def test_who_may_not_plan_sees_the_overrides_and_no_form(
    page: Page, server: Server, first: date
) -> None:
    fields = {"node": NODE, **span_of(first), "op": "multiply", "value": 2, "note": "A fair"}
    call(server, "POST", "/overrides", **fields)
    sign_in(page, server.url, make_key(server, "rita", "forecast").text, plan_page(first))
    expect(page.get_by_role("listitem").filter(has_text="A fair")).to_be_visible()
    expect(page.get_by_text("You can see the overrides below")).to_be_visible()
    for name in ("Save the override", "Undo"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.get_by_label("Percent", exact=True)).to_have_count(0)


def test_who_may_not_read_forecasts_is_told_which_permission_that_takes(
    page: Page, faults: Faults, server: Server, first: date
) -> None:
    sign_in(page, server.url, make_key(server, "max", "monitor").text, plan_page(first))
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("Your key does not allow this")
    expect(refusal).to_contain_text("forecast")
    faults.forgive("403")
