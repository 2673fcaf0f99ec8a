"""`mlrf models publish` and `fetch`, and `mlrf serve` with ARTIFACTS_URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import get_settings
from storage.artifacts import Release, Store
from tests.support.command import Run
from tests.support.releases import add_other_bundle

pytestmark = pytest.mark.usefixtures("own_store", "own_settings")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of an empty folder."""
    return f"file://{tmp_path}/remote"


@pytest.fixture(autouse=True)
def _variables_of_serve(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_settings: dict[str, object]
) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "bentoml"))
    monkeypatch.setenv("AUTH_MODE", "")  # restored afterwards: `mlrf serve` sets it


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> Store:
    """The store of a machine that fetches from the URL; it is the one of the settings."""
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path / "server"))
    monkeypatch.setenv("ARTIFACTS_URL", url)
    get_settings.cache_clear()
    return Store(tmp_path / "server")


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that would have replaced this process."""
    commands: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda path, command: commands.append(command))
    return commands


def use(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """Let the settings name a store."""
    monkeypatch.setenv("ARTIFACTS_DIR", str(store.root))
    get_settings.cache_clear()


@pytest.fixture
def published(run: Run, own_store: Store, url: str) -> Release:
    """The release of the tests, published at the URL."""
    release = own_store.current()
    done = run("models", "publish", release.bundle, url)
    assert done.status == 0, done.err
    return release


def test_a_published_model_is_fetched_by_another_machine(
    published: Release, run: Run, server: Store, url: str
) -> None:
    done = run("models", "fetch")
    assert done.status == 0, done.err
    assert server.current() == published
    assert f"Bundle {published.bundle} and snapshot {published.snapshot} of {url}" in done.err


def test_publishing_names_what_was_written(
    published: Release, run: Run, url: str, own_store: Store
) -> None:
    done = run("models", "publish", published.bundle, url)
    assert f"what {url} names from now on; 0 files were written" in done.err


def test_a_rejected_model_is_not_published(run: Run, own_store: Store, url: str) -> None:
    other = add_other_bundle(own_store)
    assert run("models", "promote", other).status == 0
    assert run("models", "rollback", "--reason", "orders doubled").status == 0
    assert "it was rejected (orders doubled)" in run("models", "publish", other, url).error_line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["fetch"], "ARTIFACTS_URL: is not set"),
        (["fetch", "ftp://host/x"], "the URL has no scheme that is known"),
        (["fetch", "http://host/x"], "must be https:// unless"),
        (["fetch", "file:///nowhere"], "file:///nowhere/CURRENT does not exist"),
        (["publish", "2099", "file:///nowhere"], "there is no release '2099'"),
    ],
    ids=["no URL", "scheme", "plain HTTP", "nothing there", "unknown bundle"],
)
def test_what_cannot_be_done_is_said_on_one_line(
    run: Run, arguments: list[str], reason: str
) -> None:
    assert reason in run("models", *arguments).error_line


def test_a_server_starts_with_the_release_of_the_url(
    published: Release, run: Run, server: Store, executed: list[list[str]]
) -> None:
    done = run("serve")
    assert done.status == 0, done.err
    assert server.current() == published
    assert f"Serving bundle {published.bundle}" in done.err
    assert len(executed) == 1


def test_a_server_follows_the_url_when_it_starts_again(
    published: Release,
    run: Run,
    server: Store,
    own_store: Store,
    executed: list[list[str]],
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run("serve").status == 0
    use(monkeypatch, own_store)
    other = add_other_bundle(own_store)
    assert run("models", "publish", other, url).status == 0
    use(monkeypatch, server)
    assert run("serve").status == 0
    assert server.current().bundle == other


def test_a_server_serves_what_it_has_where_the_url_does_not_answer(
    published: Release,
    run: Run,
    server: Store,
    executed: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run("serve").status == 0
    monkeypatch.setenv("ARTIFACTS_URL", "http://127.0.0.1:9/mlrf")
    get_settings.cache_clear()
    done = run("serve")
    assert done.status == 0
    assert "warning: ARTIFACTS_URL: http://127.0.0.1:9/mlrf/CURRENT cannot be read" in done.err
    assert f"Serving bundle {published.bundle}" in done.err
    assert len(executed) == 2


def test_a_server_without_a_release_does_not_start_or_train_one(
    run: Run, server: Store, executed: list[list[str]]
) -> None:
    """A demo model must never stand in for the one that was to be fetched."""
    line = run("serve").error_line
    assert "ARTIFACTS_URL: " in line
    assert "CURRENT does not exist" in line
    assert f"no release in {server.root}" in line
    assert executed == []
    assert not server.pointer.exists()
