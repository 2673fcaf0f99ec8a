"""Authentication as configured."""

from __future__ import annotations

from urllib.parse import urlsplit

from api.schemas.access import SignInOptions, SingleSignOn
from app.admission import token_verifier_of
from config.settings import Settings
from config.tiers import ANONYMOUS
from config.topics import AuthMode
from middleware.auth.authentication import Identity
from middleware.auth.cached_key_store import CachedKeyStore
from middleware.auth.caller import Caller
from middleware.auth.identity import CredentialIdentity, EnvironmentKey
from middleware.auth.local import LocalIdentity
from middleware.ratelimit.limiter import Limiter
from storage.keys import Scope

_ALL_SCOPES = frozenset(map(str, Scope))


def identity_of(settings: Settings, keys: CachedKeyStore, limiter: Limiter) -> Identity:
    """Return the authentication of requests that the settings configure."""
    if settings.auth_mode is AuthMode.DISABLED:
        return LocalIdentity(_ALL_SCOPES)
    environment = None
    if settings.api_key is not None:
        environment = EnvironmentKey(
            settings.api_key.get_secret_value(), tier=settings.api_key_tier, scopes=_ALL_SCOPES
        )
    anonymous = settings.tiers[ANONYMOUS]

    def is_exhausted(address: str) -> bool:
        subject = Caller.anonymous(address, ANONYMOUS).subject
        return limiter.is_exhausted(subject, anonymous)

    return CredentialIdentity(
        keys, environment=environment, tokens=token_verifier_of(settings), is_exhausted=is_exhausted
    )


def sign_in_options_of(settings: Settings) -> SignInOptions:
    """Return the ways to sign in that the settings configure."""
    required = settings.auth_mode is AuthMode.REQUIRED
    sign_on = None
    if required and settings.sign_in_client_id:
        assert settings.jwt_issuer, "the settings need one for a client of a provider"
        sign_on = SingleSignOn(
            issuer=settings.jwt_issuer,
            client_id=settings.sign_in_client_id,
            scope=settings.sign_in_scope,
            resource=settings.sign_in_resource,
        )
    return SignInOptions(key=required, required=required, single_sign_on=sign_on)


def origins_of_sign_in(sign_on: SingleSignOn | None) -> tuple[str, ...]:
    """Return the origins that the dashboard sends requests to while somebody signs in."""
    if sign_on is None:
        return ()
    issuer = urlsplit(sign_on.issuer)
    return (f"{issuer.scheme}://{issuer.netloc}",)
