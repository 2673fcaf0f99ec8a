"""Slots assigned to groups in turn: no group waits for another's whole queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from middleware.auth.fair_slots import FairSlots, QueueFullError


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 10))  # type: ignore[arg-type]


def test_a_free_slot_is_taken_immediately() -> None:
    async def test() -> None:
        slots = FairSlots(2, queue=1)
        assert [slots.claim("a").done() for _ in range(3)] == [True, True, False]

    run(test)


def test_released_slots_go_to_groups_in_turn() -> None:
    async def test() -> None:
        slots = FairSlots(1, queue=10)
        slots.claim("first")
        turns = {name: slots.claim(name[0]) for name in ("a1", "a2", "a3", "b1", "c1", "b2")}
        order: list[str] = []
        for _ in range(6):
            slots.release()
            order += [name for name, turn in turns.items() if turn.done() and name not in order]
        assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]
        slots.release()
        assert slots.claim("a").done()

    run(test)


def test_a_full_queue_refuses_only_its_group() -> None:
    async def test() -> None:
        slots = FairSlots(1, queue=1)
        slots.claim("a")
        slots.claim("a")
        with pytest.raises(QueueFullError):
            slots.claim("a")
        assert not slots.claim("b").done()
        assert len(slots) == 2

    run(test)


def test_a_cancelled_waiter_is_skipped() -> None:
    async def test() -> None:
        slots = FairSlots(1, queue=2)
        slots.claim("a")
        gone, next_one = slots.claim("a"), slots.claim("a")
        gone.cancel()
        slots.release()
        assert next_one.done()

    run(test)
