"""Study of the tests of drift: false alarms of whole years, and delays of faults that are put in.

A model is trained once on the demo's tables up to a day, and forecasts from every later day, as a
release that is refreshed daily would. Nothing of the errors is simulated: faults are put into the
tables, and the forecasts after them are made from tables that hold them.

    python -m training.evaluation.drift_study FOLDER --seeds 3
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from features.data.build import build_snapshot
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.tables import Tables
from lifecycle.monitoring.daily import DailySums, list_groups
from lifecycle.monitoring.findings import Finding, update_from_figures
from lifecycle.monitoring.input_drift import find_input_drift, find_stale_data
from lifecycle.monitoring.performance_drift import find_performance_drift
from lifecycle.training_request import Effort
from models.buckets import Buckets, buckets_of
from models.bundle import Bundle, load_bundle
from models.engine import ForecastEngine
from storage.artifacts import Store
from storage.drift_events import Detector, DriftEvent, Severity
from training.demo.generator import LAST, SEED, demo_tables
from training.pipeline import train_on
from training.progress import Clock, NullReporter
from training.recipe import Recipe

Values = NDArray[np.float64]
Document = dict[str, Any]

TRAINED_THROUGH = date(2023, 6, 30)
INJECTED = date(2023, 10, 17)
WATCHED_DAYS = 90
"""Days after a fault on which it may be detected."""
PLANNED_DAYS = 16
_STORE = pl.col("store_nbr").cast(pl.String)
LATE_STORE = "21"
"""Opens in May 2024."""
SUMS = ("known", "sold", "forecast", "absolute", "excess", "within_80", "within_95")


# --- faults -----------------------------------------------------------------------------------

Injection = Callable[[Tables, date], Tables]


def _where(tables: Tables, condition: pl.Expr, column: str, value: pl.Expr) -> Tables:
    """Return tables with other values of a column in rows of the sales and of the days ahead."""

    def alter(frame: pl.DataFrame) -> pl.DataFrame:
        kind = frame.schema[column]
        altered = pl.when(condition).then(value).otherwise(pl.col(column)).cast(kind)
        return frame.with_columns(altered.alias(column))

    test = tables.test
    if test is not None and column in test.columns:
        test = alter(test)
    return replace(tables, train=alter(tables.train), test=test)


def raise_store(tables: Tables, day: date) -> Tables:
    """Sell 30 % more in a store from a day on."""
    condition = (_STORE == "10") & (pl.col("date") >= day)
    return _where(tables, condition, "sales", pl.col("sales") * 1.3)


def clear_promotions(tables: Tables, day: date) -> Tables:
    """Deliver a column of promotions that is 0 from a day on, the days ahead included."""
    return _where(tables, pl.col("date") >= day, "onpromotion", pl.lit(0))


def multiply_family(tables: Tables, day: date) -> Tables:
    """Multiply the units of a family by 100 on a day, as a wrong unit does."""
    condition = (pl.col("family") == "DAIRY") & (pl.col("date") == day)
    return _where(tables, condition, "sales", pl.col("sales") * 100)


def close_store(tables: Tables, day: date) -> Tables:
    """Close a store for three weeks, which no table states."""
    closed = pl.col("date").is_between(day, day + timedelta(20))
    return _where(tables, (_STORE == "2") & closed, "sales", pl.lit(0.0))


def move_holiday(tables: Tables, day: date) -> Tables:
    """State a holiday a week later than it was kept: `day` is that on which it was."""
    moved = pl.col("date") == day
    later = pl.when(moved).then(pl.col("date").dt.offset_by("1w")).otherwise(pl.col("date"))
    return replace(tables, holidays_events=tables.holidays_events.with_columns(date=later))


@dataclass(frozen=True)
class Fault:
    """A fault, and the day from which the tables hold it."""

    name: str
    inject: Injection
    day: date = INJECTED


HOLIDAY = date(2023, 11, 3)
FAULTS = (
    Fault("sales of a store × 1.3", raise_store),
    Fault("promotions all 0", clear_promotions),
    Fault("units of a family × 100 for a day", multiply_family),
    Fault("store closed for three weeks", close_store),
    Fault("holiday moved by a week", move_holiday, HOLIDAY),
)


# --- replay -----------------------------------------------------------------------------------


@dataclass
class Replay:
    """Sums of daily vintages and events of daily inputs, from the day after the training.

    Attributes:
        first: index of the first day.
        sums: by name, shape (days, groups, buckets).
        inputs: events of the inputs, as they were at the end.
    """

    first: int
    days: NDArray[np.datetime64]
    sums: dict[str, Values]
    inputs: list[DriftEvent]


@dataclass(frozen=True)
class Vintage:
    """Forecasts of all nodes from one origin, with bounds; each of shape (nodes, horizon)."""

    mean: Values
    bounds: Mapping[int, tuple[Values, Values]]


def forecast_vintage(engine: ForecastEngine, origin: int) -> Vintage:
    """Return the forecasts of one origin as a release would have stored them."""
    snapshot, horizons = engine.snapshot, engine.all_horizons
    assert engine.intervals is not None
    mean = engine.forecast(origin).values
    nodes = np.arange(len(snapshot.hierarchy))
    bounds = engine.intervals.bounds_of(
        nodes,
        mean,
        horizons,
        (80, 95),
        sold=snapshot.may_sell(origin),
        closed=snapshot.closed_nodes(nodes, origin, horizons),
    )
    return Vintage(mean, dict(zip((80, 95), bounds, strict=True)))


def replay(
    engine: ForecastEngine,
    *,
    last: int,
    vintages: dict[int, Vintage],
    judge_from: int | None = None,
) -> Replay:
    """Forecast from each day after the training and judge inputs on it, up to the day `last`.

    Args:
        vintages: that are known already, by origin; new ones are added.
        judge_from: first day whose inputs are judged.
    """
    snapshot = engine.snapshot
    first = snapshot.index_of(engine.bundle.facts.trained_through) + 1
    buckets = buckets_of(snapshot.specification)
    reference = engine.bundle.read_drift_reference()
    assert reference is not None
    groups = list_groups(snapshot.hierarchy)
    sums = {name: np.zeros((last + 1 - first, len(groups), len(buckets))) for name in SUMS}
    every_day = np.arange(first, last + 1)
    actual = snapshot.targets(slice(0, None), every_day)
    events: list[DriftEvent] = []
    for origin in range(first - 1, last):
        if origin not in vintages:
            vintages[origin] = forecast_vintage(engine, origin)
        _add_vintage(sums, snapshot, buckets, vintages[origin], actual, origin, first)
        if origin >= first and origin >= (judge_from or first):
            findings = find_input_drift(reference, engine, origin=origin)
            _judge_inputs(events, findings, snapshot.date_at(origin))
    return Replay(first, snapshot.dates[every_day], sums, events)


def _add_vintage(
    sums: Mapping[str, Values],
    snapshot: Snapshot,
    buckets: Buckets,
    vintage: Vintage,
    actual: Values,
    origin: int,
    first: int,
) -> None:
    """Add the days of a vintage whose sales are known to the sums."""
    hierarchy = snapshot.hierarchy
    days = np.arange(
        max(origin + 1, first), min(origin + 1 + buckets.horizon, first + len(actual.T))
    )
    ahead = days - origin - 1
    mean, sold = vintage.mean[:, ahead], actual[:, days - first]
    known = ~np.isnan(sold)
    values = {
        "known": known.astype(np.float64),
        "sold": np.where(known, sold, 0),
        "forecast": np.where(known, mean, 0),
        "absolute": np.where(known, np.abs(mean - sold), 0),
        "excess": np.where(known, mean - sold, 0),
    }
    for nominal, (low, high) in vintage.bounds.items():
        within = (low[:, ahead] <= sold) & (sold <= high[:, ahead])
        values[f"within_{nominal}"] = (known & within).astype(np.float64)
    at = (days - first, buckets.of(ahead + 1))
    levels = len(hierarchy.levels)
    for name, each in values.items():
        for code, rows in enumerate(hierarchy.slices.values()):
            np.add.at(sums[name][:, code], at, each[rows].sum(axis=0))
        for node in range(1, hierarchy.n_upper):
            np.add.at(sums[name][:, levels + node - 1], at, each[node])


def _judge_inputs(events: list[DriftEvent], findings: Sequence[Finding], day: date) -> None:
    """Update the events by the findings of a day, as the scoring of each day does."""
    still_open = [event for event in events if event.closed is None]
    for event in update_from_figures("study", findings, still_open, day):
        if event.id:
            events[event.id - 1] = event
        else:
            events.append(replace(event, id=len(events) + 1))


def list_alarms(engine: ForecastEngine, result: Replay) -> list[Finding | DriftEvent]:
    """Return everything that the tests noticed in a replay."""
    reference = engine.bundle.read_drift_reference()
    assert reference is not None
    daily = DailySums(
        result.days,
        list_groups(engine.snapshot.hierarchy),
        buckets_of(engine.snapshot.specification).names,
        result.sums,
    )
    return [*find_performance_drift(reference, daily, engine.snapshot), *result.inputs]


# --- study ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Retailer:
    """A demo retailer, and a model that was trained on its tables up to a day."""

    tables: Tables
    bundle: Bundle
    folder: Path

    def engine(self, tables: Tables) -> ForecastEngine:
        """Return the model on a snapshot of other tables of the retailer."""
        artifact = build_snapshot(tables, self.folder / "snapshots")
        return ForecastEngine(self.bundle, load_snapshot(artifact.path))


def drop_store(tables: Tables, store: str) -> Tables:
    """Return tables without a store: one that opens in the year would be no false alarm."""
    other = store != _STORE
    return replace(
        tables,
        train=tables.train.filter(other),
        test=None if tables.test is None else tables.test.filter(other),
        others={
            name: frame.filter(other) if "store_nbr" in frame.columns else frame
            for name, frame in tables.others.items()
        },
    )


def cut_tables(tables: Tables, last: date) -> Tables:
    """Return the tables as they were when the sales of a day had just arrived."""
    day, train = pl.col("date"), tables.train
    ahead = train.filter(day.is_between(last + timedelta(1), last + timedelta(PLANNED_DAYS)))
    others = {
        name: frame.filter(day <= last) if "date" in frame.columns else frame
        for name, frame in tables.others.items()
    }
    return replace(
        tables,
        train=train.filter(day <= last),
        test=ahead.drop("sales"),
        others=others,
    )


def prepare_retailer(
    folder: Path, seed: int, *, threads: int, recipe: Recipe | None = None
) -> Retailer:
    """Train a model on a demo retailer up to `TRAINED_THROUGH`."""
    tables = drop_store(demo_tables(seed=seed), LATE_STORE)
    store = Store(folder)
    release = train_on(
        cut_tables(tables, TRAINED_THROUGH),
        store,
        recipe,
        effort=Effort.FAST if recipe is None else Effort.DEFAULT,
        threads=threads,
        clock=Clock(NullReporter()),
    )
    return Retailer(tables, load_bundle(store.bundles / release.bundle, threads=threads), folder)


def study_retailer(
    retailer: Retailer, *, faults: Sequence[Fault] = FAULTS, last: date = LAST
) -> Document:
    """Replay a year without a fault, and the days after each fault."""
    engine = retailer.engine(retailer.tables)
    snapshot = engine.snapshot
    vintages: dict[int, Vintage] = {}
    end = min(snapshot.index_of(last), snapshot.newest_origin)
    clean = replay(engine, last=end, vintages=vintages)
    alarms = list_alarms(engine, clean)
    document: Document = {
        "days": len(clean.days),
        "clean": [_document_of(alarm) for alarm in alarms],
        "faults": {},
    }
    for fault in faults:
        document["faults"][fault.name] = study_fault(retailer, fault, snapshot, vintages, alarms)
    return document


def study_fault(
    retailer: Retailer,
    fault: Fault,
    clean: Snapshot,
    vintages: Mapping[int, Vintage],
    alarms: Sequence[Finding | DriftEvent],
) -> list[Document]:
    """Return what the tests notice of a fault that they do not notice without it."""
    engine = retailer.engine(fault.inject(retailer.tables, fault.day))
    day = clean.index_of(fault.day)
    # forecasts made before the fault are those of the clean tables
    before = {origin: each for origin, each in vintages.items() if origin < day}
    if fault.inject is move_holiday:
        before = {origin: each for origin, each in before.items() if origin + clean.horizon < day}
    last = min(day + WATCHED_DAYS, clean.newest_origin)
    result = replay(engine, last=last, vintages=before, judge_from=day)
    usual = {(each.detector, each.subject, each.opened) for each in alarms}
    noticed = [
        each
        for each in list_alarms(engine, result)
        if each.opened >= fault.day and (each.detector, each.subject, each.opened) not in usual
    ]
    return [
        _document_of(each) | {"delay": (each.opened - fault.day).days}
        for each in sorted(noticed, key=lambda each: each.opened)
    ]


def _document_of(alarm: Finding | DriftEvent) -> Document:
    return {
        "detector": str(alarm.detector),
        "subject": alarm.subject,
        "bucket": alarm.bucket,
        "severity": str(alarm.severity),
        "since": alarm.since.isoformat(),
        "opened": alarm.opened.isoformat(),
        "closed": None if alarm.closed is None else alarm.closed.isoformat(),
        "message": alarm.message,
    }


def stale_delay(snapshot: Snapshot) -> int:
    """Return after how many days without newer tables an event opens."""
    real = replace(snapshot, facts=snapshot.facts.model_copy(update={"demo": False}))
    origin = snapshot.facts.origin
    return next(
        days
        for days in range(1, WATCHED_DAYS + 1)
        if any(each.ratio >= 1 for each in find_stale_data(real, origin + timedelta(days)))
    )


def tabulate(documents: Sequence[Document], stale: int) -> str:
    """Return the figures as tables in Markdown."""
    years = sum(each["days"] for each in documents) / 365
    counts = Counter(
        alarm["detector"]
        for each in documents
        for alarm in each["clean"]
        if alarm["severity"] != Severity.INFO
    )
    infos = Counter(
        alarm["detector"]
        for each in documents
        for alarm in each["clean"]
        if alarm["severity"] == Severity.INFO
    )
    lines = [
        f"False alarms in {years:.1f} years without a fault:",
        "",
        "| test | alarms | for information |",
        "|---|---|---|",
        *(f"| `{each}` | {counts[each]} | {infos[each]} |" for each in Detector),
        "",
        "| fault | noticed first by | days after it | also noticed by |",
        "|---|---|---|---|",
    ]
    lines += [
        _row_of(name, [each["faults"][name] for each in documents])
        for name in documents[0]["faults"]
    ]
    lines.append(f"| no newer tables | `stale_data` | {stale} | |")
    return "\n".join(lines) + "\n"


def _row_of(name: str, alarms: Sequence[Sequence[Document]]) -> str:
    """Return the row of a fault, with the delays of each retailer."""
    delays: dict[str, list[int | None]] = {}
    for number, of_retailer in enumerate(alarms):
        for alarm in of_retailer:
            if alarm["severity"] == Severity.INFO:
                continue
            of = delays.setdefault(alarm["detector"], [None] * len(alarms))
            before = of[number]
            of[number] = alarm["delay"] if before is None else min(before, alarm["delay"])

    def text(of: Sequence[int | None]) -> str:
        return ", ".join("never" if each is None else str(each) for each in of)

    ranked = sorted(delays.items(), key=lambda item: _rank(item[1]))
    if not ranked:
        return f"| {name} | none | never | |"
    (first, of), rest = ranked[0], ranked[1:]
    others = "; ".join(f"`{detector}` {text(each)}" for detector, each in rest)
    return f"| {name} | `{first}` | {text(of)} | {others} |"


def _rank(delays: Sequence[int | None]) -> float:
    return float(np.mean([WATCHED_DAYS if each is None else each for each in delays]))


def _run(folder: Path, seeds: int, threads: int) -> Iterator[tuple[Document, int]]:
    for number in range(seeds):
        with tempfile.TemporaryDirectory(prefix="mlrf-drift-", dir=folder) as scratch:
            retailer = prepare_retailer(Path(scratch), SEED + number, threads=threads)
            document = study_retailer(retailer)
            stale = stale_delay(retailer.engine(retailer.tables).snapshot)
            yield document, stale


def main() -> None:
    """Write `drift_study.json` and `drift_study.md` into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=1, help="number of retailers, a year each")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    documents, stale = [], 0
    for document, stale in _run(arguments.folder, arguments.seeds, arguments.threads):
        documents.append(document)
        (arguments.folder / "drift_study.json").write_bytes(
            orjson.dumps(documents, option=orjson.OPT_INDENT_2)
        )
        (arguments.folder / "drift_study.md").write_text(
            tabulate(documents, stale), encoding="utf-8"
        )
    print((arguments.folder / "drift_study.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
