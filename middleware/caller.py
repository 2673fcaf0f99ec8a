"""Who a request comes from: found by authentication, read by everything inside it."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from errors import Problem

CALLER_KEY = "caller"
REFUSAL_KEY = "refusal"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from, and what they may do.

    Attributes:
        subject: what limits are kept and events are recorded by: ``key:<public id>``,
            ``jwt:<sub>``, ``env``, ``local`` or ``ip:<address>``.
        client: the name that a person knows the caller by.
        tier: names the limits of the caller.
        scopes: what the caller may do.
        authenticated: False where there was no valid key or token.
        address: of the client.
    """

    subject: str
    client: str
    tier: str
    scopes: frozenset[str]
    authenticated: bool
    address: str

    @classmethod
    def unknown(cls, address: str, tier: str) -> Caller:
        """Whoever is at an address, without a valid key or token."""
        return cls(f"ip:{address}", address, tier, frozenset(), False, address)


def caller_of(scope: MutableMapping[str, Any]) -> Caller:
    """The caller that `AuthenticationMiddleware` found for the request of a scope."""
    caller: Caller = scope["state"][CALLER_KEY]
    return caller


def refusal_of(scope: MutableMapping[str, Any]) -> Problem | None:
    """Why the caller could not be identified; None where they were."""
    refusal: Problem | None = scope["state"][REFUSAL_KEY]
    return refusal
