"""What a load run makes of its own: a copy of the pair, a database with keys, a server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from artifacts import ArtifactError, Release, Store
from load.server import NotReadyError, Server, _variables
from load.serving import KEYS, TIERS, copied, made_keys
from models.release import load_release
from storage.database import open_database
from storage.key_store import KeyStore
from storage.keys import Scope
from tiers import Tier


def test_the_copy_holds_one_pair_that_serves(trained: Store, tmp_path: Path) -> None:
    """With its stored forecasts, so that the start does not wait for them."""
    copy = copied(trained, None, tmp_path / "artifacts")
    assert copy.current() == trained.current()
    forecasts = sorted(path.name for path in copy.forecasts.iterdir())
    load_release(copy, copy.current())
    made = [path.name for path in copy.forecasts.iterdir() if not path.name.startswith(".")]
    assert sorted(made) == forecasts
    assert [path.name for path in copy.bundles.iterdir()] == [trained.current().bundle]


def test_a_pair_may_be_named(trained: Store, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="missing: does not exist"):
        copied(trained, Release("missing", trained.current().snapshot), tmp_path / "artifacts")


def test_keys_are_those_of_the_product(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/keys.db"
    keys = made_keys(url)
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


def test_the_large_tier_has_a_limit_that_no_run_reaches() -> None:
    tier = Tier.model_validate({"name": "large", **TIERS["large"]})
    assert tier.quota is not None
    hours = 24
    assert tier.burst > 10_000 * 3600 * hours


def test_no_setting_of_the_environment_is_left() -> None:
    """Neither a secret in a file, nor where secrets are kept."""
    assert {"API_KEY", "API_KEY_FILE", "REDIS_URL", "SECRETS_FROM", "WORKERS"} <= set(_variables())


def test_a_server_that_ends_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with log.open("wb") as written:
        script = "print('first', *range(50), 'no such model', sep='\\n'); raise SystemExit(3)"
        process = subprocess.Popen([sys.executable, "-c", script], stdout=written)
    process.wait(30)
    server = Server(process, "http://127.0.0.1:9", log)
    with pytest.raises(NotReadyError, match=r"exit code 3:\n(.|\n)*no such model$") as raised:
        server.wait_for("/readyz")
    assert "first" not in str(raised.value)
