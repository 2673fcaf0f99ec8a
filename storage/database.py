"""Opens the database that a URL names, and gives transactions in which failures are told apart.

SQLite and PostgreSQL. Calls block; an event loop makes them in a thread.
"""

from __future__ import annotations

import errno
import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from storage.errors import StorageError, StorageFullError
from storage.reserve import SpaceReserve

BUSY_SECONDS = 5
"""How long a transaction of SQLite waits for another that writes."""

# pragma: allowlist nextline secret
_EXPECTED = "expected sqlite:////folder/file.db or postgresql://user:password@host/database"
_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_BEGIN = "sqlite_begin"
# what the URL does not say itself: an unreachable or silent server is given up soon
_POSTGRESQL_OPTIONS = {
    "connect_timeout": "3",
    "tcp_user_timeout": "5000",
    "application_name": "mlrf",
}


_DISK_FULL = "53100"  # PostgreSQL's SQLSTATE
_reserves: WeakKeyDictionary[Engine, SpaceReserve] = WeakKeyDictionary()
_full: WeakSet[Engine] = WeakSet()


def open_database(url: str) -> Engine:
    """The database of a URL. Nothing is read or written before the first transaction.

    The SQLite file and its folder are made when they are missing, the file for its owner alone.

    Raises:
        StorageError: the URL names no SQLite file and no PostgreSQL database.
    """
    parsed = _parsed(url)
    if parsed.drivername == "sqlite":
        return _sqlite(parsed)
    given = {name: value for name, value in _POSTGRESQL_OPTIONS.items() if name not in parsed.query}
    return create_engine(
        parsed.set(drivername="postgresql+psycopg").update_query_dict(given),
        hide_parameters=True,
        pool_pre_ping=True,  # a connection from before a restart is replaced unnoticed
        pool_timeout=BUSY_SECONDS,
        # statements that are prepared on the server do not survive a pooler in between
        connect_args={"prepare_threshold": None},
    )


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads.

    Raises:
        StorageError: the database fails.
    """
    with _told(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; committed at the end, undone by an exception.

    Raises:
        StorageError: the database fails.
    """
    # SQLite cannot turn a reading transaction into a writing one if another has written since
    immediate = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
    try:
        with _told(engine), immediate.begin() as connection:
            yield connection
    except StorageFullError:
        _full.add(engine)
        raise
    _full.discard(engine)


def is_full(engine: Engine) -> bool:
    """Return whether the database's disk was full when it was last written.

    A full one is looked at again, where that can be done without writing into it: in SQLite.
    """
    if engine not in _full:
        return False
    reserve = _reserves.get(engine)
    if reserve is not None and reserve.has_room_beside():
        _full.discard(engine)
    return engine in _full


@contextmanager
def last_resort(engine: Engine) -> Iterator[None]:
    """Give up the space that was set aside for this block, and set it aside again."""
    reserve = _reserves.get(engine)
    if reserve is not None:
        reserve.give_up()
    try:
        yield
    finally:
        if reserve is not None and not reserve.set_aside():
            _full.add(engine)  # though the block may have found room


def advisory_lock(connection: Connection, name: str) -> None:
    """Wait until no other transaction has claimed `name`, and claim it until this one ends.

    A transaction that writes to SQLite is alone anyway.
    """
    if connection.dialect.name == "postgresql":
        digest = hashlib.sha256(f"mlrf {name}".encode()).digest()
        key = int.from_bytes(digest[:8], signed=True)
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # their messages repeat the URL, or parts of it
        raise StorageError(f"the database URL cannot be read; {_EXPECTED}") from None
    if parsed.drivername == "sqlite":
        # a relative path would be another file for a server that runs in another folder
        if not Path(parsed.database or "").is_absolute():
            raise StorageError(f"the database URL names no absolute path; {_EXPECTED}")
    elif parsed.drivername not in _POSTGRESQL:
        raise StorageError(f"the database URL is of {parsed.drivername[:20]!r}; {_EXPECTED}")
    elif "@" in (parsed.host or ""):  # the rest of the password would be taken for the host
        raise StorageError("the database URL has two @: write that of the password as %40")
    return parsed


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
    _reserves[engine] = SpaceReserve(Path(url.database or ""))

    @event.listens_for(engine, "do_connect")
    def prepare(*_: Any) -> None:
        file = Path(url.database or "")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # one that exists keeps its mode; the files beside it get the same
        _reserves[engine].set_aside()

    @event.listens_for(engine, "connect")
    def configure(raw: sqlite3.Connection, _: Any) -> None:
        # who meets the first change to WAL by another process fails at once, and does not wait
        with FileLock(f"{url.database}.lock", timeout=BUSY_SECONDS, mode=0o600):
            raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))

    return engine


@contextmanager
def _told(engine: Engine) -> Iterator[None]:
    """Turns what the database or the file system raises into a StorageError."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        if _is_full(error):
            raise StorageFullError(
                f"{_name(engine)} cannot be written: its disk is full; free space there"
            ) from error
        cause = " ".join(str(getattr(error, "orig", None) or error).split())
        raise StorageError(f"{_name(engine)} cannot be used: {cause}") from error


def _is_full(error: Exception) -> bool:
    """Return whether SQLite, PostgreSQL or the file system says that there is no space left."""
    cause = getattr(error, "orig", None) or error
    return (
        getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        or getattr(cause, "sqlstate", None) == _DISK_FULL
        or getattr(cause, "errno", None) in {errno.ENOSPC, errno.EDQUOT}
    )


def _name(engine: Engine) -> str:
    """The database without user, password and options."""
    url = engine.url
    if engine.dialect.name == "sqlite":
        return f"the database {url.database}"
    where = f" on {url.host}" if url.host else ""
    return f"the PostgreSQL database {url.database or ''}{where}"
