"""Bearer tokens of a single sign-on in front: JSON Web Tokens (RFC 7519, RFC 8725).

*Invariants*

- One algorithm, fixed by the keys; audience and expiry are always demanded.
- A claim is believed after the signature was verified, so what is wrong with the claims is told
  only to who holds a token that the single sign-on has signed.
- A token that was verified is believed for `CACHE_SECONDS` at most, never past its expiry, and
  never past a change of the keys.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cachetools import TLRUCache

from middleware.token_keys import TokenKeys

LEEWAY = 30.0
"""Seconds by which the clocks of two machines may differ."""
CACHE_SECONDS = 60.0
_ENTRY_BYTES = 1_200
MAX_SUBJECT = 128

_SHAPE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_SCOPE_CLAIMS = ("scope", "scopes", "scp")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a token says of its bearer.

    Attributes:
        expires_at: seconds since 1970.
    """

    subject: str
    scopes: frozenset[str]
    tier: str
    expires_at: float


class TokenError(Exception):
    """A token is refused.

    Attributes:
        reason: for the audit log, such as `token_expired`.
        detail: for the caller.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def looks_like_token(text: str) -> bool:
    """Whether a text has the three parts of a signed token in its compact form (RFC 7515)."""
    return _SHAPE.fullmatch(text) is not None


class TokenVerifier:
    """Verifies tokens.

    Args:
        keys: the shared secret, or the public keys.
        audience: what the token's `aud` must name.
        issuer: what the token's `iss` must be, if given.
        scopes: those that exist; others in a token are ignored.
        tiers: those that a token may name in its claim `tier`.
        default_tier: of a token that names none of them.
        cached_bytes: how much is kept of tokens that were verified.
        clock: seconds since 1970, for the cache.
    """

    def __init__(
        self,
        keys: TokenKeys,
        *,
        audience: str,
        scopes: Collection[str],
        tiers: Collection[str],
        default_tier: str,
        issuer: str | None = None,
        leeway: float = LEEWAY,
        cached_bytes: int = 4 * 2**20,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._audience = audience
        self._issuer = issuer
        self._scopes = frozenset(scopes)
        self._tiers = frozenset(tiers)
        self._default_tier = default_tier
        self._leeway = leeway
        self._cache: TLRUCache[bytes, Verified] = TLRUCache(
            cached_bytes, ttu=_until, timer=clock, getsizeof=_size_of
        )
        self._generation = keys.generation

    def verify(self, token: str) -> Verified:
        """What a token says of its bearer; raises TokenError where it is not to be believed."""
        if self._generation != self._keys.generation:
            self._generation = self._keys.generation
            self._cache.clear()
        digest = hashlib.sha256(token.encode()).digest()  # the token itself is not kept
        verified: Verified | None = self._cache.get(digest)
        if verified is None:
            verified = self._cache[digest] = self._verified(self._claims_of(token))
        return verified

    def _claims_of(self, token: str) -> dict[str, Any]:
        try:
            key = self._keys.find(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise TokenError("token_key", "The token is signed with a key not known here.")
            return jwt.decode(
                token,
                key,
                algorithms=[self._keys.algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": ["exp", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            # the cause may quote the token
            raise self._refusal(error) from None

    def _refusal(self, error: Exception) -> TokenError:
        for kind, reason, detail in _REFUSALS:
            if isinstance(error, kind):
                return TokenError(reason, detail.format(algorithm=self._keys.algorithm))
        return TokenError("token_malformed", "The token cannot be read as a signed JSON Web Token.")

    def _verified(self, claims: Mapping[str, Any]) -> Verified:
        subject = "".join(c if c.isprintable() else "?" for c in claims["sub"])[:MAX_SUBJECT]
        if not subject:
            raise TokenError("token_claims", "The token's claim sub is empty.")
        tier = claims.get("tier")
        return Verified(
            subject=subject,
            scopes=self._scopes & _scopes_of(claims),
            tier=tier if isinstance(tier, str) and tier in self._tiers else self._default_tier,
            expires_at=float(claims["exp"]),
        )


_REFUSALS: tuple[tuple[type[Exception], str, str], ...] = (
    (
        jwt.ExpiredSignatureError,
        "token_expired",
        "The token has expired; get a new one from the sign-on.",
    ),
    (jwt.ImmatureSignatureError, "token_early", "The token is not valid yet."),
    (
        jwt.InvalidAudienceError,
        "token_audience",
        "The token was issued for another service (its claim aud).",
    ),
    (jwt.InvalidIssuerError, "token_issuer", "The token was issued by another sign-on."),
    (
        jwt.MissingRequiredClaimError,
        "token_claims",
        "The token lacks a claim; it must have exp, aud and sub, and iss where one is agreed.",
    ),
    (jwt.exceptions.InvalidSubjectError, "token_claims", "The token's claim sub is not a string."),
    (
        jwt.InvalidAlgorithmError,
        "token_algorithm",
        "The token is signed with another algorithm than {algorithm}.",
    ),
    (
        jwt.InvalidSignatureError,
        "token_signature",
        "The token's signature is not that of the sign-on.",
    ),
)


def _until(_: bytes, verified: Verified, now: float) -> float:
    """When a token is to be verified again."""
    return min(now + CACHE_SECONDS, verified.expires_at)


def _size_of(verified: Verified) -> int:
    """Return the bytes of an entry: its key is a digest, its scopes and tier are ours."""
    return _ENTRY_BYTES + sys.getsizeof(verified.subject)


def _scopes_of(claims: Mapping[str, Any]) -> set[str]:
    """Scopes as a text with spaces (RFC 8693) or as a list, under the names in use."""
    found: set[str] = set()
    for name in _SCOPE_CLAIMS:
        value = claims.get(name)
        words = value.split() if isinstance(value, str) else value
        if isinstance(words, list):
            found.update(word for word in words if isinstance(word, str))
    return found
