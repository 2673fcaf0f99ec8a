"""Bearer tokens of a single sign-on: JSON Web Tokens (RFC 7519, RFC 8725).

*Invariants*

- One algorithm, fixed by the keys; audience and expiry are always required.
- Claims are read only after the signature was verified, so errors in the claims are reported only
  for tokens that the single sign-on has signed.
- A verified token is cached for `CACHE_SECONDS` at most, never past its expiry, and never past a
  change of the keys.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jwt
from cachetools import TLRUCache

from middleware.auth.token_keys import TokenKeys
from middleware.auth.verified_token import TokenError, VerifiedToken

LEEWAY = 30.0
"""Tolerated difference of the clocks of two machines, in seconds."""
CACHE_SECONDS = 60.0
_ENTRY_BYTES = 1_200
MAX_SUBJECT = 128

_SCOPE_CLAIMS = ("scope", "scopes", "scp")


class TokenVerifier:
    """Verifier of tokens, with a cache of verified ones.

    Args:
        keys: the shared secret, or the public keys.
        audience: required in the token's `aud`.
        issuer: required value of the token's `iss`, if any.
        scopes: existing scopes; others in a token are ignored.
        tiers: valid values of the claim `tier`.
        default_tier: for a token without a valid `tier`.
        cached_bytes: size of the cache.
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
        self._cache: TLRUCache[bytes, VerifiedToken] = TLRUCache(
            cached_bytes, ttu=_expiry_of, timer=clock, getsizeof=_size_of
        )
        self._generation = keys.generation

    def verify(self, token: str) -> VerifiedToken:
        """Return the verified claims of a token; raise TokenError if it is not valid."""
        if self._generation != self._keys.generation:
            self._generation = self._keys.generation
            self._cache.clear()
        digest = hashlib.sha256(token.encode()).digest()  # tokens are not stored
        verified: VerifiedToken | None = self._cache.get(digest)
        if verified is None:
            verified = self._cache[digest] = self._check_claims(self._claims_of(token))
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
            raise self._translate_error(error) from None

    def _translate_error(self, error: Exception) -> TokenError:
        for kind, reason, detail in _REFUSALS:
            if isinstance(error, kind):
                return TokenError(reason, detail.format(algorithm=self._keys.algorithm))
        return TokenError("token_malformed", "The token cannot be read as a signed JSON Web Token.")

    def _check_claims(self, claims: Mapping[str, Any]) -> VerifiedToken:
        subject = "".join(c if c.isprintable() else "?" for c in claims["sub"])[:MAX_SUBJECT]
        if not subject:
            raise TokenError("token_claims", "The token's claim sub is empty.")
        tier = claims.get("tier")
        return VerifiedToken(
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


def _expiry_of(_: bytes, verified: VerifiedToken, now: float) -> float:
    """Return the time until which a verified token is cached."""
    return min(now + CACHE_SECONDS, verified.expires_at)


def _size_of(verified: VerifiedToken) -> int:
    """Return the bytes of a cache entry; only the subject's length is the token's choice."""
    return _ENTRY_BYTES + sys.getsizeof(verified.subject)


def _scopes_of(claims: Mapping[str, Any]) -> set[str]:
    """Return the scopes of any common claim, a text with spaces (RFC 8693) or a list."""
    scopes: set[str] = set()
    for name in _SCOPE_CLAIMS:
        value = claims.get(name)
        words = value.split() if isinstance(value, str) else value
        if isinstance(words, list):
            scopes.update(word for word in words if isinstance(word, str))
    return scopes
