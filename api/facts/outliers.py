"""Operations on outliers of the data that are served: list and acknowledge them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from starlette.requests import Request

from api.forecasts.nodes import row_of_id
from api.http.acting import actor_of, client_name_of
from api.http.database import Result, as_sentence, call_database
from api.http.operation import operation
from api.http.responses import reference
from api.http.tables import none_for_nan
from api.http.tags import Tag
from api.schemas.outliers import (
    AcknowledgeRequest,
    OutlierAnswer,
    OutlierDay,
    OutliersAnswer,
    OutliersQuery,
)
from errors import Code, Problem
from features.data.screening.outlier import OutlierKind, OutlierSeverity
from features.data.snapshot import Snapshot
from models.serving.forecaster import Forecaster
from storage.errors import UnknownOutlierError
from storage.keys import Scope
from storage.outlier_events import OutlierEventStore, OutlierFilter, StoredOutlierEvent

_CODES = frozenset({Code.MONITORING_UNAVAILABLE})
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_CONTEXT_DAYS, _AFTER_DAYS = 28, 7
"""Days of a node that an answer has, and how many of them may follow the outlier."""
_ACKNOWLEDGED = {"open": False, "acknowledged": True, "all": None}


@operation("GET", "/outliers", Tag.FACTS, error_codes=_CODES)
async def list_outliers(
    forecaster: Forecaster, store: OutlierEventStore, query: OutliersQuery
) -> OutliersAnswer:
    """List what is probably wrong on the newest days of the sales, with the days around it."""
    snapshot = forecaster.release.engine.snapshot
    if query.node is not None:
        row_of_id(snapshot.hierarchy, query.node, pointer="node")
    wanted = OutlierFilter(
        kind=query.kind,
        node=query.node,
        severity=query.severity,
        first=query.first,
        last=query.last,
        acknowledged=_ACKNOWLEDGED[query.state],
    )
    events = await _call(partial(store.list, wanted, query.limit, query.before))
    more = len(events) == query.limit and events[-1].id > 1
    return OutliersAnswer(
        outliers=[_answer_of(snapshot, each) for each in events],
        next=events[-1].id if more else None,
        snapshot=reference(snapshot),
    )


@operation(
    "POST",
    "/outliers/{id}/acknowledge",
    Tag.FACTS,
    scope=Scope.PLAN,
    error_codes=_CODES | {Code.NOT_FOUND},
)
async def acknowledge_outlier(
    forecaster: Forecaster,
    store: OutlierEventStore,
    payload: AcknowledgeRequest,
    request: Request,
) -> OutlierAnswer:
    """Say of an outlier whether it has happened or the values are wrong.

    The first acknowledgement stays. It changes no data and no forecast.
    """
    acknowledge = partial(
        store.acknowledge,
        _number_of(request),
        real=payload.real,
        note=payload.note,
        client=client_name_of(request),
        by=actor_of(request),
    )
    try:
        event = await _call(acknowledge)
    except UnknownOutlierError as error:
        raise Problem(Code.NOT_FOUND, as_sentence(error)) from None
    return _answer_of(forecaster.release.engine.snapshot, event)


async def _call(act: Callable[[], Result]) -> Result:
    return await call_database(act, unavailable=Code.MONITORING_UNAVAILABLE)


def _number_of(request: Request) -> int:
    text = request.path_params["id"]
    if not _NUMBER.fullmatch(text):
        raise Problem(Code.NOT_FOUND, f"There is no outlier {text[:40]!r}; they have numbers.")
    return int(text)


def _answer_of(snapshot: Snapshot, event: StoredOutlierEvent) -> OutlierAnswer:
    return OutlierAnswer.from_attributes(
        event,
        kind=OutlierKind(event.kind),
        severity=OutlierSeverity(event.severity),
        column=event.series_column,
        days=_days_around(snapshot, event),
    )


def _days_around(snapshot: Snapshot, event: StoredOutlierEvent) -> list[OutlierDay]:
    """Return the days of the node around an outlier; none if the snapshot does not have them."""
    row = snapshot.hierarchy.index.get(event.node)
    last = snapshot.index_of(event.last)
    if row is None or not 0 <= last <= snapshot.newest_origin:
        return []
    step = snapshot.step
    end = min(last + step.steps_in(_AFTER_DAYS), snapshot.newest_origin)
    days = range(max(end - step.steps_in(_CONTEXT_DAYS) + 1, 0), end + 1)
    span = slice(days.start, days.stop)
    units = none_for_nan(snapshot.sales[row, span])
    used = none_for_nan(snapshot.history[row, span])
    return [OutlierDay(snapshot.date_at(day), units[at], used[at]) for at, day in enumerate(days)]
