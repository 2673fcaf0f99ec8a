"""Content-addressed folders: written once, named by their content, verified at every read.

A bundle, a snapshot and a forecast store are each such a folder: files plus a
``manifest.json`` with the size and SHA-256 of every file. The folder's name ends in the first
16 hexadecimal digits of the manifest's own SHA-256, so that a change of any byte, in the manifest
too, is detected. A manifest contains neither time nor machine: equal content gets an equal name.

A folder is written under a staging name beside its destination and renamed when it is complete;
a killed process leaves at most a staging folder behind.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from storage.artifacts.files import STAGING, ArtifactError, read_regular, writing

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
_STAGING_LIFETIME_SECONDS = 24 * 3600
LONGEST_MANIFEST = 16 * 2**20


class FileEntry(BaseModel):
    """Size in bytes and SHA-256 of one file of an artifact."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    size: int

    def matches(self, file: Path) -> bool:
        """Return whether a file exists and has this size and digest."""
        return file.is_file() and file.stat().st_size == self.size and _sha256(file) == self.sha256


def _check_inside(name: str) -> str:
    """Refuse the name of a file that would be outside of its folder, or beside its manifest."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.as_posix() != name or name == MANIFEST:
        raise ValueError("is not the name of a file inside the folder")
    return name


class Manifest(BaseModel):
    """Manifest of an artifact: kind, label, facts, and a digest of each file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int
    kind: str
    label: str
    facts: dict[str, Any]
    files: dict[Annotated[str, AfterValidator(_check_inside)], FileEntry]

    def to_bytes(self) -> bytes:
        options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        return orjson.dumps(self.model_dump(), option=options)

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, hence of everything that it lists (hexadecimal)."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def name(self) -> str:
        """The folder's name: ``<label>-<16 digits of the digest>``."""
        return f"{self.label}-{self.digest[:16]}"


@dataclass(frozen=True)
class Artifact:
    """A verified folder and its manifest."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def facts(self) -> dict[str, Any]:
        return self.manifest.facts


@contextmanager
def staging(parent: Path) -> Iterator[Path]:
    """Yield an empty folder beside the artifacts; it is removed unless `seal` moved it.

    Raises:
        UnwritableError: it cannot be created or filled.
    """
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
        _sweep_staging(parent)
        folder = Path(tempfile.mkdtemp(prefix=STAGING, dir=parent))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def seal(folder: Path, *, kind: str, label: str, facts: Mapping[str, Any]) -> Artifact:
    """Complete a staging folder with its manifest and rename it into place.

    If an intact artifact of that name exists, it stays and the staging folder is discarded by
    `staging`: artifacts never change. A damaged one is moved aside and replaced.
    """
    files = {
        path.relative_to(folder).as_posix(): FileEntry(
            sha256=_sha256(path), size=path.stat().st_size
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    manifest = Manifest(
        schema_version=SCHEMA_VERSION, kind=kind, label=label, facts=dict(facts), files=files
    )
    (folder / MANIFEST).write_bytes(manifest.to_bytes())
    _move_into_place(folder, folder.parent / manifest.name, kind)
    return Artifact(folder.parent / manifest.name, manifest)


def install(folder: Path, parent: Path, *, kind: str) -> Artifact:
    """Move a folder that was made elsewhere on this volume into `parent`, after checking it.

    As for `seal`, an intact artifact of that name stays, and a damaged one is replaced.

    Raises:
        ArtifactError: see `verify`.
    """
    artifact = verify(folder, kind=kind)
    parent.mkdir(parents=True, exist_ok=True)
    _move_into_place(folder, parent / artifact.name, kind)
    return Artifact(parent / artifact.name, artifact.manifest)


def _move_into_place(folder: Path, destination: Path, kind: str) -> None:
    folder.chmod(0o755)  # mkdtemp's 0700 would exclude the server's user
    if destination.exists() and not is_intact(destination, kind):
        # `_sweep_staging` removes it
        destination.rename(tempfile.mkdtemp(prefix=STAGING, dir=destination.parent))
    # Sync the files before the rename and the parent folder after it: after a power failure the
    # name either does not exist or refers to complete files.
    if not destination.exists():
        for path in folder.rglob("*"):
            _sync_path(path)
        try:
            folder.rename(destination)
        except OSError:
            if not destination.exists():  # otherwise another process was first
                raise
        _sync_path(destination.parent)


def verify(folder: Path, *, kind: str) -> Artifact:
    """Read an artifact and check every byte of it.

    Raises:
        ArtifactError: the folder or a file is missing, added, or differs from the manifest,
            or the manifest is of another kind or schema. No option skips this check.
    """
    artifact = describe(folder, kind=kind)
    _check_files(folder, artifact.manifest)
    return artifact


def describe(folder: Path, *, kind: str) -> Artifact:
    """Read the manifest of an artifact, to list it; to use its files, `verify` it.

    Raises:
        ArtifactError: the folder is missing, or the manifest was altered or is of another kind or
            schema.
    """
    if not folder.is_dir():
        raise ArtifactError(folder, "does not exist")
    manifest = _read_manifest(folder)
    if manifest.kind != kind:
        raise ArtifactError(folder, f"is a {manifest.kind}, not a {kind}")
    if manifest.schema_version != SCHEMA_VERSION:
        raise ArtifactError(
            folder,
            f"has schema version {manifest.schema_version}; this release reads {SCHEMA_VERSION}",
        )
    if folder.name != manifest.name:
        raise ArtifactError(
            folder / MANIFEST,
            f"belongs to a folder named {manifest.name}: it was altered, or the folder renamed",
        )
    return Artifact(folder, manifest)


def _check_files(folder: Path, manifest: Manifest) -> None:
    present = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path != folder / MANIFEST
    }
    if added := sorted(present - manifest.files.keys()):
        raise ArtifactError(folder / added[0], "is not listed in the manifest")
    for name, entry in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise ArtifactError(path, "is missing")
        if path.stat().st_size != entry.size:
            raise ArtifactError(path, f"has {path.stat().st_size} bytes instead of {entry.size}")
        if _sha256(path) != entry.sha256:
            raise ArtifactError(path, "does not have the SHA-256 that the manifest states")


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        text = read_regular(path, LONGEST_MANIFEST)
        manifest = Manifest.model_validate_json(text)
    except FileNotFoundError:
        raise ArtifactError(path, "is missing") from None
    except OSError as error:
        raise ArtifactError(path, "cannot be read") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "document"
        raise ArtifactError(path, f"is not a manifest: its {where} is not as expected") from None
    if manifest.to_bytes() != text:
        raise ArtifactError(path, "is not in the form that it was written in: it was altered")
    return manifest


def is_intact(folder: Path, kind: str) -> bool:
    """Return whether there is an artifact of which no byte is missing or altered."""
    try:
        verify(folder, kind=kind)
    except ArtifactError:
        return False
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_path(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep_staging(parent: Path) -> None:
    """Remove staging folders of killed processes, once they are too old to be in use."""
    for folder in parent.glob(f"{STAGING}*"):
        with suppress(FileNotFoundError):  # its process renamed or removed it meanwhile
            if time.time() - folder.stat().st_mtime > _STAGING_LIFETIME_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
