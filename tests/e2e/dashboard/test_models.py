"""The page of models: an operator serves a candidate, and goes back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from storage.artifacts import Store
from tests.e2e.dashboard.reading import lead, open_page
from tests.support.releases import add_other_bundle
from tests.support.servers import Server, running
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Store:
    """A copy of the artifacts with a second bundle, of the same model but with other figures."""
    folder = tmp_path_factory.mktemp("models") / "artifacts"
    store = Store(Path(shutil.copytree(trained.root, folder)))
    add_other_bundle(store)
    return store


@pytest.fixture(scope="module")
def server(built: None, tmp_path_factory: pytest.TempPathFactory, store: Store) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server"), store) as started:
        started.wait_for("/readyz")
        yield started


def test_a_candidate_is_served_and_rolled_back_from(
    page: Page, server: Server, store: Store
) -> None:
    before = store.current().bundle
    (other,) = {path.name for path in store.bundles.iterdir()} - {before}

    def serves(bundle: str) -> bool:
        return bool(server.get("/health").json()["model_version"] == bundle)

    open_page(page, server, "/models")
    expect(lead(page)).to_contain_text(f"{before} is served; it knows the sales up to 30 Jun 2024")
    expect(page.get_by_role("row", name="1–7")).to_contain_text("→ 50%")
    page.get_by_role("button", name=f"Serve the model {other}").click()
    dialog = page.get_by_role("dialog", name=f"Serve {other}?")
    dialog.get_by_label("Why", exact=True).fill("to try")
    dialog.get_by_role("button", name="Serve this model").click()
    expect(page.get_by_text(f"{other} is served from now on")).to_be_visible()
    expect(lead(page)).to_contain_text(f"{other} is served")
    wait_until(lambda: serves(other))
    page.get_by_role("button", name=f"Roll back from the model {other}").click()
    dialog = page.get_by_role("dialog", name=f"Roll back from {other}?")
    dialog.get_by_role("button", name="Roll back").click()
    expect(lead(page)).to_contain_text(f"{before} is served")
    expect(page.get_by_role("row", name=other)).to_contain_text("Rejected")
    wait_until(lambda: serves(before))
    actions = [each["action"] for each in server.get("/admin/audit").json()["entries"]]
    assert actions[:2] == ["model.rollback", "model.promote"]


def test_a_rejected_model_asks_for_a_reason(page: Page, server: Server, store: Store) -> None:
    (other,) = {path.name for path in store.bundles.iterdir()} - {store.current().bundle}
    open_page(page, server, "/models")
    page.get_by_role("button", name=f"Serve the model {other}").click()
    dialog = page.get_by_role("dialog", name=f"Serve {other}?")
    submit = dialog.get_by_role("button", name="Serve this model")
    expect(submit).to_be_disabled()
    dialog.get_by_label("Do it all the same").check()
    dialog.get_by_label("Why", exact=True).fill("the data were wrong")
    expect(submit).to_be_enabled()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
