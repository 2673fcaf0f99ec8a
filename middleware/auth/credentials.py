"""Extraction of the key or token of a request, from one of two headers only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from starlette.types import Scope

from middleware.auth import failures as auth_failures
from middleware.headers import values_of

MAX_LENGTH = 4096
"""Characters of a key or token."""

HEADERS = frozenset((b"authorization", b"x-api-key"))
"""Headers that a key or token is read from, in lower case."""

_QUERY_NAMES = {"apikey", "key", "xapikey", "accesstoken", "token"}
_VISIBLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Credential:
    """A key or token that a caller presents.

    Attributes:
        text: the key or token.
        bearer: whether it was in Authorization, the only header for tokens.
    """

    text: str = field(repr=False)
    bearer: bool


def credential_of(scope: Scope) -> Credential | None:
    """Return the key or token of a request, or None.

    Raises:
        AuthenticationFailed: there is more than one, or a value that cannot be one.
    """
    value = _single_value(scope, b"x-api-key", "X-API-Key")
    authorization = _single_value(scope, b"authorization", "Authorization")
    key = None if value is None else _check_characters(value, "X-API-Key")
    bearer = None if authorization is None else _parse_bearer(authorization)
    if key is not None and bearer is not None and key != bearer:
        raise auth_failures.ambiguous(
            "X-API-Key and Authorization name two different keys or tokens; send one of them."
        )
    if bearer is not None:
        return Credential(bearer, bearer=True)
    return None if key is None else Credential(key, bearer=False)


def refuse_keys_in_query(scope: Scope) -> None:
    """Raise AuthenticationFailed if a query parameter is named like a key; none is read here."""
    query = scope.get("query_string", b"")
    for pair in query.decode("latin-1").split("&") if query else ():
        name = unquote_plus(pair.partition("=")[0]).strip()
        if re.sub("[-_]", "", name).lower() in _QUERY_NAMES:
            raise auth_failures.in_query(name)


def _single_value(scope: Scope, name: bytes, header: str) -> bytes | None:
    """Return the value of a header, or None; refuse one that is repeated."""
    values = values_of(scope, name)
    if len(values) > 1:
        raise auth_failures.ambiguous(
            f"The header {header} is there {len(values)} times; send it once."
        )
    return values[0].strip(b" \t") if values else None


def _parse_bearer(value: bytes) -> str:
    """Return the key or token of an Authorization header."""
    # the message must not quote the scheme: without "Bearer" the key itself is in its place
    scheme, _, text = value.partition(b" ")
    if value and scheme.lower() != b"bearer":
        raise auth_failures.wrong_scheme(
            "Authorization must be the word Bearer, a space, and a key or token; no other scheme "
            "is accepted."
        )
    return _check_characters(text.strip(b" \t"), "Authorization")


def _check_characters(value: bytes, header: str) -> str:
    """Return a value as text; refuse it unless it is one word of visible ASCII."""
    if not value:
        raise auth_failures.invalid(
            "malformed", f"{header} is there and holds no key. {auth_failures.HOW}"
        )
    if len(value) > MAX_LENGTH:
        raise auth_failures.invalid(
            "malformed", f"{header} is longer than the {MAX_LENGTH} characters that are read."
        )
    if not value.isascii():
        raise auth_failures.invalid(
            "malformed", f"{header} holds bytes that are not ASCII; keys and tokens have none."
        )
    text = value.decode("ascii")
    if not _VISIBLE.fullmatch(text):
        raise auth_failures.invalid(
            "malformed",
            f"{header} holds a space or a control character; keys and tokens are one word.",
        )
    return text
