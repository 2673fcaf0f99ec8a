"""Training pipeline, from the retailer's tables to a serving release.

Tables → snapshot → frozen models of older days, whose errors on later ones calibrate the
intervals → the model of all days → bundle → forecasts.
"""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from config.margins import MARGINS, Margins
from features.contract import Contract, contract_of
from features.data.build import build_snapshot
from features.data.findings import OnReport
from features.data.parts.memory import Memory
from features.data.parts.runner import HERE, PartRunner
from features.data.reading.layout import STANDARD, TableLayout
from features.data.screening.treatment import Screening
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.specification import Expect, Specification
from features.data.tables import CheckedTables, Tables, read_tables
from features.matrix import MatrixBuilder
from lifecycle.training_request import Effort
from models.baselines import Baseline
from models.bundle import Bundle, BundleFacts, SegmentFiles, load_bundle, write_bundle
from models.drift.reference import DriftReference
from models.engine import ForecastEngine
from models.intervals import Calibration
from models.serving.release import load_release
from storage.artifacts import Artifact, Release, Store
from training.blend import blend
from training.engines.fitting_backend import FittingBackend, LocalBackend
from training.evaluation.calibration import calibrate
from training.evaluation.drift_reference import make_drift_reference
from training.evaluation.forecast_errors import (
    Errors,
    chronological_blocks,
    collect,
    weekly_origins,
)
from training.evaluation.gate import challenge
from training.evaluation.quality import (
    choose_fallbacks,
    mark_seasoned,
    mean_known,
    quality_report,
    rule_errors,
    weighted_errors,
    with_fallbacks,
)
from training.evaluation.response import measure_response
from training.evaluation.scores import calibration_scores
from training.export import round_thresholds, to_onnx
from training.history import check_history, check_ordinary_days, plan_calibration
from training.progress import Clock, NullReporter, PlannedStep, Reporter
from training.recipe import Recipe, choose_recipe
from training.sampling import most_rows
from training.state_files import StateFiles, state_files

BOTTOM_UP = "bottom_up"
_COMPARING = "compare with the model that serves"
_DRIFT = "describe errors and inputs"

_LIBRARIES = ("lightgbm", "numpy", "onnx", "onnxmltools", "onnxruntime", "polars", "scipy")


@dataclass(frozen=True)
class Fitted:
    """A fitted model, not yet written as a bundle.

    Attributes:
        last_target: index of the last day that it has seen.
        golden_rows: rows whose outputs every load must reproduce.
        n_rows: number of rows that it was fitted on, of all segments.
    """

    contract: Contract
    last_target: int
    segments: Mapping[int, SegmentFiles]
    golden_rows: NDArray[np.float32]
    n_rows: int


def train(
    data: Path,
    store: Store,
    recipe: Recipe | None = None,
    *,
    effort: Effort = Effort.DEFAULT,
    threads: int,
    engine: FittingBackend | None = None,
    reporter: Reporter | None = None,
    specification: Specification | None = None,
    demo: bool = False,
    layout: TableLayout = STANDARD,
    screening: Screening | None = None,
    memory: Memory | None = None,
    runner: PartRunner = HERE,
    on_report: OnReport = lambda report: None,
    on_tables: Callable[[CheckedTables], None] = lambda tables: None,
    champion: Bundle | None = None,
    margins: Margins = MARGINS,
    promote: bool = True,
) -> Release:
    """Train a model on a folder of tables, and by default make it the serving release.

    Args:
        recipe: by default one that suits the amount of data.
        effort: at which cost the recipe is trained.
        specification: of the tables, by default what they state themselves; newer snapshots of
            the bundle get the same.
        threads: of the fit on this machine, and of the forecasts that calibrate the intervals.
        engine: backend that fits; by default this machine.
        demo: whether the tables are the built-in demo's.
        layout: how the text of the tables is written.
        screening: of their newest days; none by default.
        memory: that reading and building may take; tables that need more are read in parts.
        runner: what checks and builds the parts of the tables; this process by default.
        on_report: called with the report of the check of the tables, unless it has an error.
        on_tables: called with the tables.
        champion: model that serves, to compare with; the verdict is in the record of the build.
        margins: by which the new model may be worse.
        promote: whether to make it the serving release.

    Raises:
        DataError: a table is wrong.
        TooLittleHistoryError: there is too little to learn from; raised before the long steps.
    """
    clock = Clock(reporter or NullReporter())
    with clock.step("read tables"):
        advance = clock.reporter.advance
        tables = read_tables(
            data, layout, specification, screening, memory=memory, progress=advance, runner=runner
        )
        on_tables(tables)
        on_report(tables.report)
    return train_on(
        tables,
        store,
        recipe,
        effort=effort,
        threads=threads,
        engine=engine,
        clock=clock,
        demo=demo,
        champion=champion,
        margins=margins,
        promote=promote,
    )


def train_on(
    tables: Tables,
    store: Store,
    recipe: Recipe | None = None,
    *,
    effort: Effort = Effort.DEFAULT,
    threads: int,
    engine: FittingBackend | None = None,
    clock: Clock,
    demo: bool = False,
    champion: Bundle | None = None,
    margins: Margins = MARGINS,
    promote: bool = True,
) -> Release:
    """Train a model on tables that were read; see `train`."""
    with clock.step("build snapshot"):
        advance = clock.reporter.advance
        artifact = build_snapshot(tables, store.snapshots, demo=demo, progress=advance)
        snapshot = load_snapshot(artifact.path)
    check_history(snapshot)
    check_ordinary_days(snapshot, int(_list_frozen_origins(snapshot)[0].min()))
    recipe = choose_recipe(snapshot, recipe, effort)
    candidates = _list_candidates(snapshot, recipe)
    clock.plan(_plan_steps(snapshot, candidates, has_champion=champion is not None))
    with state_files(store.snapshots) as states:
        fitting = engine or LocalBackend(threads)
        judged = _judge_candidates(
            snapshot, candidates, engine=fitting, threads=threads, clock=clock, states=states
        )
        fitted = fit_model(
            snapshot,
            judged.recipe,
            last_target=snapshot.newest_origin,
            engine=fitting,
            clock=clock,
            states=states,
        )
    with clock.step("measure response"):
        served = make_engine(
            fitted, snapshot, judged.recipe, threads=threads, fallbacks=judged.fallbacks
        )
        response = measure_response(served, snapshot.newest_origin, progress=clock.reporter.advance)
    with clock.step(_DRIFT):
        drift = make_drift_reference(snapshot, fitted.contract, judged.errors)
    bundle = bundle_model(
        fitted,
        snapshot,
        judged.recipe,
        store.bundles,
        drift=drift,
        calibration=judged.calibration,
        metrics=judged.metrics if response is None else {**judged.metrics, "response": response},
        fallbacks=judged.fallbacks,
    )
    release = Release(bundle=bundle.name, snapshot=snapshot.name)
    with clock.step("forecast all nodes"):
        load_release(store, release)
    record: dict[str, Any] = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.platform(),
        "engine": fitting.name,
        "threads": threads,
        "effort": str(effort),
        "rows": fitted.n_rows,
    }
    if champion is not None:
        with clock.step(_COMPARING):
            record["verdict"] = challenge(
                champion,
                load_bundle(bundle.path),
                snapshot,
                judged.errors,
                margins=margins,
                progress=clock.reporter.advance,
            )
    store.record_build(bundle.name, {"seconds": clock.seconds, **record})
    if promote:
        store.promote(release)
    return release


def _list_candidates(snapshot: Snapshot, recipe: Recipe) -> list[Recipe]:
    """Return the recipes that the calibration compares; the first wins a tie.

    A recipe itself aims at medians, those of logarithms, unless its members say otherwise.
    """
    of_means = recipe.of_target("mean")
    candidates = {
        Expect.MEAN: [of_means],
        Expect.MEDIAN: [recipe],
        Expect.CHOSEN: [of_means, recipe],
    }
    return candidates[snapshot.specification.expect]


def _plan_steps(
    snapshot: Snapshot, candidates: Sequence[Recipe], *, has_champion: bool
) -> list[PlannedStep]:
    """Return the steps of a training after the snapshot was built."""
    recipe = candidates[0]
    frozen = [
        *_plan_fit_steps(snapshot, recipe.lighter()),
        PlannedStep("export", 1),
        PlannedStep("calibrate", 1),
    ]
    return [
        *frozen * len(_list_frozen_origins(snapshot)) * len(candidates),
        *_plan_fit_steps(snapshot, recipe),
        PlannedStep("export", 1),
        PlannedStep("measure response"),
        PlannedStep(_DRIFT),
        PlannedStep("forecast all nodes"),
        *[PlannedStep(_COMPARING)] * has_champion,
    ]


def _plan_fit_steps(snapshot: Snapshot, recipe: Recipe) -> list[PlannedStep]:
    """Return the steps that fit the segments; their work is rows, or rows times trees."""
    rows, trees = [], []
    for segment in recipe.segments:
        rows.append(most_rows(segment, snapshot, last_target=snapshot.newest_origin))
        trees.append(sum(member.trees for member in segment.members))
    fits = [PlannedStep("fit", each * count) for each, count in zip(rows, trees, strict=True)]
    return [PlannedStep("make rows", sum(rows)), *fits]


def _list_frozen_origins(snapshot: Snapshot) -> list[NDArray[np.int64]]:
    """Return the origins of each frozen model of the calibration."""
    last, count = plan_calibration(snapshot)
    return chronological_blocks(weekly_origins(last, count, step=snapshot.step))


def fit_model(
    snapshot: Snapshot,
    recipe: Recipe,
    *,
    last_target: int,
    engine: FittingBackend,
    clock: Clock,
    states: StateFiles | None = None,
) -> Fitted:
    """Fit the members of all segments on the days up to `last_target`, blend and export them.

    Args:
        states: of the past, for several models of a snapshot.
    """
    contract = contract_of(snapshot, through=last_target, relative=recipe.relative)
    fitted = engine.fit(
        MatrixBuilder(snapshot, contract),
        recipe,
        last_target=last_target,
        clock=clock,
        states=states,
    )
    with clock.step("export"):
        segments = {
            segment.last_horizon: _blend_and_export(segment.blend, fitted.boosters, contract)
            for segment in recipe.segments
        }
    return Fitted(contract, last_target, segments, fitted.sample, fitted.count)


def _blend_and_export(
    weights: Mapping[str, float], members: Mapping[str, lgb.Booster], contract: Contract
) -> SegmentFiles:
    blended = blend([members[name] for name in weights], list(weights.values()))
    booster = round_thresholds(blended)
    graph = to_onnx(booster, contract.relative_columns)
    return SegmentFiles(onnx=graph, booster=booster.model_to_string())


def bundle_model(
    fitted: Fitted,
    snapshot: Snapshot,
    recipe: Recipe,
    destination: Path,
    *,
    calibration: Calibration | None = None,
    metrics: Mapping[str, Any] | None = None,
    fallbacks: Mapping[str, Baseline] | None = None,
    drift: DriftReference | None = None,
) -> Artifact:
    """Write a fitted model as a bundle; without a calibration it cannot be served."""
    facts = BundleFacts(
        trained_through=snapshot.date_at(fitted.last_target),
        training_data=snapshot.name,
        segments=tuple(fitted.segments),
        reconciliation=BOTTOM_UP,
        specification=snapshot.specification,
        libraries={name: version(name) for name in _LIBRARIES},
        recipe=recipe.model_dump(mode="json"),
        contract_digest=fitted.contract.digest,
    )
    return write_bundle(
        destination,
        facts=facts,
        contract=fitted.contract,
        segments=fitted.segments,
        golden_rows=fitted.golden_rows,
        variances={},
        calibration=calibration,
        metrics=metrics or {},
        fallbacks=fallbacks or {},
        drift=drift,
    )


def make_engine(
    fitted: Fitted,
    snapshot: Snapshot,
    recipe: Recipe,
    *,
    threads: int,
    fallbacks: Mapping[str, Baseline] | None = None,
) -> ForecastEngine:
    """Return a fitted model as serving would run it, from a temporary bundle."""
    with tempfile.TemporaryDirectory(prefix="mlrf-") as scratch:
        bundle = bundle_model(fitted, snapshot, recipe, Path(scratch), fallbacks=fallbacks)
        return ForecastEngine(load_bundle(bundle.path, threads=threads), snapshot)


@dataclass(frozen=True)
class _Judged:
    """The recipe that is used, and what the errors of its frozen models say.

    Attributes:
        errors: of the frozen models, as their forecasts would have been served.
        fallbacks: rules that forecast bottom series better than the model, by their ids.
    """

    recipe: Recipe
    errors: Errors
    calibration: Calibration
    metrics: dict[str, Any]
    fallbacks: Mapping[str, Baseline]


def _judge_candidates(
    snapshot: Snapshot,
    candidates: Sequence[Recipe],
    *,
    engine: FittingBackend,
    threads: int,
    clock: Clock,
    states: StateFiles,
) -> _Judged:
    """Compare recipes by the errors of frozen models, and calibrate intervals with the best."""
    collected = [
        _collect_errors(
            snapshot,
            recipe.lighter(),
            engine=engine,
            threads=threads,
            clock=clock,
            states=states,
        )
        for recipe in candidates
    ]
    scores = [mean_known(weighted_errors(snapshot, errors)) for errors in collected]
    best = int(np.argmin(scores))
    recipe, errors = candidates[best], collected[best]
    rules = {rule: rule_errors(snapshot, errors, rule) for rule in Baseline}
    fallbacks = {}
    if snapshot.specification.fallback:
        seasoned = mark_seasoned(snapshot, errors.origins)
        of_rules = {rule: each.select(seasoned) for rule, each in rules.items()}
        fallbacks = choose_fallbacks(snapshot, errors.select(seasoned), of_rules, recipe.expect)
    served = with_fallbacks(snapshot, errors, rules, fallbacks)
    compared = {str(each.expect): score for each, score in zip(candidates, scores, strict=True)}
    quality = quality_report(snapshot, served, rules, fallbacks)
    return _Judged(
        recipe,
        served,
        calibrate(served, snapshot.hierarchy),
        {
            "calibration": calibration_scores(served, snapshot),
            "quality": {"expect": recipe.expect, "expect_wrmsse": compared, **quality},
        },
        fallbacks,
    )


def _collect_errors(
    snapshot: Snapshot,
    recipe: Recipe,
    *,
    engine: FittingBackend,
    threads: int,
    clock: Clock,
    states: StateFiles,
) -> Errors:
    """Return the out-of-sample errors of frozen models of a recipe."""
    parts = []
    for origins in _list_frozen_origins(snapshot):
        fitted = fit_model(
            snapshot,
            recipe,
            last_target=int(origins.min()),
            engine=engine,
            clock=clock,
            states=states,
        )
        with clock.step("calibrate"):
            frozen = make_engine(fitted, snapshot, recipe, threads=threads)
            parts.append(collect(frozen, origins, progress=clock.reporter.advance))
    return Errors.concatenate(parts)
