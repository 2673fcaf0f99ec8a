"""Opening a database: accepted URLs, SQLite settings, and messages of failures."""

from __future__ import annotations

import os
import stat
import traceback
from pathlib import Path

import pytest
from filelock import FileLock
from sqlalchemy import Engine, text

from storage import database
from storage.database import open_database, reading, writing
from storage.errors import StorageError


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_database(f"sqlite:///{tmp_path}/new/folder/keys.db")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="nothing"),
        pytest.param("hunter2", id="no URL"),
        pytest.param("postgresql://user:hunter2@host:hunter2/db", id="an invalid port"),
        pytest.param("mysql://user:hunter2@host/db", id="another kind"),
        pytest.param("postgresql+asyncpg://user:hunter2@host/db", id="another driver"),
        pytest.param("postgresql://user:p@hunter2@host/db", id="a bare @ in the password"),
        pytest.param("sqlite://", id="in memory"),
        pytest.param("sqlite:///:memory:", id="in memory by name"),
        pytest.param("sqlite:///keys.db", id="a file that depends on the current folder"),
    ],
)
def test_an_invalid_url_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(StorageError, match="the database URL") as refused:
        open_database(url)
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_common_scheme_of_postgresql_is_accepted(scheme: str) -> None:
    engine = open_database(f"{scheme}://user:secret@host:5433/db?connect_timeout=9")
    _, options = engine.dialect.create_connect_args(engine.url)
    assert engine.dialect.driver == "psycopg"
    assert (options["host"], options["port"], options["dbname"]) == ("host", 5433, "db")
    assert options["connect_timeout"] == "9", "what the URL says wins"
    assert options["tcp_user_timeout"] == "5000"


def test_opening_touches_nothing(engine: Engine, tmp_path: Path) -> None:
    """A server can thus be composed while its database is unavailable."""
    assert list(tmp_path.iterdir()) == []
    open_database("postgresql://nobody@192.0.2.1/db")


def test_an_unreachable_server_is_named_without_its_password() -> None:
    engine = open_database("postgresql://user:hunter2@127.0.0.1:1/db?password=hunter2")
    with pytest.raises(StorageError) as failed, reading(engine):
        pass
    message = str(failed.value)
    assert message.startswith("the PostgreSQL database db on 127.0.0.1 cannot be used: ")
    assert "refused" in message
    assert "\n" not in message
    assert "hunter2" not in "".join(traceback.format_exception(failed.value))


def test_a_new_sqlite_file_is_private_to_its_owner(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as connection:
        connection.execute(text("create table t (x integer)"))
    folder = tmp_path / "new" / "folder"
    files = sorted(folder.iterdir())
    assert folder / "keys.db" in files
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_an_existing_file_keeps_its_mode(engine: Engine, tmp_path: Path) -> None:
    """An operator may have reasons to let a group in."""
    file = tmp_path / "new" / "folder" / "keys.db"
    file.parent.mkdir(parents=True)
    file.touch()
    file.chmod(0o640)
    with reading(engine):
        pass
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_sqlite_reads_while_another_writes(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("create table t (x integer)"))
    with writing(engine) as writer:
        writer.execute(text("insert into t values (1)"))
        with reading(engine) as reader:
            assert reader.execute(text("select count(*) from t")).scalar_one() == 0


def test_sqlite_waits_for_another_writer_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    engine = open_database(f"sqlite:///{tmp_path}/keys.db")
    with writing(engine), pytest.raises(StorageError, match="locked"), writing(engine):
        pass


def test_sqlite_files_are_opened_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If two processes switch a new file to WAL together, one sometimes fails."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    engine = open_database(f"sqlite:///{tmp_path}/keys.db")
    with (
        FileLock(tmp_path / "keys.db.lock"),
        pytest.raises(StorageError, match=r"keys\.db\.lock"),
        reading(engine),
    ):
        pass
    with reading(engine):
        pass


def test_an_exception_undoes_what_was_written(engine: Engine) -> None:
    def half_done() -> None:
        with writing(engine) as connection:
            connection.execute(text("create table t (x integer)"))
            connection.execute(text("insert into t values (1)"))
            raise LookupError

    with pytest.raises(LookupError):
        half_done()
    with reading(engine) as connection:
        assert connection.execute(text("select name from sqlite_master")).all() == []


@pytest.mark.parametrize("spoil", ["folder in the way", "file in the way", "no database"])
def test_an_unusable_file_is_named(spoil: str, tmp_path: Path) -> None:
    file = tmp_path / "var" / "keys.db"
    if spoil == "file in the way":
        file.parent.touch()
    elif spoil == "folder in the way":
        file.mkdir(parents=True)
    else:
        file.parent.mkdir()
        file.write_bytes(os.urandom(4096))
    with (
        pytest.raises(StorageError, match=f"the database {file} cannot be used: "),
        reading(open_database(f"sqlite:///{file}")),
    ):
        pass
