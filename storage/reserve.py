"""Space that is set aside beside an SQLite file, so that keys can be revoked on a full disk.

A revocation must write some pages. Where the disk has none left, the reserve is given up for it,
and set aside again as far as the disk allows.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

SIZE = 256 * 1024
"""Bytes: for some ten revocations, each with its entry in the audit log."""

_PIECE, _PAGES = 4_096, 8


class SpaceReserve:
    """A file that takes up space until it is needed.

    Args:
        database: the file that the space is for.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}.reserve")

    def set_aside(self) -> bool:
        """Take up as much as is missing and as there is; return whether that is all of it."""
        return self._grow_to(SIZE)

    def has_room_beside(self) -> bool:
        """Return whether the disk has space for a few pages more than the reserve."""
        roomy = self._grow_to(SIZE + _PAGES * _PIECE)
        self._cut_to(SIZE)
        return roomy

    def give_up(self) -> None:
        """Free the space."""
        self._cut_to(0)

    def _grow_to(self, size: int) -> bool:
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError:
            return False
        try:
            missing = size - os.fstat(handle).st_size
            while missing > 0:  # bytes that no file system stores for nothing
                missing -= os.write(handle, os.urandom(min(missing, _PIECE)))
        except OSError:
            return False
        finally:
            os.close(handle)
        return True

    def _cut_to(self, size: int) -> None:
        with suppress(OSError):
            if self._path.stat().st_size > size:
                os.truncate(self._path, size)
