"""Follow ``CURRENT``: verify and load the release that it names, and serve it from then on.

Every worker of every replica looks by itself, once a second: network volumes do not tell of
changes. A release that is refused changes nothing but what is said of the worker's health, and so
does a volume that does not answer: a look that does not come back is waited for, and reported.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio
import anyio.to_thread
import structlog

from artifacts import ArtifactError, Release, Store
from models.faults import told

Loaded = TypeVar("Loaded")

INTERVAL_SECONDS = 1.0
PATIENCE_SECONDS = 10.0
"""After which a look that has not come back is reported."""
LOADING_FACTOR = 30
"""How much longer a look may take that loads a release: verifying, and forecasting all nodes."""
LONGEST_WAIT_SECONDS = 30.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Offer(Generic[Loaded]):
    release: Release
    loaded: Loaded


class ReleaseWatcher(Generic[Loaded]):
    """Holds the release that serves, which is replaced as a whole.

    A request takes `serving` once and keeps it to its end; a release that was replaced lives for as
    long as a request holds it. A release is refused for as long as it cannot be loaded, and tried
    again: at once when ``CURRENT`` is written anew, and otherwise after a while, ever longer,
    because a network volume may show ``CURRENT`` before the files that it names.

    Attributes:
        serving: what serves now; None until there was a release that could be loaded.
        refusal: why what ``CURRENT`` names now does not serve, or None.

    Args:
        load: verifies and loads a release (such as `models.release.load_release`).
        on_swap: called with what serves from now on.
        interval: seconds between two looks.
        patience: seconds after which a look that has not come back is reported.
        longest_wait: seconds between two attempts at the same refused release, at most.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        store: Store,
        load: Callable[[Store, Release], Loaded],
        *,
        on_swap: Callable[[Loaded], object] = lambda loaded: None,
        interval: float = INTERVAL_SECONDS,
        patience: float = PATIENCE_SECONDS,
        longest_wait: float = LONGEST_WAIT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.serving: Loaded | None = None
        self.refusal: str | None = None
        self._release: Release | None = None
        self._store = store
        self._load = load
        self._on_swap = on_swap
        self._interval = interval
        self._patience = patience
        self._longest_wait = longest_wait
        self._clock = clock
        self._loading = False
        self._stalled = False
        self._seen: tuple[int, ...] | None = None
        self._wait = interval
        self._again = -math.inf

    @property
    def degraded(self) -> tuple[str, ...]:
        """Why a worker that serves is not as it should be, for a person."""
        if self.serving is None or self.refusal is None:
            return ()
        return (f"What is to be served was refused, the release before it serves: {self.refusal}",)

    @property
    def stalled(self) -> str:
        """Why newer releases are not followed, for a person; empty where they are."""
        if not self._stalled:
            return ""
        return (
            "The volume of artifacts does not answer: CURRENT could not be read for more than "
            f"{self._patience:g} seconds, so newer releases are not followed."
        )

    def look(self) -> None:
        """Look once, here and now: at the start, before there is an event loop."""
        self._take(self._offered())

    async def watch(self) -> None:
        """Look again and again, until cancelled; files are read and loaded in a thread."""
        while True:
            await anyio.sleep(self._interval)
            try:
                self._take(await self._polled())
            except Exception:  # whatever it was, the next release must be followed
                _log.exception("watch_failed")

    async def _polled(self) -> _Offer[Loaded] | None:
        """Look in a thread; say so if it does not come back, and go on waiting for it.

        Another thread would hang as well, so there is never more than one.
        """
        look = asyncio.ensure_future(
            anyio.to_thread.run_sync(
                self._offered, limiter=anyio.CapacityLimiter(1), abandon_on_cancel=True
            )
        )
        waits = 0
        try:
            while not look.done():
                await asyncio.wait({look}, timeout=self._patience)
                waits += 1
                if not look.done() and waits >= (LOADING_FACTOR if self._loading else 1):
                    self._note_stalled(True)
        finally:
            look.cancel()
        self._note_stalled(False)
        return look.result()

    def _note_stalled(self, stalled: bool) -> None:
        if stalled and not self._stalled:
            _log.error("watch_stalled", seconds=self._patience)
        elif self._stalled and not stalled:
            _log.info("watch_resumed")
        self._stalled = stalled

    def _take(self, offer: _Offer[Loaded] | None) -> None:
        if offer is None:
            return
        self._release, self.serving = offer.release, offer.loaded
        _log.info("serving", bundle=offer.release.bundle, snapshot=offer.release.snapshot)
        self._on_swap(offer.loaded)

    def _offered(self) -> _Offer[Loaded] | None:
        """Load the release that ``CURRENT`` names; None if it serves already, or is rejected."""
        mark = self._mark()
        if mark != self._seen:
            self._wait = self._interval
        elif self._clock() < self._again:
            return None
        self._seen = mark
        try:
            release = self._store.current()
            offer = None if release == self._release else self._loaded(release)
        except Exception as error:  # reading and running what others wrote: anything may happen
            self._refuse(error)
            return None
        self.refusal = None
        self._again = math.inf
        return offer

    def _loaded(self, release: Release) -> _Offer[Loaded]:
        self._loading = True
        try:
            return _Offer(release, self._load(self._store, release))
        finally:
            self._loading = False

    def _mark(self) -> tuple[int, ...] | None:
        """What tells one writing of ``CURRENT`` from another; None where it cannot be read."""
        try:
            # opened, for a network volume may answer from a cache until a file is; a pipe in its
            # place must not be waited for
            handle = os.open(self._store.pointer, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            status = os.fstat(handle)
        finally:
            os.close(handle)
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _refuse(self, error: Exception) -> None:
        self._again = self._clock() + self._wait
        self._wait = min(self._wait * 2, self._longest_wait)
        refusal = told(error, self._store.root)
        if refusal == self.refusal:
            return  # it has been said
        self.refusal = refusal
        unexpected = None if isinstance(error, ArtifactError) else error
        _log.error("release_rejected", reason=refusal, exc_info=unexpected)
