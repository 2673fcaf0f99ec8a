"""Features of the past against mlforecast's polars engine: the same columns for all series.

The comparison covers those of our columns that mlforecast can express, for the day after an
origin: means and standard deviations over trailing windows, means over the same weekdays, the
value a year before. Our times are those of the functions that compute them, which also compute
a dozen other columns and all seven weekdays; the time of the whole state is given beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from features.data.step import Step
from features.history import measure_levels
from features.seasons import measure_years_before
from features.state import state_at
from features.tail import TAIL_DAYS, Tail, pad_front
from features.weekday import measure_weekdays
from load.library.subject import Advance, Subject, in_unit
from load.record import Cell, Table
from load.rounds import Spread, make_timer, measure_interleaved

Columns = Mapping[str, NDArray[np.float64]]

YEAR = Step.DAY.year
MEANS = {"recent_3": 3, **{f"mean_{days}": days for days in (7, 14, 28, 56, 112, YEAR)}}
SPREADS = {"std_28": 28, "std_112": 112}
WEEKDAYS = {"weekday_4": 4, "weekday_8": 8, "weekday_16": 16}
LAST, YEAR_BEFORE = "weekday_last", "year_value"
COMPARED = (*MEANS, *SPREADS, LAST, *WEEKDAYS, YEAR_BEFORE)

TOLERANCE = 1e-6
"""Largest difference: they update a variance, we subtract the squared mean from the mean square."""
_ID, _DAY, _VALUE = "unique_id", "ds", "y"
_STEP, _YEARS = 4, 3


def table(
    subject: Subject, advance: Advance, *, rounds: int = 3, step: int = _STEP, threads: int = 1
) -> Table:
    """Return the milliseconds for one origin, and for the origins of a training.

    Raises:
        AssertionError: a column differs by more than `TOLERANCE`.
    """
    snapshot = subject.engine.snapshot
    newest = snapshot.newest_origin
    first = max(newest - _YEARS * YEAR, YEAR)
    origins = range(newest - (newest - first) // step * step, newest + 1, step)
    engine = _MLForecastFeatures(snapshot, threads)
    check(our_columns(snapshot, newest), engine.compute_newest(), snapshot, newest)
    every = engine.compute_all()
    for origin in (origins[0], origins[len(origins) // 2]):
        check(our_columns(snapshot, origin), engine.select(every, origin), snapshot, origin)
    ways: dict[str, Callable[[], object]] = {
        "ours, one": lambda: our_columns(snapshot, newest),
        "theirs, one": engine.compute_newest,
        "whole state, one": lambda: state_at(snapshot, newest),
        "ours, all": lambda: [our_columns(snapshot, origin) for origin in origins],
        "theirs, all": engine.compute_all,
    }
    times = measure_interleaved(
        {name: make_timer(way) for name, way in ways.items()},
        rounds=rounds,
        advance=partial(advance, "features"),
    )
    return Table(
        id="features",
        caption=f"{len(COMPARED)} columns of the past ({', '.join(COMPARED)}) of all nodes, ours "
        f"against mlforecast with a polars frame, {threads} thread; medians of {rounds} rounds. "
        f"They agree to {TOLERANCE:g}. {subject.size}.",
        columns=("for", "way", "columns", "ms", "least ms", "most ms", "time / mlforecast's"),
        rows=tuple(_rows(times, snapshot, len(origins))),
    )


def our_columns(snapshot: Snapshot, origin: int) -> Columns:
    """Return the compared columns of the sales as they are, with unusual days, before rounding."""
    units = pad_front(snapshot.history[:, max(origin + 1 - TAIL_DAYS, 0) : origin + 1], TAIL_DAYS)
    logs = Tail(np.log1p(units), np.maximum(origin + 1 - snapshot.first_sale, 0))
    values = measure_levels(units, logs, step=Step.DAY)
    tomorrow = int(snapshot.calendar.weekday[origin + 1])
    values |= {
        name: value[:, tomorrow] for name, value in measure_weekdays(snapshot, origin, logs).items()
    }
    years = measure_years_before(logs, step=Step.DAY, horizon=FAVORITA.horizon)
    values[YEAR_BEFORE] = years[YEAR_BEFORE][:, 0]
    return {name: values[name] for name in COMPARED}


def check(own: Columns, other: Columns, snapshot: Snapshot, origin: int) -> None:
    """Compare two sets of columns over the nodes that have sold by the origin.

    Raises:
        AssertionError: a column differs by more than `TOLERANCE`.
    """
    age = origin + 1 - snapshot.first_sale
    for name in COMPARED:
        # age in days from which our column has a value; theirs may have one earlier
        least = {YEAR_BEFORE: YEAR + 28, LAST: 7, **dict.fromkeys(WEEKDAYS, 7)}.get(name, 1)
        rows = np.flatnonzero(age > least)
        off = np.abs(own[name][rows] - other[name][rows]).max(initial=0)
        assert off <= TOLERANCE, f"{name} differs by {off:.2g} at {origin}"


class _MLForecastFeatures:
    """mlforecast over the log sales of each node, from its first sale on."""

    def __init__(self, snapshot: Snapshot, threads: int) -> None:
        from mlforecast import MLForecast
        from mlforecast.lag_transforms import RollingMean, RollingStd, SeasonalRollingMean

        self._snapshot = snapshot
        self._forecast: Any = MLForecast(
            models=[],
            freq=1,
            lags=[7, YEAR],
            lag_transforms={
                1: [
                    *(RollingMean(days, min_samples=1) for days in MEANS.values()),
                    *(RollingStd(days, min_samples=2) for days in SPREADS.values()),
                ],
                7: [SeasonalRollingMean(7, weeks, min_samples=1) for weeks in WEEKDAYS.values()],
            },
            num_threads=threads,
        )
        self._frame = _frame(snapshot, 0)
        self._tail = _frame(snapshot, max(snapshot.n_days - TAIL_DAYS, 0))

    def compute_newest(self) -> Columns:
        """Return the columns for the day after the newest origin, from as many days as we read.

        Uses the private method that its own forecasts call, which computes only this one row of
        each series; the public methods compute rows for all days.
        """
        series = self._forecast.ts
        series._fit(self._tail, _ID, _DAY, _VALUE, static_features=[])
        series._predict_setup()
        return self._to_columns(
            series._update_features(), series.uids.to_numpy(), self._snapshot.newest_origin
        )

    def compute_all(self) -> pl.DataFrame:
        """Return the columns for every day, as its training computes them."""
        frame: pl.DataFrame = self._forecast.preprocess(
            self._frame, static_features=[], dropna=False
        )
        return frame

    def select(self, every: pl.DataFrame, origin: int) -> Columns:
        rows = every.filter(pl.col(_DAY) == origin + 1)
        return self._to_columns(rows, rows[_ID].to_numpy(), origin)

    def _to_columns(self, frame: pl.DataFrame, nodes: NDArray[np.int64], origin: int) -> Columns:
        """Convert a frame to our names and definitions: one value a node, NaN where it has none."""
        computed = [name for name in frame.columns if name not in (_ID, _DAY, _VALUE)]
        names = (LAST, YEAR_BEFORE, *MEANS, *SPREADS, *WEEKDAYS)
        columns = {}
        for name, theirs in zip(names, computed, strict=True):
            columns[name] = np.full(len(self._snapshot.hierarchy), np.nan)
            columns[name][nodes] = frame[theirs].to_numpy()
        age = np.maximum(origin + 1 - self._snapshot.first_sale, 1)
        for name, days in SPREADS.items():  # n - 1 in the denominator there, n in ours
            count = np.minimum(age, days)
            columns[name] = np.where(count > 1, columns[name] * np.sqrt((count - 1) / count), 0)
        return columns


def _frame(snapshot: Snapshot, first: int) -> pl.DataFrame:
    """Return log sales by node and day, from the later of its first sale and day `first`."""
    starts = np.maximum(snapshot.first_sale, first)
    days = np.arange(snapshot.n_days)
    known = days >= starts[:, None]
    nodes, at = np.nonzero(known)
    return pl.DataFrame({_ID: nodes, _DAY: at, _VALUE: np.log1p(snapshot.history[known])})


def _rows(
    times: Mapping[str, Spread], snapshot: Snapshot, origins: int
) -> Sequence[tuple[Cell, ...]]:
    one, every = "the newest origin", f"the {origins} origins of a training"
    state = state_at(snapshot, snapshot.newest_origin)
    kinds = (state.node, state.weekday, state.monthday, state.ahead)
    whole = sum(len(kind) for kind in kinds)
    count = len(COMPARED)

    def row(what: str, way: str, columns: int, name: str, other: str) -> tuple[Cell, ...]:
        spread = times[name]
        return (
            what,
            way,
            columns,
            *in_unit(spread, 1e3),
            spread.median / times[other].median,
        )

    return (
        row(one, "ours", count, "ours, one", "theirs, one"),
        row(one, "mlforecast", count, "theirs, one", "theirs, one"),
        row(one, "ours, the whole state", whole, "whole state, one", "theirs, one"),
        row(every, "ours", count, "ours, all", "theirs, all"),
        row(every, "mlforecast, for all days", count, "theirs, all", "theirs, all"),
    )
