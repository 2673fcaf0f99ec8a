"""GET /hierarchy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
import numpy as np
import orjson
from numpy.typing import NDArray

from api.forecasts.day_table import STATISTICAL
from api.forecasts.days import (
    COMPUTED,
    Prediction,
    day_forecasts_of,
    forecast,
    forecast_sums,
)
from api.forecasts.nodes import row_of_id
from api.forecasts.periods import evaluate_sums
from api.forecasts.tree import (
    NodeDocument,
    Tree,
    TreeNode,
    close_tree,
    encode_nodes,
    nodes_below,
)
from api.forecasts.uncertainty import lists_builder, number_columns, uncertainty_of
from api.forecasts.ways import Way, way_through
from api.forecasts.windows import ForecastWindow, previous_days, window_of
from api.http.operation import Computation, operation
from api.http.pricing import INTERVALS_OF_A_UNIT, cost_of_origin, is_past
from api.http.responses import body_of, reference
from api.http.table_streams import make_parquet, stream_table
from api.http.tables import Column, ColumnKind, Row, Table
from api.http.tags import Tag
from api.schemas.forecasts import HierarchyAnswer
from api.schemas.requests import HierarchyQuery
from errors import Code
from features.data.hierarchy import Hierarchy
from features.data.specification import TOTAL
from middleware.headers import JSON, PARQUET
from models.serving.forecaster import Forecaster
from models.serving.planned_forecaster import PlannedForecaster
from models.uncertainty import Uncertainty

STREAMED_NODES = 10_000
"""Nodes from which a tree is sent as it is made: its body, of 200 bytes a node and more, would be
too large for the caches."""

NODES_OF_A_PART = 2_000
"""Nodes that are made at a time, in a thread."""


@operation("GET", "/hierarchy", Tag.FORECASTS, etag=True, tables=True, error_codes=COMPUTED)
async def hierarchy(forecaster: Forecaster, query: HierarchyQuery) -> Computation[HierarchyAnswer]:
    """Forecast the coherent tree for a day, or for a sum of days."""
    snapshot = forecaster.release.engine.snapshot
    way, row = way_of(snapshot.hierarchy, query)
    window = window_of(snapshot, query.date, query.horizon or 1, pointer="date")
    before = previous_days(snapshot, window, query.previous)
    nodes = list(nodes_below(snapshot.hierarchy, way, row, query.depth))
    answer = _TreeAnswer(forecaster, window, before, way, nodes, uncertainty_of(query))

    async def compute() -> Any:
        return orjson.Fragment(b"".join([part async for part in answer.json()]))

    async def compute_table() -> Table:
        columns, parts, facts = await answer.table()
        return Table(columns, [row async for rows in parts for row in rows], facts)

    cost = cost_of_origin(snapshot, window)
    if answer.wanted.count:
        cost += len(nodes) // INTERVALS_OF_A_UNIT
    return Computation(
        compute,
        cost,
        shared=is_past(snapshot, window),
        table=compute_table,
        stream=answer.stream if len(nodes) >= STREAMED_NODES else None,
    )


@dataclass(frozen=True)
class _TreeAnswer:
    """The answer for a tree, made some nodes at a time.

    Attributes:
        before: days of the previous period; None where its sales are not known.
        nodes: of the tree, each before its children.
        wanted: intervals and quantiles.
    """

    forecaster: Forecaster
    window: ForecastWindow
    before: slice | None
    way: Way
    nodes: Sequence[TreeNode]
    wanted: Uncertainty

    async def stream(self, media_type: str) -> AsyncIterator[bytes]:
        """Yield the answer in the form of a media type."""
        if media_type == JSON:
            async for part in self.json():
                yield part
            return
        columns, parts, facts = await self.table()
        if media_type == PARQUET:
            yield await make_parquet(columns, parts, facts)
            return
        async for part in stream_table(media_type, columns, parts):
            yield part

    async def json(self) -> AsyncIterator[bytes]:
        """Yield the answer as JSON."""
        tree, members = await self._add_up(), self._members()
        at = list(members).index("adjusted") + 1  # the tree is the member after it
        first, last = dict(list(members.items())[:at]), dict(list(members.items())[at:])
        yield body_of(first)[:-1] + b',"tree":'
        before = None
        async for nodes, documents in self._parts(tree):
            yield await anyio.to_thread.run_sync(encode_nodes, nodes, documents, before)
            before = nodes[-1]
        yield close_tree(self.nodes[-1]) + b"," + body_of(last)[1:]

    async def table(self) -> tuple[tuple[Column, ...], AsyncIterator[list[Row]], dict[str, Any]]:
        """Return the columns of the answer as a table, its rows in parts, and the facts beside."""
        tree, members = await self._add_up(), self._members()
        more = (*((STATISTICAL,) if self._adjusted else ()), *number_columns(self.wanted))

        async def rows() -> AsyncIterator[list[Row]]:
            async for nodes, documents in self._parts(tree):
                yield _rows_of(tree.hierarchy, members, nodes, documents)

        return (*_COLUMNS, *more), rows(), members

    @property
    def _adjusted(self) -> bool:
        return isinstance(self.forecaster, PlannedForecaster)

    def _members(self) -> dict[str, Any]:
        """Return the members of the answer beside the tree."""
        engine, window = self.forecaster.release.engine, self.window
        snapshot = engine.snapshot
        return {
            "date": snapshot.date_at(int(window.days[0])),
            "horizon": len(window.horizons),
            "previous_date": None if self.before is None else snapshot.date_at(self.before.start),
            "by": "/".join(self.way[1:-1]),
            "origin": snapshot.date_at(window.origin),
            "adjusted": self._adjusted,
            "model_version": engine.bundle.name,
            "snapshot": reference(snapshot),
            "degraded": False,
        }

    async def _add_up(self) -> Tree:
        """Return the tree with the sums of its days."""
        snapshot = self.forecaster.release.engine.snapshot
        values, statistical = await forecast_sums(self.forecaster, self.window)
        before = self.before
        return Tree(
            hierarchy=snapshot.hierarchy,
            values=values,
            statistical=statistical,
            previous=None if before is None else snapshot.sales[:, before].sum(axis=1),
            way=self.way,
        )

    async def _parts(
        self, tree: Tree
    ) -> AsyncIterator[tuple[Sequence[TreeNode], list[NodeDocument]]]:
        """Yield some nodes at a time, with their documents."""
        for start in range(0, len(self.nodes), NODES_OF_A_PART):
            nodes = self.nodes[start : start + NODES_OF_A_PART]
            rows = np.array([node.row for node in nodes], dtype=np.intp)
            prediction = None
            if self.wanted.count:
                prediction = await forecast(self.forecaster, self.window, rows)
            yield nodes, await anyio.to_thread.run_sync(self._describe, tree, rows, prediction)

    def _describe(
        self, tree: Tree, rows: NDArray[np.intp], prediction: Prediction | None
    ) -> list[NodeDocument]:
        """Return the documents of nodes, with the intervals and quantiles of their sums."""
        if prediction is None:
            return [tree.document(row) for row in rows.tolist()]
        lists = map(lists_builder(self.wanted), self._numbers(rows, prediction).tolist())
        return [tree.document(row, each) for row, each in zip(rows.tolist(), lists, strict=True)]

    def _numbers(self, rows: NDArray[np.intp], prediction: Prediction) -> NDArray[np.float64]:
        """Return the bounds and quantiles of the sums of nodes, shape (nodes, numbers)."""
        forecaster, window, wanted = self.forecaster, self.window, self.wanted
        if len(window.horizons) == 1:
            days = day_forecasts_of(forecaster, window, rows, prediction, wanted)
            return days.values[:, 0, days.first_bound :]
        mean = prediction.statistical
        return evaluate_sums(forecaster, window, rows, mean, wanted, [0])[:, :, 0].T


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


def _rows_of(
    hierarchy: Hierarchy,
    members: Mapping[str, Any],
    nodes: Sequence[TreeNode],
    documents: Sequence[NodeDocument],
) -> list[Row]:
    """Return the rows of nodes, one for each.

    Args:
        members: of the answer beside the tree.
    """
    return [
        [
            node["id"],
            None if at.parent is None else hierarchy.nodes[at.parent].id,
            *(node["level"], node["name"], members["date"], members["horizon"]),
            *(node["prediction"], members["previous_date"], node["previous"], node["trend"]),
            *((node["statistical"],) if members["adjusted"] else ()),
            *(bound for each in node["intervals"] for bound in (each["lower"], each["upper"])),
            *(each["value"] for each in node.get("quantiles", ())),
        ]
        for at, node in zip(nodes, documents, strict=True)
    ]


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
