"""The bundle: everything that one model version needs to serve, except the data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from features.contract import FEATURES_VERSION, UNKNOWN_CODE, Contract, feature_set
from features.data.snapshot import Snapshot
from features.data.specification import (
    BOTTOM,
    FAVORITA,
    TOTAL,
    Specification,
    read_levels,
)
from models.baselines import Baseline
from models.drift.reference import DriftReference
from models.intervals import Calibration
from models.model import SegmentedModel
from models.onnx import OnnxModel
from storage.artifacts import Artifact, ArtifactError, seal, staging, verify

KIND = "bundle"
GOLDEN_TOLERANCE = 1e-5
"""Largest relative deviation of a golden row's output."""

CONTRACT_FILE = "contract.json"
VARIANCES_FILE = "variances.json"
GOLDEN_ROWS_FILE = "golden_rows.npy"
GOLDEN_OUTPUTS_FILE = "golden_outputs.npy"
CALIBRATION_FILE = "intervals.npz"
FALLBACKS_FILE = "fallbacks.json"
"""Present only if a rule forecasts some series."""
METRICS_FILE = "metrics.json"
DRIFT_FILE = "drift.npz"
"""Absent from bundles that were trained before drift was tested, and from those that are only
evaluated."""


def model_file(last_horizon: int) -> str:
    """Return the name of the ONNX graph of the segment that ends at a horizon."""
    return f"model-{last_horizon}.onnx"


def booster_file(last_horizon: int) -> str:
    """Return the name of the same model as LightGBM text, of which explanations are made."""
    return f"booster-{last_horizon}.txt"


class BundleFacts(BaseModel):
    """Facts about the model in a bundle's manifest.

    Attributes:
        trained_through: the last day whose sales the model has seen, as target or as past.
        training_data: name of the snapshot that it was trained on.
        segments: last horizon of each of its graphs, ascending.
        reconciliation: method that made the variances.
        specification: of the data that it was trained for.
        libraries: versions that made it.
        recipe: parameters of the training.
        contract_digest: of the feature contract.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trained_through: date
    training_data: str
    segments: tuple[int, ...]
    reconciliation: str
    specification: Specification
    libraries: dict[str, str]
    recipe: dict[str, Any]
    contract_digest: str

    @model_validator(mode="before")
    @classmethod
    def _specify_older(cls, facts: dict[str, Any]) -> dict[str, Any]:
        """Give the facts of an older bundle, which state levels alone, a specification."""
        if "specification" in facts:
            return facts
        rest = {name: value for name, value in facts.items() if name != "levels"}
        # a manifest keeps no order: the known levels come in theirs, then the others by name
        stored, known = read_levels(facts["levels"]), list(FAVORITA.columns_of_level)
        between = sorted(
            stored.keys() - {TOTAL, BOTTOM},
            key=lambda name: (known.index(name) if name in known else len(known), name),
        )
        levels = {name: stored[name] for name in (TOTAL, *between, BOTTOM)}
        return {**rest, "specification": FAVORITA.with_levels(levels)}


@dataclass(frozen=True)
class Bundle:
    """A verified bundle, its model loaded.

    Attributes:
        name: of the artifact: the model version.
        path: its folder.
        contract: layout of the model's rows.
        variances: of the base forecasts' errors by node id (see `models.reconciliation`).
        calibration: of its intervals; None for a model that is only evaluated, never served.
        metrics: its quality figures; no other source of them exists.
        fallbacks: rules that forecast bottom series instead of the model, by their ids.
    """

    name: str
    path: Path
    facts: BundleFacts
    contract: Contract
    variances: Mapping[str, float]
    calibration: Calibration | None
    metrics: Mapping[str, Any]
    fallbacks: Mapping[str, Baseline]
    model: SegmentedModel

    def check_fits(self, snapshot: Snapshot) -> None:
        """Refuse a snapshot whose specification or series this model does not know.

        Raises:
            ArtifactError: the specifications differ, or the model has seen none of the series.
        """
        specification = self.facts.specification
        if differing := specification.differences(snapshot.specification):
            raise ArtifactError(
                self.path,
                f"was trained for other {', '.join(differing)} than snapshot {snapshot.name} has",
            )
        for column in specification.series:
            label = specification.label(column)
            seen = set(self.contract.categories[label])
            if seen.isdisjoint(snapshot.hierarchy.bottoms[column]):
                raise ArtifactError(self.path, f"has seen no {label} of snapshot {snapshot.name}")

    def read_drift_reference(self) -> DriftReference | None:
        """Return the reference of drift; None for a bundle that was trained without one.

        It is read when it is wanted: forecasts do not need it.

        Raises:
            ArtifactError: the file cannot be read.
        """
        path = self.path / DRIFT_FILE
        if not path.exists():
            return None
        try:
            return DriftReference.load(path)
        except (OSError, ValueError, KeyError) as error:
            raise ArtifactError(path, "does not hold a reference of drift") from error

    def find_unseen(self, snapshot: Snapshot) -> NDArray[np.bool_]:
        """Mark nodes of the bottom of which the model has not seen a column's value; (nodes,)."""
        hierarchy, specification = snapshot.hierarchy, self.facts.specification
        unseen = np.zeros(len(hierarchy), dtype=np.bool_)
        for column in specification.series:
            values = hierarchy.bottoms[column]
            codes = self.contract.code(specification.label(column), values)
            unseen[hierarchy.n_upper :] |= codes == UNKNOWN_CODE
        return unseen


@dataclass(frozen=True)
class SegmentFiles:
    """The model of one segment in both formats."""

    onnx: bytes
    booster: str


def write_bundle(
    destination: Path,
    *,
    facts: BundleFacts,
    contract: Contract,
    segments: Mapping[int, SegmentFiles],
    golden_rows: NDArray[np.float32],
    variances: Mapping[str, float],
    calibration: Calibration | None,
    metrics: Mapping[str, Any],
    fallbacks: Mapping[str, Baseline] = MappingProxyType({}),
    drift: DriftReference | None = None,
) -> Artifact:
    """Write a bundle into the folder `destination`; its golden outputs are the ONNX graphs'."""
    with staging(destination) as folder:
        for last, files in segments.items():
            (folder / model_file(last)).write_bytes(files.onnx)
            (folder / booster_file(last)).write_text(files.booster, encoding="utf-8")
        if calibration is not None:
            calibration.save(folder / CALIBRATION_FILE)
        (folder / METRICS_FILE).write_bytes(orjson.dumps(metrics, option=orjson.OPT_INDENT_2))
        (folder / CONTRACT_FILE).write_bytes(orjson.dumps(contract.model_dump()))
        (folder / VARIANCES_FILE).write_bytes(orjson.dumps(dict(variances)))
        if fallbacks:
            (folder / FALLBACKS_FILE).write_bytes(orjson.dumps(dict(fallbacks)))
        if drift is not None:
            drift.save(folder / DRIFT_FILE)
        np.save(folder / GOLDEN_ROWS_FILE, golden_rows)
        outputs = _load_model(folder, facts, contract, threads=1).predict(golden_rows)
        np.save(folder / GOLDEN_OUTPUTS_FILE, outputs)
        return seal(
            folder,
            kind=KIND,
            label=facts.trained_through.isoformat(),
            facts=facts.model_dump(mode="json"),
        )


def with_metrics(folder: Path, destination: Path, metrics: Mapping[str, Any]) -> Artifact:
    """Copy a bundle into `destination` with other metrics, as a new version.

    An existing bundle is never altered.

    Raises:
        ArtifactError: the bundle was altered.
    """
    source = verify(folder, kind=KIND)
    with staging(destination) as copy:
        for name in source.manifest.files:
            shutil.copyfile(folder / name, copy / name)
        (copy / METRICS_FILE).write_bytes(orjson.dumps(metrics, option=orjson.OPT_INDENT_2))
        return seal(copy, kind=KIND, label=source.manifest.label, facts=source.facts)


def size_of(folder: Path) -> int:
    """Return the bytes of the files of a bundle; 0 if it is gone."""
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())


def read_specification(folder: Path) -> Specification:
    """Return the specification of the data that a bundle was trained for.

    Raises:
        ArtifactError: the bundle was altered.
    """
    facts = verify(folder, kind=KIND).facts
    try:
        return BundleFacts.model_validate(facts).specification
    except (ValueError, KeyError, ValidationError) as error:
        raise ArtifactError(folder, "does not hold a bundle") from error


def load_bundle(folder: Path, *, threads: int = 1) -> Bundle:
    """Verify a bundle and load its model.

    Raises:
        ArtifactError: a file differs from the manifest, the contract is not this release's, or
            the model does not reproduce its golden rows. No option skips these checks.
    """
    artifact = verify(folder, kind=KIND)
    try:
        facts = BundleFacts.model_validate(artifact.facts)
        contract = Contract.model_validate_json((folder / CONTRACT_FILE).read_bytes())
        variances = TypeAdapter(dict[str, float]).validate_json(
            (folder / VARIANCES_FILE).read_bytes()
        )
        golden_rows = np.load(folder / GOLDEN_ROWS_FILE, allow_pickle=False)
        golden_outputs = np.load(folder / GOLDEN_OUTPUTS_FILE, allow_pickle=False)
        metrics = orjson.loads((folder / METRICS_FILE).read_bytes())
        fallbacks = (
            TypeAdapter(dict[str, Baseline]).validate_json((folder / FALLBACKS_FILE).read_bytes())
            if FALLBACKS_FILE in artifact.manifest.files
            else {}
        )
        calibration = (
            Calibration.load(folder / CALIBRATION_FILE, facts.specification.columns_of_level)
            if CALIBRATION_FILE in artifact.manifest.files
            else None
        )
    except (OSError, ValueError, KeyError, ValidationError) as error:
        raise ArtifactError(folder, "does not hold a bundle") from error
    names = feature_set(facts.specification).names
    if (contract.version, contract.names) != (FEATURES_VERSION, names):
        changed = sorted(set(contract.names) ^ set(names)) or ["their values or order"]
        raise ArtifactError(
            folder / CONTRACT_FILE,
            f"is of another release; train again (features that differ: {', '.join(changed)})",
        )
    model = _load_model(folder, facts, contract, threads=threads)
    _check_golden(folder, model.predict(golden_rows), golden_outputs)
    return Bundle(
        name=artifact.name,
        path=folder,
        facts=facts,
        contract=contract,
        variances=variances,
        calibration=calibration,
        metrics=metrics,
        fallbacks=fallbacks,
        model=model,
    )


def _load_model(
    folder: Path, facts: BundleFacts, contract: Contract, *, threads: int
) -> SegmentedModel:
    graphs = {
        last: OnnxModel(folder / model_file(last), threads=threads) for last in facts.segments
    }
    return SegmentedModel(graphs, contract.horizon_column)


def _check_golden(
    folder: Path, outputs: NDArray[np.float32], expected: NDArray[np.float32]
) -> None:
    off = np.abs(outputs - expected) / np.maximum(np.abs(expected), 1.0)
    if not off.max() <= GOLDEN_TOLERANCE:
        raise ArtifactError(
            folder,
            f"does not reproduce its golden rows: off by {off.max():.2g}, "
            f"{GOLDEN_TOLERANCE:g} is allowed; this machine's onnxruntime computes otherwise",
        )
