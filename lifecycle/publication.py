"""Releases at a URL: published there by one machine, fetched from there by servers.

The layout is that of ``ARTIFACTS_DIR``: ``CURRENT``, and the folders that it names. Nothing is
listed: ``CURRENT`` names the folders, and their manifests name the files, with their digests. So a
web server or read-only credentials for objects are enough. What a writer cannot do at once it does
in an order that readers can follow: files before their manifest, manifests before ``CURRENT``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from features.data.snapshot_files import KIND as SNAPSHOT
from models.bundle import KIND as BUNDLE
from models.serving.adaptation_store import KIND as ADAPTATION
from models.serving.forecast_store import KIND as FORECASTS
from models.serving.forecast_store import find_forecasts
from models.serving.release import load_release
from storage.artifacts import (
    LONGEST_MANIFEST,
    LONGEST_POINTER,
    MANIFEST,
    STAGING,
    ArtifactError,
    Pointer,
    Release,
    Store,
    describe,
    install,
    is_intact,
    verify,
    writing,
)
from storage.remote import RemoteError, RemoteFolder, RemoteMissingError

_POINTER = "CURRENT"
_SCRATCH = f"{STAGING}fetch"
_LOCK = ".fetch.lock"


@dataclass(frozen=True)
class _Part:
    """A folder of a release.

    Attributes:
        path: relative to the root of a store.
        kind: of the artifact.
    """

    path: str
    kind: str


def fetch_release(
    url: str,
    store: Store,
    *,
    load: Callable[[Store, Release], object] = load_release,
) -> Release:
    """Fetch the release that ``CURRENT`` at a URL names, and make it the active one here.

    Parts that are here already are not fetched, nor files that an earlier attempt has fetched. One
    process at a time fetches into a store; others wait. If anything fails, the store's ``CURRENT``
    stays as it is.

    Args:
        load: verifies and loads a release, so that none becomes active that cannot be served.

    Raises:
        RemoteError: the URL cannot be read, or what is there is damaged.
        ArtifactError: the release cannot be served by this version.
        UnwritableError: the store cannot be written.
    """
    remote = RemoteFolder(url)
    pointer = _read_pointer(remote)
    with _locking(store):
        _fetch(remote, pointer, store, load)
    return pointer.release


def fetch_if_changed(url: str, store: Store) -> Release | None:
    """Fetch the release of a URL unless it is the active one here already; then return None.

    Raises:
        RemoteError, ArtifactError, UnwritableError: see `fetch_release`.
    """
    remote = RemoteFolder(url)
    pointer = _read_pointer(remote)
    if pointer.release == _read_current(store):
        return None
    with _locking(store):
        if pointer.release == _read_current(store):  # another worker has fetched it meanwhile
            return None
        _fetch(remote, pointer, store, load_release)
    return pointer.release


def publish_release(store: Store, release: Release, url: str) -> int:
    """Write a release to a URL, ``CURRENT`` last, and return how many files were written.

    Artifacts that are there already are not written again: a manifest is the last file of its
    folder, so where it is, all of them are.

    Raises:
        RemoteError: the URL cannot be written.
        ArtifactError: the release is not one that can be served.
    """
    remote = RemoteFolder(url)
    load_release(store, release)  # makes the forecasts too
    forecasts = find_forecasts(store, release)
    pointer = Pointer(release, forecasts.name if forecasts else None)
    count = sum(_publish_part(remote, part, store.root) for part in _list_parts(pointer))
    remote.write(_POINTER, pointer.to_bytes())
    return count


@contextmanager
def _locking(store: Store) -> Iterator[None]:
    """Hold the lock of all processes that fetch into a store."""
    with writing(store.root):
        store.root.mkdir(parents=True, exist_ok=True)
        with FileLock(store.root / _LOCK):
            yield


def _fetch(
    remote: RemoteFolder, pointer: Pointer, store: Store, load: Callable[[Store, Release], object]
) -> None:
    scratch = store.root / _SCRATCH
    for part in _list_parts(pointer):
        _fetch_part(remote, part, store.root, scratch)
    load(store, pointer.release)
    if _read_current(store) != pointer.release:  # else servers would look at it for nothing
        store.promote(pointer.release)
    shutil.rmtree(scratch, ignore_errors=True)


def _list_parts(pointer: Pointer) -> list[_Part]:
    parts = [
        _Part(f"bundles/{pointer.release.bundle}", BUNDLE),
        _Part(f"snapshots/{pointer.release.snapshot}", SNAPSHOT),
    ]
    if pointer.release.adaptation is not None:
        parts.append(_Part(f"adaptations/{pointer.release.adaptation}", ADAPTATION))
    if pointer.forecasts is not None:
        parts.append(_Part(f"forecasts/{pointer.forecasts}", FORECASTS))
    return parts


def _read_pointer(remote: RemoteFolder) -> Pointer:
    """Read ``CURRENT`` at a URL.

    Raises:
        RemoteError: it does not exist, or names no release.
    """
    content = remote.read(_POINTER, LONGEST_POINTER)
    try:
        return Pointer.parse(content)
    except ValueError as error:
        raise RemoteError(f"{remote.url}/{_POINTER} {error}") from None


def _read_current(store: Store) -> Release | None:
    try:
        return store.current()
    except ArtifactError:
        return None


def _fetch_part(remote: RemoteFolder, part: _Part, root: Path, scratch: Path) -> None:
    """Fetch an artifact into a scratch folder, check every byte, and move it into place."""
    if is_intact(root / part.path, part.kind):
        return
    folder = scratch / part.path
    folder.mkdir(parents=True, exist_ok=True)
    where = f"{remote.url}/{part.path}"
    try:
        manifest_bytes = remote.read(f"{part.path}/{MANIFEST}", LONGEST_MANIFEST)
    except RemoteMissingError as error:
        raise RemoteError(
            f"{error}: {_POINTER} there names a {part.kind} that is not there; publish it again"
        ) from None
    (folder / MANIFEST).write_bytes(manifest_bytes)
    try:
        manifest = describe(folder, kind=part.kind).manifest
    except ArtifactError as error:
        raise RemoteError(f"{where}/{MANIFEST} {error.reason}") from None
    partial = folder.with_name(f"{folder.name}.partial")
    for name, entry in manifest.files.items():
        if entry.matches(folder / name):  # of an attempt that broke off
            continue
        remote.download(f"{part.path}/{name}", partial)
        if not entry.matches(partial):
            partial.unlink()
            raise RemoteError(
                f"{where}/{name} does not have the size and SHA-256 that its manifest states; "
                "publish it again"
            )
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        partial.replace(folder / name)
    install(folder, (root / part.path).parent, kind=part.kind)


def _publish_part(remote: RemoteFolder, part: _Part, root: Path) -> int:
    """Write the files of an artifact, its manifest last; return their number."""
    artifact = verify(root / part.path, kind=part.kind)
    manifest = artifact.path / MANIFEST
    try:
        if remote.read(f"{part.path}/{MANIFEST}", LONGEST_MANIFEST) == manifest.read_bytes():
            return 0
    except RemoteError:  # none there, or it may only be written
        pass
    for name in artifact.manifest.files:
        remote.upload(artifact.path / name, f"{part.path}/{name}")
    remote.upload(manifest, f"{part.path}/{MANIFEST}")
    return len(artifact.manifest.files) + 1
