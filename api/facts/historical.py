"""POST /historical: past sales."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from api.forecasts.day_table import DATE, NODE, UNITS, key_columns, key_of_node, keys_of_levels
from api.forecasts.nodes import requested_row
from api.http.operation import operation
from api.http.representation import encode_table, preferred_form, respond
from api.http.responses import body_of, reference
from api.http.tables import ColumnKind, Table, none_for_nan, retailer_columns
from api.http.tags import Tag
from api.schemas.facts import HistoricalAnswer, PastDay
from api.schemas.requests import HistoricalRequest
from errors import Code, FieldError, Problem
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.specification import Covariate
from middleware.headers import JSON
from models.serving.forecaster import Forecaster

PROMOTIONS = "onpromotion"
"""Covariate that has a field of its own, for clients of the replaced system."""
_DEFAULT_DAYS = 90
"""Days of an answer where the request names no first day."""


@operation("POST", "/historical", Tag.FACTS, tables=True, answer=HistoricalAnswer)
async def historical(
    forecaster: Forecaster, payload: HistoricalRequest, request: Request
) -> Response:
    """Return the sales of a node, day by day, a page at a time.

    A table has the first day of the next page in the header `X-Next`, if there is one.
    """
    engine = forecaster.release.engine
    row = requested_row(engine.snapshot, payload)
    answer = _answer_of(engine.snapshot, row, payload)
    form = preferred_form(request, engine)
    if form.media_type == JSON:
        return respond(form, body_of(answer))
    table = _table_of(engine.snapshot.hierarchy, row, answer)
    rest = [] if answer.next is None else [(b"x-next", answer.next.isoformat().encode())]
    return respond(form, await encode_table(form.media_type, table), *rest)


def _answer_of(snapshot: Snapshot, row: int, payload: HistoricalRequest) -> HistoricalAnswer:
    first, last = _requested_span(snapshot, payload)
    page = np.arange(first, min(first + payload.limit, last + 1))
    hierarchy = snapshot.hierarchy
    bottoms = hierarchy.summing[[row]].indices
    covariates = {
        covariate.name: none_for_nan(_value_of_node(snapshot, covariate, bottoms, page))
        for covariate in snapshot.specification.known_ahead
    }
    unknown = [None] * len(page)
    node = hierarchy.nodes[row]
    return HistoricalAnswer(
        node=node.id,
        level=node.level,
        days=[
            PastDay(
                snapshot.date_at(day),
                units,
                covariates.get(PROMOTIONS, unknown)[at],
                {name: values[at] for name, values in covariates.items()},
            )
            for at, (day, units) in enumerate(
                zip(page.tolist(), none_for_nan(snapshot.sales[row, page]), strict=True)
            )
        ],
        first_sale=first_sale_of(snapshot, row),
        next=snapshot.date_at(int(page[-1]) + 1) if page[-1] < last else None,
        snapshot=reference(snapshot),
    )


def first_sale_of(snapshot: Snapshot, row: int) -> date | None:
    """Return a node's first day with sales; None where there is none."""
    first = int(snapshot.first_sale[row])
    return snapshot.date_at(first) if first < snapshot.n_days else None


def _table_of(hierarchy: Hierarchy, row: int, answer: HistoricalAnswer) -> Table:
    keys = keys_of_levels(hierarchy)
    names = [*answer.days[0].covariates]  # there is a day: a span without any is refused
    columns = (*NODE, *key_columns(keys), DATE, UNITS)
    taken = {column.name for column in columns}
    covariates = retailer_columns(names, ColumnKind.NUMBER, taken=taken, member="covariates")
    key = key_of_node(hierarchy, row, keys)
    rows = [
        [answer.node, answer.level, *key, day.date, day.units, *day.covariates.values()]
        for day in answer.days
    ]
    facts = {"first_sale": answer.first_sale, "next": answer.next, "snapshot": answer.snapshot}
    return Table((*columns, *covariates), rows, facts)


def _value_of_node(
    snapshot: Snapshot, covariate: Covariate, bottoms: NDArray[np.intp], days: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return a covariate of a node on some days: the sum or the mean of its series'."""
    values = snapshot.covariates[covariate.name][np.ix_(bottoms, days)].astype(np.float64)
    return np.asarray(values.sum(axis=0) if covariate.kind.adds_up else values.mean(axis=0))


def _requested_span(snapshot: Snapshot, payload: HistoricalRequest) -> tuple[int, int]:
    """Return the first and last requested day, as indices on the date axis.

    Raises:
        Problem: INVALID_DATE: one of them is not in the data, or the first is after the last.
    """
    newest = snapshot.newest_origin
    last = newest if payload.last is None else snapshot.index_of(payload.last)
    first = (
        max(last - _DEFAULT_DAYS + 1, 0)
        if payload.first is None
        else snapshot.index_of(payload.first)
    )
    if 0 <= first <= last <= newest:
        return first, last
    at = "/from" if payload.first is not None and not 0 <= first <= newest else "/to"
    detail = (
        f"Sales are known from {snapshot.facts.first_date} to {snapshot.facts.origin}; ask for "
        "days among them, the first no later than the last."
    )
    raise Problem(Code.INVALID_DATE, detail, errors=[FieldError(at, detail)])
