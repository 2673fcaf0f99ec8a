"""GET /hierarchy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from api.forecasts.day_table import STATISTICAL
from api.forecasts.days import COMPUTED, Prediction, day_forecasts_of, forecast
from api.forecasts.nodes import row_of_id
from api.forecasts.periods import evaluate_sums
from api.forecasts.tree import NodeDocument, Tree, rows_below
from api.forecasts.uncertainty import lists_builder, number_columns, uncertainty_of
from api.forecasts.ways import Way, way_through
from api.forecasts.windows import ForecastWindow, previous_days, window_of
from api.http.operation import Computation, operation
from api.http.pricing import INTERVALS_OF_A_UNIT, cost_of_origin, is_past
from api.http.responses import reference
from api.http.tables import Column, ColumnKind, Table
from api.http.tags import Tag
from api.schemas.forecasts import HierarchyAnswer
from api.schemas.requests import HierarchyQuery
from errors import Code
from features.data.hierarchy import Hierarchy
from features.data.specification import TOTAL
from models.serving.forecaster import Forecaster
from models.uncertainty import Uncertainty


@operation("GET", "/hierarchy", Tag.FORECASTS, etag=True, tables=True, error_codes=COMPUTED)
async def hierarchy(forecaster: Forecaster, query: HierarchyQuery) -> Computation[HierarchyAnswer]:
    """Forecast the coherent tree for a day, or for a sum of days."""
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    way, row = way_of(snapshot.hierarchy, query)
    window = window_of(snapshot, query.date, query.horizon or 1, pointer="date")
    before = previous_days(snapshot, window, query.previous)
    rows = np.fromiter(rows_below(snapshot.hierarchy, way, row, query.depth), dtype=np.intp)

    wanted = uncertainty_of(query)

    async def compute() -> Any:
        prediction = await forecast(forecaster, window)
        of_rows = prediction.of(rows)
        lists = partial(_build_lists, forecaster, window, rows, of_rows, wanted)
        adjusted = prediction.adjusted
        tree = Tree(
            hierarchy=snapshot.hierarchy,
            values=prediction.result.sum(axis=1),
            statistical=prediction.statistical.sum(axis=1) if adjusted else None,
            previous=None if before is None else snapshot.sales[:, before].sum(axis=1),
            way=way,
            lists=await anyio.to_thread.run_sync(lists) if wanted.count else {},
        )
        return {
            "date": snapshot.date_at(int(window.days[0])),
            "horizon": len(window.horizons),
            "previous_date": None if before is None else snapshot.date_at(before.start),
            "by": "/".join(way[1:-1]),
            "origin": snapshot.date_at(window.origin),
            "adjusted": adjusted,
            "tree": tree.below(row, query.depth),
            "model_version": engine.bundle.name,
            "snapshot": reference(snapshot),
            "degraded": False,
        }

    async def compute_table() -> Table:
        return _table_of(await compute(), wanted)

    cost = cost_of_origin(snapshot, window)
    if wanted.count:
        cost += len(rows) // INTERVALS_OF_A_UNIT
    return Computation(compute, cost, shared=is_past(snapshot, window), table=compute_table)


def _build_lists(
    forecaster: Forecaster,
    window: ForecastWindow,
    rows: NDArray[np.intp],
    prediction: Prediction,
    wanted: Uncertainty,
) -> dict[int, dict[str, Any]]:
    """Return intervals and quantiles of the sum of a window's days, by the row of each node."""
    if len(window.horizons) == 1:
        days = day_forecasts_of(forecaster, window, rows, prediction, wanted)
        numbers = days.values[:, 0, days.first_bound :]
    else:
        mean = prediction.statistical
        numbers = evaluate_sums(forecaster, window, rows, mean, wanted, [0])[:, :, 0].T
    lists = map(lists_builder(wanted), numbers.tolist())
    return dict(zip(rows.tolist(), lists, strict=True))


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


def _table_of(answer: Mapping[str, Any], wanted: Uncertainty) -> Table:
    """Return a tree as a table, each node before its children."""
    rows = [
        [
            *(node["id"], parent, node["level"], node["name"], answer["date"], answer["horizon"]),
            *(node["prediction"], answer["previous_date"], node["previous"], node["trend"]),
            *((node["statistical"],) if answer["adjusted"] else ()),
            *(bound for each in node["intervals"] for bound in (each["lower"], each["upper"])),
            *(each["value"] for each in node.get("quantiles", ())),
        ]
        for node, parent in _walk(answer["tree"])
    ]
    facts = {name: value for name, value in answer.items() if name != "tree"}
    more = (*((STATISTICAL,) if answer["adjusted"] else ()), *number_columns(wanted))
    return Table((*_COLUMNS, *more), rows, facts)


def _walk(
    node: NodeDocument, parent: str | None = None
) -> Iterator[tuple[NodeDocument, str | None]]:
    """Yield every node of a tree, with the id of its parent."""
    yield node, parent
    for child in node["children"]:
        yield from _walk(child, node["id"])


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
