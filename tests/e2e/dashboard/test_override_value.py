"""The card “Did changes help?” of the page of overrides, once days of overrides are sold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from features.data.snapshot import Snapshot
from storage.artifacts import Store
from storage.database import open_database
from storage.migrations import upgrade
from storage.override_store import OverrideStore
from storage.overrides import Reason
from tests.e2e.dashboard.axe import OF_COLOURS, faults_of_axe
from tests.e2e.dashboard.reading import (
    NARROW,
    open_page,
    rows_of,
    table,
    written_change,
    written_share,
    written_share_change,
)
from tests.support.clock import Clock
from tests.support.overrides import NODE, make_override, noon
from tests.support.servers import Server, running

pytestmark = pytest.mark.e2e

DAYS = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that has no overrides yet."""
    return tmp_path_factory.mktemp("value")


@pytest.fixture(scope="module")
def server(folder: Path, trained: Store) -> Iterator[Server]:
    with running(folder, trained) as started:
        # a new database gets its tables while forecasts are served already
        started.wait_for("/overrides/value")
        yield started


@pytest.fixture(scope="module")
def first(snapshot: Snapshot) -> date:
    """The first of the days that are overridden, all of which are sold."""
    newest = snapshot.facts.origin
    return newest - timedelta(DAYS - 1)


@pytest.fixture(scope="module")
def made(server: Server, folder: Path, snapshot: Snapshot, first: date) -> None:
    """Overrides of two planners before these days: Anna's are nearer than the forecast.

    She has made enough for a verdict, and Ben too few.
    """
    database = open_database(f"sqlite:///{folder}/mlrf.db")
    upgrade(database)
    at = snapshot.index_of(first)
    sold = [float(units) for units in snapshot.sales[snapshot.hierarchy.index[NODE], at:][:DAYS]]
    store = OverrideStore(database, Clock(noon(first - timedelta(1))))
    for day, units in enumerate(sold):
        make_override(store, first + timedelta(day), [(units - 10, units - 4)])
    further_off = [(units, units + 5) for units in sold[:2]]
    make_override(store, first, further_off, author="Ben", reason=Reason.PRICE)
    database.dispose()


def card_of(page: Page) -> Locator:
    return page.get_by_role("region", name="Did changes help?")


def test_nothing_is_said_before_a_day_of_an_override_is_sold(page: Page, server: Server) -> None:
    assert server.get("/overrides/value").json()["total"] is None, "the first test of the module"
    open_page(page, server, "/plan")
    expect(card_of(page)).to_contain_text("No override has a day yet that is sold.")
    expect(card_of(page).get_by_role("table")).to_have_count(0)


@pytest.mark.usefixtures("made")
def test_it_says_of_each_planner_what_changes_were_worth(page: Page, server: Server) -> None:
    answer = server.get("/overrides/value", by="author").json()
    open_page(page, server, "/plan")
    rows = rows_of(table(page, "Overrides on days sold"))
    assert [row["Who"] for row in rows] == ["Anna", "Ben", "All"]
    for row, group in zip(rows, [*answer["groups"], answer["total"]], strict=True):
        assert row["Overrides"] == str(group["overrides"])
        assert row["Days sold"] == str(group["days"])
        assert row["Units nearer"] == written_change(group["value"])
        assert row["Of what was sold"] == written_share_change(group["share"])
        assert row["Helped"] == written_share(group["helped"])
    by_name = {row["Who"]: row for row in rows}
    assert by_name["Anna"]["Units nearer"] == f"+{6 * DAYS}"
    assert by_name["Anna"]["So far"] == "Better"
    assert by_name["Ben"]["Units nearer"] == "-10"
    assert by_name["Ben"]["So far"] == "Too few to say"


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("by", "names"),
    [
        pytest.param("Level", {"Series"}, id="level"),
        pytest.param("Kind", None, id="kind"),
        pytest.param("Reason", {"Event", "Price"}, id="reason"),
    ],
)
def test_changes_are_grouped_as_chosen_which_the_address_keeps(
    page: Page, server: Server, by: str, names: set[str] | None
) -> None:
    open_page(page, server, "/plan")
    card_of(page).get_by_text(by, exact=True).click()
    expect(card_of(page).get_by_role("columnheader", name=by)).to_be_visible()
    names = names or {"Up, by a tenth or more", "Up, by less than a tenth"}
    groups = {row[by] for row in rows_of(table(page, "Overrides on days sold"))}
    assert groups <= names | {"All"}
    assert len(groups) > 1
    page.reload()
    expect(card_of(page).get_by_label(by, exact=True)).to_be_checked()
    page.go_back()
    expect(card_of(page).get_by_label("Who", exact=True)).to_be_checked()


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("width", [1280, NARROW["width"]])
def test_it_has_no_fault_in_either_theme(page: Page, server: Server, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="light")
    open_page(page, server, "/plan")
    expect(card_of(page).get_by_role("table")).to_be_visible()
    assert faults_of_axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert faults_of_axe(page, OF_COLOURS) == []
