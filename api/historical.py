"""POST /historical: what was sold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer, reference
from api.nodes import node_row
from api.parsing import read_json
from api.schemas.facts import HistoricalAnswer, PastDay
from api.schemas.requests import HistoricalRequest
from errors import Code, FieldError, Problem
from features.snapshot import Snapshot
from models.forecaster import Forecaster

_DAYS = 90
"""Days that are told where no first one is asked for."""


async def historical(forecaster: Forecaster, request: Request) -> Response:
    """Sales of a node, day by day, a page at a time."""
    asked = await read_json(request, HistoricalRequest)
    snapshot = forecaster.release.engine.snapshot
    row = node_row(snapshot, asked.store_nbr, asked.family)
    first, last = _span(snapshot, asked)
    page = np.arange(first, min(first + asked.limit, last + 1))
    hierarchy = snapshot.hierarchy
    bottoms = hierarchy.summing[[row]].indices
    items = snapshot.onpromotion[np.ix_(bottoms, page)].sum(axis=0, dtype=np.float64)
    node = hierarchy.nodes[row]
    return answer(
        HistoricalAnswer(
            node=node.id,
            level=node.level,
            days=[
                PastDay(snapshot.date_at(int(day)), units, promoted)
                for day, units, promoted in zip(
                    page, _known(snapshot.sales[row, page]), _known(items), strict=True
                )
            ],
            next=snapshot.date_at(int(page[-1]) + 1) if page[-1] < last else None,
            snapshot=reference(snapshot),
        )
    )


def _known(values: NDArray[np.float64]) -> list[float | None]:
    """Return values with None in the place of those that are not known."""
    return [None if np.isnan(value) else value for value in values.tolist()]


def _span(snapshot: Snapshot, asked: HistoricalRequest) -> tuple[int, int]:
    """First and last day asked for, as indices.

    Raises:
        Problem: INVALID_DATE: one of them is not in the data, or they are the wrong way round.
    """
    newest = snapshot.newest_origin
    last = newest if asked.last is None else snapshot.index_of(asked.last)
    first = max(last - _DAYS + 1, 0) if asked.first is None else snapshot.index_of(asked.first)
    if 0 <= first <= last <= newest:
        return first, last
    at = "/from" if asked.first is not None and not 0 <= first <= newest else "/to"
    detail = (
        f"Sales are known from {snapshot.facts.first_date} to {snapshot.facts.origin}; ask for "
        "days among them, the first no later than the last."
    )
    raise Problem(Code.INVALID_DATE, detail, errors=[FieldError(at, detail)])
