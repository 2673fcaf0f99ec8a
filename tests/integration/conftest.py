"""Real parts: Valkeys, for a module or for a test that may kill them; databases of both kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from lifecycle.job_queue import SCHEMA
from storage.database import open_database
from storage.migrations import upgrade
from tests.support.postgresql import running_postgresql
from tests.support.remote import BUCKET, S3, running_s3
from tests.support.valkey import Valkey, running_valkey

BACKENDS = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def shared_valkey() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a server of its own for this process."""
    with running_postgresql() as server:
        yield server.get_uri()


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/var/keys.db"
    server: str = request.getfixturevalue("postgresql")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("drop schema public cascade")
        connection.execute(f"drop schema if exists {SCHEMA} cascade")
        connection.execute("create schema public")
    return server


@pytest.fixture
def open_engine(url: str) -> Iterator[Callable[[], Engine]]:
    """Open the test's database, like one more process."""
    engines: list[Engine] = []

    def open_engine() -> Engine:
        engines.append(open_database(url))
        return engines[-1]

    yield open_engine
    for engine in engines:
        engine.dispose()


@pytest.fixture
def engine(open_engine: Callable[[], Engine]) -> Engine:
    """A database that is up to date."""
    engine = open_engine()
    upgrade(engine)
    return engine


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with running_s3() as server:
        yield server


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty folder of a bucket, whose keys are in the environment."""
    s3.reset()
    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/mlrf"
