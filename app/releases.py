"""Recording of what is served in the registry, whoever wrote ``CURRENT``."""

from __future__ import annotations

import anyio.to_thread
import structlog

from errors import InputError
from lifecycle.publication import fetch_if_changed
from lifecycle.registry import Registry
from models.faults import public_message
from models.serving.release import LoadedRelease
from models.serving.watcher import ReleaseWatcher
from storage.artifacts import ArtifactError, Store
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


class ReleaseFollower:
    """Follower of the release that ``CURRENT`` at a URL names.

    It writes the store's ``CURRENT``, which the watchers of all workers follow. A release that
    cannot be fetched changes nothing.
    """

    def __init__(self, url: str, store: Store) -> None:
        self._url = url
        self._store = store
        self._reason = ""

    async def poll(self) -> None:
        """Fetch the release that is named there, if it is another one; log why it cannot be."""
        try:
            release = await anyio.to_thread.run_sync(
                fetch_if_changed, self._url, self._store, abandon_on_cancel=True
            )
        except (InputError, ArtifactError) as error:
            reason = public_message(error, self._store.root)
            if reason != self._reason:  # else it was logged
                _log.warning("release_not_fetched", url=self._url, reason=reason)
            self._reason = reason
            return
        self._reason = ""
        if release is not None:
            _log.info("release_fetched", bundle=release.bundle, snapshot=release.snapshot)
