"""The sender of events to one target: one of all workers has its lease and sends what is due.

Delivery is at least once: a worker that dies after it has sent an event, and before that is
recorded, leaves the event to be sent again, under the same id. Events are begun in the order in
which they were recorded, but one that fails is overtaken.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from secrets import token_hex
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import structlog

from app.events.target import Failed, Gone, Outcome, Sent, Target
from storage.errors import StorageError
from storage.key_store import utc_now
from storage.letters import Letter
from storage.outbox import MAX_AGE, Outbox
from telemetry import metrics

PASS_SECONDS = 1.0
"""Interval at which a worker looks for events to send."""

REGISTER_SECONDS = 60.0
"""Interval at which a worker records that it is configured with a target."""

TRIM_SECONDS = 600.0
"""Interval at which a worker tidies up the outbox."""

BATCH = 50
"""Most events that a worker sends in one pass."""

FAILURES_IN_A_ROW, PAUSE = 3, timedelta(seconds=30)
"""After so many failures, one after the other, the target is left alone for a while."""

Result = TypeVar("Result")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RetryPlan:
    """Times of attempts.

    Attributes:
        first: seconds until the second attempt; doubled for each further one.
        longest: most seconds between two attempts.
        attempts: number after which an event is given up.
    """

    first: float = 5.0
    longest: float = 3600.0
    attempts: int = 30

    def delay(self, attempts: int, spread: float) -> timedelta:
        """Return the time until the next attempt.

        Args:
            attempts: that failed so far.
            spread: between 0 and 1, drawn: from half of the time to all of it, so that events
                that failed together do not return together.
        """
        seconds = min(self.first * 2.0 ** min(attempts - 1, 30), self.longest)
        return timedelta(seconds=seconds * (0.5 + spread / 2))


RETRY_PLAN = RetryPlan()
"""Within a day: ten attempts in the first hour and a half, then one each hour or oftener."""


class EventSender:
    """The sender of a worker to one target.

    Args:
        plan: times of attempts.
        clock: the time, aware.
        draw: returns a random number between 0 and 1.
    """

    def __init__(
        self,
        target: Target,
        outbox: Outbox,
        *,
        plan: RetryPlan = RETRY_PLAN,
        clock: Callable[[], datetime] = utc_now,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._target = target
        self._outbox = outbox
        self._plan = plan
        self._clock = clock
        self._draw = draw
        self._worker = token_hex(8)
        self._registered_at: datetime | None = None
        self._trimmed_at: datetime | None = None
        self._last_warning = ""

    async def observe(self) -> None:
        """Send what is due, if no other worker does; log once why that is impossible."""
        try:
            await self._call(self._maintain)
            backlog = await self._call(self._outbox.backlog, self._target.name, self._worker)
            oldest = 0.0 if backlog.oldest is None else backlog.oldest.timestamp()
            metrics.EVENTS_WAITING.set(backlog.waiting, self._target.name)
            metrics.EVENTS_OLDEST.set(oldest, self._target.name)
            if backlog.is_due:
                await self._send_due()
        except StorageError as error:  # what waits in the database waits for it
            if str(error) != self._last_warning:
                _log.warning("events_not_sent", target=self._target.name, reason=str(error))
            self._last_warning = str(error)
        else:
            self._last_warning = ""

    async def aclose(self) -> None:
        """Give the lease back, and close the connections of the target."""
        with suppress(StorageError):  # it ends by itself
            await self._call(self._outbox.release, self._target.name, self._worker)
        await self._target.aclose()

    def _maintain(self) -> None:
        """Register the target, report what was lost, and trim the outbox, each at its interval."""
        now, name = self._clock(), self._target.name
        if self._is_past(self._registered_at, REGISTER_SECONDS):
            self._outbox.register(name, self._target.address)
            self._registered_at = now
        if lost := self._outbox.take_lost(name):
            metrics.EVENTS.add_now(name, "lost", number=lost)
            _log.error("events_lost", target=name, events=lost, reason="too many events wait")
        if self._is_past(self._trimmed_at, TRIM_SECONDS):
            trimmed = self._outbox.trim()
            self._trimmed_at = now
            for target, expired in trimmed.expired.items():
                metrics.EVENTS.add_now(target, "dead", number=expired)
                reason = f"they waited for {MAX_AGE.days} days"
                _log.error("events_given_up", target=target, events=expired, reason=reason)
            if trimmed.removed:
                _log.warning("dead_letters_removed", events=trimmed.removed)

    def _is_past(self, at: datetime | None, seconds: float) -> bool:
        return at is None or (self._clock() - at).total_seconds() >= seconds

    async def _send_due(self) -> None:
        letters = await self._call(self._outbox.take_due, self._target.name, self._worker, BATCH)
        failures = 0
        for letter in letters:
            outcome = await self._target.send(letter.event)
            failures = 0 if isinstance(outcome, Sent) else failures + 1
            if not await self._conclude(letter, outcome):
                return
            if failures == FAILURES_IN_A_ROW:
                await self._call(self._outbox.pause, self._target.name, self._clock() + PAUSE)
                return

    async def _conclude(self, letter: Letter, outcome: Outcome) -> bool:
        """Record the outcome of an attempt; return whether this worker may go on."""
        name = self._target.name
        about = {
            "target": name,
            "event_id": letter.event.id,
            "kind": letter.event.kind,
            "attempt": letter.attempts + 1,
        }
        match outcome:
            case Sent():
                leads = await self._insist(self._outbox.mark_sent, letter, self._worker)
                metrics.EVENTS.add_now(name, "sent")
                _log.info("event_sent", **about)
                return leads
            case Gone(reason):
                dead = await self._call(partial(self._outbox.stop, name, failure=reason))
                metrics.EVENTS.add_now(name, "dead", number=dead)
                _log.error("event_target_gone", **about, reason=reason, given_up=dead)
                return False
            case Failed(reason, retry_after):
                metrics.EVENTS.add_now(name, "failed")
                return await self._postpone(letter, reason, retry_after, about)

    async def _postpone(
        self, letter: Letter, reason: str, retry_after: float | None, about: dict[str, Any]
    ) -> bool:
        attempts = letter.attempts + 1
        if attempts >= self._plan.attempts:
            leads = await self._call(
                partial(self._outbox.give_up, letter, self._worker, failure=reason)
            )
            metrics.EVENTS.add_now(self._target.name, "dead")
            _log.error("event_given_up", **about, reason=reason)
            return leads
        wait = self._plan.delay(attempts, self._draw())
        if retry_after is not None:
            asks = timedelta(seconds=min(retry_after, self._plan.longest))
            wait = max(wait, asks)
            await self._call(self._outbox.pause, self._target.name, self._clock() + asks)
        due_at = self._clock() + wait
        _log.warning("event_not_sent", **about, reason=reason, retry_at=due_at.isoformat())
        return await self._call(
            partial(self._outbox.postpone, letter, self._worker, failure=reason, due_at=due_at)
        )

    async def _insist(self, act: Callable[..., Result], *arguments: Any) -> Result:
        """Call the outbox, a few times if it fails: an event that was sent would be sent again."""
        for wait in (0.2, 1.0, 5.0):
            try:
                return await self._call(act, *arguments)
            except StorageError:
                await anyio.sleep(wait)
        return await self._call(act, *arguments)

    async def _call(self, act: Callable[..., Result], *arguments: Any) -> Result:
        return await anyio.to_thread.run_sync(act, *arguments, abandon_on_cancel=True)
