"""Archives of releases, to carry one from a store to another: a tar file of bundle and snapshot."""

from __future__ import annotations

import tarfile
from pathlib import Path

from errors import InputError
from features.data.snapshot_files import KIND as SNAPSHOT
from models.bundle import KIND as BUNDLE
from storage.artifacts import Artifact, Release, Store, install, staging, verify


def export_release(store: Store, release: Release, file: Path) -> None:
    """Write a release into a tar file; one that exists is replaced.

    Raises:
        ArtifactError: a part is missing or was altered.
        OSError: the file cannot be written.
    """
    folders = [
        verify(store.bundles / release.bundle, kind=BUNDLE).path,
        verify(store.snapshots / release.snapshot, kind=SNAPSHOT).path,
    ]
    partial = file.with_name(f".{file.name}.partial")
    try:
        with tarfile.open(partial, "w") as archive:
            for folder in folders:
                archive.add(folder, folder.relative_to(store.root))
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def import_release(store: Store, file: Path) -> Release:
    """Add the release of a tar file to the store, without serving it.

    Every byte is checked before the folders get their names; what the store has already stays.

    Raises:
        InputError: the file is not such an archive.
        ArtifactError: a part was altered.
        UnwritableError: the store cannot be written.
    """
    with staging(store.root) as scratch:
        try:
            with tarfile.open(file) as archive:
                # no links that lead out, no devices, no absolute paths
                archive.extractall(scratch, filter="data")
        except (tarfile.TarError, OSError) as error:
            raise InputError(f"{file} is not an archive of a release") from error
        bundle = _add_only_folder(scratch, store.root, store.bundles, BUNDLE, file)
        snapshot = _add_only_folder(scratch, store.root, store.snapshots, SNAPSHOT, file)
    return Release(bundle.name, snapshot.name)


def _add_only_folder(scratch: Path, root: Path, parent: Path, kind: str, file: Path) -> Artifact:
    """Verify the one folder of a kind in an extracted archive, and move it into the store."""
    folders = list((scratch / parent.relative_to(root)).glob("*"))
    if len(folders) != 1:
        raise InputError(f"{file} is not an archive of a release: it has {len(folders)} {kind}s")
    return install(folders[0], parent, kind=kind)
