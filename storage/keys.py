"""API keys: format, generation, parsing, masking and the stored record.

A key has the form ``mlrf_<public id>_<secret>_<checksum>``. The prefix lets secret scanners
recognise it, the public id identifies it where the key itself must not appear, and the checksum
(CRC-32 of all before it) rejects a mistyped key without a query.

Only the SHA-256 of the secret is stored. A slow hash, as for passwords, would add nothing: the
secret has 256 random bits, which cannot be guessed at any speed; and it would slow down every
request.
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
# matches mistyped and truncated keys too; a run of 40 characters may be a bare secret
_LIKE_A_KEY = re.compile(
    rf"{PREFIX}_(?:([0-9A-Za-z]{{{ID_LENGTH}}})_)?[0-9A-Za-z_]{{{ID_LENGTH},}}|[0-9A-Za-z]{{40,}}"
)


class Scope(StrEnum):
    """Permission of a key."""

    FORECAST = "forecast"
    EXPLAIN = "explain"
    WHATIF = "whatif"
    BATCH = "batch"
    PLAN = "plan"
    REPORT = "report"
    MONITOR = "monitor"
    ADMIN = "admin"


KeyState = Literal["active", "expired", "revoked"]


class MintedKey(NamedTuple):
    """A newly generated key.

    Attributes:
        text: the whole key, as its holder presents it.
    """

    public_id: str
    secret: str
    text: str


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """A well-formed key that a caller presents, not yet looked up."""

    public_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Stored record of a key. All times are in UTC and aware.

    Attributes:
        id: the public id.
        client: owner of the key.
        tier: name of its limits.
        expires_at: end of its validity; None means never.
        last_used_at: as last written; seconds to minutes behind.
        digest: of the secret, by `digest_of`.
        unknown_scopes: scopes in the database that this software version does not know, as after
            a downgrade. They permit nothing here; a rotation copies them for the version that
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
        """Return whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def state(self, now: datetime) -> KeyState:
        """Return its state for display."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.usable(now) else "expired"

    def matches(self, secret: str) -> bool:
        """Return whether `secret` is the key's, in constant time."""
        return hmac.compare_digest(self.digest, digest_of(secret))


def mint_key() -> MintedKey:
    """Generate a key from the system's source of randomness."""
    public_id = _random_text(ID_LENGTH)
    secret = _random_text(SECRET_LENGTH)
    body = f"{PREFIX}_{public_id}_{secret}"
    return MintedKey(public_id, secret, f"{body}_{_checksum_of(body)}")


def parse_key(text: str) -> PresentedKey | None:
    """Return the parts of a key; None if it is not well-formed or its checksum is wrong."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    body, public_id, secret, checksum = match.groups()
    return PresentedKey(public_id, secret) if checksum == _checksum_of(body) else None


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a secret (64 hexadecimal digits)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def mask_keys(text: str) -> str:
    """Return a text with every key, whole or damaged, reduced to its public id."""
    return _LIKE_A_KEY.sub(_mask_match, text)


def _mask_match(match: re.Match[str]) -> str:
    if not match[0].startswith(PREFIX):
        return "***"
    return f"{PREFIX}_{match[1]}_***" if match[1] else f"{PREFIX}_***"


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum_of(body: str) -> str:
    """Return the CRC-32 in base 62; it detects every error within four adjacent characters."""
    rest = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
