"""Calls of the database from handlers: in threads, a few at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import structlog

from errors import Code, Problem
from storage.errors import IdempotencyKeyReusedError, StorageError, StorageFullError

Result = TypeVar("Result")

_log = structlog.get_logger(__name__)
threads = anyio.CapacityLimiter(4)
"""Of calls that wait for the database or a volume."""


async def call_database(act: Callable[..., Result], *arguments: Any, unavailable: Code) -> Result:
    """Call a store in a thread and return its result.

    Args:
        unavailable: code of the problem of a database that fails.

    Raises:
        Problem: of that code; CONFLICT for an Idempotency-Key that was used for another request.
    """
    try:
        return await anyio.to_thread.run_sync(act, *arguments, limiter=threads)
    except StorageError as error:
        _log.error("database_failed", reason=str(error))
        full = isinstance(error, StorageFullError)
        raise Problem(
            unavailable,
            "The database cannot be written: its disk is full. Free space there, then try again."
            if full
            else "The database cannot be reached; try again shortly.",
            headers={"Retry-After": "5"},
        ) from error
    except IdempotencyKeyReusedError as error:
        raise Problem(Code.CONFLICT, as_sentence(error)) from None


def as_sentence(error: Exception) -> str:
    """Return the message of an error as a sentence."""
    text = str(error)
    return f"{text[0].upper()}{text[1:]}."
