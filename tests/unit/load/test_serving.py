"""The environment of a load run: a copy of the release, a key database, a server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from config.tiers import Tier
from load.server import NotReadyError, Server, _variables
from load.serving import KEYS, TIERS, copy_release, create_keys
from models.serving.release import load_release
from storage.artifacts import ArtifactError, Release, Store
from storage.database import open_database
from storage.key_store import KeyStore
from storage.keys import Scope


def test_the_copy_has_one_serving_release(trained: Store, tmp_path: Path) -> None:
    """Its stored forecasts are copied too, so that the start does not compute them."""
    copy = copy_release(trained, None, tmp_path / "artifacts")
    assert copy.current() == trained.current()
    forecasts = sorted(path.name for path in copy.forecasts.iterdir())
    load_release(copy, copy.current())
    made = [path.name for path in copy.forecasts.iterdir() if not path.name.startswith(".")]
    assert sorted(made) == forecasts
    assert [path.name for path in copy.bundles.iterdir()] == [trained.current().bundle]


def test_a_release_may_be_named(trained: Store, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="missing: does not exist"):
        copy_release(
            trained, Release("missing", trained.current().snapshot), tmp_path / "artifacts"
        )


def test_keys_are_created_by_the_product(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/keys.db"
    keys = create_keys(url)
    assert set(keys) == {"unlimited", "large", "admin"} == set(KEYS)
    store = KeyStore(open_database(url))
    tiers = {key.client: key.tier for key in store.list()}
    assert tiers == {
        "load-unlimited": "unlimited",
        "load-large": "large",
        "load-admin": "unlimited",
    }
    scopes = {key.client: key.scopes for key in store.list()}
    assert Scope.ADMIN not in scopes["load-large"]


def test_the_limit_of_the_large_tier_exceeds_every_run() -> None:
    tier = Tier.model_validate({"name": "large", **TIERS["large"]})
    assert tier.quota is not None
    hours = 24
    assert tier.burst > 10_000 * 3600 * hours


def test_no_setting_is_inherited_from_the_environment() -> None:
    """Neither a file of a secret nor the location of a secret manager is inherited."""
    assert {"API_KEY", "API_KEY_FILE", "REDIS_URL", "SECRETS_FROM", "WORKERS"} <= set(_variables())


def test_an_ended_server_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with log.open("wb") as written:
        script = "print('first', *range(50), 'no such model', sep='\\n'); raise SystemExit(3)"
        process = subprocess.Popen([sys.executable, "-c", script], stdout=written)
    process.wait(30)
    server = Server(process, "http://127.0.0.1:9", log)
    with pytest.raises(NotReadyError, match=r"exit code 3:\n(.|\n)*no such model$") as raised:
        server.wait_for("/readyz")
    assert "first" not in str(raised.value)
