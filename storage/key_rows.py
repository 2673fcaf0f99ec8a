"""SQL statements on rows of keys, from which `storage.key_store` composes its operations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

import structlog
from sqlalchemy import Connection, RowMapping, bindparam, insert, or_, select, update

from storage.database import advisory_lock
from storage.errors import UnknownKeyError
from storage.keys import ApiKey, Scope
from storage.tables import API_KEYS

_COLUMNS = tuple(name for name in ApiKey.__dataclass_fields__ if name in API_KEYS.c)
_RECORD = [API_KEYS.c[name] for name in _COLUMNS]
_SCOPES = frozenset(map(str, Scope))

_log = structlog.get_logger(__name__)


def find(connection: Connection, public_id: str) -> ApiKey | None:
    """Return the key of an id, in any state, or None."""
    query = select(*_RECORD).where(API_KEYS.c.id == public_id)
    row = connection.execute(query).mappings().one_or_none()
    return _key_of_row(row) if row else None


def require_key(connection: Connection, public_id: str) -> ApiKey:
    """Return the key of an id.

    Raises:
        UnknownKeyError: there is none.
    """
    key = find(connection, public_id)
    if key is None:
        raise UnknownKeyError(public_id)
    return key


def list_keys(connection: Connection, client: str | None) -> tuple[ApiKey, ...]:
    """Return all keys of a client, or of all clients, oldest first."""
    query = select(*_RECORD).order_by(API_KEYS.c.created_at, API_KEYS.c.id)
    if client is not None:
        query = query.where(API_KEYS.c.client == client)
    return tuple(_key_of_row(row) for row in connection.execute(query).mappings())


def lock_client_keys(connection: Connection, client: str) -> tuple[ApiKey, ...]:
    """Return all keys of a client, locked against other transactions until this one ends."""
    advisory_lock(connection, f"keys of {client}")
    return list_keys(connection, client)


def insert_key(connection: Connection, key: ApiKey) -> None:
    lifetime = key.expires_at and math.ceil((key.expires_at - key.created_at).total_seconds())
    row = {name: getattr(key, name) for name in _COLUMNS}
    scopes = " ".join(sorted(key.scopes | key.unknown_scopes))
    row |= {"scopes": scopes, "lifetime_seconds": lifetime}
    connection.execute(insert(API_KEYS), row)


def lifetime_of(connection: Connection, public_id: str) -> timedelta | None:
    """Return the original lifetime of a key, unchanged by rotation; None if it never expires."""
    query = select(API_KEYS.c.lifetime_seconds).where(API_KEYS.c.id == public_id)
    seconds = connection.execute(query).scalar_one()
    return None if seconds is None else timedelta(seconds=seconds)


def update_key(connection: Connection, public_id: str, **values: datetime) -> None:
    connection.execute(update(API_KEYS).where(API_KEYS.c.id == public_id).values(**values))


def record_uses(connection: Connection, times: Mapping[str, datetime]) -> None:
    """Set the times of last use; a time never moves backwards."""
    at = bindparam("at", type_=API_KEYS.c.last_used_at.type)
    later = or_(API_KEYS.c.last_used_at.is_(None), API_KEYS.c.last_used_at < at)
    statement = update(API_KEYS).where(API_KEYS.c.id == bindparam("key"), later)
    # sorted, so that the row locks of two workers cannot deadlock
    rows = [{"key": key, "at": time} for key, time in sorted(times.items())]
    connection.execute(statement.values(last_used_at=at), rows)


def _key_of_row(row: RowMapping) -> ApiKey:
    stored = frozenset(row["scopes"].split())
    unknown = stored - _SCOPES
    if unknown:
        _warn_unknown_scopes(row["id"], " ".join(sorted(unknown)))
    scopes = frozenset(map(Scope, stored & _SCOPES))
    return ApiKey(**{**row, "scopes": scopes, "unknown_scopes": unknown})


@lru_cache(maxsize=256)
def _warn_unknown_scopes(public_id: str, unknown: str) -> None:
    """Log the unknown scopes of a key, once in a process (by the cache)."""
    _log.warning("unknown_scopes_ignored", key=public_id, scopes=unknown)
