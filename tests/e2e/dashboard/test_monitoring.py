"""Are the forecasts still right? The page Monitoring over a server that has newer days."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import polars as pl
import pytest
from playwright.sync_api import Locator, Page, expect

from lifecycle.monitoring.outliers import adopt_outliers
from lifecycle.monitoring.scoring import score
from lifecycle.refresh import refresh
from storage.artifacts import Store
from storage.database import open_database, writing
from storage.drift_events import Detector, DriftEvent, Severity, add_event
from storage.migrations import upgrade
from tests.conftest import copy_store
from tests.e2e.browser import Faults
from tests.e2e.dashboard.axe import OF_COLOURS, faults_of_axe, unfold
from tests.e2e.dashboard.planner import ADMIN, ADMIN_KEY, WITH_KEYS, make_key, sign_in
from tests.e2e.dashboard.reading import (
    NARROW,
    choose_node,
    lead,
    open_page,
    rows_of,
    stat,
    table,
    wait_until_loaded,
    written_day,
    written_share,
    written_share_change,
)
from tests.support.jobs import running_runner
from tests.support.servers import Server, running
from tests.support.tables import add_days
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

NEWER_DAYS = 8
SPOILT = "DAIRY"
TITLE = "Are the forecasts still right?"


class Watched(NamedTuple):
    """A server with keys, whose forecasts of the newest days were compared with the sales.

    It executes no jobs: a further comparison would judge the drifts that are written here anew.
    """

    server: Server
    store: Store
    folder: Path
    planner: str
    reader: str


def spoil_newest_day(tables: Path) -> date:
    """Multiply a family's sales of the newest day by 100, as a wrong unit does; return the day."""
    path = tables / "train.parquet"
    train = pl.read_parquet(path)
    newest: date = train["date"].max()  # type: ignore[assignment]
    is_spoilt = (pl.col("date") == newest) & (pl.col("family") == SPOILT)
    sales = pl.when(is_spoilt).then(pl.col("sales") * 100).otherwise(pl.col("sales"))
    train.with_columns(sales.alias("sales")).write_parquet(path)
    return newest


def drift_of(bundle: str, newest: date, **fields: Any) -> DriftEvent:
    values: dict[str, Any] = {
        "detector": Detector.LOSS,
        "subject": "store:1",
        "bucket": "1-7",
        "severity": Severity.WARNING,
        "figure": 0.123,
        "reference": 0.081,
        "message": "store:1, 1-7 days ahead: the error is 12.3% of sales, usually 8.1%.",
    }
    days = dict.fromkeys(("since", "opened", "judged"), newest)
    return DriftEvent(bundle=bundle, look="/historical?node=store:1", **days, **values | fields)


@pytest.fixture(scope="module")
def watched(
    built: None, trained: Store, demo_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    (folder / "data").mkdir()
    store = copy_store(trained, folder)
    tables = Path(shutil.copytree(demo_folder, folder / "data" / "tables"))
    add_days(tables, NEWER_DAYS - 1)
    refresh(store, tables)
    add_days(tables)
    newest = spoil_newest_day(tables)
    refresh(store, tables)
    url = f"sqlite:///{folder}/mlrf.db"
    database = open_database(url)
    upgrade(database)
    score(store, database)
    serving = store.current()
    with writing(database) as connection:
        adopt_outliers(connection, store.snapshots / serving.snapshot)
        for event in (
            drift_of(serving.bundle, newest),
            drift_of(
                serving.bundle,
                newest,
                detector=Detector.TOO_LOW,
                subject="store",
                closed=newest,
                message="store: forecasts were 13.0% too low.",
            ),
            drift_of(
                serving.bundle,
                newest,
                detector=Detector.COVARIATE_UNUSED,
                subject="onpromotion",
                bucket="",
                severity=Severity.CRITICAL,
                figure=0.0,
                message="onpromotion is 0 everywhere in the days ahead.",
            ),
        ):
            add_event(connection, event)
    database.dispose()
    settings = {"DATA_DIR": str(folder / "data"), "JOB_RUNNER": "false", **WITH_KEYS}
    with running(folder, store, **settings) as started:
        started.wait_for("/readyz")
        planner = make_key(started, "anna", "forecast", "explain", "plan").text
        reader = make_key(started, "reader", "forecast").text
        yield Watched(started, store, folder, planner, reader)


def call(watched: Watched, path: str, **params: object) -> dict[str, Any]:
    """Ask the API, beside the page."""
    query = f"?{urlencode(params)}" if params else ""
    response = watched.server.request("GET", path + query, headers=ADMIN)
    assert response.is_success, response.text
    document: dict[str, Any] = response.json()
    return document


def open_monitoring(page: Page, watched: Watched, key: str = ADMIN_KEY, **query: object) -> None:
    """Sign in, and open the page with the choices of an address."""
    path = f"/monitoring?{urlencode(query)}" if query else "/monitoring"
    sign_in(page, watched.server.url, key, path, keep=True)
    expect(page.locator("h1")).to_have_text(TITLE)
    wait_until_loaded(page)


def card(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def figures_of(live: dict[str, Any], **which: object) -> list[dict[str, Any]]:
    """Return the figures of a group by days ahead, without those of all together."""
    return [
        each
        for each in live["figures"]
        if each["days_ahead"] != "all" and all(each[name] == of for name, of in which.items())
    ]


def written_range(measure: dict[str, float]) -> str:
    return f"{written_share(measure['low'])} to {written_share(measure['high'])}"


# --- live accuracy ------------------------------------------------------------------------------


def test_one_sentence_says_how_right_forecasts_were(page: Page, watched: Watched) -> None:
    live = call(watched, "/accuracy", window=28)["live"]
    nearest = figures_of(live, level="store", node=None)[0]
    open_monitoring(page, watched)
    wape, rule = nearest["wape"], nearest["steps"]["seasonal_naive"]
    expect(lead(page)).to_contain_text(
        f"Store, 1–7 days ahead: on {nearest['days']} days, forecasts were "
        f"{written_share(wape['value'])} off on average ({written_range(wape)}); the same weekday "
        f"of the last known week would have been {written_share(rule)} off."
    )
    recorded = nearest["recorded"]["wape"]
    word = (
        "Worse than" if wape["low"] > recorded else "Better than" if wape["high"] < recorded else ""
    )
    expect(lead(page)).to_contain_text(word or "As good as")
    expect(lead(page)).to_contain_text(f"trained ({written_share(recorded)})")


def test_the_table_has_the_figures_of_the_api_by_days_ahead(page: Page, watched: Watched) -> None:
    live = call(watched, "/accuracy", window=28)["live"]
    open_monitoring(page, watched, level="bottom")
    rows = rows_of(table(page, "By days ahead"))
    figures = figures_of(live, level="bottom", node=None)
    assert len(rows) == len(figures) > 1
    for row, of in zip(rows, figures, strict=True):
        assert row["Days ahead"] == of["days_ahead"].replace("-", "–")
        assert row["Off on average"].endswith(written_share(of["wape"]["value"]))
        assert row["Same weekday last week"].endswith(written_share(of["steps"]["seasonal_naive"]))
        assert row["When trained"] == written_share(of["recorded"]["wape"])
        assert row["Too high (+) or low (−)"] == written_share_change(of["bias"]["value"])
        assert row["Forecasts"] == f"{of['values']:,}"


def test_the_charts_draw_each_day_that_was_compared(page: Page, watched: Watched) -> None:
    daily = call(watched, "/accuracy", window=28, daily="true")["live"]["daily"]
    stores = [day for day in daily if day["level"] == "store"]
    open_monitoring(page, watched)
    errors = rows_of(table(page, "Errors by day: Store"))
    assert [(row["Day"], row["Forecast"], row["Same weekday last week"]) for row in errors] == [
        (
            written_day(day["date"]),
            written_share(day["wape"]),
            written_share(day["seasonal_naive"]),
        )
        for day in stores
    ]
    coverage_rows = rows_of(table(page, "Sales within intervals by day: Store"))
    names = [name for name in coverage_rows[0] if name.startswith("Within")]
    assert [[row[name] for name in names] for row in coverage_rows] == [
        [written_share(day["coverage"][nominal]) for nominal in ("80%", "95%")] for day in stores
    ]


def test_one_store_is_found_by_typing_and_stays_in_the_address(
    page: Page, watched: Watched
) -> None:
    live = call(watched, "/accuracy", window=90, node="store:1")["live"]
    open_monitoring(page, watched)
    page.get_by_text("90 days", exact=True).click()
    page.get_by_label("Whose forecasts").select_option("One of them…")
    choose_node(page, "What", "store 1", "Store 1")
    own = figures_of(live, level="store")[0]
    expect(lead(page)).to_contain_text("Store 1, 1–7 days ahead")
    expect(lead(page)).to_contain_text(f"{written_share(own['wape']['value'])} off")
    names = [row["Days ahead"] for row in rows_of(table(page, "By days ahead"))]
    assert names == [
        f"{whose}, {each['days_ahead']}".replace("-", "–")
        for whose, level in (("Store", "store"), ("Its series", "bottom"))
        for each in figures_of(live, level=level)
    ]
    sentence = str(lead(page).text_content())
    page.reload()
    expect(lead(page)).to_have_text(sentence)
    for _ in range(3):
        page.go_back()
    expect(lead(page)).to_contain_text("Store, 1–7 days ahead")


def test_a_model_without_newer_days_says_what_brings_them(page: Page, server: Server) -> None:
    open_page(page, server, "/monitoring")
    expect(lead(page)).to_have_text("Nothing to compare yet")
    main = page.locator("main")
    expect(main).to_contain_text("sales of a newer day than 30 Jun 2024 are known")
    expect(main).to_contain_text("run “mlrf score”")
    expect(main).to_contain_text("docs/how-to/accuracy.md")


# --- drift --------------------------------------------------------------------------------------


def test_open_drifts_are_listed_by_urgency_and_lead_to_where_to_look(
    page: Page, watched: Watched
) -> None:
    model = call(watched, "/meta")["model_version"]
    events = call(watched, "/drift", state="open", model_version=model)["events"]
    open_monitoring(page, watched, watched.planner)
    expect(stat(page, "Open drifts")).to_contain_text(str(len(events)))
    expect(stat(page, "Open drifts")).to_contain_text("critical")
    drifts = card(page, "What drifts")
    items = drifts.get_by_role("listitem")
    expect(items).to_have_count(len(events))
    expect(items.first).to_contain_text("Critical")
    item = items.filter(has_text="Errors are larger · Store 1 · 1–7 days ahead")
    expect(item).to_contain_text("the error is 12.3% of sales, usually 8.1%.")
    expect(item).to_contain_text("Now12.3%In training8.1%")
    item.get_by_role("link", name="Its errors over time").click()
    expect(lead(page)).to_contain_text("Store 1, 1–7 days ahead")
    item.get_by_role("link", name="Forecast beside what was sold").click()
    expect(page.locator("h1")).to_have_text("Forecast: Store 1")
    wait_until_loaded(page)
    expect(lead(page)).to_contain_text("With sales up to")


def test_drifts_that_are_over_are_shown_on_request(page: Page, watched: Watched) -> None:
    open_monitoring(page, watched)
    drifts = card(page, "What drifts")
    expect(drifts).not_to_contain_text("13.0% too low")
    drifts.get_by_role("button", name="Show what is over").press("Enter")
    item = drifts.get_by_role("listitem").filter(has_text="13.0% too low")
    expect(item).to_contain_text("Over since")
    page.reload()
    expect(item).to_be_visible()
    drifts.get_by_role("button", name="Hide what is over").click()
    expect(item).to_have_count(0)


# --- outliers -----------------------------------------------------------------------------------


def spoilt(watched: Watched) -> dict[str, Any]:
    """Return the outlier of the family whose newest day was multiplied by 100."""
    listed = call(watched, "/outliers")["outliers"]
    (match,) = [each for each in listed if each["node"] == f"family:{SPOILT}"]
    return dict(match)


def test_an_odd_day_is_shown_with_the_days_around_it(page: Page, watched: Watched) -> None:
    outlier = spoilt(watched)
    open_monitoring(page, watched, watched.reader, outliers="all")
    item = (
        card(page, "Odd values in the newest sales")
        .get_by_role("listitem")
        .filter(has=page.get_by_role("heading", name=f"{SPOILT}, {written_day(outlier['first'])}"))
    )
    expect(item).to_contain_text("Decimal point or unit")
    expect(item).to_contain_text("Critical")
    expect(item).to_contain_text(outlier["message"])
    expect(item.locator("svg circle")).to_have_count(1)
    item.get_by_text("Show these days as a table").click()
    days = rows_of(item.locator("table"))
    assert [row["Day"] for row in days] == [written_day(day["date"]) for day in outlier["days"]]
    expect(page.get_by_text("needs the permission plan")).to_be_visible()
    expect(page.get_by_role("button", name="It happened…")).to_have_count(0)


def test_a_planner_says_by_keyboard_that_an_odd_day_is_wrong(page: Page, watched: Watched) -> None:
    outlier = spoilt(watched)
    name = f"{SPOILT}, {written_day(outlier['first'])}"
    open_monitoring(page, watched, watched.planner)
    opener = page.get_by_role("button", name=f"It is wrong… {name}")
    opener.press("Enter")
    dialog = page.get_by_role("dialog", name="The values are wrong")
    expect(dialog).to_contain_text(name)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    opener.press("Enter")
    dialog.get_by_label("Note").fill("The till counted in grams")
    assert faults_of_axe(page) == []
    dialog.get_by_label("Note").press("Enter")
    outcome = page.get_by_role("status").filter(has_text=f"Recorded: {name}")
    expect(outcome).to_be_visible()
    expect(outcome.locator("..")).to_be_focused()
    expect(opener).to_have_count(0)
    acknowledged = spoilt(watched)
    assert (acknowledged["real"], acknowledged["note"]) == (False, "The till counted in grams")
    page.get_by_text("All", exact=True).click()
    item = (
        card(page, "Odd values in the newest sales")
        .get_by_role("listitem")
        .filter(has=page.get_by_role("heading", name=name))
    )
    expect(item).to_contain_text("It is wrong, says anna")
    expect(item).to_contain_text("“The till counted in grams”")


# --- where, data and jobs -----------------------------------------------------------------------


@pytest.mark.parametrize("level", ["store", "family"])
def test_the_worst_nodes_of_a_level_come_first_and_lead_to_their_forecast(
    page: Page, watched: Watched, level: str
) -> None:
    live = call(watched, "/accuracy", window=28, level=level)["live"]
    nearest = [each for each in figures_of(live) if each["days_ahead"] == "1-7"]
    worst = sorted(nearest, key=lambda each: -each["wape"]["value"])[:10]
    open_monitoring(page, watched)
    worst_card = card(page, "Where it is worst")
    worst_card.get_by_label("Level").select_option(level)
    rows = table(page, f"{len(worst)} of {len(nearest)}, 1–7 days ahead")
    expect(rows).to_be_visible()
    assert [(row["Off on average"], row["90 % interval"]) for row in rows_of(rows)] == [
        (written_share(each["wape"]["value"]), written_range(each["wape"])) for each in worst
    ]
    expect(worst_card.get_by_role("link", name="Which series are worst?")).to_have_attribute(
        "href", "/quality"
    )
    rows.locator("tbody tr").first.get_by_role("link").first.click()
    wait_until_loaded(page)
    assert urlencode({"node": worst[0]["node"]}) in page.url
    expect(lead(page)).to_contain_text("With sales up to")


def test_the_age_of_the_data_and_the_last_jobs_are_shown(page: Page, watched: Watched) -> None:
    server = watched.server

    def start_reload() -> bool:
        body = {"source": "tables"}
        return server.request("POST", "/admin/reload-features", json=body, headers=ADMIN).is_success

    def has_ended() -> bool:
        jobs = call(watched, "/admin/jobs", kind="reload")["jobs"]
        return all(job["state"] == "succeeded" for job in jobs)

    open_monitoring(page, watched)
    expect(page.get_by_text("Nothing executes jobs now")).to_be_visible()
    folder = watched.folder
    database = f"sqlite:///{folder}/mlrf.db"
    with running_runner(database, watched.store, folder / "data", folder / "runner.log"):
        wait_until(start_reload)
        wait_until(has_ended)
    newest = written_day(call(watched, "/health")["snapshot"]["origin"])
    page.reload()
    wait_until_loaded(page)
    expect(stat(page, "Newest sales").first).to_contain_text(newest)
    jobs = rows_of(table(page, "Newest jobs"))
    assert [(row["Job"], row["State"]) for row in jobs if row["Job"].startswith("Reload")] == [
        ("Reload of tables", "Done")
    ]


def test_who_may_not_see_jobs_sees_how_new_the_data_are(page: Page, watched: Watched) -> None:
    open_monitoring(page, watched, watched.reader)
    expect(card(page, "Data and jobs")).to_contain_text("Trained with sales through")
    expect(card(page, "Data and jobs")).not_to_contain_text("Newest jobs")


# --- for everybody ------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1280, NARROW["width"]])
def test_the_page_with_all_that_it_shows_has_no_fault_in_either_theme(
    page: Page, watched: Watched, width: int
) -> None:
    page.emulate_media(color_scheme="light")
    open_monitoring(page, watched, past=1, outliers="all", node="store:1")
    page.set_viewport_size({"width": width, "height": 800})
    unfold(page)
    assert faults_of_axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert faults_of_axe(page, OF_COLOURS) == []


def test_a_failing_comparison_leaves_the_rest_of_the_page(
    page: Page, watched: Watched, faults: Faults
) -> None:
    open_monitoring(page, watched, node="store:1/family:DAIRY")
    expect(page.get_by_role("alert")).to_contain_text("Single series are not measured day by day")
    expect(card(page, "What drifts").get_by_role("listitem").first).to_be_visible()
    faults.forgive("400")


def test_the_page_speaks_spanish(page: Page, watched: Watched) -> None:
    open_monitoring(page, watched)
    page.get_by_label("Language").select_option("es")
    expect(page.locator("h1")).to_have_text("¿Siguen acertando los pronósticos?")
    expect(lead(page)).to_contain_text("Tienda, a 1–7 días")
