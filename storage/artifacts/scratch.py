"""A folder of intermediate files, which is gone at the end, even that of a killed process."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
import weakref
from contextlib import suppress
from pathlib import Path

_LEAST_AGE_SECONDS = 60.0
"""Age below which a folder without a lock may be one that its process is about to lock."""


class Scratch:
    """A new folder, which is removed with this object, or by `close`.

    Its process holds a lock on it. A folder that nobody holds was left by a process that was
    killed: the next one of this user that makes such a folder removes it.

    Args:
        prefix: of the name, which tells the folders of one purpose from others.

    Raises:
        OSError: the folder cannot be created.
    """

    def __init__(self, prefix: str, parent: Path) -> None:
        _sweep(prefix, parent)
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        self._finalizer = weakref.finalize(self, _remove, self.path, handle)
        # where locks are not supported, the others get none either, and remove nothing
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        self._finalizer()


def _sweep(prefix: str, parent: Path) -> None:
    """Remove the folders of this user that no process holds."""
    for path in parent.glob(f"{prefix}*"):
        with suppress(OSError):  # of another user, or removed meanwhile
            _remove_if_left(path)


def _remove_if_left(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        facts = os.fstat(handle)
        if facts.st_uid == os.getuid() and time.time() - facts.st_mtime > _LEAST_AGE_SECONDS:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails if it is in use
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(handle)


def _remove(path: Path, handle: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(handle)
