"""Servers follow a release that is published at a URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifecycle.publication import publish_release
from storage.artifacts import Release, Store
from tests.support.releases import add_other_bundle
from tests.support.remote import running_web
from tests.support.servers import Server, running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e


def serves(server: Server, bundle: str) -> bool:
    """Return whether the worker that answers serves a bundle."""
    return server.get("/health").json().get("model_version") == bundle


def test_running_servers_follow_what_is_published(own_store: Store, tmp_path: Path) -> None:
    """An empty server that started too early is ready once there is a release; two workers."""
    published = tmp_path / "published"
    published.mkdir()
    first = own_store.current()
    with (
        running_web(published) as web,
        running(
            tmp_path,
            Store(tmp_path / "server"),
            ARTIFACTS_URL=web.url,
            ARTIFACTS_POLL_SECONDS="0.5",
            WORKERS="2",
        ) as server,
    ):
        server.wait_for("/livez")
        assert server.get("/readyz").status_code == 503
        publish_release(own_store, first, f"file://{published}")
        wait_until(lambda: serves(server, first.bundle), seconds=60)
        other = Release(add_other_bundle(own_store), first.snapshot)
        publish_release(own_store, other, f"file://{published}")
        wait_until(lambda: serves(server, other.bundle), seconds=60)
        assert server.log.read_text().count('"release_fetched"') == 2
