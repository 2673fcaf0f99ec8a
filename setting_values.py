"""How the text of an environment variable becomes a value that is not a plain one."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any

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


Json = BeforeValidator(_from_json)
Listed = BeforeValidator(_listed)
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
Origin = Annotated[str, AfterValidator(_origin)]
"""An origin as browsers name it, or `*` for all."""
