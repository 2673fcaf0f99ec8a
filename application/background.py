"""What goes on beside requests, for as long as a worker lives."""

from __future__ import annotations

import gc
import sys
from collections.abc import Awaitable, Callable

import anyio
import anyio.to_thread
import structlog
from sqlalchemy import Engine

from storage.errors import StorageError
from storage.migrations import upgrade

_log = structlog.get_logger(__name__)


async def every(seconds: float, act: Callable[[], Awaitable[object]]) -> None:
    """Do something again and again, until cancelled; its failures are logged."""
    while True:
        await anyio.sleep(seconds)
        try:
            await act()
        except Exception:  # the next time must come
            _log.exception("background_failed", task=getattr(act, "__qualname__", str(act)))


async def freeze_loaded_modules(*, interval: float = 1.0) -> None:
    """Keep what modules hold out of full collections, for those that are loaded at first use too.

    A full collection stops the worker while it walks every object that is not frozen. LightGBM,
    which the first explanation loads, brings pandas: 30,000 objects and 40 ms for each from then
    on.
    """
    frozen = 0
    while True:
        if len(sys.modules) != frozen:
            frozen = len(sys.modules)
            gc.collect(1)  # not what is old: that would be the very pause
            gc.freeze()
        await anyio.sleep(interval)


async def migrated(database: Engine, note: Callable[[bool], object], *, retry: float = 5.0) -> None:
    """Bring the database up to date; one that is away now is brought up to date when it is back.

    Args:
        note: told after every attempt whether it is.
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
