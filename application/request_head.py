"""Checks of a request's head that the parser leaves to us (RFC 9112 sections 3.2 and 6)."""

from __future__ import annotations

import re

import httptools

from errors import Code, Problem

Header = tuple[bytes, bytes]

_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9!$&'()*+,;=._~%-]*)(:[0-9]{0,5})?")
_VERSIONS = ("1.0", "1.1")
_TLS_HANDSHAKE = b"\x16\x03"
_HTTP2_PREFACE = b"PRI * HTTP/2"


def malformed(reason: str) -> Problem:
    """Return the problem of a request that is not HTTP/1.1 as RFC 9112 has it."""
    return Problem(Code.INVALID_REQUEST, f"This is not a valid HTTP/1.1 request: {reason}.")


def unparsable(data: bytes, error: Exception) -> Problem:
    """Return the problem of bytes that the parser refuses."""
    if data.startswith(_TLS_HANDSHAKE):
        return malformed("a TLS handshake arrived, and this port speaks plain HTTP; use http://")
    if data.startswith(_HTTP2_PREFACE):
        return malformed("HTTP/2 is not offered on this port; use HTTP/1.1")
    return malformed(f"{error}".rstrip(".") or "it cannot be parsed")


def origin_form(method: str, target: bytes) -> tuple[bytes, bytes | None]:
    """Return a request target as path and query, and the authority that it names itself.

    Only an absolute target (``http://host/path``), as proxies are sent, names one; it then
    replaces the Host header (RFC 9112 section 3.2.2).

    Raises:
        Problem: the target is none that an origin server answers.
    """
    if target.startswith(b"/") or (target == b"*" and method == "OPTIONS"):
        return target, None
    if method == "CONNECT":
        raise malformed("CONNECT asks for a tunnel, and this server is not a proxy")
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        raise malformed("the request target is not a path") from None
    if url.schema not in (b"http", b"https") or not url.host or url.userinfo:
        raise malformed("the request target is not a path")
    query = b"" if url.query is None else b"?" + url.query
    authority = url.host if url.port is None else b"%b:%d" % (url.host, url.port)
    return (url.path or b"/") + query, authority


def check_version(version: str) -> None:
    """Raise a problem for a version of HTTP that is not answered."""
    if version not in _VERSIONS:
        raise malformed(f"HTTP/{version} is not offered; use HTTP/1.1")


def check_host(version: str, headers: list[Header]) -> None:
    """Raise a problem unless there is one Host header that is a host (RFC 9112 section 3.2)."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise malformed(f"it has {len(hosts)} Host headers; exactly one is needed")
    if hosts and not _HOST.fullmatch(hosts[0].strip(b" \t")):
        raise malformed("its Host header is not a host name with an optional port")


def check_transfer_coding(version: str, headers: list[Header]) -> None:
    """Raise a problem for a body whose end two readers could see in different places."""
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if codings and (version == "1.0" or codings != [b"chunked"]):
        raise malformed("its Transfer-Encoding is not chunked alone, the only one that is read")


def check_upgrade(headers: list[Header]) -> None:
    """Refuse an upgrade that cannot be ignored: it is answered over HTTP/1.1 otherwise.

    The parser skips the body of a request that asks for an upgrade.

    Raises:
        Problem: it asks for a WebSocket, or has a body.
    """
    given = dict(headers)
    if given.get(b"upgrade", b"").strip().lower() == b"websocket":
        raise Problem(
            Code.INVALID_REQUEST, "WebSockets are not offered; send a plain HTTP request."
        )
    if given.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in given:
        raise malformed("it has a body and asks for an upgrade; leave the Upgrade header out")
