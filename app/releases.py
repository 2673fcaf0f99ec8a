"""Recording of what is served in the registry, whoever wrote ``CURRENT``."""

from __future__ import annotations

import anyio.to_thread
import structlog

from lifecycle.registry import Registry
from models.serving.release import LoadedRelease
from models.serving.watcher import ReleaseWatcher
from storage.errors import StorageError

_log = structlog.get_logger(__name__)


class ReleaseRecorder:
    """Recorder of each release that this worker serves.

    A training or a reload writes ``CURRENT`` without a database. What is recorded here, while it is
    served, is what an operator can go back to.
    """

    def __init__(self, watcher: ReleaseWatcher[LoadedRelease], registry: Registry) -> None:
        self._watcher = watcher
        self._registry = registry
        self._recorded: LoadedRelease | None = None

    async def observe(self) -> None:
        """Record the release that is served, if it is another one than before."""
        serving = self._watcher.serving
        if serving is None or serving is self._recorded:
            return
        try:
            await anyio.to_thread.run_sync(self._registry.adopt, abandon_on_cancel=True)
        except StorageError as error:  # tried again; what is served does not depend on it
            _log.warning("release_not_recorded", reason=str(error))
            return
        self._recorded = serving
