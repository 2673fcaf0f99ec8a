"""Answers that are tables too: the generated types, with frames."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mlrf_client._models import (
    DayForecast,
    ExplainAnswer,
    ForecastAnswer,
    HierarchyAnswer,
    HistoricalAnswer,
    NodeForecast,
    PeriodForecast,
    WhatifAnswer,
)
from mlrf_client.tables import Column, Table

if TYPE_CHECKING:
    import pandas
    import polars


class Tabular:
    """An answer with a table of its main part."""

    @property
    def table(self) -> Table:
        raise NotImplementedError

    def to_polars(self) -> polars.DataFrame:
        """Return `table` as a frame of Polars (extra `polars`)."""
        return self.table.to_polars()

    def to_pandas(self) -> pandas.DataFrame:
        """Return `table` as a frame of pandas (extra `pandas`), with dates as datetime64."""
        return self.table.to_pandas()


class Forecast(ForecastAnswer, Tabular):
    """Forecast of a node, day by day."""

    @property
    def table(self) -> Table:
        """A row for each day: node, date, prediction, bounds, quantiles, actual."""
        days = {"date": Column(dt.date, [day.date for day in self.forecast])}
        return self._with_numbers(days, self.forecast)

    @property
    def sums(self) -> Table:
        """A row for each period: node, first and last day, their number, prediction, …."""
        spans = {
            "first": Column(dt.date, [period.first for period in self.periods]),
            "last": Column(dt.date, [period.last for period in self.periods]),
            "days": Column(int, [period.days for period in self.periods]),
        }
        return self._with_numbers(spans, self.periods)

    def _with_numbers(
        self, keys: dict[str, Column], rows: Sequence[DayForecast | PeriodForecast]
    ) -> Table:
        return Table(
            {
                "node": Column(str, [self.node] * len(rows)),
                **keys,
                "prediction": Column(float, [row.prediction for row in rows]),
                **_numbers_of(rows),
                "actual": Column(float, [row.actual for row in rows]),
            }
        )


def _numbers_of(rows: Sequence[DayForecast | PeriodForecast | NodeForecast]) -> dict[str, Column]:
    """Return bounds as columns `lower_N` and `upper_N`, and quantiles as `quantile_P`."""
    columns: dict[str, list[float]] = {}
    for row in rows:
        for interval in row.intervals:
            columns.setdefault(f"lower_{interval.level}", []).append(interval.lower)
            columns.setdefault(f"upper_{interval.level}", []).append(interval.upper)
        for quantile in row.quantiles:
            columns.setdefault(f"quantile_{quantile.probability}", []).append(quantile.value)
    return {name: Column(float, values) for name, values in columns.items()}


class Hierarchy(HierarchyAnswer, Tabular):
    """Tree of forecasts that add up."""

    @property
    def table(self) -> Table:
        """A row for each node, a parent before its children: id, parent, level, prediction, …."""
        nodes = list(_walk(self.tree, None))
        return Table(
            {
                "id": Column(str, [node.id for node, _ in nodes]),
                "parent": Column(str, [parent for _, parent in nodes]),
                "name": Column(str, [node.name for node, _ in nodes]),
                "level": Column(str, [node.level for node, _ in nodes]),
                "prediction": Column(float, [node.prediction for node, _ in nodes]),
                **_numbers_of([node for node, _ in nodes]),
                "previous": Column(float, [node.previous for node, _ in nodes]),
                "trend": Column(float, [node.trend for node, _ in nodes]),
            }
        )


def _walk(node: NodeForecast, parent: str | None) -> Iterator[tuple[NodeForecast, str | None]]:
    yield node, parent
    for child in node.children:
        yield from _walk(child, node.id)


class Explanation(ExplainAnswer, Tabular):
    """Contributions to a forecast."""

    @property
    def table(self) -> Table:
        """The way from the average to the prediction: steps whose units add up to it."""
        steps: dict[str, float] = {
            "base": self.base_units,
            **{group.name: group.units for group in self.groups},
            "cut": self.cut,
            "reconciliation": self.reconciliation,
            "not_explained": self.not_explained.units,
            "missing": self.missing,
        }
        return Table(
            {"step": Column(str, list(steps)), "units": Column(float, list(steps.values()))}
        )


class Scenario(WhatifAnswer, Tabular):
    """Forecast of a node without and with adjustments."""

    @property
    def table(self) -> Table:
        """A row for each day: date, baseline, scenario, delta."""
        return Table(
            {
                "date": Column(dt.date, [day.date for day in self.days]),
                "baseline": Column(float, [day.baseline for day in self.days]),
                "scenario": Column(float, [day.scenario for day in self.days]),
                "delta": Column(float, [day.delta for day in self.days]),
            }
        )


class History(HistoricalAnswer, Tabular):
    """Past sales of a node, day by day."""

    @property
    def table(self) -> Table:
        """A row for each day: node, date, units, and the covariates that are known ahead."""
        names = list(dict.fromkeys(name for day in self.days for name in day.covariates))
        return Table(
            {
                "node": Column(str, [self.node] * len(self.days)),
                "date": Column(dt.date, [day.date for day in self.days]),
                "units": Column(float, [day.units for day in self.days]),
                **{
                    name: Column(float, [day.covariates.get(name) for day in self.days])
                    for name in names
                },
            }
        )
