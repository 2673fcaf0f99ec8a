"""Nodes and days of an export."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from api.forecasts.nodes import row_of_id, rows_of_level
from api.forecasts.windows import ForecastWindow, window_of
from api.http.pricing import is_past
from api.schemas.exports import ExportRequest
from errors import Code, Problem
from features.data.snapshot import Snapshot


def rows_of_export(snapshot: Snapshot, payload: ExportRequest) -> NDArray[np.intp]:
    """Return the rows of the nodes of an export: of levels as in the hierarchy, of nodes as named.

    Raises:
        Problem: INVALID_NODE, INVALID_REQUEST.
    """
    hierarchy = snapshot.hierarchy
    if payload.nodes is not None:
        if payload.levels is not None:
            detail = "Name levels or nodes, not both"
            raise Problem.in_field(Code.INVALID_REQUEST, "/nodes", detail)
        return np.array(
            [
                row_of_id(hierarchy, node, pointer=f"/nodes/{number}")
                for number, node in enumerate(payload.nodes)
            ],
            dtype=np.intp,
        )
    if payload.levels is None:
        return rows_of_level(hierarchy, None)
    parts = [
        rows_of_level(hierarchy, level, pointer=f"/levels/{number}")
        for number, level in enumerate(payload.levels)
    ]
    return np.concatenate(parts)


def window_of_export(snapshot: Snapshot, payload: ExportRequest) -> ForecastWindow:
    """Return the days of an export, which are ahead of the newest sales: these are stored.

    Raises:
        Problem: INVALID_DATE, INVALID_HORIZON.
    """
    newest, reach = snapshot.newest_origin, snapshot.horizon
    start = newest + 1 if payload.date is None else snapshot.index_of(payload.date)
    left = newest + reach - start + 1
    days = payload.horizon or min(max(left, 1), reach)
    window = window_of(snapshot, payload.date, days)
    if is_past(snapshot, window):
        first, last = snapshot.date_at(newest + 1), snapshot.date_at(newest + reach)
        detail = (
            f"An export has days ahead of the newest sales, {first} to {last}; /forecast and "
            "/predict/batch forecast days of the past"
        )
        raise Problem.in_field(Code.INVALID_DATE, "/date", detail)
    return window
