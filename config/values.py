"""Parsers and validators of environment variables whose values are not plain."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

# RFC 6454, 6.2: browsers send an origin in lower case and without a path, even without a slash
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[^\s/?#@:\[\]*A-Z]+)(:[0-9]{1,5})?")


def fault(message: str) -> PydanticCustomError:
    """Return the error of a value; pydantic adds its place."""
    return PydanticCustomError("setting", "{message}", {"message": message})


def _parse_json(value: Any) -> Any:
    """Parse a text as JSON; return any other value unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise fault("Input should be valid JSON") from None


def _split_list(value: Any) -> Any:
    """Parse a list from comma-separated text or JSON; return any other value unchanged."""
    if not isinstance(value, str) or value.lstrip().startswith("["):
        return _parse_json(value)
    return [part for part in map(str.strip, value.split(",")) if part]


def _check_origin(text: str) -> str:
    if text != "*" and not _ORIGIN.fullmatch(text):
        raise fault(f"`{text}` is not an origin: scheme://host or scheme://host:port is expected")
    return text


def _parse_network(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ip_network(value)
    except ValueError:
        raise fault(f"`{value}` is not a network, such as 10.0.0.0/8, or an address") from None


def redis_url_fault(url: str) -> str | None:
    """Return the fault of a Redis URL, without quoting any of it; None if there is none.

    An unescaped special character in the password ends the URL's user information early, and the
    rest may still be a valid URL, of another host.
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


def issuer_fault(issuer: str | None) -> str | None:
    """Return the fault of an issuer as the address of an OpenID provider; None if there is none.

    Browsers are sent there to sign in, so anything but HTTPS could be replaced on the way; only a
    provider on the same machine needs none.
    """
    expected = "an https:// URL is needed, or http:// of a loopback address"
    if issuer is None:
        return expected
    try:
        parts = urlsplit(issuer)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return expected
    plain = parts.username is None and not (parts.query or parts.fragment)
    secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    return None if plain and host and secure else expected


def artifacts_url_fault(url: str) -> str | None:
    """Return the fault of a URL of artifacts, without quoting any of it; None if there is none.

    What is read there decides what is served: nothing on the way may alter it.
    """
    expected = (
        "s3://bucket/folder, gs://bucket/folder, https://host/folder or file:///folder is expected"
    )
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return f"cannot be read as a URL: {expected}"
    if parts.username is not None or parts.query or parts.fragment:
        return (
            "must hold no credentials, ? or #: the client of each store finds its credentials "
            "where its vendor says"
        )
    if parts.scheme == "http" and not _is_loopback(host):
        return "must be https:// unless its host is a loopback address"
    if parts.scheme not in ("file", "s3", "gs", "https", "http"):
        return f"has no scheme that is known: {expected}"
    if parts.scheme == "file":
        return None if not host and parts.path.strip("/") else f"names no folder: {expected}"
    return None if host else f"names no host: {expected}"


def exports_url_fault(url: str) -> str | None:
    """Return the fault of a URL of exports, without quoting any of it; None if there is none.

    Only stores of objects sign links, by which callers read there without credentials.
    """
    if urlsplit(url).scheme not in ("s3", "gs"):
        return "must be s3://bucket/folder or gs://bucket/folder; leave it out for ARTIFACTS_DIR"
    return artifacts_url_fault(url)


def webhook_url_fault(url: str, *, allow_http: bool) -> str | None:
    """Return the fault of the URL of a webhook, without quoting any of it; None if there is none.

    Its path is often a secret by itself.
    """
    expected = "https://host/path is expected"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return f"cannot be read as a URL: {expected}"
    if parts.scheme not in ("https", "http") or not host or not url.isascii():
        return f"is not a URL of a web server: {expected}"
    if parts.username is not None or parts.fragment:
        return "must hold no user, no password and no #: events are signed instead"
    if parts.scheme == "http" and not (allow_http or _is_loopback(host)):
        return (
            "must be https:// unless its host is a loopback address, because others on the way "
            "could read events; EVENTS_ALLOW_HTTP=true permits it"
        )
    return None


def webhook_keys(text: str) -> list[bytes]:
    """Return the keys in the secrets of a webhook.

    Raises:
        ValueError: one has another form; the message quotes none of them.
    """
    keys = []
    for secret in text.split():
        prefix, _, encoded = secret.partition("_")
        try:
            key = b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if prefix != "whsec" or not 24 <= len(key) <= 64:
            raise ValueError(_WEBHOOK_SECRET)
        keys.append(key)
    if not 1 <= len(keys) <= 2:
        raise ValueError(_WEBHOOK_SECRET)
    return keys


_WEBHOOK_SECRET = (
    "whsec_ and 24 to 64 random bytes in base64 are expected, once, or twice with a space between: "
    "echo whsec_$(openssl rand -base64 32)"
)


def kafka_options_fault(servers: str, options: str | None) -> tuple[str, str] | None:
    """Return the setting of Kafka that is wrong, and its fault; None if there is none.

    Only properties that encrypt and authenticate are taken: others run programs, load libraries,
    or would weaken what is promised about the delivery.
    """
    brokers = [broker.strip() for broker in servers.split(",")]
    for broker in brokers:
        if not _BROKER.fullmatch(broker):
            return "kafka_bootstrap_servers", "host:port is expected, separated by commas"
    properties: Any = None
    if options is not None:
        with suppress(ValueError):
            properties = json.loads(options)
        if not isinstance(properties, dict):
            return "kafka_options", "a JSON object of properties of librdkafka is expected"
        for name, value in properties.items():
            if name not in KAFKA_PROPERTIES:
                known = ", ".join(sorted(KAFKA_PROPERTIES))
                return "kafka_options", f"`{name[:60]}` is not one of {known}"
            if not isinstance(value, str):
                return "kafka_options", f"`{name}`: a text is expected"
    if "security.protocol" in (properties or {}):
        return None
    if all(_is_loopback(broker.rpartition(":")[0].strip("[]")) for broker in brokers):
        return None
    return (
        "kafka_options",
        "`security.protocol` is needed: SASL_SSL, SSL, or PLAINTEXT, with which others on the way "
        "could read events",
    )


_BROKER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")

KAFKA_PROPERTIES = frozenset(
    (
        *("security.protocol", "client.id", "broker.address.family"),
        *("sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"),
        *("sasl.oauthbearer.method", "sasl.oauthbearer.client.id", "sasl.oauthbearer.scope"),
        *("sasl.oauthbearer.client.secret", "sasl.oauthbearer.token.endpoint.url"),
        *("sasl.oauthbearer.extensions", "ssl.endpoint.identification.algorithm"),
        *("ssl.ca.location", "ssl.ca.pem", "ssl.certificate.location", "ssl.certificate.pem"),
        *("ssl.key.location", "ssl.key.pem", "ssl.key.password"),
    )
)
"""Properties of librdkafka that `KAFKA_OPTIONS` may have."""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Json = BeforeValidator(_parse_json)
Listed = BeforeValidator(_split_list)
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_parse_network)]
Origin = Annotated[str, AfterValidator(_check_origin)]
"""An origin as browsers send it, or `*` for all."""
