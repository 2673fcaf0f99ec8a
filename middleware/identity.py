"""AUTH_MODE=required: finds who a key or token belongs to.

What a caller is told never depends on whether a public id exists: an id that is not known and a
secret that is wrong are one answer, which takes one time. That a key is revoked or has expired
is told to who presents its secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Protocol

from starlette.types import Scope

from errors import InputError
from middleware import auth_failures
from middleware.cached_key_store import KeysUnavailableError, LookupsExhaustedError
from middleware.caller import Caller
from middleware.credentials import Credential, credential_of
from middleware.tokens import TokenError, Verified, looks_like_token
from storage.keys import PREFIX, ApiKey, Presented, parse

MIN_ENVIRONMENT_KEY = 16

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_NOT_VALID = "The key is not valid here: it is not one of this service's, or was altered."
# compared with where there is no key, so that this takes no less time
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
    """Finds keys, as `KeyLookup` does."""

    @property
    def unavailable(self) -> bool:
        """Whether the database failed when it was last asked."""
        ...

    def knows(self, public_id: str) -> bool:
        """Return whether a key of this id was read before."""
        ...

    async def find(self, public_id: str, address: str) -> ApiKey | None:
        """Raises KeysUnavailableError, LookupsExhaustedError."""
        ...

    def used(self, public_id: str) -> None: ...


class Tokens(Protocol):
    """Verifies tokens, as `TokenVerifier` does."""

    def verify(self, token: str) -> Verified:
        """Raises TokenError."""
        ...


class EnvironmentKey:
    """The one key of a small set-up, which the operator gives as API_KEY; it may do everything.

    Only its SHA-256 is kept and compared, so that neither its text nor its length shows.
    """

    def __init__(self, text: str, *, tier: str, scopes: Collection[str]) -> None:
        if len(text) < MIN_ENVIRONMENT_KEY or not _VISIBLE.fullmatch(text):
            raise InputError(
                f"API_KEY must be {MIN_ENVIRONMENT_KEY} or more visible ASCII characters without "
                "spaces, made at random."
            )
        self._digest = _digest(text)
        self._tier = tier
        self._scopes = frozenset(scopes)

    def matches(self, text: str) -> bool:
        return hmac.compare_digest(self._digest, _digest(text))

    def caller(self, address: str) -> Caller:
        return Caller("env", "API_KEY", self._tier, self._scopes, True, address)


class CredentialIdentity:
    """Identifies by the key of the environment, by keys of the database, and by tokens.

    Args:
        environment: None where API_KEY is not set.
        tokens: None where no single sign-on is configured.
        is_exhausted: tells whether an address has spent its allowance, without waiting. Its
            unknown keys are refused before the database is asked.
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

    async def identify(self, scope: Scope, address: str) -> Caller:
        """Who a request comes from; raises Refused where that is nobody who is known."""
        credential = credential_of(scope)
        if credential is None:
            raise auth_failures.missing()
        if self._environment is not None and self._environment.matches(credential.text):
            return self._environment.caller(address)
        if looks_like_token(credential.text):
            return self._of_token(credential, address)
        presented = parse(credential.text)
        if presented is None:
            raise auth_failures.invalid("no_key", _not_a_key(credential.text))
        key = await self._key_of(presented, address)
        return Caller(f"key:{key.id}", key.client, key.tier, key.scopes, True, address)

    async def _key_of(self, presented: Presented, address: str) -> ApiKey:
        """The key that is presented, if its secret is right and it may be used."""
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
            if key is not None and self._keys.unavailable:  # as for an id that is not known now
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
        self._keys.used(subject)
        return key

    def _of_token(self, credential: Credential, address: str) -> Caller:
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


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _not_a_key(text: str) -> str:
    """What is wrong with what is no key, as far as its shape tells."""
    if text.startswith(f"{PREFIX}_"):
        return "The key is not whole: it was cut or mistyped."
    return f"This is neither a key, which begins with {PREFIX}_, nor a signed JSON Web Token."
