"""Watcher of ``CURRENT``: verifies and loads the release that it names, then serves it.

Every worker of every replica polls once a second, because network volumes do not notify of
changes. A rejected release affects the worker's reported health and nothing else; so does a volume
that does not answer: a poll that does not return is reported and waited for.
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

from models.faults import public_message
from storage.artifacts import ArtifactError, Release, Store

Loaded = TypeVar("Loaded")

INTERVAL_SECONDS = 1.0
STALL_SECONDS = 10.0
"""Duration after which a poll that has not returned is reported."""
LOADING_FACTOR = 30
"""Factor on that duration for a poll that loads a release: verifies it and forecasts all nodes."""
LONGEST_WAIT_SECONDS = 30.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Offer(Generic[Loaded]):
    release: Release
    loaded: Loaded


class ReleaseWatcher(Generic[Loaded]):
    """Holder of the serving release, which is replaced as a whole.

    A request reads `serving` once and uses it to its end; a replaced release lives for as long as a
    request holds it. A release that cannot be loaded is rejected and tried again: at once when
    ``CURRENT`` is written, otherwise with exponential backoff, because a network volume may show
    ``CURRENT`` before the files that it names.

    Attributes:
        serving: the loaded release; None until one could be loaded.
        refusal: why the release that ``CURRENT`` names is not served, or None.

    Args:
        load: verifies and loads a release (such as `models.serving.release.load_release`).
        on_swap: called with each newly activated release.
        interval: seconds between two polls.
        stall_seconds: seconds after which a poll that has not returned is reported.
        longest_wait: maximum of the seconds between two attempts at the same rejected release.
        clock: monotonic clock, in seconds.
    """

    def __init__(
        self,
        store: Store,
        load: Callable[[Store, Release], Loaded],
        *,
        on_swap: Callable[[Loaded], object] = lambda loaded: None,
        interval: float = INTERVAL_SECONDS,
        stall_seconds: float = STALL_SECONDS,
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
        self._stall_seconds = stall_seconds
        self._longest_wait = longest_wait
        self._clock = clock
        self._loading = False
        self._stalled = False
        self._seen: tuple[int, ...] | None = None
        self._wait = interval
        self._retry_at = -math.inf

    @property
    def degraded(self) -> tuple[str, ...]:
        """Reasons why the serving worker is degraded, as sentences for an operator."""
        if self.serving is None or self.refusal is None:
            return ()
        return (f"What is to be served was refused, the release before it serves: {self.refusal}",)

    @property
    def stalled(self) -> str:
        """Reason why newer releases are not followed, for an operator; empty if they are."""
        if not self._stalled:
            return ""
        return (
            "The volume of artifacts does not answer: CURRENT could not be read for more than "
            f"{self._stall_seconds:g} seconds, so newer releases are not followed."
        )

    def look(self) -> None:
        """Poll once, synchronously: at the start, before there is an event loop."""
        self._activate(self._load_offer())

    async def watch(self) -> None:
        """Poll until cancelled; files are read and loaded in a thread."""
        while True:
            await anyio.sleep(self._interval)
            try:
                self._activate(await self._poll_release())
            except Exception:  # any failure: the next release must still be followed
                _log.exception("watch_failed")

    async def _poll_release(self) -> _Offer[Loaded] | None:
        """Poll in a thread; report a stall, and continue to wait for the same thread.

        A second thread would hang as well, so there is never more than one.
        """
        look = asyncio.ensure_future(
            anyio.to_thread.run_sync(
                self._load_offer, limiter=anyio.CapacityLimiter(1), abandon_on_cancel=True
            )
        )
        waits = 0
        try:
            while not look.done():
                await asyncio.wait({look}, timeout=self._stall_seconds)
                waits += 1
                if not look.done() and waits >= (LOADING_FACTOR if self._loading else 1):
                    self._note_stalled(True)
        finally:
            look.cancel()
        self._note_stalled(False)
        return look.result()

    def _note_stalled(self, stalled: bool) -> None:
        if stalled and not self._stalled:
            _log.error("watch_stalled", seconds=self._stall_seconds)
        elif self._stalled and not stalled:
            _log.info("watch_resumed")
        self._stalled = stalled

    def _activate(self, offer: _Offer[Loaded] | None) -> None:
        if offer is None:
            return
        self._release, self.serving = offer.release, offer.loaded
        _log.info("serving", **offer.release.names)
        self._on_swap(offer.loaded)

    def _load_offer(self) -> _Offer[Loaded] | None:
        """Load the release that ``CURRENT`` names; None if it serves already, or is rejected."""
        mark = self._read_mark()
        if mark != self._seen:
            self._wait = self._interval
        elif self._clock() < self._retry_at:
            return None
        self._seen = mark
        try:
            release = self._store.current()
            offer = None if release == self._release else self._load_release(release)
        except Exception as error:  # foreign files are read and run: any error is possible
            self._reject_release(error)
            return None
        self.refusal = None
        self._retry_at = math.inf
        return offer

    def _load_release(self, release: Release) -> _Offer[Loaded]:
        self._loading = True
        try:
            return _Offer(release, self._load(self._store, release))
        finally:
            self._loading = False

    def _read_mark(self) -> tuple[int, ...] | None:
        """Return a mark that differs between writes of ``CURRENT``; None if it cannot be read."""
        try:
            # opened, because a network volume may answer from a cache until a file is opened;
            # O_NONBLOCK, because opening a pipe in its place would block
            handle = os.open(self._store.pointer, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            status = os.fstat(handle)
        finally:
            os.close(handle)
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _reject_release(self, error: Exception) -> None:
        self._retry_at = self._clock() + self._wait
        self._wait = min(self._wait * 2, self._longest_wait)
        refusal = public_message(error, self._store.root)
        if refusal == self.refusal:
            return  # already logged
        self.refusal = refusal
        unexpected = None if isinstance(error, ArtifactError) else error
        _log.error("release_rejected", reason=refusal, exc_info=unexpected)
