"""The bundle: everything that one model version needs to serve, but the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from artifacts import Artifact, ArtifactError, seal, staging, verify
from features.contract import NAMES, Contract
from features.snapshot import Snapshot
from models.onnx import OnnxModel

KIND = "bundle"
GOLDEN_TOLERANCE = 1e-5
"""Largest relative deviation of a golden row's output."""

MODEL_FILE = "model.onnx"
BOOSTER_FILE = "booster.txt"
CONTRACT_FILE = "contract.json"
VARIANCES_FILE = "variances.json"
GOLDEN_ROWS_FILE = "golden_rows.npy"
GOLDEN_OUTPUTS_FILE = "golden_outputs.npy"


class Facts(BaseModel):
    """What a bundle's manifest says of the model.

    Attributes:
        trained_through: the last day whose sales the model has seen, as target or as past.
        training_data: name of the snapshot that it was trained on.
        reconciliation: method that made the variances.
        levels: of the hierarchy that it was trained for.
        libraries: versions that made it.
        recipe: parameters of the training.
        contract_digest: of the feature contract.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trained_through: date
    training_data: str
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
        contract: what the model's rows look like.
        variances: of the base forecasts' errors by node id (see `models.reconciliation`).
    """

    name: str
    path: Path
    facts: Facts
    contract: Contract
    variances: Mapping[str, float]
    model: OnnxModel

    def check_fits(self, snapshot: Snapshot) -> None:
        """Refuse a snapshot that this model knows nothing of.

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


def write_bundle(
    destination: Path,
    *,
    facts: Facts,
    contract: Contract,
    variances: Mapping[str, float],
    onnx: bytes,
    booster: str,
    golden_rows: NDArray[np.float32],
) -> Artifact:
    """Write a bundle into the folder `destination`; its golden outputs are the ONNX model's."""
    with staging(destination) as folder:
        (folder / MODEL_FILE).write_bytes(onnx)
        (folder / BOOSTER_FILE).write_text(booster, encoding="utf-8")
        (folder / CONTRACT_FILE).write_bytes(orjson.dumps(contract.model_dump()))
        (folder / VARIANCES_FILE).write_bytes(orjson.dumps(dict(variances)))
        np.save(folder / GOLDEN_ROWS_FILE, golden_rows)
        outputs = OnnxModel(folder / MODEL_FILE).predict(golden_rows)
        np.save(folder / GOLDEN_OUTPUTS_FILE, outputs)
        return seal(
            folder,
            kind=KIND,
            label=facts.trained_through.isoformat(),
            facts=facts.model_dump(mode="json"),
        )


def load_bundle(folder: Path, *, threads: int = 1) -> Bundle:
    """Verify a bundle and load its model.

    Raises:
        ArtifactError: a file differs from the manifest, the contract is not this release's, or
            the model does not reproduce its golden rows. There is no way around it.
    """
    artifact = verify(folder, kind=KIND)
    try:
        facts = Facts.model_validate(artifact.facts)
        contract = Contract.model_validate_json((folder / CONTRACT_FILE).read_bytes())
        variances = TypeAdapter(dict[str, float]).validate_json(
            (folder / VARIANCES_FILE).read_bytes()
        )
        golden_rows = np.load(folder / GOLDEN_ROWS_FILE, allow_pickle=False)
        golden_outputs = np.load(folder / GOLDEN_OUTPUTS_FILE, allow_pickle=False)
    except (OSError, ValueError, ValidationError) as error:
        raise ArtifactError(folder, "does not hold a bundle") from error
    if contract.names != NAMES:
        changed = sorted(set(contract.names) ^ set(NAMES)) or ["their order"]
        raise ArtifactError(
            folder / CONTRACT_FILE,
            f"is of another release; train again (features that differ: {', '.join(changed)})",
        )
    model = OnnxModel(folder / MODEL_FILE, threads=threads)
    _check_golden(folder, model.predict(golden_rows), golden_outputs)
    return Bundle(
        name=artifact.name,
        path=folder,
        facts=facts,
        contract=contract,
        variances=variances,
        model=model,
    )


def _check_golden(
    folder: Path, outputs: NDArray[np.float32], expected: NDArray[np.float32]
) -> None:
    off = np.abs(outputs - expected) / np.maximum(np.abs(expected), 1.0)
    if not off.max() <= GOLDEN_TOLERANCE:
        raise ArtifactError(
            folder / MODEL_FILE,
            f"does not reproduce its golden rows: off by {off.max():.2g}, "
            f"{GOLDEN_TOLERANCE:g} is allowed; this machine's onnxruntime computes otherwise",
        )
