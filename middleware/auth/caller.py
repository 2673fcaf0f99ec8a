"""The caller of a request, as authentication identifies it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Authentication = Literal["key", "token", "environment", "local"]
"""How a caller was identified."""

_AUTHENTICATIONS: dict[str, Authentication] = {
    "key": "key",
    "jwt": "token",
    "env": "environment",
    "local": "local",
}
"""By the part of a subject before its colon."""


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

    @property
    def authentication(self) -> Authentication:
        """Way in which the caller was identified.

        Raises:
            KeyError: the caller is anonymous.
        """
        return _AUTHENTICATIONS[self.subject.partition(":")[0]]

    @classmethod
    def anonymous(cls, address: str, tier: str) -> Caller:
        """Return the caller for an address without a valid key or token."""
        return cls(f"ip:{address}", address, tier, frozenset(), False, address)
