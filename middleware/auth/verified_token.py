"""Tokens as the identification of callers sees them, without the libraries that verify them.

A server that accepts no tokens does not load those.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SHAPE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """Verified claims of a token.

    Attributes:
        expires_at: seconds since 1970.
    """

    subject: str
    scopes: frozenset[str]
    tier: str
    expires_at: float


class TokenError(Exception):
    """A token is refused.

    Attributes:
        reason: for the audit log, such as `token_expired`.
        detail: for the caller.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def looks_like_token(text: str) -> bool:
    """Return whether a text has the three parts of a token in compact form (RFC 7515)."""
    return _SHAPE.fullmatch(text) is not None
