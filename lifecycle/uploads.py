"""Uploads: tables that callers send, checked before they are a source.

Files arrive in a hidden folder below ``DATA_DIR``, one folder a source. A job checks them
(`lifecycle.upload_check`) and renames the folder to a source, so a source is complete and right
whenever it can be seen. What is never finished is removed after a day.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

import orjson

from errors import InputError
from lifecycle.sources import Sources

STAGING = ".uploads"
MARK = ".upload.json"
"""File in a source that was uploaded: by whom, and when."""

MAX_FILES = 100
STALE_SECONDS = 86_400
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
FILE = r"retailer\.yaml|[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.(?:csv|csv\.gz|parquet)"
_PART = ".part-"
_CHECKED = ".check-"


class InvalidNameError(InputError):
    """A name that no source or no table may have."""


class SourceExistsError(InputError):
    """A source of this name exists already, or is being checked."""


class UnknownSourceError(InputError):
    """There is no source, or no upload, of this name."""


class TooLargeUploadError(InputError):
    """An upload that is larger than it may be."""


@dataclass(frozen=True)
class TableFile:
    """A file of a source or of an upload.

    Attributes:
        modified: time of its last change, aware.
    """

    name: str
    bytes: int
    modified: datetime


@dataclass(frozen=True)
class StoredSource:
    """A source, or an upload that is not one yet.

    Attributes:
        by: the principal that has uploaded it; None for a folder of the operator's.
        staged: whether it is an upload that was not checked yet.
    """

    name: str
    files: tuple[TableFile, ...]
    by: str | None
    staged: bool

    @property
    def modified(self) -> datetime | None:
        return max((file.modified for file in self.files), default=None)


class Uploads:
    """The uploads below a data folder.

    Its methods block on files, and may raise OSError: call them in a thread.

    Args:
        max_bytes: of all files of an upload together.
    """

    def __init__(self, sources: Sources, max_bytes: int = 0) -> None:
        self.sources = sources
        self.max_bytes = max_bytes
        self.folder = sources.data / STAGING

    def begin(self, name: str, file: str) -> UploadedFile:
        """Return a new file of an upload; it replaces one of its name when it is finished.

        Raises:
            InvalidNameError: of the source or of the file.
            SourceExistsError: there is such a source.
            TooLargeUploadError: there are too many files.
        """
        if not re.fullmatch(FILE, file):
            raise InvalidNameError(
                f"{file[:100]!r} is no name of a table; expected that of a table with .csv, "
                ".csv.gz or .parquet, or retailer.yaml"
            )
        self._check_free(name)
        folder = self.staging_of(name)
        folder.mkdir(parents=True, exist_ok=True)
        others = [each for each in _list_files(folder) if each.name != file]
        if len(others) >= MAX_FILES:
            raise TooLargeUploadError(f"an upload has at most {MAX_FILES} files")
        return UploadedFile(folder / file, self.max_bytes - sum(each.bytes for each in others))

    def staging_of(self, name: str) -> Path:
        """Return the folder of an upload.

        Raises:
            InvalidNameError: no source may have this name.
        """
        if not re.fullmatch(NAME, name):
            raise InvalidNameError(
                f"{name[:100]!r} is no name of a source; expected up to 100 letters, digits and "
                "._-, a letter or digit first"
            )
        return self.folder / name

    def check_ready(self, name: str) -> None:
        """Refuse an upload that cannot become a source.

        Raises:
            UnknownSourceError: nothing was uploaded.
            SourceExistsError: there is such a source.
        """
        self._check_free(name)
        if not _list_files(self.staging_of(name)):
            raise UnknownSourceError(f"nothing was uploaded for {name!r}")

    def all(self) -> list[StoredSource]:
        """Return the sources directly below the data folder, and the uploads."""
        stored = [self._describe(self.sources.data / name) for name in self.sources.names()]
        with suppress(FileNotFoundError):
            staged = sorted(path for path in self.folder.iterdir() if path.name[0] != ".")
            stored += [self._describe(path, staged=True) for path in staged]
        return stored

    def delete(self, name: str) -> None:
        """Remove a source that was uploaded, or an upload.

        Raises:
            InvalidNameError: no source may have this name.
            UnknownSourceError: there is none, or it was not uploaded.
        """
        staged, source = self.staging_of(name), self.sources.data / name
        if not staged.is_dir() and not (source / MARK).is_file():
            why = ", or it was not uploaded: its operator removes it" if source.is_dir() else ""
            raise UnknownSourceError(f"there is no upload {name!r}{why}")
        removed = self.folder / f".removed-{token_hex(8)}"
        (staged if staged.is_dir() else source).rename(removed)  # at once, whatever its size
        shutil.rmtree(removed, ignore_errors=True)

    @contextmanager
    def checking(self, name: str, job: str) -> Iterator[Path]:
        """Yield the folder of an upload, to which no file can be added until the block ends.

        Raises:
            UnknownSourceError: there is none.
        """
        folder = self.folder / f"{_CHECKED}{name}-{job}"
        try:
            self.staging_of(name).rename(folder)
        except FileNotFoundError:
            raise UnknownSourceError(f"nothing was uploaded for {name!r}") from None
        try:
            for part in folder.glob(f"{_PART}*"):  # of an upload that has not ended
                part.unlink(missing_ok=True)
            yield folder
        finally:
            if folder.is_dir():
                folder.rename(self.staging_of(name))

    def publish(self, folder: Path, name: str, *, by: str) -> None:
        """Make a checked folder a source.

        Raises:
            SourceExistsError: there is one of this name.
        """
        mark = {"by": by, "at": datetime.now(UTC).isoformat()}
        (folder / MARK).write_bytes(orjson.dumps(mark))
        target = self.sources.data / name
        if target.exists():
            raise SourceExistsError(f"there is a source {name!r} already")
        folder.rename(target)

    def sweep(self, running: Collection[str] = ()) -> None:
        """Remove uploads that nobody has finished within a day.

        What a check that was killed has left is an upload again.

        Args:
            running: ids of the jobs that run.
        """
        limit = time.time() - STALE_SECONDS
        with suppress(FileNotFoundError):
            for name, job, folder in self._list_checked():
                if job not in running:
                    with suppress(OSError):  # files were sent again: these are removed later
                        folder.rename(self.folder / name)
            for folder in list(self.folder.iterdir()):
                times = [path.stat().st_mtime for path in (folder, *folder.glob("*"))]
                if max(times) < limit:
                    shutil.rmtree(folder, ignore_errors=True)

    def _check_free(self, name: str) -> None:
        self.staging_of(name)
        if (self.sources.data / name).exists():
            raise SourceExistsError(
                f"there is a source {name!r} already: choose another name, or delete it first"
            )
        if name in {checked for checked, _, _ in self._list_checked()}:
            raise SourceExistsError(f"the upload {name!r} is being checked: wait for that")

    def _list_checked(self) -> list[tuple[str, str, Path]]:
        """Return the uploads that are being checked: name, job and folder."""
        folders = list(self.folder.glob(f"{_CHECKED}*"))
        parts = [folder.name.removeprefix(_CHECKED).rpartition("-") for folder in folders]
        return [(name, job, at) for (name, _, job), at in zip(parts, folders, strict=True)]

    def _describe(self, folder: Path, *, staged: bool = False) -> StoredSource:
        by = None
        with suppress(OSError, orjson.JSONDecodeError, KeyError, TypeError):
            by = str(orjson.loads((folder / MARK).read_bytes())["by"])
        return StoredSource(folder.name, tuple(_list_files(folder)), by, staged)


class UploadedFile:
    """A file that is being uploaded, which cannot be seen until it is finished.

    Args:
        path: of the finished file.
        max_bytes: that it may have.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._left = max_bytes
        self._part = path.with_name(f"{_PART}{token_hex(8)}")
        self._stream = self._part.open("xb")

    def write(self, part: bytes) -> None:
        """Write a part.

        Raises:
            TooLargeUploadError: the upload would be larger than it may be.
        """
        self._left -= len(part)
        if self._left < 0:
            raise TooLargeUploadError("the files of the upload are larger than MAX_UPLOAD_BYTES")
        self._stream.write(part)

    def finish(self) -> None:
        """Make the file part of the upload."""
        self._stream.flush()
        os.fsync(self._stream.fileno())  # a full disk may be reported only now
        self._stream.close()
        self._part.replace(self._path)

    def abandon(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):  # closing writes what is buffered
            self._stream.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)
            self._path.parent.rmdir()  # only if it is empty


def _list_files(folder: Path) -> list[TableFile]:
    """Return the files of a folder that are visible; none where it is missing."""
    files = []
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in sorted(folder.iterdir()):
            with suppress(FileNotFoundError):
                if not path.name.startswith(".") and path.is_file():
                    about = path.stat()
                    modified = datetime.fromtimestamp(about.st_mtime, UTC)
                    files.append(TableFile(path.name, about.st_size, modified))
    return files
