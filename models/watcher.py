"""Follows ``CURRENT``: what it names is verified, loaded and served, in place of the pair before.

Every worker of every replica looks by itself, once a second: network volumes do not tell of
changes. A pair that is refused changes nothing but what is said of the worker's health.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio
import anyio.to_thread
import structlog

from artifacts import ArtifactError, Pair, Store
from models.faults import told

Loaded = TypeVar("Loaded")

INTERVAL_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Offer(Generic[Loaded]):
    pair: Pair
    loaded: Loaded


class PairWatcher(Generic[Loaded]):
    """Holds the pair that serves, which is replaced as a whole.

    A request takes `serving` once and keeps it to its end; a pair that was replaced lives for as
    long as a request holds it. A pair is refused for as long as it cannot be loaded, and tried
    again: at once when ``CURRENT`` is written anew, and otherwise after a while, ever longer,
    because a network volume may show ``CURRENT`` before the files that it names.

    Attributes:
        serving: what serves now; None until there was a pair that could be loaded.
        refusal: why what ``CURRENT`` names now does not serve, or None.

    Args:
        load: verifies and loads a pair (such as `models.pair.load_serving_pair`).
        on_swap: called with what serves from now on.
        interval: seconds between two looks.
        longest_wait: seconds between two attempts at the same refused pair, at most.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        store: Store,
        load: Callable[[Store, Pair], Loaded],
        *,
        on_swap: Callable[[Loaded], object] = lambda loaded: None,
        interval: float = INTERVAL_SECONDS,
        longest_wait: float = LONGEST_WAIT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.serving: Loaded | None = None
        self.refusal: str | None = None
        self._pair: Pair | None = None
        self._store = store
        self._load = load
        self._on_swap = on_swap
        self._interval = interval
        self._longest_wait = longest_wait
        self._clock = clock
        self._seen: tuple[int, ...] | None = None
        self._wait = interval
        self._again = -math.inf

    @property
    def degraded(self) -> tuple[str, ...]:
        """Why a worker that serves is not as it should be, for a person."""
        if self.serving is None or self.refusal is None:
            return ()
        return (f"What is to be served was refused, the pair before it serves: {self.refusal}",)

    def look(self) -> None:
        """Look once, here and now: at the start, before there is an event loop."""
        self._take(self._offered())

    async def watch(self) -> None:
        """Look again and again, until cancelled; files are read and loaded in a thread."""
        limiter = anyio.CapacityLimiter(1)
        while True:
            await anyio.sleep(self._interval)
            try:
                self._take(
                    await anyio.to_thread.run_sync(
                        self._offered, limiter=limiter, abandon_on_cancel=True
                    )
                )
            except Exception:  # whatever it was, the next pair must be followed
                _log.exception("watch_failed")

    def _take(self, offer: _Offer[Loaded] | None) -> None:
        if offer is None:
            return
        self._pair, self.serving = offer.pair, offer.loaded
        _log.info("serving", bundle=offer.pair.bundle, snapshot=offer.pair.snapshot)
        self._on_swap(offer.loaded)

    def _offered(self) -> _Offer[Loaded] | None:
        """What is to replace the serving pair, loaded; None where nothing is, or it is refused."""
        mark = self._mark()
        if mark != self._seen:
            self._wait = self._interval
        elif self._clock() < self._again:
            return None
        self._seen = mark
        try:
            pair = self._store.current()
            offer = None if pair == self._pair else _Offer(pair, self._load(self._store, pair))
        except Exception as error:  # reading and running what others wrote: anything may happen
            self._refuse(error)
            return None
        self.refusal = None
        self._again = math.inf
        return offer

    def _mark(self) -> tuple[int, ...] | None:
        """What tells one writing of ``CURRENT`` from another; None where it cannot be read."""
        try:
            # opened, for a network volume may answer from a cache until a file is
            with self._store.pointer.open("rb") as file:
                status = os.fstat(file.fileno())
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _refuse(self, error: Exception) -> None:
        self._again = self._clock() + self._wait
        self._wait = min(self._wait * 2, self._longest_wait)
        refusal = told(error, self._store.root)
        if refusal == self.refusal:
            return  # it has been said
        self.refusal = refusal
        unexpected = None if isinstance(error, ArtifactError) else error
        _log.error("pair_refused", reason=refusal, exc_info=unexpected)
