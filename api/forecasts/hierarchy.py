"""GET /hierarchy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from api.forecasts.days import COMPUTED, forecast
from api.forecasts.nodes import row_of_id
from api.forecasts.tree import Tree
from api.forecasts.ways import Way, way_through
from api.forecasts.windows import previous_days, window_of
from api.http.operation import Computation, operation
from api.http.pricing import cost_of_origin, is_past
from api.http.responses import reference
from api.http.tables import Column, Kind, Table
from api.http.tags import Tag
from api.schemas.forecasts import HierarchyAnswer, NodeForecast
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
    before = previous_days(snapshot, window)

    async def compute() -> HierarchyAnswer:
        tree = Tree(
            hierarchy=snapshot.hierarchy,
            values=(await forecast(forecaster, window)).sum(axis=1),
            previous=None if before is None else snapshot.sales[:, before].sum(axis=1),
            way=way,
        )
        return HierarchyAnswer(
            date=snapshot.date_at(int(window.days[0])),
            horizon=len(window.horizons),
            previous_date=None if before is None else snapshot.date_at(before.start),
            by="/".join(way[1:-1]),
            origin=snapshot.date_at(window.origin),
            tree=tree.below(row, query.depth),
            model_version=engine.bundle.name,
            snapshot=reference(snapshot),
            degraded=False,
        )

    async def compute_table() -> Table:
        return _table_of(await compute())

    cost = cost_of_origin(snapshot, window)
    return Computation(compute, cost, shared=is_past(snapshot, window), table=compute_table)


_COLUMNS = (
    Column("node", Kind.TEXT),
    Column("parent", Kind.TEXT),
    Column("level", Kind.TEXT),
    Column("name", Kind.TEXT),
    Column("date", Kind.DAY),
    Column("horizon", Kind.INTEGER),
    Column("prediction", Kind.NUMBER),
    Column("previous_date", Kind.DAY),
    Column("previous", Kind.NUMBER),
    Column("trend", Kind.NUMBER),
)


def _table_of(answer: HierarchyAnswer) -> Table:
    """Return a tree as a table, each node before its children."""
    rows = [
        [
            *(node.id, parent, node.level, node.name, answer.date, answer.horizon),
            *(node.prediction, answer.previous_date, node.previous, node.trend),
        ]
        for node, parent in _walk(answer.tree)
    ]
    facts = {each.name: getattr(answer, each.name) for each in fields(answer)}
    del facts["tree"]
    return Table(_COLUMNS, rows, facts)


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
