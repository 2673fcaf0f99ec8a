"""Tasks of a planner on each page of the dashboard, on the demo's data."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from api.dashboard.build import FOLDER, read_build
from api.dashboard.pages import PAGES
from tests.e2e.dashboard.reading import (
    choose_node,
    lead,
    open_page,
    rows_of,
    stat,
    table,
    wait_until_loaded,
    written_change,
    written_day,
    written_share,
    written_share_change,
    written_units,
)
from tests.support.servers import Server

pytestmark = pytest.mark.e2e

DAIRY = "store:1/family:DAIRY"


def query_of(page: Page) -> dict[str, str]:
    """Return what the address of a page says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def open_from_menu(page: Page, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
    wait_until_loaded(page)


def downloaded(page: Page, button: str) -> str:
    """Return the text of the file that a button makes."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return Path(download.value.path()).read_bytes().decode("utf-8-sig")


def test_every_page_has_its_code_in_the_build() -> None:
    """Their names are those of folders of the sources, and stand in the server too."""
    build = read_build(FOLDER)
    assert build is not None
    assert build.page_files.keys() == set(PAGES.values())
    assert all(build.page_files.values())


def test_the_overview_says_what_is_expected(page: Page, server: Server) -> None:
    answer = server.post("/forecast", node="total", horizon=28, period="horizon").json()
    open_page(page, server, "/")
    units = written_units(answer["periods"][0]["prediction"])
    expect(lead(page)).to_contain_text(
        re.compile(rf"^{units} units are expected 1\s*–\s*28 Jul 2024\.")
    )
    expect(lead(page)).to_contain_text("Sales are known to 30 Jun 2024.")
    week = server.post("/forecast", node="total", horizon=7, period="horizon").json()
    expect(stat(page, "Next week")).to_contain_text(written_units(week["periods"][0]["prediction"]))


def test_an_exception_leads_to_the_forecast_of_its_node(page: Page, server: Server) -> None:
    answer = server.get("/exceptions", horizon=28, kind="new-series", limit=1).json()
    (entry,) = answer["exceptions"]
    open_page(page, server, "/")
    group = page.get_by_role("region", name=re.compile("^New"))
    item = group.get_by_role("listitem").first
    expect(item).to_contain_text(f"{written_units(entry['forecast'])} forecast")
    name = item.get_by_role("link").inner_text()
    item.get_by_role("link").click()
    wait_until_loaded(page)
    expect(page.locator("h1")).to_have_text(f"Forecast: {name}")
    assert query_of(page)["node"] == entry["node"]


def test_a_forecast_is_found_by_typing_and_kept_in_the_address(page: Page, server: Server) -> None:
    open_page(page, server, "/status")
    open_from_menu(page, "Forecast")
    choose_node(page, "What", "dairy store 1", "Store 1 · DAIRY")
    expect(page.locator("h1")).to_have_text("Forecast: Store 1 · DAIRY")
    page.get_by_text("Other…").click()
    page.get_by_label("Number of days").fill("5")
    page.get_by_label("With sales up to").select_option("2024-06-02")
    expect(lead(page)).to_contain_text("With sales up to 2 Jun 2024, the current model")
    assert query_of(page) == {"node": DAIRY, "horizon": "5", "asOf": "2024-06-02"}
    sentence = lead(page).text_content()
    answer = server.post("/forecast", node=DAIRY, date="2024-06-03", horizon=5).json()
    page.get_by_text("Show as a table").click()
    last_rows = rows_of(table(page, "Forecast: "))[-5:]
    assert [(row["Day"], row["Forecast"], row["Sold"]) for row in last_rows] == [
        (written_day(day["date"]), written_units(day["prediction"]), written_units(day["actual"]))
        for day in answer["forecast"]
    ]
    page.reload()
    expect(page.locator("h1")).to_have_text("Forecast: Store 1 · DAIRY")
    expect(lead(page)).to_have_text(str(sentence))
    for undone in ("asOf", "horizon", "node"):
        page.go_back()
        expect(page).not_to_have_url(re.compile(rf"[?&]{undone}="))
    page.go_back()
    expect(page.locator("h1")).to_have_text("Status")


def test_the_csv_file_of_a_forecast_is_the_table_of_the_api(page: Page, server: Server) -> None:
    query = {"node": DAIRY, "date": "2024-07-01", "horizon": 7}
    open_page(page, server, "/forecasts", **query)
    page.locator("summary", has_text="Download").click()
    headers = {"Accept": "text/csv"}
    answer = server.request("POST", "/forecast", json=query, headers=headers)
    assert downloaded(page, "CSV") == answer.text
    expect(page.locator("summary", has_text="Download")).to_be_focused()


def test_an_address_of_the_replaced_system_ends_at_its_explanation(
    page: Page, server: Server
) -> None:
    open_page(page, server, "/explain/1/DAIRY")
    expect(page.locator("h1")).to_have_text("Why: Store 1 · DAIRY")
    wait_until_loaded(page)
    assert query_of(page) == {"node": DAIRY, "horizon": "1"}


@pytest.mark.parametrize(("node", "horizon"), [(DAIRY, 1), ("store:1", 7)], ids=["day", "sum"])
def test_the_steps_of_an_explanation_add_up_to_the_forecast(
    page: Page, server: Server, node: str, horizon: int
) -> None:
    answer = server.post("/explain", node=node, horizon=horizon).json()
    open_page(page, server, "/explain", node=node, horizon=horizon, against="average")
    rows = rows_of(table(page, "From an average series"))
    assert rows[0]["Units"] == written_units(answer["base_units"])
    assert rows[-1]["Units"] == written_units(answer["prediction"])
    assert rows[-2]["Sum so far"] == written_units(answer["prediction"])
    steps = page.locator("figure > ol > li > div:first-child > output").all_text_contents()
    start, *changes, end = [float(text.replace(",", "")) for text in steps]
    assert len(changes) >= len(answer["groups"])
    assert start + sum(changes) == pytest.approx(end, abs=0.5 * len(steps))


@pytest.mark.parametrize("node", [DAIRY, "store:1"], ids=["series", "sum"])
def test_the_drivers_of_a_difference_add_up_to_it(page: Page, server: Server, node: str) -> None:
    last = date.fromisoformat(server.get("/meta").json()["data"]["last"])
    day, before = ((last + timedelta(days)).isoformat() for days in (12, 5))
    answer = server.post("/explain", node=node, date=day, against=before).json()
    against = answer["against"]
    open_page(page, server, "/explain", node=node, date=day)
    rows = rows_of(table(page, "What makes the difference"))
    assert rows[0]["Units"] == written_units(against["prediction"])
    assert rows[-1]["Units"] == written_units(answer["prediction"])
    assert rows[-2]["Sum so far"] in (written_units(answer["prediction"]), "")
    drivers = [written_change(group["units"]) for group in against["groups"] if group["units"]]
    steps = page.locator("figure > ol > li > div:first-child > output").all_text_contents()
    assert steps[1:-1] == drivers


def test_a_change_of_a_plan_shows_what_it_moves_and_can_be_shared(
    page: Page, server: Server
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(page, server, "/what-if", node="store:1", horizon=7)
    page.get_by_role("button", name="+ Items on promotion").click()
    page.get_by_label("Value", exact=True).fill("4")
    page.get_by_role("slider", name="Items on promotion").press("ArrowRight")
    expect(page.get_by_label("Value", exact=True)).to_have_value("5")
    change = {"onpromotion": {"op": "add", "value": 5}}
    answer = server.post("/whatif", node="store:1", horizon=7, adjustments=change).json()
    share = written_share_change(answer["delta_pct"] / 100)
    delta = f"{written_change(answer['delta'])}{share}"
    expect(stat(page, "Difference")).to_have_text(delta)
    for caption, nodes in (
        ("What it is a part of", answer["ancestors"]),
        ("Its parts", answer["children"]),
    ):
        rows = rows_of(table(page, caption))
        expected = {
            (written_units(each["scenario"]), written_change(each["delta"])) for each in nodes
        }
        assert {(row["With the changes"], row["Difference"]) for row in rows} == expected
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    page.goto("about:blank")
    page.goto(link)
    expect(stat(page, "Difference")).to_have_text(delta)


def test_three_stores_are_compared_by_their_shape(page: Page, server: Server) -> None:
    open_page(page, server, "/compare", horizon=7)
    names = ["Store 1", "Store 2", "Store 3"]
    for name in names:
        choose_node(page, "Add to the comparison", name, name)
        expect(page.get_by_role("button", name=f"Remove {name}")).to_be_visible()
    sums = table(page, "Sums of")
    expect(sums.locator("tbody tr")).to_have_count(len(names))
    nodes = [f"store:{number}" for number in (1, 2, 3)]
    answers = [
        server.post("/forecast", node=node, horizon=7, period="horizon").json() for node in nodes
    ]
    by_store = {row["What"]: row["Forecast"] for row in rows_of(sums)}
    assert by_store == {
        name: written_units(answer["periods"][0]["prediction"])
        for name, answer in zip(names, answers, strict=True)
    }
    page.get_by_text("Shape (own average = 100)").click()
    wait_until_loaded(page)
    rows = rows_of(table(page, "Store 1, Store 2 and Store 3 compared"))
    for name in names:
        values = [float(row[name]) for row in rows]
        assert sum(values) / len(values) == pytest.approx(100, abs=0.5), "but for rounding"
    assert query_of(page) == {"nodes": "|".join(nodes), "horizon": "7", "mode": "index"}


def test_a_branch_of_the_hierarchy_opens_by_keyboard_and_adds_up(
    page: Page, server: Server
) -> None:
    answer = server.get("/hierarchy", node="store:1", horizon=7, depth=1).json()
    open_page(page, server, "/tree", horizon=7)
    branch = page.get_by_role("button", name="Store 1", exact=True)
    branch.focus()
    page.keyboard.press("ArrowRight")
    expect(branch).to_have_attribute("aria-expanded", "true")
    total = page.get_by_role("row", name="= Store 1")
    expect(total).to_be_visible()
    rows = {row["What"]: row["Forecast"] for row in rows_of(table(page, "Hierarchy"))}
    for child in answer["tree"]["children"]:
        assert rows[child["name"].rpartition(":")[2]] == written_units(child["prediction"])
    assert rows["Sum of 8 = Store 1"] == rows["Store 1"]
    assert rows["Store 1"] == written_units(answer["tree"]["prediction"])
    expect(branch).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(total).to_have_count(0)


def test_many_series_are_forecast_but_those_that_are_wrong(page: Page, server: Server) -> None:
    good = [
        f"{store},{family},,{horizon}"
        for horizon in range(7, 14)
        for store in (1, 2, 3, 10, 11, 21)
        for family in ("BEVERAGES", "BOOKS", "DAIRY", "GROCERY I", "PRODUCE")
    ]
    wrong = ["1,DIARY,,7", "1,DAIRY,30/06/2024,7", "1,DAIRY,,0"]
    lines = ["store_nbr,family,date,horizon", *good[:197], *wrong]
    open_page(page, server, "/batch")
    page.locator("input[type=file]").set_input_files(
        {"name": "rows.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
    )
    expect(lead(page)).to_have_text("197 of 200 rows can be forecast; 3 need a correction.")
    page.get_by_role("button", name="Forecast 197 rows").click()
    expect(lead(page)).to_have_text("197 forecasts are ready to download; 3 rows have none.")
    rejected = list(csv.DictReader(io.StringIO(downloaded(page, "Download the rejected rows"))))
    assert [row["line"] for row in rejected] == ["199", "200", "201"]
    assert "Did you mean “DAIRY”?" in rejected[0]["reason"]
    sums = list(csv.DictReader(io.StringIO(downloaded(page, "Download the sums"))))
    assert len(sums) == 197
    answer = server.post("/forecast", node="store:1/family:BEVERAGES", horizon=7, period="horizon")
    units = answer.json()["periods"][0]["prediction"]
    assert float(sums[0]["prediction"]) == pytest.approx(units, abs=5e-4)
    assert (sums[0]["store_nbr"], sums[0]["family"]) == ("1", "BEVERAGES")
    assert rows_of(table(page, "Rows and their forecasts"))[0]["Units"] == written_units(units)


def test_the_accuracy_is_that_which_was_measured(page: Page, server: Server) -> None:
    (group,) = server.get("/accuracy").json()["groups"]
    open_page(page, server, "/quality")
    nearest = {cell["level"]: cell["wape"] for cell in reversed(group["levels"])}
    for level, name in (("total", "Total"), ("store", "Store"), ("bottom", "Series")):
        expect(stat(page, name).first).to_contain_text(f"{written_share(nearest[level])} off")
    worst = server.get("/accuracy/series", level="bottom", order="units", limit=20).json()
    row = table(page, "20 of ").locator("tbody tr").first
    expect(row).to_contain_text(written_units(worst["series"][0]["units_wrong"]))
    row.get_by_role("link").click()
    wait_until_loaded(page)
    assert query_of(page)["node"] == worst["series"][0]["node"]
    expect(lead(page)).to_contain_text("With sales up to 2 Jun 2024, the current model")


def test_the_status_is_that_of_the_server(page: Page, server: Server) -> None:
    health = server.get("/health").json()
    open_page(page, server, "/status")
    expect(lead(page)).to_contain_text("Sales are known through 30 Jun 2024.")
    expect(page.locator("main")).to_contain_text(health["model_version"])
    for reason in health["reasons"]:
        expect(page.locator("main")).to_contain_text(reason["detail"])
    expect(stat(page, "Nodes of the hierarchy")).to_have_text(str(health["nodes"]))


def test_who_needs_no_key_may_make_and_revoke_keys(page: Page, server: Server) -> None:
    open_page(page, server, "/keys")
    page.get_by_role("button", name="Create a key…").click()
    page.get_by_label("Client", exact=True).fill("replenishment")
    page.get_by_role("button", name="Create the key").click()
    secret = page.get_by_role("dialog", name="The key of replenishment")
    key = secret.get_by_label("Key", exact=True).input_value()
    keys = server.get("/admin/keys").json()["keys"]
    (made,) = [each for each in keys if each["state"] == "active"]
    assert (made["client"], key.split("_")[1]) == ("replenishment", made["id"])
    secret.get_by_label("I have stored the key").check()
    secret.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Create a key…")).to_be_focused()
    expect(lead(page)).to_have_text("1 key is active.")
    page.get_by_role("button", name="Revoke the key of replenishment").click()
    dialog = page.get_by_role("dialog", name="Revoke the key of replenishment?")
    dialog.get_by_role("button", name="Revoke the key of replenishment").click()
    expect(lead(page)).to_contain_text("No key is active now")


def test_the_page_speaks_spanish_once_it_is_chosen(page: Page, server: Server) -> None:
    open_page(page, server, "/forecasts", node="store:1", horizon=7)
    page.get_by_label("Language").select_option("es")
    expect(page.locator("h1")).to_have_text("Pronóstico: Tienda 1")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    answer = server.post("/forecast", node="store:1", horizon=7, period="horizon").json()
    units = written_units(answer["periods"][0]["prediction"]).replace(",", ".")
    expect(lead(page)).to_contain_text(f"se esperan {units} unidades")


def test_the_theme_that_is_chosen_stays(page: Page, server: Server) -> None:
    open_page(page, server, "/status")
    html = page.locator("html")
    expect(html).to_have_attribute("data-theme", "light")
    page.get_by_label("Colours").select_option("dark")
    expect(html).to_have_css("background-color", "rgb(10, 16, 19)")
    page.reload()
    expect(html).to_have_css("background-color", "rgb(10, 16, 19)")


@pytest.mark.parametrize("path", ["/", "/status"])
def test_warnings_in_a_list_have_bullets(page: Page, server: Server, path: str) -> None:
    open_page(page, server, path)
    quality = server.get("/health").json()["quality"]
    assert quality, "the demo's model has a warning"
    warnings = page.get_by_role("main").locator("ul", has_text=quality[0])
    expect(warnings).to_have_css("list-style-type", "disc")
