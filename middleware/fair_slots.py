"""A few slots that groups of callers get by turns.

One long queue would let whoever fills it delay everybody else. Here each group (such as the
requests of one address) has a queue of its own, the queues are served in rotation, and a group
whose queue is full is refused while the others are not.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque


class QueueFullError(Exception):
    """The group has as many waiting as it may have."""


class FairSlots:
    """Limit how many go on at a time, fairly between groups.

    Invariants:
        At most `slots` are taken.
        A group that comes last waits for one turn of every other waiting group, however many
        each of them has waiting.

    Args:
        slots: taken at a time.
        queue: waiting in one group.
    """

    def __init__(self, slots: int, queue: int) -> None:
        self._free = slots
        self._queue = queue
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def claim(self, group: str) -> asyncio.Future[None]:
        """Return a future that is done once a slot is taken, which `release` must give back.

        Who cancels the future before leaves the queue, and has nothing to give back.

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
        """Give a slot back: to the next group, or to nobody."""
        while self._waiting:
            group, queue = self._waiting.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._waiting[group] = queue  # behind the others
            if not turn.done():  # who was cancelled has gone
                turn.set_result(None)
                return
        self._free += 1

    def __len__(self) -> int:
        """Return how many are waiting, those who have gone since included."""
        return sum(map(len, self._waiting.values()))
