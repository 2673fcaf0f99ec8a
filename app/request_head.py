"""Checks of a request's head that the parser does not make (RFC 9112 sections 3.2 and 6)."""

from __future__ import annotations

import re

import httptools

from errors import Code, Problem

Header = tuple[bytes, bytes]

_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9!$&'()*+,;=._~%-]*)(:[0-9]{0,5})?")
_VERSIONS = ("1.0", "1.1")
_TLS_HANDSHAKE = b"\x16\x03"
_HTTP2_PREFACE = b"PRI * HTTP/2"


def malformed_request(reason: str) -> Problem:
    """Return the problem of a request that is not HTTP/1.1 as defined by RFC 9112."""
    return Problem(Code.INVALID_REQUEST, f"This is not a valid HTTP/1.1 request: {reason}.")


def unparsable_request(data: bytes, error: Exception) -> Problem:
    """Return the problem of bytes that the parser rejects."""
    if data.startswith(_TLS_HANDSHAKE):
        return malformed_request(
            "a TLS handshake arrived, and this port speaks plain HTTP; use http://"
        )
    if data.startswith(_HTTP2_PREFACE):
        return malformed_request("HTTP/2 is not offered on this port; use HTTP/1.1")
    return malformed_request(f"{error}".rstrip(".") or "it cannot be parsed")


def origin_form(method: str, target: bytes) -> tuple[bytes, bytes | None]:
    """Return a request target as path and query, and its authority if it contains one.

    Only an absolute target (``http://host/path``), as sent to proxies, contains one; it then
    replaces the Host header (RFC 9112 section 3.2.2).

    Raises:
        Problem: the target is of a form that an origin server does not answer.
    """
    if target.startswith(b"/") or (target == b"*" and method == "OPTIONS"):
        return target, None
    if method == "CONNECT":
        raise malformed_request("CONNECT asks for a tunnel, and this server is not a proxy")
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        raise malformed_request("the request target is not a path") from None
    if url.schema not in (b"http", b"https") or not url.host or url.userinfo:
        raise malformed_request("the request target is not a path")
    query = b"" if url.query is None else b"?" + url.query
    authority = url.host if url.port is None else b"%b:%d" % (url.host, url.port)
    return (url.path or b"/") + query, authority


def check_version(version: str) -> None:
    """Refuse a version of HTTP that is not supported."""
    if version not in _VERSIONS:
        raise malformed_request(f"HTTP/{version} is not offered; use HTTP/1.1")


def check_host(version: str, headers: list[Header]) -> None:
    """Refuse a head without exactly one valid Host header (RFC 9112 section 3.2)."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise malformed_request(f"it has {len(hosts)} Host headers; exactly one is needed")
    if hosts and not _HOST.fullmatch(hosts[0].strip(b" \t")):
        raise malformed_request("its Host header is not a host name with an optional port")


def check_transfer_coding(version: str, headers: list[Header]) -> None:
    """Refuse a body whose end a proxy and this server could see in different places."""
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if codings and (version == "1.0" or codings != [b"chunked"]):
        raise malformed_request(
            "its Transfer-Encoding is not chunked alone, the only one that is read"
        )


def check_upgrade(headers: list[Header]) -> None:
    """Refuse an upgrade that cannot be ignored; any other is ignored, as RFC 9110 allows.

    The parser does not read the body of a request for an upgrade.

    Raises:
        Problem: it requests a WebSocket, or has a body.
    """
    fields = dict(headers)
    if fields.get(b"upgrade", b"").strip().lower() == b"websocket":
        raise Problem(
            Code.INVALID_REQUEST, "WebSockets are not offered; send a plain HTTP request."
        )
    if fields.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in fields:
        raise malformed_request(
            "it has a body and asks for an upgrade; leave the Upgrade header out"
        )
