"""AUTH_MODE=disabled: requests of this machine have every scope, all others are refused."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv6Address, ip_address
from typing import Any

from starlette.types import Scope

from config.tiers import UNLIMITED
from middleware.auth import failures as auth_failures
from middleware.auth.caller import Caller

_FORWARDED = (b"forwarded", b"via", b"x-real-ip")
_REFUSAL = (
    "This server runs without authentication (AUTH_MODE=disabled) and answers its own machine "
    "alone, at a loopback address and without a proxy between. Set AUTH_MODE=required to "
    "serve others."
)


class LocalIdentity:
    """Identity that accepts a request only if everything in it points to this machine.

    Both ends of the connection must be loopback addresses, so that a forwarded port is not open.
    The request must carry no header of a proxy. Its Host must be a loopback name, which stops DNS
    rebinding: a page of another site whose name resolves to 127.0.0.1. Its Origin must be one
    too: a browser sends a cross-origin request of another site, and only hides the response.
    """

    def __init__(self, scopes: Collection[str], *, tier: str = UNLIMITED) -> None:
        self._scopes = frozenset(scopes)
        self._tier = tier

    async def identify(self, scope: Scope, address: str) -> Caller:
        """Return the local caller; raise AuthenticationFailed for any other machine."""
        if not _is_local(scope):
            raise auth_failures.missing(_REFUSAL)
        return Caller("local", "local", self._tier, self._scopes, True, address)


def _is_local(scope: Scope) -> bool:
    ends = (scope.get("client"), scope.get("server"))
    return all(_is_loopback(_host_of(end)) for end in ends) and _headers_are_local(scope)


def _host_of(end: Any) -> str:
    """Return the address of an end of the connection; empty for a Unix socket (of a proxy)."""
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
    """Return whether a Host header, with or without a port, names this machine."""
    if host.startswith("["):
        return _is_loopback(host[1:].partition("]")[0])
    name = host.partition(":")[0].lower()
    return name == "localhost" or _is_loopback(name)
