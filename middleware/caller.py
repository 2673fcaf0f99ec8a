"""The caller of a request, set by authentication and read by everything inside it."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from errors import Problem

CALLER_KEY = "caller"
REFUSAL_KEY = "refusal"


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal of a request and its permissions.

    Attributes:
        subject: identifier for limits and audit events: ``key:<public id>``, ``jwt:<sub>``,
            ``env``, ``local`` or ``ip:<address>``.
        client: the caller's name for people.
        tier: name of the limits of the caller.
        scopes: permissions.
        authenticated: False if there was no valid key or token.
        address: of the client.
    """

    subject: str
    client: str
    tier: str
    scopes: frozenset[str]
    authenticated: bool
    address: str

    @classmethod
    def anonymous(cls, address: str, tier: str) -> Caller:
        """Return the caller for an address without a valid key or token."""
        return cls(f"ip:{address}", address, tier, frozenset(), False, address)


def caller_of(scope: MutableMapping[str, Any]) -> Caller:
    """Return the caller that `AuthenticationMiddleware` set in a scope."""
    caller: Caller = scope["state"][CALLER_KEY]
    return caller


def refusal_of(scope: MutableMapping[str, Any]) -> Problem | None:
    """Return the problem because of which the caller was not identified; None if it was."""
    refusal: Problem | None = scope["state"][REFUSAL_KEY]
    return refusal
