"""Authentication as configured, and the refusal to start a server that accepts no caller."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import structlog

from api.schemas.access import SignInOptions, SingleSignOn
from config.settings import Settings
from config.tiers import ANONYMOUS
from config.topics import AuthMode
from errors import InputError
from middleware.auth.authentication import Identity
from middleware.auth.cached_key_store import CachedKeyStore
from middleware.auth.caller import Caller
from middleware.auth.identity import CredentialIdentity, EnvironmentKey
from middleware.auth.local import LocalIdentity
from middleware.auth.token_keys import PublicKeys, SharedSecret
from middleware.auth.tokens import TokenVerifier
from middleware.ratelimit.limiter import Limiter
from storage.database import open_database
from storage.errors import StorageError
from storage.key_store import KeyStore
from storage.keys import Scope
from storage.migrations import upgrade

_ALL_SCOPES = frozenset(map(str, Scope))
_log = structlog.get_logger(__name__)

NO_KEY = (
    "mlrf: calls need a key, and there is none. Make one with `mlrf keys create <client>`, or set "
    "API_KEY, or JWT_SECRET or JWT_KEYS_FILE; or set AUTH_MODE=disabled to answer this machine "
    "alone without keys."
)


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
        keys, environment=environment, tokens=_tokens_of(settings), is_exhausted=is_exhausted
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


def _tokens_of(settings: Settings) -> TokenVerifier | None:
    keys: SharedSecret | PublicKeys
    if settings.jwt_secret is not None:
        keys = SharedSecret(settings.jwt_secret.get_secret_value())
    elif settings.jwt_keys_file is not None:
        keys = PublicKeys(settings.jwt_keys_file)
    else:
        return None
    assert settings.jwt_audience, "the settings need one wherever tokens are accepted"
    return TokenVerifier(
        keys,
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
        scopes=_ALL_SCOPES,
        tiers=settings.tiers,
        default_tier=settings.default_tier,
    )


def refuse_open_server(settings: Settings) -> None:
    """Refuse to start a server that no caller could use, or whose workers could not start.

    Raises:
        SystemExit: calls require a credential and none is configured or stored; or the
            configured database or token keys cannot be used.
    """
    try:
        tokens = _tokens_of(settings)
    except InputError as error:
        raise SystemExit(f"mlrf: JWT_KEYS_FILE: {error}") from None
    try:
        database = open_database(settings.database_url.get_secret_value())
    except StorageError as error:
        raise SystemExit(f"mlrf: DATABASE_URL: {error}") from None
    try:
        if settings.auth_mode is AuthMode.DISABLED or settings.api_key or tokens:
            return
        upgrade(database)
        keys = KeyStore(database).list()
    except StorageError as error:
        _log.error("database_not_ready", reason=str(error))
        return  # keys may be in it; until it is available, calls are answered by 503
    finally:
        database.dispose()
    if not any(key.usable(datetime.now(UTC)) for key in keys):
        raise SystemExit(NO_KEY)
