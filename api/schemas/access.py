"""Answers about callers: who they are, and how they can sign in."""

from __future__ import annotations

from dataclasses import dataclass

from api.schemas.answer import Answer
from middleware.auth.caller import Authentication


@dataclass(frozen=True, slots=True)
class CallerLimits(Answer):
    """Units that a caller may spend."""

    quota: int
    """Units in each window."""
    window: int
    """Seconds."""
    burst: int
    """Units that may be spent at once after a pause, and the most that one request may cost."""


@dataclass(frozen=True, slots=True)
class CallerAnswer(Answer):
    """The caller of the request, and what the caller may do."""

    client: str
    """Name of the caller: that of the key, or the subject of the token."""
    scopes: list[str]
    """In alphabetical order."""
    tier: str
    """Name of the limits that apply to the caller."""
    authentication: Authentication
    """`key`: a key of the database; `token`: a token of the single sign-on; `environment`: the key
    in `API_KEY`; `local`: no authentication, because `AUTH_MODE` is `disabled`."""
    limits: CallerLimits | None
    """Null for a tier without a limit."""


@dataclass(frozen=True, slots=True)
class SingleSignOn(Answer):
    """An OpenID provider that issues tokens for this service."""

    issuer: str
    """Its address; its endpoints are in `<issuer>/.well-known/openid-configuration`."""
    client_id: str
    """Of the dashboard at the provider: a public client, for the code flow with PKCE."""
    scope: str
    """Scopes to request, separated by spaces."""
    resource: str | None
    """Resource to request a token for (RFC 8707), where the provider needs one."""


@dataclass(frozen=True, slots=True)
class SignInOptions(Answer):
    """Ways to sign in."""

    key: bool
    """Whether keys are accepted."""
    required: bool
    """Whether calls need a key or a token."""
    single_sign_on: SingleSignOn | None
    """Null where none is configured for the dashboard."""
