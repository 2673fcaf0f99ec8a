"""How the text of an environment variable becomes a value that is not a plain one."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

# RFC 6454, 6.2: what a browser sends is in small letters and has no path, not even a slash
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[^\s/?#@:\[\]*A-Z]+)(:[0-9]{1,5})?")


def fault(message: str) -> PydanticCustomError:
    """A fault of a value; pydantic adds where it is."""
    return PydanticCustomError("setting", "{message}", {"message": message})


def _from_json(value: Any) -> Any:
    """The value that a text holds; what is not a text is one already."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise fault("Input should be valid JSON") from None


def _listed(value: Any) -> Any:
    """A list that is written with commas, or in JSON."""
    if not isinstance(value, str) or value.lstrip().startswith("["):
        return _from_json(value)
    return [part for part in map(str.strip, value.split(",")) if part]


def _origin(text: str) -> str:
    if text != "*" and not _ORIGIN.fullmatch(text):
        raise fault(f"`{text}` is not an origin: scheme://host or scheme://host:port is expected")
    return text


def _network(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ip_network(value)
    except ValueError:
        raise fault(f"`{value}` is not a network, such as 10.0.0.0/8, or an address") from None


def redis_url_fault(url: str) -> str | None:
    """Return what is wrong with the URL of a Redis, without showing any of it; None if nothing.

    A character of the password that a URL gives a meaning to cuts it off there, and what is left
    may still be a URL: of another host.
    """
    expected = "redis://:password@host:6379/0 is expected, or rediss://, or unix:///socket"
    escape = "in a password write # as %23, / as %2F, ? as %3F and @ as %40"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return f"cannot be read as a URL: {expected}; {escape}"
    if parts.scheme not in ("redis", "rediss", "unix"):
        return f"has no scheme that is known: {expected}"
    if parts.fragment:
        return f"has a #, which ends a URL: {escape}"
    if parts.scheme == "unix":
        return None if parts.path.strip("/") else f"names no socket: {expected}"
    if not host or port == 0:
        return f"names no host, or the port 0: {expected}; {escape}"
    database = parts.path.strip("/")
    if database and not database.isdecimal():
        return f"names a database that is no number: {expected}; {escape}"
    return None


Json = BeforeValidator(_from_json)
Listed = BeforeValidator(_listed)
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
Origin = Annotated[str, AfterValidator(_origin)]
"""An origin as browsers name it, or `*` for all."""
