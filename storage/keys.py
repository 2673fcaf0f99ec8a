"""API keys: how one is written, made, read and hidden, and what is kept of it.

A key reads ``mlrf_<public id>_<secret>_<checksum>``. The prefix tells scanners of repositories
and logs whose it is, the public id names it wherever the key itself must not appear, and the
checksum (CRC-32 of all before it) refuses a mistyped key without a look into the database.

Only the SHA-256 of the secret is kept. A slow hash, as passwords need, would add nothing: the
secret is drawn from 2^256 and not chosen by a person, so that guessing it is hopeless at any
speed; and it would cost every request its time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

PREFIX = "mlrf"
ID_LENGTH = 12
SECRET_LENGTH = 43
"""Characters of 62 kinds: 256 bits."""

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_CHECKSUM_LENGTH = 6  # 62**6 > 2**32
_SHAPE = re.compile(
    rf"({PREFIX}_([0-9A-Za-z]{{{ID_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH}}}))"
    rf"_([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)
# also what is left of a key that was mistyped or cut; a run of 40 may be a bare secret
_LIKE_A_KEY = re.compile(
    rf"{PREFIX}_(?:([0-9A-Za-z]{{{ID_LENGTH}}})_)?[0-9A-Za-z_]{{{ID_LENGTH},}}|[0-9A-Za-z]{{40,}}"
)


class Scope(StrEnum):
    """What a key may be used for."""

    FORECAST = "forecast"
    EXPLAIN = "explain"
    WHATIF = "whatif"
    BATCH = "batch"
    MONITOR = "monitor"
    ADMIN = "admin"


KeyState = Literal["active", "expired", "revoked"]


class Minted(NamedTuple):
    """A key that was just made.

    Attributes:
        text: the whole key, as its holder presents it.
    """

    public_id: str
    secret: str
    text: str


@dataclass(frozen=True, slots=True)
class Presented:
    """A key that a caller presents, well-formed but not yet found valid."""

    public_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key. All times are in UTC and aware.

    Attributes:
        id: the public id.
        client: whose key it is.
        tier: the name of the limits that hold for it.
        expires_at: from then on it is not valid; None means never.
        last_used_at: as last written; seconds to minutes behind.
        digest: of the secret, as `digest_of` makes it.
        unknown_scopes: names in the database that this release does not know, as after a
            rollback. They permit nothing here, and a rotation keeps them for the release that
            knows them.
    """

    id: str
    client: str
    scopes: frozenset[Scope]
    tier: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    digest: str = field(repr=False)
    unknown_scopes: frozenset[str] = frozenset()

    def usable(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def state(self, now: datetime) -> KeyState:
        """What has become of it, for a person."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.usable(now) else "expired"

    def matches(self, secret: str) -> bool:
        """Whether `secret` is the key's; takes as long whatever the answer."""
        return hmac.compare_digest(self.digest, digest_of(secret))


def mint() -> Minted:
    """A new key, from the system's source of randomness."""
    public_id = _random(ID_LENGTH)
    secret = _random(SECRET_LENGTH)
    body = f"{PREFIX}_{public_id}_{secret}"
    return Minted(public_id, secret, f"{body}_{_checksum(body)}")


def parse(text: str) -> Presented | None:
    """The parts of a key; None if it has not the shape of one, or its checksum is wrong."""
    shaped = _SHAPE.fullmatch(text)
    if shaped is None:
        return None
    body, public_id, secret, checksum = shaped.groups()
    return Presented(public_id, secret) if checksum == _checksum(body) else None


def digest_of(secret: str) -> str:
    """SHA-256 of a secret (64 hexadecimal digits)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def masked(text: str) -> str:
    """A text in which every key, whole or damaged, shows no more than its public id."""
    return _LIKE_A_KEY.sub(_mask, text)


def _mask(found: re.Match[str]) -> str:
    if not found[0].startswith(PREFIX):
        return "***"
    return f"{PREFIX}_{found[1]}_***" if found[1] else f"{PREFIX}_***"


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    """CRC-32 in base 62. It finds every change within four neighbouring characters."""
    rest = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
