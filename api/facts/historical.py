"""POST /historical: past sales."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from api.forecasts.nodes import node_row
from api.http.operation import operation
from api.http.responses import reference
from api.http.tags import Tag
from api.schemas.facts import HistoricalAnswer, PastDay
from api.schemas.requests import HistoricalRequest
from errors import Code, FieldError, Problem
from features.data.snapshot import Snapshot
from features.data.specification import Covariate
from models.serving.forecaster import Forecaster

PROMOTIONS = "onpromotion"
"""Covariate that has a field of its own, for clients of the replaced system."""
_DEFAULT_DAYS = 90
"""Days of an answer where the request names no first day."""


@operation("POST", "/historical", Tag.FACTS)
async def historical(forecaster: Forecaster, payload: HistoricalRequest) -> HistoricalAnswer:
    """Return the sales of a node, day by day, a page at a time."""
    snapshot = forecaster.release.engine.snapshot
    row = node_row(snapshot, payload)
    first, last = _requested_span(snapshot, payload)
    page = np.arange(first, min(first + payload.limit, last + 1))
    hierarchy = snapshot.hierarchy
    bottoms = hierarchy.summing[[row]].indices
    covariates = {
        covariate.name: _none_for_nan(_value_of_node(snapshot, covariate, bottoms, page))
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
                zip(page.tolist(), _none_for_nan(snapshot.sales[row, page]), strict=True)
            )
        ],
        next=snapshot.date_at(int(page[-1]) + 1) if page[-1] < last else None,
        snapshot=reference(snapshot),
    )


def _value_of_node(
    snapshot: Snapshot, covariate: Covariate, bottoms: NDArray[np.intp], days: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return a covariate of a node on some days: the sum or the mean of its series'."""
    values = snapshot.covariates[covariate.name][np.ix_(bottoms, days)].astype(np.float64)
    return np.asarray(values.sum(axis=0) if covariate.kind.adds_up else values.mean(axis=0))


def _none_for_nan(values: NDArray[np.float64]) -> list[float | None]:
    """Return values with None in the place of NaN, which stands for those that are not known."""
    return [None if np.isnan(value) else value for value in values.tolist()]


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
