"""AUTH_MODE=disabled: whoever is on this machine may do everything, and nobody else anything."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv6Address, ip_address
from typing import Any

from starlette.types import Scope

from middleware import auth_failures
from middleware.caller import Caller
from tiers import UNLIMITED

_FORWARDED = (b"forwarded", b"via", b"x-real-ip")
_REFUSAL = (
    "This server runs without authentication (AUTH_MODE=disabled) and answers its own machine "
    "alone, at a loopback address and without a proxy between. Set AUTH_MODE=required to "
    "serve others."
)


class LocalIdentity:
    """Takes a request for the machine's own if everything that can be seen of it is loopback.

    Both ends of the connection must be, so that a port that is forwarded to another address is
    not open; nobody may have forwarded the request; and it must have been sent to a loopback
    name, as a page from elsewhere whose name was made to resolve to 127.0.0.1 has not. Nor may a
    page from elsewhere have sent it (Origin): a browser lets it, and only hides the answer.
    """

    def __init__(self, scopes: Collection[str], *, tier: str = UNLIMITED) -> None:
        self._scopes = frozenset(scopes)
        self._tier = tier

    async def identify(self, scope: Scope, address: str) -> Caller:
        """Raises Refused for a request that is not from this machine."""
        if not _is_local(scope):
            raise auth_failures.missing(_REFUSAL)
        return Caller("local", "local", self._tier, self._scopes, True, address)


def _is_local(scope: Scope) -> bool:
    ends = (scope.get("client"), scope.get("server"))
    return all(_is_loopback(_host_of(end)) for end in ends) and _headers_are_local(scope)


def _host_of(end: Any) -> str:
    """The address of an end of the connection; empty for a Unix socket, which proxies use."""
    return str(end[0]) if end else ""


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback


def _headers_are_local(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name in _FORWARDED or name.startswith(b"x-forwarded-"):
            return False
        if name == b"host" and not _is_local_name(value.decode("latin-1")):
            return False
        if name == b"origin" and not _is_local_name(value.decode("latin-1").partition("://")[2]):
            return False
    return True


def _is_local_name(host: str) -> bool:
    """Whether a Host header, with or without a port, names this machine."""
    if host.startswith("["):
        return _is_loopback(host[1:].partition("]")[0])
    name = host.partition(":")[0].lower()
    return name == "localhost" or _is_loopback(name)
