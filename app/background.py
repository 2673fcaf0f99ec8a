"""Background tasks of a worker."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

import anyio
import anyio.to_thread
import structlog
from sqlalchemy import Engine

from app.memory import freeze_long_lived
from storage.errors import StorageError
from storage.migrations import upgrade

_log = structlog.get_logger(__name__)


async def run_every(seconds: float, act: Callable[[], Awaitable[object]]) -> None:
    """Call a function at an interval until cancelled; its failures are logged."""
    while True:
        await anyio.sleep(seconds)
        try:
            await act()
        except Exception:  # a failure must not end the interval
            _log.exception("background_failed", task=getattr(act, "__qualname__", str(act)))


async def freeze_loaded_modules(*, interval: float = 1.0) -> None:
    """Exclude the objects of loaded modules from full garbage collections.

    Modules that are loaded at first use are included: their number is checked at an interval.

    A full collection stops the worker while it walks every object that is not frozen.
    """
    frozen = 0
    while True:
        if len(sys.modules) != frozen:
            frozen = len(sys.modules)
            freeze_long_lived(full=False)  # a full collection is the pause to avoid
        await anyio.sleep(interval)


async def upgrade_database(
    database: Engine, note: Callable[[bool], object], *, retry: float = 5.0
) -> None:
    """Migrate the database to the newest schema, retrying while it cannot be reached.

    Args:
        note: called after every attempt with whether it succeeded.
    """
    while True:
        try:
            await anyio.to_thread.run_sync(upgrade, database, abandon_on_cancel=True)
        except StorageError as error:
            note(False)
            _log.error("database_not_ready", reason=str(error), retry_seconds=retry)
            await anyio.sleep(retry)
        else:
            note(True)
            return
