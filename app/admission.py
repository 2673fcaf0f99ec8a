"""The refusal to start a server that accepts no caller.

The supervisor makes it, and the workers start after it: what only some settings need is imported
where they are found.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from config.settings import Settings
from config.topics import AuthMode
from errors import InputError
from storage.errors import StorageError
from storage.keys import Scope

if TYPE_CHECKING:
    from middleware.auth.token_keys import PublicKeys, SharedSecret
    from middleware.auth.tokens import TokenVerifier

_log = structlog.get_logger(__name__)

_PLAIN_FILE = re.compile(r"sqlite:///(/[\w.-]+)+")
"""URLs that are certainly valid. To check others takes SQLAlchemy, a fifth of the supervisor's
start."""

NO_KEY = (
    "mlrf: calls need a key, and there is none. Make one with `mlrf keys create <client>`, or set "
    "API_KEY, or JWT_SECRET or JWT_KEYS_FILE; or set AUTH_MODE=disabled to answer this machine "
    "alone without keys."
)


def token_verifier_of(settings: Settings) -> TokenVerifier | None:
    """Return the verifier of tokens that the settings configure, if they do.

    Raises:
        InputError: its keys cannot be used.
    """
    if settings.jwt_secret is None and settings.jwt_keys_file is None:
        return None
    from middleware.auth.token_keys import PublicKeys, SharedSecret
    from middleware.auth.tokens import TokenVerifier

    keys: SharedSecret | PublicKeys
    if settings.jwt_secret is not None:
        keys = SharedSecret(settings.jwt_secret.get_secret_value())
    else:
        assert settings.jwt_keys_file is not None
        keys = PublicKeys(settings.jwt_keys_file)
    assert settings.jwt_audience, "the settings need one wherever tokens are accepted"
    return TokenVerifier(
        keys,
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
        scopes=frozenset(map(str, Scope)),
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
        tokens = token_verifier_of(settings)
    except InputError as error:
        raise SystemExit(f"mlrf: JWT_KEYS_FILE: {error}") from None
    url = settings.database_url.get_secret_value()
    needs_no_key = settings.auth_mode is AuthMode.DISABLED or settings.api_key or tokens
    if needs_no_key and _PLAIN_FILE.fullmatch(url):
        return
    from storage.database import open_database

    try:
        database = open_database(url)
    except StorageError as error:
        raise SystemExit(f"mlrf: DATABASE_URL: {error}") from None
    try:
        if needs_no_key:
            return
        from storage.key_store import KeyStore
        from storage.migrations import upgrade

        upgrade(database)
        keys = KeyStore(database).list()
    except StorageError as error:
        _log.error("database_not_ready", reason=str(error))
        return  # keys may be in it; until it is available, calls are answered by 503
    finally:
        database.dispose()
    if not any(key.usable(datetime.now(UTC)) for key in keys):
        raise SystemExit(NO_KEY)
