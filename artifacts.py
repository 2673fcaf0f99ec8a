"""Folders that are written once, named by their content, and verified whenever they are read.

A bundle, a snapshot and a forecast store are each such a folder: files plus a
``manifest.json`` that holds the size and SHA-256 of every file. The folder's name ends in
the first 16 hexadecimal digits of the manifest's own SHA-256, so that no byte in it,
the manifest's included, can change unnoticed. Nothing in a manifest depends on the time or
the machine: equal content gets an equal name.

Writing happens in a staging folder beside the destination, which is renamed into place when
complete; a killed process leaves a staging folder behind and nothing else.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
_STAGING = ".staging-"
_STAGING_LIFETIME_SECONDS = 24 * 3600


_LONGEST_POINTER, _LONGEST_MANIFEST = 4_096, 16 * 2**20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_EXPECTED = (
    "two lines are expected, bundle=<name> and snapshot=<name>, which name folders in bundles/ "
    "and snapshots/"
)


class ArtifactError(Exception):
    """An artifact that cannot be used.

    Attributes:
        path: the file or folder at fault.
        reason: what is wrong with it, as a phrase.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type[ArtifactError], tuple[Path, str]]:
        return type(self), (self.path, self.reason)  # a Dask worker raises it across processes


class UnwritableError(ArtifactError):
    """A folder of artifacts that cannot be written to."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the failure of writing below a folder into one line that says where and why.

    Raises:
        UnwritableError: permissions, a full or read-only volume, a file in the folder's place.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise UnwritableError(folder, f"cannot be written: {reason}") from None


class FileEntry(BaseModel):
    """Size in bytes and SHA-256 of one file of an artifact."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    size: int


class Manifest(BaseModel):
    """What an artifact says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int
    kind: str
    label: str
    facts: dict[str, Any]
    files: dict[str, FileEntry]

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
        UnwritableError: it cannot be made, or not be filled.
    """
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=parent))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def seal(folder: Path, *, kind: str, label: str, facts: Mapping[str, Any]) -> Artifact:
    """Complete a staging folder with its manifest and rename it into place.

    Content that exists already under its name is kept, and the staging folder is left to be
    removed: artifacts never change. One that was damaged gives way to what it should be.
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
    folder.chmod(0o755)  # mkdtemp's 0700 would hide it from the server's user
    destination = folder.parent / manifest.name
    if destination.exists() and not _is_whole(destination, kind):
        destination.rename(folder.with_name(f"{folder.name}-damaged"))  # swept in a day
    if not destination.exists():
        for path in folder.rglob("*"):
            _sync(path)
        try:
            folder.rename(destination)
        except OSError:
            if not destination.exists():  # otherwise another process was first
                raise
        _sync(destination.parent)
    return Artifact(destination, manifest)


def verify(folder: Path, *, kind: str) -> Artifact:
    """Read an artifact and check every byte of it.

    Raises:
        ArtifactError: the folder or a file is missing, added, or differs from the manifest,
            or the manifest is of another kind or schema. There is no way around it.
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
    return Artifact(folder, manifest)


@dataclass(frozen=True)
class Release:
    """The names of the bundle and the snapshot that serve together."""

    bundle: str
    snapshot: str


@dataclass(frozen=True)
class Store:
    """The layout of ``ARTIFACTS_DIR``."""

    root: Path

    @property
    def bundles(self) -> Path:
        return self.root / "bundles"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def forecasts(self) -> Path:
        return self.root / "forecasts"

    @property
    def builds(self) -> Path:
        """Records of how long each bundle took to make: outside the bundle, whose digest
        must not depend on the clock."""
        return self.root / "builds"

    @property
    def pointer(self) -> Path:
        return self.root / "CURRENT"

    def current(self) -> Release:
        """The serving release.

        Raises:
            ArtifactError: there is no ``CURRENT``, it cannot be read, or what it names is not in
                this store.
        """
        try:
            lines = read_regular(self.pointer, _LONGEST_POINTER).decode().splitlines()
        except FileNotFoundError:
            raise ArtifactError(
                self.pointer, "does not exist: train a model first (make train, or mlrf train)"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ArtifactError(self.pointer, "cannot be read") from error
        named = dict(line.strip().split("=", 1) for line in lines if "=" in line)
        return Release(
            bundle=self._named(named, "bundle", self.bundles),
            snapshot=self._named(named, "snapshot", self.snapshots),
        )

    def _named(self, named: Mapping[str, str], kind: str, parent: Path) -> str:
        """The name of a folder in `parent`, as ``CURRENT`` has it; a name leads nowhere else."""
        if kind not in named:
            raise ArtifactError(self.pointer, f"names no {kind}; {_EXPECTED}")
        name = named[kind]
        if not _NAME.fullmatch(name):
            raise ArtifactError(self.pointer, f"{kind}={name[:80]!r} is not a name; {_EXPECTED}")
        if not (parent / name).resolve().is_relative_to(self.root.resolve()):
            raise ArtifactError(
                self.pointer, f"{kind}={name} is a link that leads out of this folder; {_EXPECTED}"
            )
        return name

    def promote(self, release: Release) -> Self:
        """Make a release the serving one, by one atomic rename.

        Raises:
            UnwritableError: the folder cannot be written.
        """
        with writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=_STAGING, dir=self.root)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"bundle={release.bundle}\nsnapshot={release.snapshot}\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(self.pointer)
        return self

    def check_writable(self) -> None:
        """Try to write into the folder and those below it, before hours of work are lost.

        Raises:
            UnwritableError: one of them cannot be written.
        """
        for folder in (self.root, self.snapshots, self.bundles, self.forecasts, self.builds):
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass


def read_regular(path: Path, most: int) -> bytes:
    """Read a small file; never wait for one that is a pipe, a device or a socket.

    Args:
        most: bytes that it may have.

    Raises:
        OSError: it is not there, no regular file, or larger.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"larger than {most:,} bytes")
    return content


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        text = read_regular(path, _LONGEST_MANIFEST)
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


def _is_whole(folder: Path, kind: str) -> bool:
    try:
        verify(folder, kind=kind)
    except ArtifactError:
        return False
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(parent: Path) -> None:
    """Remove what killed processes left behind, once it is too old to be in use."""
    for folder in parent.glob(f"{_STAGING}*"):
        with suppress(FileNotFoundError):  # its own process has just renamed or removed it
            if time.time() - folder.stat().st_mtime > _STAGING_LIFETIME_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
