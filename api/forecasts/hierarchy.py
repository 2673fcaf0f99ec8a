"""GET /hierarchy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import partial

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from api.forecasts.day_table import STATISTICAL, bound_columns
from api.forecasts.days import COMPUTED, Prediction, day_forecasts_of, forecast
from api.forecasts.nodes import row_of_id
from api.forecasts.periods import bounds_of_sums
from api.forecasts.tree import Tree, rows_below
from api.forecasts.ways import Way, way_through
from api.forecasts.windows import ForecastWindow, previous_days, window_of
from api.http.operation import Computation, operation
from api.http.pricing import INTERVALS_OF_A_UNIT, cost_of_origin, is_past
from api.http.responses import reference
from api.http.tables import Column, ColumnKind, Table
from api.http.tags import Tag
from api.schemas.forecasts import HierarchyAnswer, NodeForecast, PredictionInterval
from api.schemas.requests import HierarchyQuery
from errors import Code
from features.data.hierarchy import Hierarchy
from features.data.specification import TOTAL
from models.serving.forecaster import Forecaster


@operation("GET", "/hierarchy", Tag.FORECASTS, etag=True, tables=True, error_codes=COMPUTED)
async def hierarchy(forecaster: Forecaster, query: HierarchyQuery) -> Computation[HierarchyAnswer]:
    """Forecast the coherent tree for a day, or for a sum of days."""
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    way, row = way_of(snapshot.hierarchy, query)
    window = window_of(snapshot, query.date, query.horizon or 1, pointer="date")
    before = previous_days(snapshot, window, query.previous)
    rows = np.fromiter(rows_below(snapshot.hierarchy, way, row, query.depth), dtype=np.intp)

    async def compute() -> HierarchyAnswer:
        prediction = await forecast(forecaster, window)
        of_rows = prediction.of(rows)
        intervals = partial(_intervals_of, forecaster, window, rows, of_rows, query.intervals)
        adjusted = prediction.adjusted
        tree = Tree(
            hierarchy=snapshot.hierarchy,
            values=prediction.result.sum(axis=1),
            statistical=prediction.statistical.sum(axis=1) if adjusted else None,
            previous=None if before is None else snapshot.sales[:, before].sum(axis=1),
            way=way,
            intervals=await anyio.to_thread.run_sync(intervals) if query.intervals else {},
        )
        return HierarchyAnswer(
            date=snapshot.date_at(int(window.days[0])),
            horizon=len(window.horizons),
            previous_date=None if before is None else snapshot.date_at(before.start),
            by="/".join(way[1:-1]),
            origin=snapshot.date_at(window.origin),
            adjusted=adjusted,
            tree=tree.below(row, query.depth),
            model_version=engine.bundle.name,
            snapshot=reference(snapshot),
            degraded=False,
        )

    async def compute_table() -> Table:
        return _table_of(await compute(), query.intervals)

    cost = cost_of_origin(snapshot, window)
    if query.intervals:
        cost += len(rows) // INTERVALS_OF_A_UNIT
    return Computation(compute, cost, shared=is_past(snapshot, window), table=compute_table)


def _intervals_of(
    forecaster: Forecaster,
    window: ForecastWindow,
    rows: NDArray[np.intp],
    prediction: Prediction,
    nominals: Sequence[int],
) -> dict[int, list[PredictionInterval]]:
    """Return the intervals of the sum of a window's days, by the row of each node."""
    if len(window.horizons) == 1:
        days = day_forecasts_of(forecaster, window, rows, prediction, nominals)
        of_nodes = days.values[:, 0, days.first_bound :].reshape(len(rows), -1, 2)
    else:
        mean = prediction.statistical
        bounds = bounds_of_sums(forecaster, window, rows, mean, nominals, [0])
        of_nodes = np.stack([np.concatenate(pair, axis=1) for pair in bounds], axis=1)
    return {
        row: [
            PredictionInterval(level=nominal, lower=lower, upper=upper)
            for nominal, (lower, upper) in zip(nominals, of_node, strict=True)
        ]
        for row, of_node in zip(rows.tolist(), of_nodes.tolist(), strict=True)
    }


_COLUMNS = (
    Column("node", ColumnKind.TEXT),
    Column("parent", ColumnKind.TEXT),
    Column("level", ColumnKind.TEXT),
    Column("name", ColumnKind.TEXT),
    Column("date", ColumnKind.DAY),
    Column("horizon", ColumnKind.INTEGER),
    Column("prediction", ColumnKind.NUMBER),
    Column("previous_date", ColumnKind.DAY),
    Column("previous", ColumnKind.NUMBER),
    Column("trend", ColumnKind.NUMBER),
)


def _table_of(answer: HierarchyAnswer, nominals: Sequence[int]) -> Table:
    """Return a tree as a table, each node before its children."""
    rows = [
        [
            *(node.id, parent, node.level, node.name, answer.date, answer.horizon),
            *(node.prediction, answer.previous_date, node.previous, node.trend),
            *((node.statistical,) if answer.adjusted else ()),
            *(bound for each in node.intervals for bound in (each.lower, each.upper)),
        ]
        for node, parent in _walk(answer.tree)
    ]
    facts = {each.name: getattr(answer, each.name) for each in fields(answer)}
    del facts["tree"]
    more = (*((STATISTICAL,) if answer.adjusted else ()), *bound_columns(nominals))
    return Table((*_COLUMNS, *more), rows, facts)


def _walk(
    node: NodeForecast, parent: str | None = None
) -> Iterator[tuple[NodeForecast, str | None]]:
    """Yield every node of a tree, with the id of its parent."""
    yield node, parent
    for child in node.children:
        yield from _walk(child, node.id)


def way_of(hierarchy: Hierarchy, query: HierarchyQuery) -> tuple[Way, int]:
    """Return the way down the hierarchy, and the row of the tree's root.

    Raises:
        Problem: INVALID_NODE: there is no such node, or it is not on the way; INVALID_REQUEST:
            there is no such way.
    """
    row = row_of_id(hierarchy, TOTAL if query.node is None else query.node, pointer="node")
    level, by = hierarchy.nodes[row].level, query.by
    passed_by = (Code.INVALID_NODE, "node")
    return way_through(hierarchy, level, by, pointer="by", passed_by=passed_by), row
