"""From the retailer's tables to a serving pair: snapshot, rows, fit, export, bundle, forecasts."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from artifacts import Artifact, Pair, Store
from features.build import build_snapshot
from features.contract import contract_of
from features.matrix import MatrixBuilder
from features.snapshot import Snapshot, load_snapshot
from features.tables import read_tables
from models.bundle import Facts, write_bundle
from models.pair import load_serving_pair
from training.export import round_thresholds, to_onnx
from training.fit import fit
from training.recipe import Recipe
from training.rows import TrainingSet, training_rows

BOTTOM_UP = "bottom_up"
GOLDEN_ROWS = 256
_LIBRARIES = ("lightgbm", "numpy", "onnx", "onnxmltools", "onnxruntime", "polars", "scipy")


class Reporter(Protocol):
    """Shows how far a long task has come."""

    def start(self, task: str) -> None:
        """A step begins; the one before has ended."""

    def advance(self, done: int, total: int) -> None:
        """The step has done `done` of `total` parts."""


class Silent:
    """Shows nothing."""

    def start(self, task: str) -> None: ...

    def advance(self, done: int, total: int) -> None: ...


@dataclass
class Clock:
    """Seconds of each step; kept beside the bundle, whose digest must not depend on them."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, reporter: Reporter, name: str) -> Iterator[None]:
        reporter.start(name)
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 3)


def train(
    data: Path,
    store: Store,
    recipe: Recipe,
    *,
    threads: int,
    reporter: Reporter | None = None,
) -> Pair:
    """Train a model on a folder of tables and make it the serving pair.

    Raises:
        DataError: a table is wrong.
        ValueError: there is too little history.
    """
    reporter = reporter or Silent()
    clock = Clock()
    with clock.step(reporter, "read tables"):
        tables = read_tables(data)
    with clock.step(reporter, "build snapshot"):
        snapshot = load_snapshot(build_snapshot(tables, store.snapshots).path)
    bundle = train_bundle(
        snapshot,
        store.bundles,
        recipe,
        last_target=snapshot.newest_origin,
        threads=threads,
        reporter=reporter,
        clock=clock,
    )
    pair = Pair(bundle=bundle.name, snapshot=snapshot.name)
    with clock.step(reporter, "forecast all nodes"):
        load_serving_pair(store, pair)
    store.promote(pair)
    _record(store, bundle, clock)
    return pair


def train_bundle(
    snapshot: Snapshot,
    destination: Path,
    recipe: Recipe,
    *,
    last_target: int,
    threads: int,
    reporter: Reporter,
    clock: Clock,
) -> Artifact:
    """Fit a model on the days up to `last_target` and write its bundle."""
    contract = contract_of(snapshot)
    builder = MatrixBuilder(snapshot, contract)
    with clock.step(reporter, "make rows"):
        rows = training_rows(builder, recipe, last_target=last_target, progress=reporter.advance)
    with clock.step(reporter, "fit"):
        booster = fit(rows, recipe, threads=threads, progress=reporter.advance)
    with clock.step(reporter, "export"):
        booster = round_thresholds(booster)
        return write_bundle(
            destination,
            facts=Facts(
                trained_through=snapshot.date_at(last_target),
                training_data=snapshot.name,
                reconciliation=BOTTOM_UP,
                levels=snapshot.hierarchy.levels,
                libraries={name: version(name) for name in _LIBRARIES},
                recipe=recipe.model_dump(mode="json"),
                contract_digest=contract.digest,
            ),
            contract=contract,
            variances={},
            onnx=to_onnx(booster),
            booster=booster.model_to_string(),
            golden_rows=golden_rows(rows),
        )


def golden_rows(rows: TrainingSet) -> NDArray[np.float32]:
    """Rows whose outputs every load must reproduce: spread over the training rows, so that
    planned, hidden and missing covariates all occur."""
    chosen = np.linspace(0, len(rows.rows) - 1, min(GOLDEN_ROWS, len(rows.rows))).astype(int)
    golden: NDArray[np.float32] = rows.rows[chosen]
    return golden


def _record(store: Store, bundle: Artifact, clock: Clock) -> None:
    store.builds.mkdir(parents=True, exist_ok=True)
    record = {"seconds": clock.seconds, "machine": platform.platform()}
    (store.builds / f"{bundle.name}.json").write_bytes(
        orjson.dumps(record, option=orjson.OPT_INDENT_2)
    )
