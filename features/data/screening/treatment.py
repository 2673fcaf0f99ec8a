"""Treatment of outliers: reported, replaced for features, or refused.

Outliers that the served snapshot has recorded stay on record as long as the tables hold the same
values. Otherwise a value that was replaced at one refresh would be read at the next one, when its
day is no longer new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from config.outliers import OutlierPolicy
from features.data.checks.panel import SalesGrid
from features.data.findings import Finding, Report, Severity
from features.data.reading.reader import Place
from features.data.screening.new_days import MAX_NEW_DAYS, Groups
from features.data.screening.outlier import Outlier, OutlierSeverity, continue_outliers
from features.data.screening.screen import screen
from features.data.specification import Specification

OUTLIER_ADVICE = "correct the rows if they are wrong; docs/how-to/outliers.md says what happens"
_SAME = 1e-6


@dataclass(frozen=True)
class Screening:
    """Screening of the newest days of tables.

    Attributes:
        policy: treatment of outliers.
        served: newest day of the data that are served; the days after it are new. None where
            nothing is served.
        recorded: outliers of the snapshot that is served.
    """

    policy: OutlierPolicy = OutlierPolicy.WARN
    served: date | None = None
    recorded: tuple[Outlier, ...] = ()


@dataclass(frozen=True)
class Screened:
    """Result of a screening.

    Attributes:
        outliers: those of the new days, and the recorded ones that still hold.
        replaced: series and date of the values that features must not read, by column.
        rows: places of the rows of the sales that have a warning.
    """

    outliers: tuple[Outlier, ...] = ()
    replaced: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    rows: frozenset[Place] = frozenset()


def screen_tables(
    panel: SalesGrid,
    specification: Specification,
    screening: Screening,
    report: Report,
    *,
    holidays: frozenset[date],
    known: frozenset[Place],
) -> Screened:
    """Screen the newest days of the sales and report what is new.

    Args:
        holidays: days on which nobody may sell anything.
        known: places of rows of the sales that have a warning already.
    """
    nodes = _Nodes(panel, specification)
    recorded = [each for each in screening.recorded if nodes.holds(each)]
    new = screen(panel, specification, served=screening.served, holidays=holidays)
    merged = continue_outliers(recorded, new, step_days=panel.step.days)
    quarantine = screening.policy is OutlierPolicy.QUARANTINE
    oldest = panel.day(panel.n_days - 1) - timedelta(MAX_NEW_DAYS)
    outliers = []
    for each in merged:
        current = replace(
            each, value=nodes.value(each), replaced=quarantine and each.kind.is_data_fault
        )
        if current.replaced or current.last >= oldest:
            outliers.append(current)
    rows: set[Place] = set()
    before = {(each.identity, each.last) for each in recorded}
    for outlier in outliers:
        row = nodes.row_of(outlier)
        if row is not None:
            rows.add(row)
        is_new = (outlier.identity, outlier.last) not in before
        if is_new and (row is None or row not in known):
            report.add(_make_finding(panel, outlier, screening.policy, row))
    outliers.sort(key=lambda each: (each.first, each.kind, each.node, each.column))
    return Screened(tuple(outliers), nodes.cells_of(outliers), frozenset(rows))


def _make_finding(
    panel: SalesGrid, outlier: Outlier, policy: OutlierPolicy, row: Place | None
) -> Finding:
    refused = policy is OutlierPolicy.REFUSE and outlier.severity is OutlierSeverity.CRITICAL
    done = "; features read an estimate in its place" if outlier.replaced else ""
    return panel.sales.find(
        Severity.ERROR if refused else Severity.WARNING,
        outlier.kind.value,
        f"{outlier.message}{done}",
        place=row,
        column=outlier.column,
        advice=OUTLIER_ADVICE,
    )


class _Nodes:
    """The series of each node that an outlier can name, and the values of its days."""

    def __init__(self, panel: SalesGrid, specification: Specification) -> None:
        self._panel, self._specification = panel, specification
        self._members: dict[str, NDArray[np.intp]] | None = None

    def members(self, node: str) -> NDArray[np.intp]:
        """Return the series of a node; none if the tables do not have it."""
        if self._members is None:
            self._members = self._list_members()
        return self._members.get(node, np.zeros(0, dtype=np.intp))

    def _list_members(self) -> dict[str, NDArray[np.intp]]:
        panel, specification = self._panel, self._specification
        members: dict[str, NDArray[np.intp]] = {}
        levels = ((), specification.pooled, (specification.site,), specification.series)
        for columns in dict.fromkeys(levels):
            groups = Groups.of_columns(panel.series, columns)
            order = np.argsort(groups.of_series, kind="stable")
            ends = np.cumsum(np.bincount(groups.of_series))
            for key, part in zip(groups.keys, np.split(order, ends[:-1]), strict=True):
                members[specification.node_of(columns, key)] = part
        return members

    def _days(self, outlier: Outlier) -> slice:
        return slice(
            max(self._panel.index_of(outlier.first), 0), self._panel.index_of(outlier.last) + 1
        )

    def value(self, outlier: Outlier) -> float:
        """Return the sum of an outlier's column over its series and days."""
        cells = (self.members(outlier.node), self._days(outlier))
        return float(np.nansum(self._panel.values(outlier.column, cells)))

    def holds(self, outlier: Outlier) -> bool:
        """Return whether the tables hold the values of a recorded outlier."""
        panel = self._panel
        if outlier.column not in panel.sales.frame.columns:
            return False
        if not panel.first <= outlier.first <= outlier.last <= panel.day(panel.n_days - 1):
            return False
        close = abs(self.value(outlier) - outlier.value) <= _SAME * max(abs(outlier.value), 1)
        return bool(len(self.members(outlier.node))) and close

    def row_of(self, outlier: Outlier) -> Place | None:
        """Return the place of the row of an outlier of one series on one day; None for others."""
        members = self.members(outlier.node)
        if len(members) != 1 or outlier.first != outlier.last:
            return None
        return self._panel.place(int(members[0]), self._days(outlier).start)

    def cells_of(self, outliers: list[Outlier]) -> dict[str, pl.DataFrame]:
        """Return series and date of all values that are replaced, by column."""
        parts: dict[str, list[pl.DataFrame]] = {}
        for outlier in outliers:
            if outlier.replaced:
                days = self._days(outlier)
                dates = [self._panel.day(at) for at in range(days.start, days.stop)]
                cells = self._panel.series[self.members(outlier.node)].join(
                    pl.DataFrame({"date": dates}, schema={"date": pl.Date}), how="cross"
                )
                parts.setdefault(outlier.column, []).append(cells)
        return {column: pl.concat(frames).unique() for column, frames in parts.items()}
