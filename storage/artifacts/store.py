"""The layout of ``ARTIFACTS_DIR``, and the release that ``CURRENT`` names."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import orjson

from storage.artifacts.files import ArtifactError, read_regular, replace_file, writing

LONGEST_POINTER = 4_096
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_EXPECTED = (
    "two lines are expected, bundle=<name> and snapshot=<name>, which name folders in bundles/ "
    "and snapshots/"
)


@dataclass(frozen=True)
class Release:
    """The names of the bundle and the snapshot that serve together.

    Attributes:
        adaptation: name of the adaptation of the bundle's intervals; None where they have none.
    """

    bundle: str
    snapshot: str
    adaptation: str | None = None

    @property
    def names(self) -> dict[str, str]:
        """The names by what they are of, in the order of ``CURRENT``; without one that is None."""
        names = {"bundle": self.bundle, "snapshot": self.snapshot, "adaptation": self.adaptation}
        return {kind: name for kind, name in names.items() if name is not None}


@dataclass(frozen=True)
class Pointer:
    """Content of ``CURRENT``: the release that serves.

    Attributes:
        forecasts: name of their folder; stated at a URL, where folders cannot be listed.
    """

    release: Release
    forecasts: str | None = None

    def to_bytes(self) -> bytes:
        names = self.release.names | ({"forecasts": self.forecasts} if self.forecasts else {})
        return "".join(f"{kind}={name}\n" for kind, name in names.items()).encode()

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read the content of ``CURRENT``; lines that are not known are ignored.

        Raises:
            ValueError: it names no release, or by a path; the message is a phrase.
        """
        try:
            lines = content.decode().splitlines()
        except UnicodeDecodeError:
            raise ValueError(f"is not text; {_EXPECTED}") from None
        names = dict(line.strip().split("=", 1) for line in lines if "=" in line)
        bundle, snapshot = _read_name(names, "bundle"), _read_name(names, "snapshot")
        adaptation, forecasts = (
            _read_name(names, kind) if kind in names else None
            for kind in ("adaptation", "forecasts")
        )
        return cls(Release(bundle, snapshot, adaptation), forecasts)


def _read_name(names: Mapping[str, str], kind: str) -> str:
    """Return a name of ``CURRENT``, which others may write; refuse a path."""
    if kind not in names:
        raise ValueError(f"names no {kind}; {_EXPECTED}")
    name = names[kind]
    if not _NAME.fullmatch(name):
        raise ValueError(f"{kind}={name[:80]!r} is not a name; {_EXPECTED}")
    return name


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
    def adaptations(self) -> Path:
        return self.root / "adaptations"

    @property
    def vintages(self) -> Path:
        return self.root / "vintages"

    @property
    def builds(self) -> Path:
        """Records of each bundle's training: its times, and how it compared with what served.

        They are outside of the bundles, whose digests must not depend on either.
        """
        return self.root / "builds"

    @property
    def pointer(self) -> Path:
        return self.root / "CURRENT"

    def current(self) -> Release:
        """Return the active release.

        Raises:
            ArtifactError: ``CURRENT`` does not exist or cannot be read, or it names a folder
                outside this store.
        """
        try:
            content = read_regular(self.pointer, LONGEST_POINTER)
        except FileNotFoundError:
            raise ArtifactError(
                self.pointer, "does not exist: train a model first (make train, or mlrf train)"
            ) from None
        except OSError as error:
            raise ArtifactError(self.pointer, "cannot be read") from error
        try:
            release = Pointer.parse(content).release
        except ValueError as error:
            raise ArtifactError(self.pointer, str(error)) from None
        self._check_inside("bundle", self.bundles / release.bundle)
        self._check_inside("snapshot", self.snapshots / release.snapshot)
        if release.adaptation is not None:
            self._check_inside("adaptation", self.adaptations / release.adaptation)
        return release

    def adapted(self, release: Release) -> Release:
        """Return a release with the adaptation that its bundle serves with, if it serves."""
        try:
            serving = self.current()
        except ArtifactError:
            return release
        if serving.bundle != release.bundle:
            return release
        return replace(release, adaptation=serving.adaptation)

    def _check_inside(self, kind: str, folder: Path) -> None:
        """Refuse a symbolic link that would make the server load a model from elsewhere."""
        if not folder.resolve().is_relative_to(self.root.resolve()):
            raise ArtifactError(
                self.pointer,
                f"{kind}={folder.name} is a link that leads out of this folder; {_EXPECTED}",
            )

    def promote(self, release: Release) -> Self:
        """Make a release the active one, by one atomic rename.

        Raises:
            UnwritableError: the folder cannot be written.
        """
        with writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            replace_file(self.pointer, Pointer(release).to_bytes())
        return self

    def record_build(self, bundle: str, record: Mapping[str, Any]) -> None:
        """Write the record of a bundle's training; one of the same bundle is replaced.

        Raises:
            UnwritableError: the folder cannot be written.
        """
        with writing(self.builds):
            self.builds.mkdir(parents=True, exist_ok=True)
            self._record_of(bundle).write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2))

    def read_build(self, bundle: str) -> dict[str, Any]:
        """Return the record of a bundle's training; empty if it is gone or unreadable."""
        try:
            record: dict[str, Any] = orjson.loads(self._record_of(bundle).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return {}
        return record

    def _record_of(self, bundle: str) -> Path:
        return self.builds / f"{bundle}.json"

    def check_writable(self) -> None:
        """Try to write into all folders of the store, before hours of work would be lost.

        Raises:
            UnwritableError: one of them cannot be written.
        """
        for folder in (self.root, self.snapshots, self.bundles, self.forecasts, self.builds):
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
