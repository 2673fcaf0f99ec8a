"""Signed links to the files of exports.

A link is the address of the file with the time up to which it is valid and a signature of both,
made with a secret of the export's own. So a link reads one file for a while, and needs no key: it
can be given to a tool that has none. It ends early with the export. The secret is in the database
alone, which all servers share, so each of them can check what another has signed.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from errors import Code, Problem
from storage.exports import StoredExport

LINK_SECONDS = 3600
"""Time for which a link is valid."""

_NO_SECRET = "0" * 64


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a file, and when it expires."""

    address: str
    expires_at: datetime


def expiry_of_link(export: StoredExport, now: datetime) -> datetime:
    """Return when a link that is made now expires: at the latest with the export."""
    return min(now + timedelta(seconds=LINK_SECONDS), export.expires_at).replace(microsecond=0)


def sign_link(export: StoredExport, now: datetime) -> Link:
    """Return a link to the file of an export, relative to the server's address."""
    expires_at = expiry_of_link(export, now)
    expires = int(expires_at.timestamp())
    signature = _sign(export.secret, export.id, expires)
    address = f"/exports/{export.id}/file?expires={expires}&signature={signature}"
    return Link(address, expires_at)


def check_link(
    export: StoredExport | None, name: str, expires: int, signature: str, now: datetime
) -> StoredExport:
    """Return the export whose file a link may read.

    A signature is compared in constant time, and for an unknown id, too, so that neither time nor
    message tell which ids there are.

    Raises:
        Problem: LINK_INVALID; GONE: the export has expired, or was deleted.
    """
    secret = _NO_SECRET if export is None else export.secret
    is_signed = hmac.compare_digest(_sign(secret, name, expires), signature)
    if export is None or not is_signed:
        raise Problem(
            Code.LINK_INVALID,
            "The link was not made by this service, or was altered; GET /exports/{id} has a link.",
        )
    if export.expires_at <= now:
        raise Problem(Code.GONE, f"The export has ended on {_text_of(export.expires_at)}.")
    if expires <= now.timestamp():
        raise Problem(
            Code.LINK_INVALID,
            f"The link was valid up to {_text_of(datetime.fromtimestamp(expires, UTC))}; "
            f"GET /exports/{name} has a new one.",
        )
    return export


def _sign(secret: str, name: str, expires: int) -> str:
    return hmac.new(secret.encode(), f"{name}\n{expires}".encode(), hashlib.sha256).hexdigest()


def _text_of(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
