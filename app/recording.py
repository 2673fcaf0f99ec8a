"""Record of the requests that computed something of their own, for feedback and retraining.

*Invariants*

- `offer` never waits: it adds to a buffer that is bounded in requests and in bytes. A request that
  does not fit is dropped and counted, and an outage is logged by one line when it begins and one
  when it is over.
- What is in the buffer counts towards its bounds until the database has it.
- The buffer holds bytes and rows of features, no objects of a request: their size is known.
"""

from __future__ import annotations

import gzip
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import anyio
import anyio.to_thread
import numpy as np
import orjson
import structlog
from numpy.typing import NDArray
from pydantic import BaseModel

from api.http.answered import AnsweredRequest
from lifecycle.monitoring.recorded_values import RECORDED
from middleware.context import context_of
from middleware.headers import JSON
from storage.errors import StorageError
from storage.feedback import ERASED_TOGETHER, FeedbackStore, RecordedPrediction

MOST_REQUESTS = 250
"""Requests in the buffer; further ones are dropped. It is written once a second, so this bounds
what recording costs, too: some hundredths of a core, however many rows a worker forecasts."""

MOST_BYTES = 8 * 2**20
"""Bytes of all requests in the buffer, with their answers."""

LARGEST = 128 * 2**10
"""Bytes of the largest request that is recorded, with its answer."""

ERASURE_SECONDS = 600.0
"""Interval at which requests that are past their time are erased."""

_FIRST_ERASURE_SECONDS = 60.0  # the database may have to be migrated first
_MOST_ERASURES = 20
_IN_ROWS = {"features", "inputs"}
"""Members of a request that its rows repeat."""

_log = structlog.get_logger(__name__)


class _Waiting(NamedTuple):
    """A request that waits to be written."""

    request_id: str
    caller: str
    operation: str
    bundle: str
    snapshot: str
    at: datetime
    seconds: float
    payload: bytes
    rows: NDArray[np.float32] | None
    body: bytes
    encoded: bool

    @property
    def bytes(self) -> int:
        rows = 0 if self.rows is None else self.rows.nbytes
        return len(self.payload) + rows + len(self.body)


class PredictionRecorder:
    """Buffer of requests to record. Call `flush` every second, and `close` at the end.

    Args:
        share: of the requests that are recorded, from 0 to 1.
        days: after which a recorded request is erased.
        count_recorded, count_dropped: called with a number of requests, and with the reason.
        chance: returns a number from 0 to 1.
        clock: monotonic clock, in seconds.
    """

    def __init__(
        self,
        store: FeedbackStore,
        *,
        share: float,
        days: int,
        count_recorded: Callable[[int], object],
        count_dropped: Callable[[str, int], object],
        chance: Callable[[], float] = random.random,  # sampling, no secret
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._share = share
        self._days = days
        self._count_recorded = count_recorded
        self._count_dropped = count_dropped
        self._chance = chance
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._lost_in_outage: int | None = None
        self._dropped_since_flush = False
        self._thread = anyio.CapacityLimiter(1)
        self._erase_at = clock() + _FIRST_ERASURE_SECONDS

    def offer(self, answered: AnsweredRequest) -> None:
        """Add a request to the buffer, if it computed something of its own and is chosen."""
        if not answered.computed or not self._share:
            return
        if answered.operation.name not in RECORDED or answered.forecaster is None:
            return
        if self._share < 1 and self._chance() >= self._share:
            return
        if len(self._waiting) >= MOST_REQUESTS:
            self._drop_from_full()
            return
        response = answered.response
        if not response.headers.get("content-type", "").startswith(JSON):
            self._count_dropped("table", 1)
            return
        waiting = _waiting_of(answered)
        if waiting.bytes > LARGEST:
            self._count_dropped("large", 1)
        elif self._bytes + waiting.bytes > MOST_BYTES:
            self._drop_from_full()
        else:
            self._waiting.append(waiting)
            self._bytes += waiting.bytes

    async def flush(self, *, abandon: bool = False) -> None:
        """Write the buffer to the database; what cannot be written stays in it.

        At an interval, requests that are past their time are erased.

        Args:
            abandon: whether a write that takes too long is left behind when it is cancelled.
        """
        try:
            await self._write_waiting(abandon=abandon)
            if self._clock() >= self._erase_at:
                self._erase_at = self._clock() + ERASURE_SECONDS
                await anyio.to_thread.run_sync(self._erase_expired, limiter=self._thread)
        except StorageError as error:
            self._note_outage(str(error))
        else:
            if not self._dropped_since_flush:  # else it is full again: the outage goes on
                self._note_recovery()
        self._dropped_since_flush = False

    async def close(self, seconds: float) -> None:
        """Write what is in the buffer, in a bounded time; count what is lost.

        The requests in a write that is left behind count as lost, though it may still succeed.
        """
        with anyio.move_on_after(seconds, shield=True):
            await self.flush(abandon=True)
        if self._waiting:
            self._count_dropped("shutdown", len(self._waiting))
            _log.warning("feedback_lost", requests=len(self._waiting))
            self._waiting.clear()

    async def _write_waiting(self, *, abandon: bool) -> None:
        batch = list(self._waiting)
        if not batch:
            return
        write = partial(self._write, batch)
        await anyio.to_thread.run_sync(write, limiter=self._thread, abandon_on_cancel=abandon)
        for written in batch:
            self._waiting.popleft()
            self._bytes -= written.bytes
        self._count_recorded(len(batch))

    def _write(self, batch: Sequence[_Waiting]) -> None:
        self._store.add([_record_of(each) for each in batch])

    def _erase_expired(self) -> None:
        for _ in range(_MOST_ERASURES):
            if self._store.erase_expired(self._days) < ERASED_TOGETHER:
                return

    def _drop_from_full(self) -> None:
        self._count_dropped("full", 1)
        self._dropped_since_flush = True
        self._note_outage("the buffer is full", lost=1)

    def _note_outage(self, reason: str, *, lost: int = 0) -> None:
        if self._lost_in_outage is None:  # once a second would hide everything else
            self._lost_in_outage = 0
            _log.warning("feedback_not_recorded", reason=reason, waiting=len(self._waiting))
        self._lost_in_outage += lost

    def _note_recovery(self) -> None:
        if self._lost_in_outage is not None:
            _log.warning("feedback_recorded_again", lost=self._lost_in_outage)
            self._lost_in_outage = None


def _waiting_of(answered: AnsweredRequest) -> _Waiting:
    """Return what is recorded of a request, without the parts that change or are large."""
    context = context_of(answered.request.scope)
    engine = answered.forecaster.release.engine  # type: ignore[union-attr]  # checked before
    rows = context.rows
    return _Waiting(
        request_id=context.request_id,
        caller=context.caller.subject if context.caller else "",
        operation=answered.operation.name,
        bundle=engine.bundle.name,
        snapshot=engine.snapshot.name,
        at=datetime.now(UTC),
        seconds=perf_counter() - context.began,
        payload=_canonical(answered, without=None if rows is None else _IN_ROWS),
        rows=rows,
        body=bytes(answered.response.body),
        encoded="content-encoding" in answered.response.headers,
    )


def _canonical(answered: AnsweredRequest, *, without: set[str] | None) -> bytes:
    """Return the validated request as JSON, defaults included."""
    (model,) = answered.payload.values()
    assert isinstance(model, BaseModel)
    return model.model_dump_json(by_alias=True, exclude=without, warnings=False).encode()


def _record_of(waiting: _Waiting) -> RecordedPrediction:
    inputs: dict[str, Any] = {"request": orjson.Fragment(waiting.payload)}
    if waiting.rows is not None:
        inputs["rows"] = np.ascontiguousarray(waiting.rows)
    body = gzip.decompress(waiting.body) if waiting.encoded else waiting.body
    return RecordedPrediction(
        request_id=waiting.request_id,
        caller=waiting.caller,
        operation=waiting.operation,
        bundle=waiting.bundle,
        snapshot=waiting.snapshot,
        at=waiting.at,
        seconds=waiting.seconds,
        inputs=orjson.dumps(inputs, option=orjson.OPT_SERIALIZE_NUMPY).decode(),
        answer=body.decode(),
    )
