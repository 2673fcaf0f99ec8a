"""Sales far above anything that a series usually reaches, which a person should review.

A value is unusual when it is

- more than `TIMES` what the series usually reaches: the largest value but for 1 % of the positive
  ones, and at least three, so that a few wrong values do not hide one another;
- more than `DEVIATIONS` robust deviations above the median of the positive values, both of
  log(1 + units), with a deviation of at least `LEAST_DEVIATION`;
- isolated: neither the days around it nor the same days of another year reach a third of it, as
  they do in a promotion, before Christmas or when school begins.

This rule only warns. Values so large that the model must not learn from them are found by the
coarser rule of `features.data.outliers`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.checks.panel import Panel, Timeline
from features.data.findings import MAX_FINDINGS, Finding, Report, Severity
from features.data.reading.reader import Place
from features.data.step import Step

TIMES = 4.0
DEVIATIONS = 8.0
LEAST_DEVIATION = 0.2
LEAST_UNITS = 20.0
_TRIMMED_VALUES, _TRIMMED_SHARE = 3, 0.01
_MIN_VALUES = 8
_MAD_TO_DEVIATION = 1.4826
_YEAR_DAYS, _AROUND_YEAR_DAYS, _AROUND_DAYS = 365, 10, 3


@dataclass(frozen=True)
class Spikes:
    """Unusual values of some series: there may be many, and few are reported.

    Attributes:
        names: the series of each, by their columns.
        cells: a row for each, with its value, its day, the median of the series' positive values,
            and file and row of its place.
    """

    names: pl.DataFrame
    cells: NDArray[np.void]


_CELL = np.dtype([("value", "f8"), ("usual", "f8"), ("day", "i4"), ("file", "i4"), ("row", "i8")])


def find_spikes(panel: Panel) -> Spikes:
    """Return the sales of some series that are far above what they usually reach."""
    sales = panel.values("sales")
    unusual = unusual_cells(sales, step=panel.step)
    cells = np.zeros(len(unusual), dtype=_CELL)
    for number, (series, day) in enumerate(unusual):
        positive = sales[series][sales[series] > 0]
        place = panel.sales.place(int(panel.row[series, day]))
        cells[number] = (sales[series, day], np.median(positive), day, *place)
    at = np.array([series for series, _ in unusual], dtype=np.intp)
    return Spikes(panel.series.select(pl.all().gather(at)), cells)


def warn_of_spikes(
    timeline: Timeline, parts: Sequence[Spikes], report: Report, *, known: Container[Place] = ()
) -> None:
    """Warn of sales that are far above what their series usually reaches, the largest first.

    Args:
        parts: of all series, in order.
        known: rows of the sales that already have a warning.
    """
    cells = np.concatenate([part.cells for part in parts])
    names = pl.concat([part.names for part in parts])
    order = np.argsort(-cells["value"], kind="stable")
    places = zip(cells["file"][order].tolist(), cells["row"][order].tolist(), strict=True)
    order = order[[place not in known for place in places]]
    files, first = np.unique(cells["file"][order], return_index=True)
    for file in files[np.argsort(first)]:  # findings are grouped by file
        of_file = order[cells["file"][order] == file]
        findings = [
            _make_finding(timeline, names.row(at, named=True), cells[at])
            for at in of_file[:MAX_FINDINGS].tolist()
        ]
        report.add(*findings, total=len(of_file))


def _make_finding(timeline: Timeline, series: Mapping[str, Any], cell: np.void) -> Finding:
    value = float(cell["value"])
    name = ", ".join(f"{column} {key}" for column, key in series.items())
    return timeline.sales.find(
        Severity.WARNING,
        "unusual-sales",
        f"{value:.15g} on {timeline.day(int(cell['day']))} is unusual for {name}, "
        f"where half of all days with sales stay below {float(cell['usual']):.6g}",
        place=(int(cell["file"]), int(cell["row"])),
        column="sales",
        value=f"{value:.15g}",
        advice="correct it, or leave out the row; keep it if it was sold",
    )


def unusual_cells(sales: NDArray[np.float64], *, step: Step = Step.DAY) -> list[tuple[int, int]]:
    """Return series and day of unusual values; `sales` is NaN where there is no row."""
    positive = np.where(sales > 0, sales, 0)
    ordered = np.sort(positive, axis=1)
    counts = (positive > 0).sum(axis=1)
    n_trimmed = np.maximum(_TRIMMED_VALUES, np.ceil(counts * _TRIMMED_SHARE)).astype(np.int64)
    reached = ordered[np.arange(len(ordered)), np.maximum(ordered.shape[1] - 1 - n_trimmed, 0)]
    limit = np.maximum(TIMES * reached, LEAST_UNITS)
    suspected = (positive > limit[:, None]) & (counts >= _MIN_VALUES)[:, None]
    return [
        (int(series), int(day))
        for series, day in zip(*np.nonzero(suspected), strict=True)
        if _is_far(positive[series], day) and _is_isolated(positive[series], day, step)
    ]


def _is_far(values: NDArray[np.float64], day: int) -> bool:
    logs = np.log1p(values[values > 0])
    median = np.median(logs)
    deviation = max(_MAD_TO_DEVIATION * float(np.median(np.abs(logs - median))), LEAST_DEVIATION)
    return bool(np.log1p(values[day]) - median > DEVIATIONS * deviation)


def _is_isolated(values: NDArray[np.float64], day: int, step: Step) -> bool:
    in_year = _YEAR_DAYS // step.days
    years = range(-(day // in_year) - 1, (len(values) - day) // in_year + 2)
    for year in years:
        around = -(-(_AROUND_DAYS if year == 0 else _AROUND_YEAR_DAYS) // step.days)
        middle = day + year * in_year
        days = np.arange(max(middle - around, 0), min(middle + around + 1, len(values)))
        if (values[days[days != day]] >= values[day] / 3).any():
            return False
    return True
