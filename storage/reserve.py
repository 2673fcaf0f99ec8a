"""Reserved disk space beside an SQLite file, so that keys can be revoked on a full disk.

A revocation must write some pages. If the disk is full, the reserve is freed for it, and
reserved again afterwards as far as the disk allows.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

SIZE = 256 * 1024
"""Bytes of the reserve: enough for some ten revocations with their audit entries."""

_PIECE, _PAGES = 4_096, 8


class SpaceReserve:
    """A file that occupies space, to be freed for writes of the database.

    Args:
        database: the SQLite file.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}.reserve")

    def set_aside(self) -> bool:
        """Grow the reserve as far as the disk allows; return whether it has its full size."""
        return self._grow_file(SIZE)

    def has_spare_space(self) -> bool:
        """Return whether the disk has space for a few pages beside the reserve."""
        has_space = self._grow_file(SIZE + _PAGES * _PIECE)
        self._shrink_file(SIZE)
        return has_space

    def give_up(self) -> None:
        """Free the space."""
        self._shrink_file(0)

    def _grow_file(self, size: int) -> bool:
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError:
            return False
        try:
            missing = size - os.fstat(handle).st_size
            while missing > 0:  # random, so that no file system compresses them
                missing -= os.write(handle, os.urandom(min(missing, _PIECE)))
        except OSError:
            return False
        finally:
            os.close(handle)
        return True

    def _shrink_file(self, size: int) -> None:
        with suppress(OSError):
            if self._path.stat().st_size > size:
                os.truncate(self._path, size)
