"""Concurrency slots that are shared fairly between groups of callers (round-robin).

With one common queue, a group that fills it would delay all others. Here each group (such as the
requests of one address) has its own queue, the queues are served in rotation, and only the group
whose queue is full is refused.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque


class QueueFullError(Exception):
    """The queue of the group is full."""


class FairSlots:
    """Semaphore whose waiters are served round-robin by group.

    Invariants:
        At most `slots` are taken.
        A new group waits for one turn of every other waiting group, whatever the lengths of
        their queues.

    Args:
        slots: maximum taken at a time.
        queue: maximum waiting in one group.
    """

    def __init__(self, slots: int, queue: int) -> None:
        self._free = slots
        self._queue = queue
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def claim(self, group: str) -> asyncio.Future[None]:
        """Return a future that is done when a slot is taken; `release` must follow then.

        Cancelling the future before leaves the queue; `release` must not follow then.

        Raises:
            QueueFullError: too many of the group are waiting.
        """
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._free:
            self._free -= 1
            turn.set_result(None)
            return turn
        queue = self._waiting.setdefault(group, deque())
        if len(queue) >= self._queue:
            raise QueueFullError
        queue.append(turn)
        return turn

    def release(self) -> None:
        """Pass a slot on to the next waiting group, or free it."""
        while self._waiting:
            group, queue = self._waiting.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._waiting[group] = queue  # behind the others
            if not turn.done():  # done already: it was cancelled, so try the next
                turn.set_result(None)
                return
        self._free += 1

    def __len__(self) -> int:
        """Return the number of waiters, including those cancelled since."""
        return sum(map(len, self._waiting.values()))
