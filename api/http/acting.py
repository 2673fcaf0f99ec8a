"""The actor of a request, and the key by which a repeated request is recognized."""

from __future__ import annotations

import hashlib

from starlette.requests import Request

from errors import Code, Problem
from middleware.context import context_of
from storage.audit import Actor
from storage.idempotency import IdempotencyKey

IDEMPOTENCY = "Idempotency-Key"
"""Header of draft-ietf-httpapi-idempotency-key-header."""


def actor_of(request: Request) -> Actor:
    """Return the principal of a request, as the audit log records it."""
    context = context_of(request.scope)
    caller = context.caller
    name, address = (caller.subject, caller.address) if caller else ("unknown", None)
    return Actor(name, address, context.request_id)


def client_name_of(request: Request) -> str:
    """Return the caller's name for people."""
    caller = context_of(request.scope).caller
    return caller.client if caller else "unknown"


def idempotency_key_of(request: Request, fingerprint: str) -> IdempotencyKey | None:
    """Return the key by which a repeated request of this caller is recognized, if it sent one.

    Raises:
        Problem: INVALID_REQUEST: the header is empty, or longer than 255 characters.
    """
    value = request.headers.get(IDEMPOTENCY)
    if value is None:
        return None
    if not 1 <= len(value.strip()) <= 255:
        raise Problem.in_field(
            Code.INVALID_REQUEST, IDEMPOTENCY, "It is 1 to 255 characters, such as a UUID"
        )
    scoped = f"{actor_of(request).name}\n{value.strip()}"  # callers do not share keys
    return IdempotencyKey(
        *(hashlib.sha256(text.encode()).hexdigest() for text in (scoped, fingerprint))
    )
