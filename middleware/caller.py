"""The caller of a request, set by authentication and read by everything inside it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope

from middleware.context import context_of


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


def caller_of(scope: Scope) -> Caller:
    """Return the caller that `AuthenticationMiddleware` set for the request of a scope.

    Raises:
        RuntimeError: the middleware is not around the caller of this function.
    """
    caller = context_of(scope).caller
    if caller is None:
        raise RuntimeError("the request was not authenticated: the middleware is missing")
    return caller
