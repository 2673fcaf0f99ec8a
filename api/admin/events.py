"""Events that leave the service: which wait, were sent or given up, and sending one again."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request

from api.admin.administration import admin_operation
from api.http.acting import actor_of
from api.http.database import as_sentence, call_database
from api.schemas.events import EventAnswer, EventsAnswer, EventsQuery
from errors import Code, Problem
from storage.errors import AbsentTargetError, UnknownLetterError
from storage.outbox import Outbox

_READING = frozenset({Code.MONITORING_UNAVAILABLE})
_LARGEST = 2**63 - 1


@admin_operation("GET", "/admin/events", error_codes=_READING)
async def list_events(outbox: Outbox, query: EventsQuery) -> EventsAnswer:
    """List events that leave the service: those that were given up, if no `state` is named."""
    read = partial(outbox.letters, query.state, query.limit, query.before)
    letters = await call_database(read, unavailable=Code.MONITORING_UNAVAILABLE)
    more = len(letters) == query.limit and letters[-1].number > 1
    return EventsAnswer(
        [EventAnswer.of(letter) for letter in letters], letters[-1].number if more else None
    )


@admin_operation(
    "POST",
    "/admin/events/{id}/resend",
    error_codes=_READING | {Code.NOT_FOUND, Code.CONFLICT},
)
async def resend_event(outbox: Outbox, request: Request) -> EventAnswer:
    """Send an event again that was given up, under the same id of the CloudEvent.

    If its target had answered that it is gone, that is taken back.
    """
    name = request.path_params["id"]
    number = int(name) if name.isascii() and name.isdecimal() and len(name) < 20 else 0
    if not 0 < number <= _LARGEST:
        raise _unknown_event(name)
    resend = partial(outbox.resend, number, by=actor_of(request))
    try:
        letter = await call_database(resend, unavailable=Code.MONITORING_UNAVAILABLE)
    except UnknownLetterError:
        raise _unknown_event(name) from None
    except AbsentTargetError as error:
        raise Problem(Code.CONFLICT, as_sentence(error)) from None
    return EventAnswer.of(letter)


def _unknown_event(name: str) -> Problem:
    return Problem(Code.NOT_FOUND, f"There is no event {name[:40]!r} that was given up.")
