"""Identification of callers by key or token, for AUTH_MODE=required.

The response never reveals whether a public id exists: an unknown id and a wrong secret get the
same response in the same time. Only a caller with the right secret learns that a key is revoked
or has expired.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from itertools import chain
from typing import Any, NamedTuple, Protocol

from starlette.types import Scope

from errors import InputError
from middleware.auth import failures as auth_failures
from middleware.auth.cached_key_store import KeysUnavailableError, LookupsExhaustedError
from middleware.auth.caller import Caller
from middleware.auth.credentials import HEADERS, Credential, credential_of
from middleware.auth.verified_token import TokenError, VerifiedToken, looks_like_token
from storage.keys import PREFIX, ApiKey, PresentedKey, parse_key

MIN_ENVIRONMENT_KEY = 16

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_NOT_VALID = "The key is not valid here: it is not one of this service's, or was altered."
# compared with if the id is unknown, so that this takes as long as for a known id
_NO_KEY = ApiKey(
    id="",
    client="",
    scopes=frozenset(),
    tier="",
    created_at=datetime.min.replace(tzinfo=UTC),
    expires_at=None,
    revoked_at=None,
    last_used_at=None,
    digest="0" * 64,
)


class Keys(Protocol):
    """Protocol of the key lookup, implemented by `CachedKeyStore`."""

    @property
    def unavailable(self) -> bool:
        """True if the last query to the database failed."""
        ...

    def knows(self, public_id: str) -> bool:
        """Return whether a key of this id is in the cache."""
        ...

    async def find(self, public_id: str, address: str) -> ApiKey | None:
        """Return the key of an id; raise KeysUnavailableError or LookupsExhaustedError."""
        ...

    def is_current(self, key: ApiKey) -> bool:
        """Return whether `find` would return this very key now, without a query."""
        ...

    def record_use(self, public_id: str) -> None: ...


class Tokens(Protocol):
    """Protocol of the verification of tokens, implemented by `TokenVerifier`."""

    def verify(self, token: str) -> VerifiedToken:
        """Return the verified claims of a token; raise TokenError if it is not valid."""
        ...


class EnvironmentKey:
    """The key of the variable API_KEY, with every scope, for a set-up without a database of keys.

    Only its SHA-256 is stored and compared, so that timing reveals neither text nor length.
    """

    def __init__(self, text: str, *, tier: str, scopes: Collection[str]) -> None:
        if len(text) < MIN_ENVIRONMENT_KEY or not _VISIBLE.fullmatch(text):
            raise InputError(
                f"API_KEY must be {MIN_ENVIRONMENT_KEY} or more visible ASCII characters without "
                "spaces, made at random."
            )
        self._digest = _digest_of(text)
        self._tier = tier
        self._scopes = frozenset(scopes)

    def matches(self, text: str) -> bool:
        return hmac.compare_digest(self._digest, _digest_of(text))

    def caller(self, address: str) -> Caller:
        return Caller("env", "API_KEY", self._tier, self._scopes, True, address)


MOST_VERIFIED = 4096
"""Callers whose verified credentials are cached."""

_LONGEST_VERIFIED = 256
"""Bytes of headers up to which credentials are cached; a caller can make them longer."""


_Presented = tuple[Any, ...]
"""An address, and all headers of a request that are read for credentials."""


class _Verified(NamedTuple):
    """A caller with the key that was verified; None for the key of the environment."""

    caller: Caller
    key: ApiKey | None


class CredentialIdentity:
    """Identity by the key of the environment, keys of the database, and tokens.

    Args:
        environment: None if API_KEY is not set.
        tokens: None if no single sign-on is configured.
        is_exhausted: returns whether an address has spent its allowance, without awaiting. Its
            unknown keys are refused before the database is queried.
        now: the time of day, aware.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        environment: EnvironmentKey | None = None,
        tokens: Tokens | None = None,
        is_exhausted: Callable[[str], bool] = lambda address: False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._keys = keys
        self._is_exhausted = is_exhausted
        self._environment = environment
        self._tokens = tokens
        self._now = now
        self._verified: dict[_Presented, _Verified] = {}

    async def identify(self, scope: Scope, address: str) -> Caller:
        """Return the caller of a request; raise AuthenticationFailed if there is none."""
        presented = (address, *(pair for pair in scope["headers"] if pair[0] in HEADERS))
        caller = self._find_verified(presented)
        if caller is not None:
            return caller
        credential = credential_of(scope)
        if credential is None:
            raise auth_failures.missing()
        if self._environment is not None and self._environment.matches(credential.text):
            return self._keep(presented, _Verified(self._environment.caller(address), None))
        if looks_like_token(credential.text):
            return self._verify_token(credential, address)
        parsed = parse_key(credential.text)
        if parsed is None:
            raise auth_failures.invalid("no_key", _describe_malformed(credential.text))
        key = await self._verify_key(parsed, address)
        caller = Caller(f"key:{key.id}", key.client, key.tier, key.scopes, True, address)
        return self._keep(presented, _Verified(caller, key))

    def _find_verified(self, presented: _Presented) -> Caller | None:
        """Return the caller that the same headers from the same address were verified for.

        It holds for as long as the key store would return the key that was verified: a revoked or
        changed key is noticed as soon as the store reads it again. Tokens are not among them: they
        expire, and their verifier has a cache.
        """
        verified = self._verified.get(presented)
        if verified is None:
            return None
        key = verified.key
        if key is not None:
            if not (self._keys.is_current(key) and key.usable(self._now())):
                return None
            self._keys.record_use(key.id)
        return verified.caller

    def _keep(self, presented: _Presented, verified: _Verified) -> Caller:
        if sum(map(len, chain.from_iterable(presented[1:]))) <= _LONGEST_VERIFIED:
            if len(self._verified) >= MOST_VERIFIED:
                self._verified.clear()
            self._verified[presented] = verified
        return verified.caller

    async def _verify_key(self, presented: PresentedKey, address: str) -> ApiKey:
        """Return the presented key; refuse a wrong secret and an unusable key.

        The order of the checks matters. The secret is compared before revocation and expiry are
        looked at, and with `_NO_KEY` if the id is unknown: neither the response nor its time may
        reveal to a caller without the secret that an id exists.
        """
        subject = presented.public_id
        if not self._keys.knows(subject) and self._is_exhausted(address):
            raise auth_failures.not_looked_up(subject)
        try:
            key = await self._keys.find(subject, address)
        except KeysUnavailableError:
            raise auth_failures.unavailable(subject) from None
        except LookupsExhaustedError:
            raise auth_failures.not_looked_up(subject) from None
        matches = (key or _NO_KEY).matches(presented.secret)
        if key is None or not matches:
            # during an outage unknown ids get 503, so a wrong secret of a cached key must too
            if key is not None and self._keys.unavailable:
                raise auth_failures.unavailable(subject)
            reason = "unknown_key" if key is None else "wrong_secret"
            raise auth_failures.invalid(reason, _NOT_VALID, subject)
        if key.revoked_at is not None:
            raise auth_failures.invalid(
                "revoked", "The key was revoked; ask for a new one.", subject
            )
        if not key.usable(self._now()):
            raise auth_failures.invalid(
                "expired", "The key has expired; ask for a new one.", subject
            )
        self._keys.record_use(subject)
        return key

    def _verify_token(self, credential: Credential, address: str) -> Caller:
        if self._tokens is None:
            raise auth_failures.invalid("no_tokens", "Tokens are not accepted here; send a key.")
        if not credential.bearer:
            raise auth_failures.invalid(
                "misplaced_token", "X-API-Key takes a key; send a token as Authorization: Bearer."
            )
        try:
            verified = self._tokens.verify(credential.text)
        except TokenError as error:
            raise auth_failures.invalid(error.reason, error.detail) from None
        subject = f"jwt:{verified.subject}"
        return Caller(subject, verified.subject, verified.tier, verified.scopes, True, address)


def _digest_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _describe_malformed(text: str) -> str:
    """Return the detail for a text that is no key, judged by its prefix."""
    if text.startswith(f"{PREFIX}_"):
        return "The key is not whole: it was cut or mistyped."
    return f"This is neither a key, which begins with {PREFIX}_, nor a signed JSON Web Token."
