"""Forecasts of the days ahead as a CSV file (RFC 4180).

The numbers are those of a server with the same tables: the stored forecasts of the newest origin,
made by the current bundle, which is not trained again. The file is written in chunks of some
thousands of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from errors import InputError
from features.data.build import build_snapshot
from features.data.cells import safe_cell
from features.data.findings import OnReport
from features.data.hierarchy import Hierarchy
from features.data.parts.memory import Memory
from features.data.parts.runner import HERE, PartRunner
from features.data.reading.layout import STANDARD, TableLayout
from features.data.screening.treatment import Screening
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.tables import check_reach, last_id, read_tables
from features.state import check_days
from models.base_forecasts import Progress, ScoreParts
from models.bundle import read_specification
from models.serving.release import LoadedRelease, load_release
from storage.artifacts import Release, Store
from training.output_file import check_output, open_replacement
from training.progress import Clock, NullReporter, PlannedStep, Reporter

DEFAULT_DAYS = 16
NOMINALS = (80, 95)
"""Nominal coverage of the intervals, in percent."""

_CHUNK_ROWS = 50_000
_STEPS = ("read tables", "build snapshot", "forecast all nodes", "write file")
_LINE_END = "\r\n"


@dataclass(frozen=True)
class Written:
    """Summary of a written file: release, rows without the header, first and last day."""

    release: Release
    rows: int
    first: date
    last: date


def forecast_file(
    data: Path,
    store: Store,
    out: Path,
    *,
    days: int | None = None,
    levels: bool = False,
    reporter: Reporter | None = None,
    layout: TableLayout = STANDARD,
    screening: Screening | None = None,
    memory: Memory | None = None,
    on_report: OnReport = lambda report: None,
    score_parts: ScoreParts | None = None,
    runner: PartRunner = HERE,
) -> Written:
    """Forecast a folder of tables with the current bundle, into the file `out`.

    The rows are those of the days ahead, in their order. Without such a table they are all bottom
    series on each of the next `days` days (16 by default), by day and series. Where the rows of
    the specification have ids, so have these: those of the table, or without one ids that follow
    the largest of the sales, or begin at 0 where these have none.

    Args:
        levels: add the column `node`, and after those rows every other node on every day that
            they forecast, without an id. Bottom series that test leaves out are among them, so
            that the nodes of the file always add up.
        layout: how the text of the tables is written.
        screening: of their newest days; none by default.
        memory: that reading and building may take; tables that need more are read in parts.
        on_report: called with the report of the check of the tables, unless it has an error.
        score_parts: what forecasts the parts of the series, if not this process.
        runner: what reads and builds the parts of the tables.

    Raises:
        DataError: a table is wrong, or test reaches beyond the horizon.
        InputError: `out` cannot be written, `days` is more than the horizon, or there is a test
            table, which states the days itself.
        ArtifactError: there is no bundle, or it does not fit the tables.
    """
    check_output(out)
    bundle = store.current().bundle
    specification = read_specification(store.bundles / bundle)
    step, horizon = specification.step, specification.horizon
    if days is not None and not 1 <= days <= horizon:
        raise InputError(f"{days} {step}s cannot be forecast, but 1 to {horizon}")
    clock = Clock(reporter or NullReporter())
    clock.plan([PlannedStep(name) for name in _STEPS])
    with clock.step("read tables"):
        advance = clock.reporter.advance
        tables = read_tables(
            data, layout, specification, screening, memory=memory, progress=advance, runner=runner
        )
        check_reach(data, tables, layout)
        on_report(tables.report)
        if tables.test is not None and days is not None:
            raise InputError(
                f"{data}: {specification.future} says which days to forecast; leave out --days "
                "(DAYS)"
            )
        newest_id = last_id(data, specification.sales, layout) if tables.test is None else None
    with clock.step("build snapshot"):
        artifact = build_snapshot(tables, store.snapshots, progress=clock.reporter.advance)
        release = Release(bundle=bundle, snapshot=artifact.name)
        check_days(load_snapshot(artifact.path))
    test = tables.days_ahead()
    del tables  # by far the largest part of the memory
    with clock.step("forecast all nodes"):
        serving = load_release(
            store, release, progress=clock.reporter.advance, score_parts=score_parts
        )
    snapshot = serving.engine.snapshot
    wanted = (
        _request_days(
            snapshot,
            days or min(DEFAULT_DAYS, horizon),
            first_id=0 if newest_id is None else newest_id + 1,
        )
        if test is None
        else _request_test(snapshot, test)
    )
    with clock.step("write file"):
        rows = write_rows(serving, wanted, out, levels=levels, progress=clock.reporter.advance)
    horizons = wanted["horizon"].unique().sort()
    first, last = (snapshot.date_at(snapshot.newest_origin + horizons[end]) for end in (0, -1))
    return Written(release=release, rows=rows, first=first, last=last)


def write_rows(
    serving: LoadedRelease,
    wanted: pl.DataFrame,
    out: Path,
    *,
    levels: bool = False,
    progress: Progress = lambda done, total: None,
) -> int:
    """Write forecasts to `out`, atomically, and return the number of rows.

    Args:
        wanted: `id` (null where there is none), `node` (row of the hierarchy), `horizon`.
        levels: see `forecast_file`.

    Raises:
        InputError: `out` cannot be written.
    """
    hierarchy = serving.engine.snapshot.hierarchy
    labels = _label_nodes(hierarchy).with_columns(
        pl.all().map_elements(safe_cell, return_dtype=pl.String)
    )
    labels = labels if levels else labels.drop("node")
    total = wanted["horizon"].n_unique() * len(hierarchy) if levels else wanted.height
    written = 0
    with open_replacement(out) as file:
        for chunk in _iter_chunks(hierarchy, wanted, levels=levels):
            lines = _make_lines(serving, chunk, labels)
            lines.write_csv(file, include_header=not written, line_terminator=_LINE_END)
            written += chunk.height
            progress(written, total)
    return written


def _request_test(snapshot: Snapshot, test: pl.DataFrame) -> pl.DataFrame:
    """Return the requested rows of the test table, in its order."""
    hierarchy = snapshot.hierarchy
    labels = _label_nodes(hierarchy).with_row_index("row").tail(hierarchy.n_bottom)
    keys = list(snapshot.specification.series)
    keyed = test.with_columns(pl.col(keys).cast(pl.String))
    placed = keyed.join(labels, on=keys, how="left", maintain_order="left")
    days_ahead = (pl.col("date") - snapshot.facts.origin).dt.total_days() // snapshot.step.days
    row_id = pl.col("id") if snapshot.specification.row_ids else pl.lit(None, dtype=pl.Int64)
    return placed.select(row_id.alias("id"), node=pl.col("row").cast(pl.Int64), horizon=days_ahead)


def _request_days(snapshot: Snapshot, days: int, *, first_id: int) -> pl.DataFrame:
    """Return a request of every bottom series on each of the next days, by day."""
    hierarchy = snapshot.hierarchy
    bottoms = np.arange(hierarchy.n_upper, len(hierarchy))
    return pl.DataFrame(
        {
            "id": np.arange(first_id, first_id + days * len(bottoms)),
            "node": np.tile(bottoms, days),
            "horizon": np.repeat(np.arange(1, days + 1), len(bottoms)),
        }
    )


def _iter_chunks(
    hierarchy: Hierarchy, wanted: pl.DataFrame, *, levels: bool
) -> Iterator[pl.DataFrame]:
    """Yield the requested rows in chunks, then all other nodes, one day at a time."""
    yield from wanted.iter_slices(_CHUNK_ROWS)
    if not levels:
        return
    for (horizon,), day in wanted.sort("horizon").group_by("horizon", maintain_order=True):
        others = np.setdiff1d(np.arange(len(hierarchy)), day["node"])
        yield pl.DataFrame({"node": others}).select(
            id=pl.lit(None, dtype=pl.Int64), node="node", horizon=pl.lit(horizon, dtype=pl.Int64)
        )


def _label_nodes(hierarchy: Hierarchy) -> pl.DataFrame:
    """Return the columns of the series and the id of every node; null if its level lacks one."""
    keys = [
        dict(zip(hierarchy.levels[node.level], node.key, strict=True)) for node in hierarchy.nodes
    ]
    return pl.DataFrame(
        {
            **{
                column: pl.Series([key.get(column) for key in keys], dtype=pl.String)
                for column in hierarchy.specification.series
            },
            "node": [node.id for node in hierarchy.nodes],
        }
    )


def _make_lines(serving: LoadedRelease, wanted: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Return the lines of the file for some requested rows."""
    snapshot = serving.engine.snapshot
    nodes, horizons = (wanted[name].to_numpy() for name in ("node", "horizon"))
    mean = serving.forecasts.mean[nodes, horizons - 1]
    sold = snapshot.may_sell(snapshot.newest_origin)[nodes]
    titles = snapshot.specification.columns
    values = {titles.get("sales", "sales"): mean}
    bounds = {name: np.empty_like(mean) for n in NOMINALS for name in (f"lower_{n}", f"upper_{n}")}
    for horizon in np.unique(horizons):
        at = np.flatnonzero(horizons == horizon)
        for nominal in NOMINALS:
            days = np.array([horizon])
            lower, upper = serving.intervals.bounds(
                nodes[at],
                mean[at, None],
                days,
                nominal,
                sold=sold[at],
                closed=snapshot.closed_nodes(nodes[at], snapshot.newest_origin, days),
            )
            bounds[f"lower_{nominal}"][at] = lower[:, 0]
            bounds[f"upper_{nominal}"][at] = upper[:, 0]
    described, days_ahead = labels[nodes], snapshot.dates[snapshot.newest_origin + horizons]
    return pl.DataFrame(
        [
            *([wanted["id"]] if snapshot.specification.row_ids else []),
            pl.Series(titles.get("date", "date"), days_ahead),
            *described.select(snapshot.specification.series),
            *(pl.Series(name, column) for name, column in (values | bounds).items()),
            *described.select(pl.exclude(snapshot.specification.series)),
        ]
    )
