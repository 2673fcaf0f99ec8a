"""The keys in the database, and every act on them.

*Invariants*

- A client has at most two active keys, also when they are asked for at the same moment.
- An act and its entry in the audit log are one transaction; but for a revocation that has not
  even the space for its entry, which the process logs.
- The text of a key is in its `NewKey`, and can be had nowhere else.
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
from storage.database import advisory_lock, last_resort, reading, writing
from storage.errors import (
    InactiveKeyError,
    OnceReusedError,
    StorageFullError,
    TooManyKeysError,
)
from storage.keys import ApiKey, Scope, digest_of, mint

MOST_ACTIVE = 2
"""Active keys of a client: the one in use, and the one that takes its place."""

GRACE = timedelta(hours=24)
"""How long a rotated key goes on working unless something else is asked for."""

LONGEST = timedelta(days=100 * 365)
"""How far off a key may expire; one that never does has no such time."""

_log = structlog.get_logger(__name__)

_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,99}")


ONCE_DAYS = 1
"""For so long a repeated request is known as one."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """What tells a repeated request from a new one.

    Attributes:
        name: of the caller and what they call the request; a hash.
        fingerprint: of the request's content; a hash.
    """

    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made.

    Attributes:
        text: the key itself, to be shown this once; None where an earlier request made it.
    """

    record: ApiKey
    text: str | None = field(repr=False)


def utc_now() -> datetime:
    return datetime.now(UTC)


class KeyStore:
    """The keys of a database.

    Every call blocks, and can raise StorageError: the database fails.

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
        once: IdempotencyKey | None = None,
    ) -> NewKey:
        """A new key.

        Args:
            tier: a name that the caller has checked.
            expires_at: aware; None means never.
            once: makes no second key where a request of this name made one within a day.

        Raises:
            OnceReusedError: a request of this name had another content.
            InputError: the client's name cannot be used, there is no scope, or the key would
                expire before it is made, or more than `LONGEST` after.
            TooManyKeysError: the client has two active keys.
        """
        now = self._clock()
        _check(client, scopes, expires_at, now)
        new = _new(client, scopes, tier, now, expires_at)
        until = f"until {_told(expires_at)}" if expires_at else "without end"
        detail = f"for {client}: {' '.join(sorted(scopes))}; tier {tier}; {until}"
        with writing(self._engine) as connection:
            claimed = key_rows.claim(connection, client)
            if once is not None:
                advisory_lock(connection, once.name)
                made = key_rows.made_once(connection, once.name, now - timedelta(days=ONCE_DAYS))
                if made is not None:
                    return _repeated(connection, once, *made)
            _refuse_third(client, claimed, now)
            key_rows.add(connection, new.record)
            if once is not None:
                key_rows.note_once(connection, once.name, once.fingerprint, new.record)
            write(connection, [by.did("key.create", new.record.id, detail, at=now)])
        return new

    def find(self, public_id: str) -> ApiKey | None:
        """The key of an id, whatever its state; None where there is none. One query."""
        with reading(self._engine) as connection:
            return key_rows.find(connection, public_id)

    def list(self, client: str | None = None) -> tuple[ApiKey, ...]:
        """All keys, or those of a client, oldest first."""
        with reading(self._engine) as connection:
            return key_rows.of_client(connection, client)

    def rotate(self, public_id: str, *, by: Actor, grace: timedelta = GRACE) -> NewKey:
        """A new key in the place of one: of the same client, scopes, tier and lifetime.

        The old key expires after `grace`, or when it would have anyway if that is sooner.

        Raises:
            InputError: the grace is negative.
            UnknownKeyError: there is no such key.
            InactiveKeyError: it is revoked or expired.
            TooManyKeysError: the client has two active keys, as during the grace of a rotation.
        """
        if grace < timedelta(0):
            raise InputError("grace: a time that is not negative is expected")
        now = self._clock()
        with writing(self._engine) as connection:
            old, keys = _claimed(connection, public_id)
            if not old.usable(now):
                raise InactiveKeyError(public_id)
            _refuse_third(old.client, keys, now)
            lifetime = key_rows.lifetime_of(connection, public_id)
            expires_at = None if lifetime is None else now + lifetime
            new = _new(old.client, old.scopes, old.tier, now, expires_at, old.unknown_scopes)
            end = min(now + grace, old.expires_at or now + grace)
            key_rows.add(connection, new.record)
            key_rows.alter(connection, public_id, expires_at=end)
            detail = f"replaced by {new.record.id}; valid until {_told(end)}"
            write(connection, [by.did("key.rotate", public_id, detail, at=now)])
        return new

    def revoke(self, public_id: str, *, by: Actor) -> ApiKey:
        """End a key now; one that is revoked already stays as it is.

        Also on a full disk: space is set aside for that. Where even that is used up, the key is
        ended without its entry in the audit log, and the log of the process says so.

        Raises:
            UnknownKeyError: there is no such key.
        """
        try:
            return self._revoke(public_id, by)
        except StorageFullError:
            with last_resort(self._engine):
                try:
                    return self._revoke(public_id, by)
                except StorageFullError:
                    key = self._revoke(public_id, by, audited=False)
            _log.error("audit_not_written", action="key.revoke", key=public_id, actor=by.name)
            return key

    def _revoke(self, public_id: str, by: Actor, *, audited: bool = True) -> ApiKey:
        now = self._clock()
        with writing(self._engine) as connection:
            key, _ = _claimed(connection, public_id)
            detail = f"of {key.client}"
            if key.revoked_at is None:
                key_rows.alter(connection, public_id, revoked_at=now)
            else:
                detail += f"; revoked before, at {_told(key.revoked_at)}"
            if audited:
                write(connection, [by.did("key.revoke", public_id, detail, at=now)])
            return key_rows.known(connection, public_id)

    def used(self, times: Mapping[str, datetime]) -> None:
        """Note when keys, by public id, were last used; a time never moves backwards."""
        if times:
            with writing(self._engine) as connection:
                key_rows.used(connection, times)


def _check(
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
        # told as it was given: the first and the last hours of the calendar are none in UTC
        raise InputError(
            f"expiry {expires_at.isoformat(timespec='seconds')}: a time after now is expected, "
            "within 100 years"
        )


def _new(
    client: str,
    scopes: Collection[Scope],
    tier: str,
    now: datetime,
    expires_at: datetime | None,
    unknown_scopes: frozenset[str] = frozenset(),
) -> NewKey:
    public_id, secret, text = mint()
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


def _repeated(
    connection: Connection, once: IdempotencyKey, fingerprint: str, key_id: str
) -> NewKey:
    """The key that the first request of this name made, without its text."""
    if fingerprint != once.fingerprint:
        raise OnceReusedError
    return NewKey(key_rows.known(connection, key_id), None)


def _refuse_third(client: str, keys: Collection[ApiKey], now: datetime) -> None:
    active = [key.id for key in keys if key.usable(now)]
    if len(active) >= MOST_ACTIVE:
        raise TooManyKeysError(client, active)


def _claimed(connection: Connection, public_id: str) -> tuple[ApiKey, tuple[ApiKey, ...]]:
    """A key and all of its client's, which no other transaction alters until this one ends."""
    keys = key_rows.claim(connection, key_rows.known(connection, public_id).client)
    return next(key for key in keys if key.id == public_id), keys


def _told(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
