"""Database connections and transactions, with errors translated into StorageError.

SQLite and PostgreSQL. Calls block; an event loop must make them in a thread.
"""

from __future__ import annotations

import errno
import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from storage.errors import StorageError, StorageFullError
from storage.reserve import SpaceReserve
from telemetry.stages import Stage, timed

BUSY_SECONDS = 5
"""Time that a transaction of SQLite waits for another that writes."""

# pragma: allowlist nextline secret
_EXPECTED = "expected sqlite:////folder/file.db or postgresql://user:password@host/database"
_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_BEGIN = "sqlite_begin"
# defaults for options that are not in the URL: short time-outs for an unreachable server
_POSTGRESQL_OPTIONS = {
    "connect_timeout": "3",
    "tcp_user_timeout": "5000",
    "application_name": "mlrf",
}


_DISK_FULL = "53100"  # PostgreSQL's SQLSTATE
_reserves: WeakKeyDictionary[Engine, SpaceReserve] = WeakKeyDictionary()
_full: WeakSet[Engine] = WeakSet()


def open_database(url: str) -> Engine:
    """Return the engine for a URL; no I/O happens before the first transaction.

    A missing SQLite file and its folder are created, the file readable by its owner only.

    Raises:
        StorageError: the URL is neither of SQLite nor of PostgreSQL.
    """
    parsed = _parse_url(url)
    if parsed.drivername == "sqlite":
        return _open_sqlite(parsed)
    options = {
        name: value for name, value in _POSTGRESQL_OPTIONS.items() if name not in parsed.query
    }
    return create_engine(
        parsed.set(drivername="postgresql+psycopg").update_query_dict(options),
        hide_parameters=True,
        pool_pre_ping=True,  # replaces connections from before a restart of the server
        pool_timeout=BUSY_SECONDS,
        # server-side prepared statements do not work through a connection pooler
        connect_args={"prepare_threshold": None},
    )


def open_queue_database(url: str) -> Engine:
    """Return the engine of the job queue for the URL of the database.

    The queue's library defines its tables and its transactions. In PostgreSQL it has a schema of
    its own. In SQLite it has a file of its own, beside that of the keys, whose writers would
    otherwise wait for each report of progress.

    Raises:
        StorageError: the URL is neither of SQLite nor of PostgreSQL.
    """
    parsed = _parse_url(url)
    if parsed.drivername != "sqlite":
        return open_database(url)
    keys = Path(parsed.database or "")
    file = keys.with_name(f"{keys.stem}-jobs{keys.suffix}")
    engine = create_engine(
        parsed.set(database=str(file)),
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": "IMMEDIATE"},
    )
    _prepare_connections(engine, file)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection for a transaction that only reads.

    Raises:
        StorageError: the database fails.
    """
    with _timed(engine, "read"), translating_errors(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection for a writing transaction; commit at the end, roll back on an exception.

    Raises:
        StorageError: the database fails.
    """
    # SQLite cannot upgrade a read transaction after another connection has written
    immediate = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
    try:
        with _timed(engine, "write"), translating_errors(engine), immediate.begin() as connection:
            yield connection
    except StorageFullError:
        _full.add(engine)
        raise
    _full.discard(engine)


def _timed(engine: Engine, transaction: str) -> AbstractContextManager[None]:
    attributes = {"db.system.name": engine.dialect.name, "mlrf.transaction": transaction}
    return timed(Stage.STORAGE, attributes)


def is_full(engine: Engine) -> bool:
    """Return whether the database's disk was full at the last write.

    For SQLite the disk is checked again, which needs no write into the database.
    """
    if engine not in _full:
        return False
    reserve = _reserves.get(engine)
    if reserve is not None and reserve.has_spare_space():
        _full.discard(engine)
    return engine in _full


@contextmanager
def spend_reserve(engine: Engine) -> Iterator[None]:
    """Free the reserved disk space for this block, and reserve it again afterwards."""
    reserve = _reserves.get(engine)
    if reserve is not None:
        reserve.give_up()
    try:
        yield
    finally:
        if reserve is not None and not reserve.set_aside():
            _full.add(engine)  # even if the write in the block succeeded


def advisory_lock(connection: Connection, name: str) -> None:
    """Wait for the lock `name` and hold it until this transaction ends.

    In SQLite a writing transaction is exclusive anyway.
    """
    if connection.dialect.name == "postgresql":
        digest = hashlib.sha256(f"mlrf {name}".encode()).digest()
        key = int.from_bytes(digest[:8], signed=True)
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def _parse_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # their messages repeat the URL, or parts of it
        raise StorageError(f"the database URL cannot be read; {_EXPECTED}") from None
    if parsed.drivername == "sqlite":
        # a relative path would depend on the working directory
        if not Path(parsed.database or "").is_absolute():
            raise StorageError(f"the database URL names no absolute path; {_EXPECTED}")
    elif parsed.drivername not in _POSTGRESQL:
        raise StorageError(f"the database URL is of {parsed.drivername[:20]!r}; {_EXPECTED}")
    elif "@" in (parsed.host or ""):  # an unescaped @ makes part of the password the host
        raise StorageError("the database URL has two @: write that of the password as %40")
    return parsed


def _open_sqlite(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
    file = Path(url.database or "")
    _prepare_connections(engine, file)
    _reserves[engine] = SpaceReserve(file)

    @event.listens_for(engine, "do_connect")
    def reserve(*_: Any) -> None:
        _reserves[engine].set_aside()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))

    return engine


def _prepare_connections(engine: Engine, file: Path) -> None:
    """Make connections create a missing file of SQLite, and set their modes."""

    @event.listens_for(engine, "do_connect")
    def create(*_: Any) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # an existing file keeps its mode; -wal and -shm get the same

    @event.listens_for(engine, "connect")
    def configure(raw: sqlite3.Connection, _: Any) -> None:
        # without the lock, a concurrent first switch to WAL fails at once instead of waiting
        with FileLock(f"{file}.lock", timeout=BUSY_SECONDS, mode=0o600):
            raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA foreign_keys = ON")


@contextmanager
def translating_errors(engine: Engine) -> Iterator[None]:
    """Translate errors of the database or the file system into StorageError."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        database = _describe_database(engine)
        if _is_full(error):
            raise StorageFullError(
                f"{database} cannot be written: its disk is full; free space there"
            ) from error
        cause = " ".join(str(getattr(error, "orig", None) or error).split())
        raise StorageError(f"{database} cannot be used: {cause}") from error


def _is_full(error: Exception) -> bool:
    """Return whether SQLite, PostgreSQL or the file system reports a full disk."""
    cause = getattr(error, "orig", None) or error
    return (
        getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        or getattr(cause, "sqlstate", None) == _DISK_FULL
        or getattr(cause, "errno", None) in {errno.ENOSPC, errno.EDQUOT}
    )


def _describe_database(engine: Engine) -> str:
    """Return a description of the database without user, password and options."""
    url = engine.url
    if engine.dialect.name == "sqlite":
        return f"the database {url.database}"
    where = f" on {url.host}" if url.host else ""
    return f"the PostgreSQL database {url.database or ''}{where}"
