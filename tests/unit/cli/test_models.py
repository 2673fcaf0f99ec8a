"""`mlrf models`: what it lists, promotes, rolls back and carries between stores."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from config.settings import get_settings
from storage.artifacts import Release, Store
from tests.support.command import Run, set_environment
from tests.support.releases import OTHER_WAPE, add_other_bundle

pytestmark = pytest.mark.usefixtures("own_store", "own_settings")


@pytest.fixture
def other(own_store: Store) -> str:
    """A second bundle, of the same model but with other figures."""
    return add_other_bundle(own_store)


def test_the_active_model_is_listed_first(run: Run, own_store: Store, other: str) -> None:
    done = run("models", "list", "--json")
    assert done.status == 0
    active, candidate = json.loads(done.out)
    assert (active["bundle"], active["state"]) == (own_store.current().bundle, "active")
    assert (candidate["bundle"], candidate["state"]) == (other, "candidate")
    table = run("models", "list").out
    assert active["bundle"] in table
    assert "candidate" in table


def test_a_model_is_shown_with_its_changes_and_figures(run: Run, own_store: Store) -> None:
    bundle = own_store.current().bundle
    done = run("models", "show", bundle)
    assert done.status == 0, done.err
    assert "named by CURRENT" in done.out
    assert "WAPE" in done.out
    document = json.loads(run("models", "show", bundle, "--json").out)
    assert [change["state"] for change in document["changes"]] == ["candidate", "active"]
    assert document["metrics"]["calibration"]["levels"]["total"]


def test_two_models_are_compared_by_their_figures(run: Run, own_store: Store, other: str) -> None:
    bundle = own_store.current().bundle
    document = json.loads(run("models", "compare", bundle, other, "--json").out)
    assert document["bundles"] == {"first": bundle, "second": other}
    assert document["same_days"]
    wape = document["levels"]["total"]["1-7"]["wape"]
    assert wape["second"] == OTHER_WAPE
    assert 0 < wape["first"] < 0.4
    table = run("models", "compare", bundle, other)
    assert "→ 0.5000" in table.out
    assert "warning" not in table.err


def test_a_promoted_model_is_served_and_a_rollback_leads_back(
    run: Run, own_store: Store, other: str
) -> None:
    before = own_store.current()
    done = run("models", "promote", other, "--reason", "to try")
    assert done.status == 0, done.err
    assert f"in place of {before.bundle}" in done.err
    assert own_store.current() == Release(other, before.snapshot)
    done = run("models", "rollback", "--json")
    assert json.loads(done.out)["after"] == {
        "bundle": before.bundle,
        "snapshot": before.snapshot,
    }
    assert own_store.current() == before


def test_promoting_what_is_active_says_so(run: Run, own_store: Store) -> None:
    done = run("models", "promote", own_store.current().bundle)
    assert (done.status, done.out) == (0, "")
    assert "was active already" in done.err


def test_a_damaged_model_is_not_promoted(run: Run, own_store: Store, other: str) -> None:
    before = own_store.current()
    booster = next((own_store.bundles / other).glob("booster-*.txt"))
    booster.write_text(booster.read_text() + " ")
    assert booster.name in run("models", "promote", other).error_line
    assert own_store.current() == before


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        pytest.param(["promote", "2099"], "there is no release '2099'", id="unknown"),
        pytest.param(["rollback"], "no release to go back to", id="nothing before"),
        pytest.param(["retire", "2024-06-30"], "several", id="ambiguous"),
        pytest.param(["import", "missing.tar"], "missing.tar is not an archive", id="no archive"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: Run, other: str, arguments: list[str], why: str
) -> None:
    assert why in run("models", *arguments).error_line


def test_a_candidate_is_retired(run: Run, other: str) -> None:
    done = run("models", "retire", other, "--reason", "too old", "--json")
    assert json.loads(done.out)["state"] == "retired"


def test_a_model_is_carried_to_another_store(
    run: Run, own_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, file = own_store.current(), tmp_path / "model.tar"
    assert run("models", "export", release.bundle, "--out", file).status == 0
    set_environment(
        monkeypatch,
        ARTIFACTS_DIR=tmp_path / "elsewhere",
        DATABASE_URL=f"sqlite:///{tmp_path}/var/elsewhere.db",
    )
    done = run("models", "import", file)
    assert done.status == 0, done.err
    assert "candidate" in done.err
    assert run("models", "promote", release.bundle).status == 0
    assert Store(tmp_path / "elsewhere").current() == release


def test_an_altered_archive_is_refused_and_leaves_nothing(
    run: Run, own_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, file = own_store.current(), tmp_path / "model.tar"
    run("models", "export", release.bundle, "--out", file)
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path / "opened", filter="data")
    metrics = tmp_path / "opened" / "bundles" / release.bundle / "metrics.json"
    metrics.write_text(metrics.read_text().replace("0.", "1.", 1))
    with tarfile.open(file, "w") as archive:
        for part in ("bundles", "snapshots"):
            archive.add(tmp_path / "opened" / part, part)
    store = Store(tmp_path / "elsewhere")
    monkeypatch.setenv("ARTIFACTS_DIR", str(store.root))
    get_settings.cache_clear()
    assert "metrics.json" in run("models", "import", file).error_line
    assert not store.bundles.exists() or not list(store.bundles.iterdir())
    assert [path.name for path in store.root.iterdir()] in ([], ["bundles"])


def test_an_archive_that_leads_out_of_its_folder_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "evil").write_text("x")
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        archive.add(tmp_path / "evil", "../../evil")
    assert "is not an archive" in run("models", "import", tmp_path / "evil.tar").error_line


def test_what_nothing_needs_is_listed_and_removed_on_request(
    run: Run, own_store: Store, other: str
) -> None:
    run("models", "list")
    listed = run("prune", "--models", "0", "--days", "0")
    assert listed.status == 0, listed.err
    assert f"bundles/{other}" in listed.out.splitlines()
    assert "mlrf prune --yes" in listed.err
    assert (own_store.bundles / other).exists()
    assert run("prune", "--models", "0", "--days", "0", "--yes").status == 0
    assert not (own_store.bundles / other).exists()
    assert (own_store.bundles / own_store.current().bundle).exists()
    again = run("prune", "--models", "0", "--days", "0")
    assert (again.out, "nothing to remove" in again.err) == ("", True)
    assert "bundle is gone" in run("models", "list").out


def test_young_models_are_not_removed(run: Run, own_store: Store, other: str) -> None:
    done = run("prune", "--models", "0", "--yes")
    assert (done.status, done.out) == (0, "")
    assert (own_store.bundles / other).exists()
