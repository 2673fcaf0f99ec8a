"""Files of a snapshot: their names, their verification on loading, and their arrays.

A snapshot is an artifact (see `storage.artifacts`): a folder that is verified whenever it is
loaded. `features.data.build` builds one from tables; nothing here needs a table library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, TypeAdapter, ValidationError

from features.data.calendar import Holiday
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot, SnapshotFacts
from features.data.specification import FAVORITA, Specification, read_levels
from storage.artifacts import Artifact, ArtifactError, describe, verify

Row = TypeVar("Row", bound=BaseModel)

KIND = "snapshot"

SALES_FILE = "sales.npy"
ESTIMATED_FILE = "estimated.npy"
"""Present only if features read other sales than those of the tables (see
`features.data.history`)."""
SPECIFICATION_FILE = "specification.json"
HOLIDAYS_FILE = "holidays.json"
STATUS_FILE = "status.npy"
"""Present only if there are days that do not count (see `features.data.closures`)."""
BEGINS_FILE = "begins.npy"
"""Present only if the table of the days ahead announces series without sales."""
HIERARCHY_FILE = "hierarchy.json"
"""Attributes of the bottom series; of older snapshots, the levels as well."""


def covariate_file(name: str) -> str:
    """Return the name of the file of a covariate's values."""
    return f"covariate-{quote(name, safe='')}.npy"


def load_snapshot(folder: Path) -> Snapshot:
    """Verify and map a snapshot.

    Raises:
        ArtifactError: a byte differs from what was written, or the parts do not fit together.
    """
    artifact = verify(folder, kind=KIND)
    try:
        return _assemble(artifact)
    except (OSError, ValueError, KeyError, ValidationError) as error:
        raise ArtifactError(folder, "does not hold a snapshot") from error


def read_facts(folder: Path) -> SnapshotFacts:
    """Return the facts of a snapshot without checking its files.

    Raises:
        ArtifactError: it is missing, or its manifest is not that of a snapshot.
    """
    try:
        return SnapshotFacts.model_validate(describe(folder, kind=KIND).facts)
    except ValidationError as error:
        raise ArtifactError(folder, "does not hold a snapshot") from error


def _assemble(artifact: Artifact) -> Snapshot:
    folder = artifact.path

    def map_array(file: str) -> NDArray[Any]:
        # a zero-copy view without memmap's per-slice cost; the pages stay shared
        array: NDArray[Any] = np.load(folder / file, mmap_mode="r", allow_pickle=False)
        return array.view(np.ndarray)

    structure = orjson.loads((folder / HIERARCHY_FILE).read_bytes())
    specification = _read_specification(artifact, structure)
    hierarchy = Hierarchy(structure["bottoms"], specification)
    has_estimates = ESTIMATED_FILE in artifact.manifest.files
    older = SPECIFICATION_FILE not in artifact.manifest.files
    files = {
        covariate.name: f"{covariate.name}.npy" if older else covariate_file(covariate.name)
        for covariate in specification.used
    }
    snapshot = Snapshot(
        name=artifact.name,
        facts=SnapshotFacts.model_validate(artifact.facts),
        hierarchy=hierarchy,
        holidays=_read_rows(folder / HOLIDAYS_FILE, Holiday),
        sales=map_array(SALES_FILE),
        estimated=map_array(ESTIMATED_FILE) if has_estimates else None,
        status=map_array(STATUS_FILE) if STATUS_FILE in artifact.manifest.files else None,
        begins=map_array(BEGINS_FILE) if BEGINS_FILE in artifact.manifest.files else None,
        covariates={name: map_array(file) for name, file in files.items()},
    )
    days = snapshot.index_of(snapshot.facts.origin) + 1
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
        SALES_FILE: (snapshot.sales.shape, (len(hierarchy), days)),
        ESTIMATED_FILE: (snapshot.history.shape, (len(hierarchy), days)),
    }
    if snapshot.status is not None:
        shapes[STATUS_FILE] = (snapshot.status.shape, (hierarchy.n_bottom, days + snapshot.horizon))
    if snapshot.begins is not None:
        shapes[BEGINS_FILE] = (snapshot.begins.shape, (hierarchy.n_bottom,))
    for covariate in specification.used:
        shape: tuple[int, ...] = (hierarchy.n_bottom, days + snapshot.horizon)
        if not covariate.known_ahead:
            shape = (int(hierarchy.group_of(*covariate.by).max()) + 1, days)
        shapes[files[covariate.name]] = (snapshot.covariates[covariate.name].shape, shape)
    for file, (shape, expected) in shapes.items():
        if shape != expected:
            raise ArtifactError(folder / file, f"has shape {shape} instead of {expected}")
    return snapshot


def _read_specification(artifact: Artifact, structure: Mapping[str, Any]) -> Specification:
    """Return the specification of a snapshot; an older one has levels of its own at most."""
    if SPECIFICATION_FILE in artifact.manifest.files:
        text = (artifact.path / SPECIFICATION_FILE).read_bytes()
        return Specification.model_validate_json(text)
    return FAVORITA.with_levels(read_levels(structure["levels"]))


def _read_rows(path: Path, row: type[Row]) -> tuple[Row, ...]:
    rows: tuple[Row, ...] = TypeAdapter(tuple[row, ...]).validate_json(  # type: ignore[valid-type]
        path.read_bytes()
    )
    return rows


def dump_rows(path: Path, rows: Sequence[BaseModel]) -> None:
    """Write rows so that `load_snapshot` reads them back."""
    path.write_bytes(orjson.dumps([row.model_dump() for row in rows]))
