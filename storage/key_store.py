"""The keys in the database: creation, lookup, rotation and revocation.

*Invariants*

- A client has at most two active keys, also under concurrent requests.
- A change and its entry in the audit log are one transaction; except a revocation on a disk
  without space for the entry, which goes to the log of the process instead.
- The text of a key is only in its `NewKey`, and is not stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection, Engine

from errors import InputError
from storage import key_rows
from storage.audit import Actor, write
from storage.database import reading, spend_reserve, writing
from storage.errors import (
    InactiveKeyError,
    StorageFullError,
    TooManyKeysError,
)
from storage.idempotency import IdempotencyKey, find_repeated, record_request
from storage.keys import ApiKey, Scope, digest_of, mint_key

MOST_ACTIVE = 2
"""Maximum of active keys of a client: the one in use, and its successor."""

GRACE = timedelta(hours=24)
"""Default time for which a rotated key stays valid."""

LONGEST = timedelta(days=100 * 365)
"""Maximum lifetime of a key that expires."""

_log = structlog.get_logger(__name__)

_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,99}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A newly created key.

    Attributes:
        text: the key itself, which is not stored; None if an earlier equal request created it.
    """

    record: ApiKey
    text: str | None = field(repr=False)


def utc_now() -> datetime:
    return datetime.now(UTC)


class KeyStore:
    """The keys of a database.

    Every call blocks, and can raise StorageError.

    Args:
        clock: the time, aware.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def create(
        self,
        client: str,
        scopes: Collection[Scope],
        tier: str,
        expires_at: datetime | None = None,
        *,
        by: Actor,
        idempotency: IdempotencyKey | None = None,
    ) -> NewKey:
        """Create a key.

        Args:
            tier: name of an existing tier, which is not checked here.
            expires_at: aware; None means never.
            idempotency: identity of the request; if it created a key within `IDEMPOTENCY_DAYS`,
                that key is returned without its text.

        Raises:
            IdempotencyKeyReusedError: the earlier request of this name had another content.
            InputError: the client's name is invalid, there is no scope, or the expiry is not
                within `LONGEST` from now.
            TooManyKeysError: the client has two active keys.
        """
        now = self._clock()
        _check_request(client, scopes, expires_at, now)
        new = _make_key(client, scopes, tier, now, expires_at)
        until = f"until {_format_time(expires_at)}" if expires_at else "without end"
        detail = f"for {client}: {' '.join(sorted(scopes))}; tier {tier}; {until}"
        with writing(self._engine) as connection:
            existing = key_rows.lock_client_keys(connection, client)
            earlier = find_repeated(connection, idempotency, now)
            if earlier is not None:
                return NewKey(key_rows.require_key(connection, earlier), None)
            _refuse_excess_key(client, existing, now)
            key_rows.insert_key(connection, new.record)
            record_request(connection, idempotency, new.record.id, now)
            write(connection, [by.make_event("key.create", new.record.id, detail, at=now)])
        return new

    def find(self, public_id: str) -> ApiKey | None:
        """Return the key of an id, in any state, or None, by one query."""
        with reading(self._engine) as connection:
            return key_rows.find(connection, public_id)

    def list(self, client: str | None = None) -> tuple[ApiKey, ...]:
        """Return all keys, or those of a client, oldest first."""
        with reading(self._engine) as connection:
            return key_rows.list_keys(connection, client)

    def rotate(
        self,
        public_id: str,
        *,
        by: Actor,
        grace: timedelta = GRACE,
        idempotency: IdempotencyKey | None = None,
    ) -> NewKey:
        """Create the successor of a key, with its client, scopes, tier and lifetime.

        The old key expires after `grace`, or at its own expiry if that is sooner.

        Args:
            idempotency: identity of the request, as in `create`.

        Raises:
            IdempotencyKeyReusedError: the earlier request of this name had another content.
            InputError: the grace is negative.
            UnknownKeyError: there is no such key.
            InactiveKeyError: it is revoked or expired.
            TooManyKeysError: the client has two active keys, as during the grace of a rotation.
        """
        if grace < timedelta(0):
            raise InputError("grace: a time that is not negative is expected")
        now = self._clock()
        with writing(self._engine) as connection:
            old, keys = _lock_key(connection, public_id)
            # first: without grace, the request that is repeated has ended the old key
            earlier = find_repeated(connection, idempotency, now)
            if earlier is not None:
                return NewKey(key_rows.require_key(connection, earlier), None)
            if not old.usable(now):
                raise InactiveKeyError(public_id)
            _refuse_excess_key(old.client, keys, now)
            lifetime = key_rows.lifetime_of(connection, public_id)
            expires_at = None if lifetime is None else now + lifetime
            new = _make_key(old.client, old.scopes, old.tier, now, expires_at, old.unknown_scopes)
            end = min(now + grace, old.expires_at or now + grace)
            key_rows.insert_key(connection, new.record)
            key_rows.update_key(connection, public_id, expires_at=end)
            record_request(connection, idempotency, new.record.id, now)
            detail = f"replaced by {new.record.id}; valid until {_format_time(end)}"
            write(connection, [by.make_event("key.rotate", public_id, detail, at=now)])
        return new

    def revoke(self, public_id: str, *, by: Actor) -> ApiKey:
        """Revoke a key now; a key that is revoked already keeps its time.

        This works on a full disk too: space is reserved for it. If even that is used up, the key
        is revoked without an entry in the audit log, which is logged as an error.

        Raises:
            UnknownKeyError: there is no such key.
        """
        try:
            return self._revoke_key(public_id, by)
        except StorageFullError:
            with spend_reserve(self._engine):
                try:
                    return self._revoke_key(public_id, by)
                except StorageFullError:
                    key = self._revoke_key(public_id, by, audited=False)
            _log.error("audit_not_written", action="key.revoke", key=public_id, actor=by.name)
            return key

    def _revoke_key(self, public_id: str, by: Actor, *, audited: bool = True) -> ApiKey:
        now = self._clock()
        with writing(self._engine) as connection:
            key, _ = _lock_key(connection, public_id)
            detail = f"of {key.client}"
            if key.revoked_at is None:
                key_rows.update_key(connection, public_id, revoked_at=now)
            else:
                detail += f"; revoked before, at {_format_time(key.revoked_at)}"
            if audited:
                write(connection, [by.make_event("key.revoke", public_id, detail, at=now)])
            return key_rows.require_key(connection, public_id)

    def record_uses(self, times: Mapping[str, datetime]) -> None:
        """Write the times of last use, by public id; a time never moves backwards."""
        if times:
            with writing(self._engine) as connection:
                key_rows.record_uses(connection, times)


def _check_request(
    client: str, scopes: Collection[Scope], expires_at: datetime | None, now: datetime
) -> None:
    if not _CLIENT.fullmatch(client):
        raise InputError(
            f"client {client[:100]!r}: up to 100 letters, digits and ._@:+- are expected, "
            "with a letter or digit first"
        )
    if not scopes:
        raise InputError("scopes: at least one is expected")
    if expires_at is not None and not now < expires_at <= now + LONGEST:
        # not converted to UTC: the first and last hours of the calendar have no time there
        raise InputError(
            f"expiry {expires_at.isoformat(timespec='seconds')}: a time after now is expected, "
            "within 100 years"
        )


def _make_key(
    client: str,
    scopes: Collection[Scope],
    tier: str,
    now: datetime,
    expires_at: datetime | None,
    unknown_scopes: frozenset[str] = frozenset(),
) -> NewKey:
    public_id, secret, text = mint_key()
    record = ApiKey(
        id=public_id,
        client=client,
        scopes=frozenset(scopes),
        tier=tier,
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
        last_used_at=None,
        digest=digest_of(secret),
        unknown_scopes=unknown_scopes,
    )
    return NewKey(record, text)


def _refuse_excess_key(client: str, keys: Collection[ApiKey], now: datetime) -> None:
    active = [key.id for key in keys if key.usable(now)]
    if len(active) >= MOST_ACTIVE:
        raise TooManyKeysError(client, active)


def _lock_key(connection: Connection, public_id: str) -> tuple[ApiKey, tuple[ApiKey, ...]]:
    """Return a key and all keys of its client, locked until this transaction ends."""
    keys = key_rows.lock_client_keys(connection, key_rows.require_key(connection, public_id).client)
    return next(key for key in keys if key.id == public_id), keys


def _format_time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
