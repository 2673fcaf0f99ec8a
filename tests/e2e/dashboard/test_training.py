"""The page of models: an operator uploads tables, checks them, and trains a model on them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from storage.artifacts import Store
from tests.e2e.dashboard.axe import faults_of_axe
from tests.e2e.dashboard.reading import lead, open_page
from tests.support.jobs import JOB_SECONDS
from tests.support.servers import Server, running
from tests.support.shops import DEPARTMENTS, LAST, SHOPS, write_shops
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

JOB_MILLISECONDS = 1000 * JOB_SECONDS


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Store:
    folder = tmp_path_factory.mktemp("training") / "artifacts"
    return Store(Path(shutil.copytree(trained.root, folder)))


@pytest.fixture(scope="module")
def server(built: None, tmp_path_factory: pytest.TempPathFactory, store: Store) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "data").mkdir()
    with running(folder, store, DATA_DIR=str(folder / "data"), WORKERS="1") as started:
        started.wait_for("/readyz")
        wait_until(lambda: (started.get("/admin/jobs").json()["runner"] or {}).get("alive"))
        yield started


@pytest.fixture
def tables(tmp_path: Path) -> list[Path]:
    """The tables of a retailer."""
    return sorted(write_shops(tmp_path / "shops").iterdir())


def spoil(sales: Path) -> None:
    """Write two values into a table that are none."""
    lines = sales.read_text().splitlines()
    lines[1] = ",".join(["yesterday", *lines[1].split(",")[1:]])
    cells = lines[5].split(",")
    lines[5] = ",".join([*cells[:3], "many", *cells[4:]])
    sales.write_text("\n".join(lines))


def job_item(page: Page, name: str) -> Locator:
    """Return the newest job of a name in the list of jobs."""
    return page.get_by_role("listitem", name=name, exact=True).first


def test_tables_are_uploaded_corrected_checked_and_trained_on(
    page: Page, server: Server, store: Store, tables: list[Path]
) -> None:
    (sales,) = [table for table in tables if table.name == "sales.csv"]
    right = sales.read_text()
    spoil(sales)
    open_page(page, server, "/models")
    page.get_by_text("Upload tables").click()
    page.get_by_label("Name of the tables").fill("june")
    page.get_by_label("Files", exact=True).set_input_files(tables)
    page.get_by_role("button", name="Send and check").click()
    expect(page.get_by_text("“june” has 2 errors")).to_be_visible(timeout=JOB_MILLISECONDS)
    for place, value in (("row 2, column Tag", "yesterday"), ("row 6, column Menge", "many")):
        fault = page.get_by_role("listitem").filter(has_text=f"sales.csv, {place}:").last
        expect(fault).to_contain_text(value)
    expect(page.get_by_role("row", name="june")).to_contain_text("Not usable yet")
    assert faults_of_axe(page) == []

    sales.write_text(right)
    page.get_by_label("Files", exact=True).set_input_files([sales])
    page.get_by_role("button", name="Send and check").click()
    published = page.get_by_text("“june” is right, and can be trained on now")
    expect(published).to_be_visible(timeout=JOB_MILLISECONDS)
    expect(page.get_by_role("row", name="june")).to_contain_text("Ready")

    expect(page.get_by_label("Tables to train on")).to_have_value("june")
    page.get_by_role("radio", name="Fast", exact=True).check()
    page.get_by_role("radio", name="Serve it in any case").check()
    page.get_by_role("button", name="Check first").click()
    expect(page.get_by_text("“june” can be used")).to_be_visible(timeout=JOB_MILLISECONDS)
    newest = page.locator("dl > div", has_text="Newest day")
    expect(newest).to_contain_text(f"{LAST.day} {LAST:%b} {LAST.year}")
    expect(page.locator("dl > div", has_text="Series").first).to_contain_text(
        str(len(SHOPS) * len(DEPARTMENTS))
    )
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name="Show it").click()
    job = job_item(page, "Training on june")
    expect(job).to_be_focused()
    expect(job).to_contain_text("Step ", timeout=JOB_MILLISECONDS)
    assert faults_of_axe(page) == []
    expect(job).to_contain_text("The model serves.", timeout=JOB_MILLISECONDS)
    bundle = store.current().bundle
    job.get_by_role("button", name=f"Show the model {bundle}").click()
    expect(page.get_by_role("row", name=bundle).first).to_be_focused()
    expect(lead(page)).to_contain_text(f"{bundle} is served")


def test_a_training_is_cancelled(page: Page, server: Server, store: Store) -> None:
    before = store.current()
    open_page(page, server, "/models")
    page.get_by_label("Tables to train on").select_option("The built-in demo data")
    page.get_by_role("radio", name="Leave it as a candidate").check()
    page.get_by_role("button", name="Train", exact=True).click()
    job = job_item(page, "Training on demo data")
    expect(job).to_contain_text("Step ", timeout=JOB_MILLISECONDS)
    job.get_by_role("button", name="Cancel: Training on demo data").click()
    dialog = page.get_by_role("dialog", name="Cancel: Training on demo data?")
    assert faults_of_axe(page) == []
    dialog.get_by_role("button", name="Cancel the job").click()
    expect(job).to_be_focused()
    expect(job).to_contain_text("Cancelled", timeout=JOB_MILLISECONDS)
    assert store.current() == before
    job.get_by_text("Log", exact=True).click()
    expect(job.get_by_role("button", name="Read again")).to_be_visible()


def test_uploaded_tables_are_deleted(page: Page, server: Server, tables: list[Path]) -> None:
    open_page(page, server, "/models")
    page.get_by_text("Upload tables").click()
    page.get_by_label("Name of the tables").fill("july")
    page.get_by_label("Files", exact=True).set_input_files([tables[0]])
    page.get_by_role("button", name="Send and check").click()
    expect(page.get_by_text("“july” has")).to_be_visible(timeout=JOB_MILLISECONDS)
    page.get_by_role("button", name="Delete july").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete these tables").click()
    expect(page.get_by_text("july is deleted.")).to_be_focused()
    expect(page.get_by_role("row", name="july")).to_have_count(0)
    listed = server.get("/admin/data").json()
    assert "july" not in [each["name"] for each in listed["uploads"]]


def test_a_server_without_a_folder_of_tables_says_so(
    page: Page, built: None, tmp_path: Path, trained: Store
) -> None:
    """Without a call that fails, which the fixture of the page would report."""
    with running(tmp_path, trained, WORKERS="1", JOB_RUNNER="false") as server:
        server.wait_for("/readyz")
        open_page(page, server, "/models")
        expect(page.get_by_text("This server reads no tables")).to_be_visible()
        expect(page.get_by_text("nothing executes them")).to_be_visible()
        assert faults_of_axe(page) == []
