"""The bundle: everything that one model version needs to serve, except the data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from features.contract import FEATURES_VERSION, NAMES, Contract
from features.data.hierarchy import Levels, order_levels
from features.data.snapshot import Snapshot
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
METRICS_FILE = "metrics.json"


def model_file(last_horizon: int) -> str:
    """Return the name of the ONNX graph of the segment that ends at a horizon."""
    return f"model-{last_horizon}.onnx"


def booster_file(last_horizon: int) -> str:
    """Return the name of the same model as LightGBM text, which computes explanations."""
    return f"booster-{last_horizon}.txt"


class BundleFacts(BaseModel):
    """Facts about the model in a bundle's manifest.

    Attributes:
        trained_through: the last day whose sales the model has seen, as target or as past.
        training_data: name of the snapshot that it was trained on.
        segments: last horizon of each of its graphs, ascending.
        reconciliation: method that made the variances.
        levels: of the hierarchy that it was trained for.
        libraries: versions that made it.
        recipe: parameters of the training.
        contract_digest: of the feature contract.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trained_through: date
    training_data: str
    segments: tuple[int, ...]
    reconciliation: str
    levels: dict[str, tuple[str, ...]]
    libraries: dict[str, str]
    recipe: dict[str, Any]
    contract_digest: str


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
    """

    name: str
    path: Path
    facts: BundleFacts
    contract: Contract
    variances: Mapping[str, float]
    calibration: Calibration | None
    metrics: Mapping[str, Any]
    model: SegmentedModel

    def check_fits(self, snapshot: Snapshot) -> None:
        """Refuse a snapshot whose hierarchy or series this model does not know.

        Raises:
            ArtifactError: the levels differ, or the model has seen none of the series.
        """
        if dict(self.facts.levels) != dict(snapshot.hierarchy.levels):
            raise ArtifactError(
                self.path, f"was trained for other levels than snapshot {snapshot.name} has"
            )
        for feature, column in (("store", "store_nbr"), ("family", "family")):
            seen = set(self.contract.categories[feature])
            if seen.isdisjoint(snapshot.hierarchy.bottoms[column]):
                raise ArtifactError(self.path, f"has seen no {feature} of snapshot {snapshot.name}")


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
        np.save(folder / GOLDEN_ROWS_FILE, golden_rows)
        outputs = _load_model(folder, facts, threads=1).predict(golden_rows)
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


def read_levels(folder: Path) -> Levels:
    """Return the levels that a bundle was trained for, in the order of `order_levels`.

    Raises:
        ArtifactError: the bundle was altered.
    """
    facts = verify(folder, kind=KIND).facts
    try:
        return order_levels(BundleFacts.model_validate(facts).levels)
    except (ValueError, ValidationError) as error:
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
        calibration = (
            Calibration.load(folder / CALIBRATION_FILE, facts.levels)
            if CALIBRATION_FILE in artifact.manifest.files
            else None
        )
    except (OSError, ValueError, KeyError, ValidationError) as error:
        raise ArtifactError(folder, "does not hold a bundle") from error
    if (contract.version, contract.names) != (FEATURES_VERSION, NAMES):
        changed = sorted(set(contract.names) ^ set(NAMES)) or ["their values or order"]
        raise ArtifactError(
            folder / CONTRACT_FILE,
            f"is of another release; train again (features that differ: {', '.join(changed)})",
        )
    model = _load_model(folder, facts, threads=threads)
    _check_golden(folder, model.predict(golden_rows), golden_outputs)
    return Bundle(
        name=artifact.name,
        path=folder,
        facts=facts,
        contract=contract,
        variances=variances,
        calibration=calibration,
        metrics=metrics,
        model=model,
    )


def _load_model(folder: Path, facts: BundleFacts, *, threads: int) -> SegmentedModel:
    return SegmentedModel(
        {last: OnnxModel(folder / model_file(last), threads=threads) for last in facts.segments}
    )


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
