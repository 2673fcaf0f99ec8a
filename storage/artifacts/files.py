"""Reading and writing below the folder of artifacts, with errors that name place and reason."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
        return type(self), (
            self.path,
            self.reason,
        )  # picklable: a Dask worker raises it across processes


class UnwritableError(ArtifactError):
    """A folder of artifacts that cannot be written to."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn an OSError of writing below a folder into one line with place and reason.

    Raises:
        UnwritableError: permissions, a full or read-only volume, a file in the folder's place.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise UnwritableError(folder, f"cannot be written: {reason}") from None


STAGING = ".staging-"
"""Beginning of the names of files and folders that are not complete yet."""


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that readers see whole, or as it was before; every user may read it.

    Raises:
        OSError: the folder cannot be written.
    """
    handle, temporary = tempfile.mkstemp(prefix=STAGING, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_regular(path: Path, most: int) -> bytes:
    """Read a small regular file; never block on a pipe, a device or a socket.

    Args:
        most: maximum of its bytes.

    Raises:
        OSError: it does not exist, is no regular file, or is larger.
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
