"""Forecasts as a table: a row for each node and day, in the columns that all formats have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.forecasts.days import DayForecasts, Prediction, day_forecasts_of
from api.forecasts.nodes import RequestedNode
from api.forecasts.uncertainty import (
    is_number_name,
    number_columns,
    number_names,
    uncertainty_of,
)
from api.forecasts.windows import ForecastWindow
from api.http.responses import basis_of
from api.http.tables import Column, ColumnKind, Row, none_for_nan, retailer_columns
from api.schemas.requests import Period, SimpleRequest
from errors import Code, Problem
from features.data.hierarchy import Hierarchy
from features.data.specification import BOTTOM
from models.serving.forecaster import Forecaster
from models.uncertainty import Uncertainty

NODE = (Column("node", ColumnKind.TEXT), Column("level", ColumnKind.TEXT))
DATE = Column("date", ColumnKind.DAY)
UNITS = Column("units", ColumnKind.NUMBER)
_PREDICTION = Column("prediction", ColumnKind.NUMBER)
STATISTICAL = Column("statistical", ColumnKind.NUMBER)
_BASIS = (
    Column("actual", ColumnKind.NUMBER),
    Column("origin", ColumnKind.DAY),
    Column("method", ColumnKind.TEXT),
    Column("in_sample", ColumnKind.BOOLEAN),
    Column("degraded", ColumnKind.BOOLEAN),
)
ROW = Column("row", ColumnKind.INTEGER)
PROBLEM = (Column("code", ColumnKind.TEXT), Column("detail", ColumnKind.TEXT))


_OWN_COLUMNS = (ROW, *NODE, DATE, UNITS, _PREDICTION, STATISTICAL, *_BASIS, *PROBLEM)
_OWN = frozenset(column.name for column in _OWN_COLUMNS)


def keys_of_levels(hierarchy: Hierarchy) -> tuple[str, ...]:
    """Return the columns of all levels, those of the series first."""
    levels = hierarchy.levels
    return tuple(dict.fromkeys(chain(levels[BOTTOM], *levels.values())))


def key_columns(keys: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns of a table for the columns of levels."""
    taken = _OWN | set(filter(is_number_name, keys))
    return retailer_columns(keys, ColumnKind.TEXT, taken=taken, member="series")


def key_of_node(hierarchy: Hierarchy, row: int, keys: Sequence[str]) -> list[str | None]:
    """Return the values of a node in the columns of levels; None where it is a sum over one."""
    node = hierarchy.nodes[row]
    values = dict(zip(hierarchy.levels[node.level], node.key, strict=True))
    return [values.get(column) for column in keys]


@dataclass(frozen=True)
class DayTable:
    """Columns of a table of forecasts, and its rows.

    Attributes:
        keys: columns of levels.
        wanted: the intervals and quantiles of all nodes.
        whole: whether the table also has the id and the level of the node, what was sold, and what
            the forecast rests on. The table that answers a table of series does not: it has
            100 times as many rows, and all of these are of the same kind.
        adjusted: whether a node of the table has overrides: the table then also has the
            statistical forecast.
    """

    keys: tuple[str, ...]
    wanted: Uncertainty
    whole: bool
    adjusted: bool = False

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in their order."""
        before, after = (NODE, _BASIS) if self.whole else ((), ())
        means = (_PREDICTION, *((STATISTICAL,) if self.adjusted else ()))
        numbers = (*means, *number_columns(self.wanted))
        return (*before, *key_columns(self.keys), DATE, *numbers, *after)

    @cached_property
    def _number_names(self) -> tuple[str, ...]:
        return number_names(self.wanted)

    def rows(
        self,
        forecaster: Forecaster,
        window: ForecastWindow,
        requested: Sequence[RequestedNode],
        prediction: Prediction,
    ) -> list[list[Row]]:
        """Return the rows of each node, one for each day.

        Args:
            requested: nodes of one window and period, with the same intervals and quantiles.
            prediction: their forecasts, shape (nodes, days).

        Raises:
            Problem: INVALID_REQUEST: sums of days are requested, which a table of days has not.
        """
        payload = requested[0].payload
        if not isinstance(payload, SimpleRequest) and payload.period is not Period.DAY:
            detail = "A table has a row for each day; leave out period, or ask for JSON"
            raise Problem.in_field(Code.INVALID_REQUEST, "/period", detail)
        nodes = np.array([row for _, row in requested])
        days = day_forecasts_of(forecaster, window, nodes, prediction, uncertainty_of(payload))
        hierarchy = forecaster.release.engine.snapshot.hierarchy
        before = [self._identify(hierarchy, row) for _, row in requested]
        after = self._basis(forecaster, window, nodes, days)
        return [
            [
                [*of_node, day, *numbers, *more]
                for day, numbers, more in zip(days.dates, of_days, of_basis, strict=True)
            ]
            for of_node, of_days, of_basis in zip(before, self._numbers(days), after, strict=True)
        ]

    def _identify(self, hierarchy: Hierarchy, row: int) -> Row:
        node = hierarchy.nodes[row]
        key = key_of_node(hierarchy, row, self.keys)
        return [node.id, node.level, *key] if self.whole else key

    def _numbers(self, days: DayForecasts) -> list[list[Row]]:
        """Return the numbers by node and day; None for those that only other nodes have."""
        if days.wanted == self.wanted and days.adjusted == self.adjusted:
            same: list[list[Row]] = days.values.tolist()
            return same
        first, own_first, names = 2 if self.adjusted else 1, days.first_bound, self._number_names
        values = np.full((*days.values.shape[:2], first + len(names)), np.nan)
        values[:, :, :own_first] = days.values[:, :, :own_first]
        for own, name in enumerate(number_names(days.wanted), own_first):
            values[:, :, first + names.index(name)] = days.values[:, :, own]
        return none_for_nan(values)

    def _basis(
        self,
        forecaster: Forecaster,
        window: ForecastWindow,
        nodes: NDArray[np.intp],
        days: DayForecasts,
    ) -> list[list[Row]]:
        """Return the values after the numbers, by node and day."""
        if not self.whole:
            return [[()] * len(days.dates)] * len(nodes)
        engine = forecaster.release.engine
        basis = basis_of(engine, window, int(nodes[0]))
        origin = engine.snapshot.date_at(window.origin)
        facts: list[Any] = [basis["in_sample"], basis["degraded"]]
        return [
            [[actual, origin, str(method), *facts] for actual in of_node]
            for method, of_node in zip(
                engine.methods(window.origin, nodes), none_for_nan(days.actual), strict=True
            )
        ]
