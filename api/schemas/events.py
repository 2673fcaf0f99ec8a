"""Requests and answers of events that leave the service."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field

from api.schemas.answer import Answer
from api.schemas.requests import Request
from storage.letters import Letter, LetterState


class EventsQuery(Request):
    """A filter of events, and the page."""

    state: LetterState = LetterState.DEAD
    """Those that wait to be sent, that were sent in the last days, or that were given up."""
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    """Most events of a page."""
    before: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    """Only events with smaller ids: the `next` of the page before."""


@dataclass(frozen=True, slots=True)
class EventAnswer(Answer):
    """An event on its way to one target."""

    id: int
    """By which it is resent; another one for each target."""
    target: str
    """`webhook` or `kafka`."""
    state: LetterState
    event_id: str
    """The id of the CloudEvent, the same for all targets and attempts."""
    type: str
    """The type of the CloudEvent."""
    subject: str
    time: dt.datetime
    """When it happened."""
    attempts: int
    failure: str
    """Why the last attempt failed; empty if none did."""
    queued_at: dt.datetime
    due_at: dt.datetime | None
    """When it is sent again; null unless it waits."""
    ended_at: dt.datetime | None
    """When it was sent or given up; null while it waits."""

    @classmethod
    def of(cls, letter: Letter) -> Self:
        """Return the answer of a letter."""
        event = letter.event
        return cls.from_attributes(
            letter,
            id=letter.number,
            event_id=event.id,
            type=event.kind,
            subject=event.subject,
            time=event.at,
        )


@dataclass(frozen=True, slots=True)
class EventsAnswer(Answer):
    """A page of events, those with the greatest ids first."""

    events: list[EventAnswer]
    next: int | None
    """`before` of the next page; null on the last."""
