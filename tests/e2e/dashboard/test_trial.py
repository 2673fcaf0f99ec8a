"""The trial of a model on the page of models: begun, watched, changed, and ended."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from config.rollout import RolloutPlan
from storage.artifacts import Store
from tests.e2e.dashboard.axe import OF_COLOURS, faults_of_axe, unfold
from tests.e2e.dashboard.reading import NARROW, lead, open_page, rows_of, stat, table
from tests.support.releases import add_other_bundle, add_scaled_bundle
from tests.support.servers import Server, running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

PLAN = RolloutPlan(repeated=1.0).model_dump_json()
"""The default plan, but each request that is computed is repeated."""


@dataclass(frozen=True)
class Models:
    """Bundles of the store: the active one, one that answers the same, and one far worse."""

    active: str
    same: str
    worse: str


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Store:
    """A copy of the artifacts, to which bundles are added."""
    folder = tmp_path_factory.mktemp("trial") / "artifacts"
    return Store(Path(shutil.copytree(trained.root, folder)))


@pytest.fixture(scope="module")
def models(store: Store) -> Models:
    return Models(
        active=store.current().bundle,
        same=add_other_bundle(store),
        worse=add_scaled_bundle(store, 1.5),
    )


@pytest.fixture(scope="module")
def server(
    built: None, tmp_path_factory: pytest.TempPathFactory, store: Store, models: Models
) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server"), store, ROLLOUT_PLAN=PLAN) as started:
        started.wait_for("/readyz")
        yield started


@pytest.fixture(autouse=True)
def _as_before(server: Server, models: Models) -> Iterator[None]:
    """End a trial, and serve the first model again."""
    yield
    if server.get("/admin/rollout").json()["rollout"] is not None:
        server.post("/admin/rollout/stop")
    server.post(f"/admin/models/{models.active}/promote")


def card(page: Page) -> Locator:
    return page.get_by_role("region", name="In trial")


def begin(page: Page, server: Server, bundle: str) -> Locator:
    """Open the form of the trial of a model."""
    open_page(page, server, "/models")
    page.get_by_role("button", name=f"Try the model {bundle}").click()
    return page.get_by_role("dialog", name=f"Try {bundle}")


def rollout_of(server: Server) -> dict[str, object]:
    rollout: dict[str, object] = server.get("/admin/rollout").json()["rollout"]
    return rollout


def test_a_model_is_tried_as_a_shadow_then_as_a_canary_until_its_trial_is_ended(
    page: Page, server: Server, models: Models
) -> None:
    form = begin(page, server, models.same)
    form.get_by_label("Why", exact=True).fill("new features")
    form.get_by_role("button", name="Begin the trial").click()
    expect(page.get_by_text(f"{models.same} is in trial as a shadow")).to_be_visible()
    expect(page.get_by_role("row", name=models.same)).to_contain_text("Shadow")
    errors = card(page).get_by_role("row", name="Total")
    expect(errors).to_contain_text("0%")  # the same model: the forecasts do not move
    row, *_ = rows_of(table(page, "By level"))
    assert row["Active model"] == row["This model"]

    card(page).get_by_role("button", name="As a canary…").click()
    form = page.get_by_role("dialog", name=f"Change the trial of {models.same}")
    form.get_by_label("As a canary, at a share").check()
    form.get_by_label("Share of the callers, in percent").fill("12.5")
    form.get_by_role("button", name="Change the trial").click()
    expect(page.get_by_text(f"{models.same} is in trial as a canary")).to_be_visible()
    expect(stat(page, "Share of the callers")).to_contain_text("12.5%")
    assert (rollout_of(server)["stage"], rollout_of(server)["share"]) == ("canary", 0.125)
    assert rollout_of(server)["automatic"] is False

    card(page).get_by_role("button", name="Change the share…").click()
    form = page.get_by_role("dialog", name=f"Change the trial of {models.same}")
    form.get_by_label("As a canary, by the plan").check()
    form.get_by_role("button", name="Change the trial").click()
    expect(stat(page, "Share of the callers")).to_contain_text("1%")
    assert rollout_of(server)["automatic"] is True

    card(page).get_by_role("button", name="End the trial…").click()
    form = page.get_by_role("dialog", name=f"End the trial of {models.same}?")
    form.get_by_label("Why", exact=True).fill("seen enough")
    form.get_by_role("button", name="End the trial").click()
    expect(page.get_by_text(f"The trial of {models.same} has ended")).to_be_visible()
    expect(card(page)).to_have_count(0)
    listed = page.get_by_role("row", name=models.same)
    expect(listed).to_contain_text("Candidate")
    expect(listed).to_contain_text("seen enough")


def test_a_model_in_trial_is_served_from_its_card(
    page: Page, server: Server, models: Models
) -> None:
    begin(page, server, models.same).get_by_role("button", name="Begin the trial").click()
    card(page).get_by_role("button", name="Serve…").click()
    dialog = page.get_by_role("dialog", name=f"Serve {models.same}?")
    dialog.get_by_role("button", name="Serve this model").click()
    expect(page.get_by_text(f"{models.same} is served from now on")).to_be_visible()
    expect(lead(page)).to_contain_text(f"{models.same} is served")
    expect(card(page)).to_have_count(0)
    wait_until(lambda: server.get("/health").json()["model_version"] == models.same)


def test_a_trial_that_ends_elsewhere_is_noticed_with_its_reason(
    page: Page, server: Server, models: Models
) -> None:
    begin(page, server, models.same).get_by_role("button", name="Begin the trial").click()
    expect(card(page)).to_be_visible()
    server.post("/admin/rollout/stop", reason="out of memory")
    expect(page.get_by_text(f"The trial of {models.same} was ended")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="out of memory")).to_be_visible()
    expect(card(page)).to_have_count(0)


def test_a_model_that_is_far_worse_is_rejected_and_the_page_says_why(
    page: Page, server: Server, models: Models
) -> None:
    begin(page, server, models.worse).get_by_role("button", name="Begin the trial").click()
    expect(page.get_by_text(f"The trial is over: {models.worse} was rejected")).to_be_visible()
    notice = page.get_by_role("status").filter(has_text="errors on the newest days")
    expect(notice).to_contain_text("larger than those of the active release")
    expect(page.get_by_role("row", name=models.worse)).to_contain_text("Rejected")


def test_the_card_and_the_forms_of_a_trial_have_no_fault_of_accessibility(
    page: Page, server: Server, models: Models
) -> None:
    begin(page, server, models.same).get_by_label("As a canary, at a share").check()
    assert faults_of_axe(page) == []
    page.get_by_role("button", name="Begin the trial").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter a number above 0")
    assert faults_of_axe(page) == []
    page.get_by_label("As a shadow").check()
    page.get_by_role("button", name="Begin the trial").click()
    expect(card(page).get_by_role("row", name="Total")).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("html")).to_have_attribute("data-theme", scheme)
        assert faults_of_axe(page, None if scheme == "light" else OF_COLOURS) == []
    page.set_viewport_size(NARROW)
    unfold(page)
    assert faults_of_axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    page.get_by_role("button", name=f"Details of the model {models.same}").click()
    expect(page.get_by_role("dialog").get_by_text("How it came to its state")).to_be_visible()
    assert faults_of_axe(page) == []


def test_polling_a_trial_shifts_nothing(page: Page, server: Server, models: Models) -> None:
    server.post(f"/admin/models/{models.same}/shadow")
    open_page(page, server, "/models")
    expect(card(page).get_by_role("row", name="Total")).to_be_visible()
    page.evaluate(
        "window.shifts = 0; new PerformanceObserver(list => {"
        " for (const each of list.getEntries()) window.shifts += each.value;"
        "}).observe({ type: 'layout-shift' })"
    )
    repeated = card(page).get_by_role("row", name="This model, to repeated requests")
    before = repeated.inner_text()
    adjusted = {"node": "total", "horizon": 7, "adjustments": {"onpromotion": 3}}
    for horizon in (7, 8, 9):
        server.post("/whatif", **(adjusted | {"horizon": horizon}))
    expect(repeated).not_to_have_text(before)
    assert page.evaluate("window.shifts") == 0
