"""Client address of a request, with trusted proxies taken into account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

from middleware.headers import values_of

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN = "unknown"
"""Address of a client without one, such as the peer of a Unix socket."""

_LONGEST = 64  # characters of an address in any notation, a zone included
_IPV6_PREFIX = 64  # what one customer gets at the least (RFC 6177): more addresses are no other one


def client_address(scope: Scope, trusted: Sequence[Network]) -> str:
    """Return the key for limits: an IPv4 address, an IPv6 /64 network, or `UNKNOWN`.

    X-Forwarded-For is read from its end, where the nearest proxy appended, for as long as each
    address belongs to a trusted proxy. Entries further left may be forged and are ignored. If a
    trusted proxy wrote something that is no address, or if all entries are trusted, the last
    address that was read counts. RFC 7239's Forwarded is not read.
    """
    peer = scope.get("client")
    address = _parse_address(str(peer[0])) if peer else None
    if address is None:
        return UNKNOWN
    if _is_in(address, trusted):
        for hop in _forwarded_hops(scope):
            if hop is None:
                break
            address = hop
            if not _is_in(address, trusted):
                break
    return _group_address(address)


def _forwarded_hops(scope: Scope) -> Iterator[Address | None]:
    """Yield the addresses of X-Forwarded-For, nearest first; None for what is no address."""
    lines = values_of(scope, b"x-forwarded-for")
    for part in reversed(b",".join(lines).decode("latin-1").split(",")):
        yield _parse_address(_without_port(part.strip()))


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, colon, _ = text.partition(":")
    return host if colon and text.count(":") == 1 else text


def _parse_address(text: str) -> Address | None:
    """Return the address that a text denotes; None if it is none, or too long to be one."""
    return _parse_short_address(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=1024)  # of short texts only: the sender chooses them, and could fill memory
def _parse_short_address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


@lru_cache(maxsize=1024)
def _group_address(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, _IPV6_PREFIX), strict=False))
