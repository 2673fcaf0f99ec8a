"""Trains on tables without their last days, and scores forecasts of these days."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

from features.data.build import build_snapshot
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.step import Step
from features.data.tables import read_tables
from load.accuracy.baselines import baselines
from load.accuracy.holdout import hold_out
from load.accuracy.scores import HeldOut
from models.serving.release import LoadedRelease, load_release
from storage.artifacts import Store
from training.evaluation.backtest_result import OURS
from training.evaluation.scores import Document, Values
from training.forecast_file import NOMINALS
from training.pipeline import train
from training.recipe import Recipe

Say = Callable[[str], None]

_STEPS = {Step.DAY: 42, Step.WEEK: 13}


def compare(
    folder: Path,
    steps: int | None = None,
    *,
    threads: int = 2,
    recipe: Recipe | None = None,
    say: Say = lambda text: None,
) -> Document:
    """Score the model and the baselines on the last days of a folder of tables.

    Args:
        steps: days or weeks that are held out; 42 days or 13 weeks by default.
        say: called with the name of each step.

    Raises:
        DataError: a table is wrong.
        InputError: there are too few days.
    """
    with tempfile.TemporaryDirectory(prefix="mlrf-accuracy-") as scratch:
        root = Path(scratch)
        say("hold out")
        full = load_snapshot(build_snapshot(read_tables(folder), root / "full").path)
        steps = steps or _STEPS[full.step]
        last = hold_out(folder, root / "tables", steps)
        say("train")
        begin, store = perf_counter(), Store(root / "artifacts")
        release = load_release(store, train(root / "tables", store, recipe, threads=threads))
        seconds = {OURS: perf_counter() - begin}
        snapshot = release.engine.snapshot
        holdout = HeldOut(
            hierarchy=snapshot.hierarchy,
            bottoms=_find_actuals(full, snapshot, steps),
            history=snapshot.history,
        )
        mean = release.forecasts.mean[:, :steps]
        scores = {OURS: holdout.score_points(mean[snapshot.hierarchy.n_upper :])}
        for name, baseline in baselines(snapshot.step, threads).items():
            say(name)
            begin = perf_counter()
            scores[name] = holdout.score_points(baseline(snapshot, steps))
            seconds[name] = perf_counter() - begin
        return {
            "folder": folder.name,
            "steps": steps,
            "step": full.step,
            "last": last.isoformat(),
            "nodes": {
                level: rows.stop - rows.start for level, rows in snapshot.hierarchy.slices.items()
            },
            "counted": float(holdout.counted.mean()),
            "scores": scores,
            "coverage": holdout.score_intervals(mean, _find_bounds(release, mean)),
            "seconds": seconds,
        }


def _find_actuals(full: Snapshot, snapshot: Snapshot, days: int) -> Values:
    """Return the sales of the series of a snapshot on the days after it, NaN if not counted."""
    upper = snapshot.hierarchy.n_upper
    rows = np.array([full.hierarchy.index[node.id] for node in snapshot.hierarchy.nodes[upper:]])
    first = full.index_of(snapshot.facts.origin) + 1
    return full.targets(rows, np.arange(first, first + days))


def _find_bounds(release: LoadedRelease, mean: Values) -> dict[int, tuple[Values, Values]]:
    """Return the intervals of all nodes by their nominal coverage in percent."""
    snapshot = release.engine.snapshot
    nodes, horizons = np.arange(len(mean)), np.arange(1, mean.shape[1] + 1)
    bounds = release.intervals.bounds_of(
        nodes,
        mean,
        horizons,
        NOMINALS,
        sold=snapshot.may_sell(snapshot.newest_origin),
        closed=snapshot.closed_nodes(nodes, snapshot.newest_origin, horizons),
    )
    return dict(zip(NOMINALS, bounds, strict=True))
