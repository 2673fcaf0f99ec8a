"""The caller of a request, as authentication identifies it."""

from __future__ import annotations

from dataclasses import dataclass


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
