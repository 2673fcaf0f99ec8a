"""Events on their way to a target, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

Document = dict[str, Any]


class LetterState(StrEnum):
    """State of an event on its way to one target."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        id: the same whenever the event is sent.
        at: time at which it happened, aware.
        data: facts about it; their form depends on the kind.
    """

    id: str
    kind: str
    subject: str
    at: datetime
    data: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An event on its way to one target.

    Attributes:
        number: of the letter, for an operator.
        attempts: that failed, or succeeded.
        failure: of the last attempt; empty if none failed.
        queued_at: since when it waits; a letter that is resent waits anew.
        due_at: time of the next attempt; None unless it waits.
        ended_at: when it was sent or given up; None while it waits.
    """

    number: int
    target: str
    event: Event
    state: LetterState
    attempts: int
    failure: str
    queued_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
