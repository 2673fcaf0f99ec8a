"""GET /drift: what the tests of errors and inputs have noticed."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request

from api.http.database import call_database
from api.http.operation import operation
from api.http.tags import Tag
from api.schemas.drift import DriftAnswer, DriftEventAnswer, DriftQuery
from errors import Code, Problem
from storage.drift_events import DriftEvent, DriftHistory, EventFilter

_LARGEST_NUMBER = 2**62
_READING = frozenset({Code.MONITORING_UNAVAILABLE})


@operation("GET", "/drift", Tag.FACTS, error_codes=_READING)
async def list_drift(history: DriftHistory, query: DriftQuery) -> DriftAnswer:
    """List drifts of errors and of inputs that were noticed, the newest first."""
    wanted = EventFilter(
        bundle=query.model_version,
        detector=query.detector,
        severity=query.severity,
        subject=query.subject,
        is_open=None if query.state == "all" else query.state == "open",
        since=query.since,
    )
    events = await call_database(
        partial(history.list, wanted, query.limit, query.before),
        unavailable=Code.MONITORING_UNAVAILABLE,
    )
    more = len(events) == query.limit and events[-1].id > 1
    return DriftAnswer(
        events=[_event_answer(event) for event in events], next=events[-1].id if more else None
    )


@operation("GET", "/drift/{id}", Tag.FACTS, error_codes=_READING | {Code.NOT_FOUND})
async def read_drift(history: DriftHistory, request: Request) -> DriftEventAnswer:
    """Return a drift that was noticed, whether it is open or over."""
    text = request.path_params["id"]
    event = None
    if text.isascii() and text.isdigit() and len(text) < len(str(_LARGEST_NUMBER)):
        event = await call_database(
            partial(history.find, int(text)), unavailable=Code.MONITORING_UNAVAILABLE
        )
    if event is None:
        raise Problem(Code.NOT_FOUND, f"There is no drift {text[:40]!r}.")
    return _event_answer(event)


def _event_answer(event: DriftEvent) -> DriftEventAnswer:
    return DriftEventAnswer.from_attributes(
        event,
        state="open" if event.closed is None else "closed",
        bucket=event.bucket or None,
        model_version=event.bundle,
    )
