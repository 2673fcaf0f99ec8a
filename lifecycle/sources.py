"""Sources: the folders of tables below ``DATA_DIR``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path, PurePosixPath

from errors import InputError

_MAX_LISTED = 20


class InvalidSourceError(InputError):
    """A source that is not a readable folder below the data folder."""


class Sources:
    """The folders of tables that jobs may read.

    Its methods block on files: call them in a thread.

    Args:
        data: the folder below which sources lie (``DATA_DIR``).
    """

    def __init__(self, data: Path) -> None:
        self.data = data.resolve()

    def names(self) -> list[str]:
        """Return the names of the folders directly below the data folder."""
        with suppress(OSError):
            folders = [path.name for path in self.data.iterdir() if path.is_dir()]
            return sorted(name for name in folders if not name.startswith("."))
        return []

    def check(self, source: str) -> Path:
        """Return the folder of a source.

        Args:
            source: relative path of a folder below the data folder.

        Raises:
            InvalidSourceError: it is not such a folder.
        """
        parts = PurePosixPath(source).parts
        if (
            not parts
            or "\\" in source
            or source != "/".join(parts)  # not normalised: //, a trailing /, ./
            or any(part == "/" or part.startswith(".") for part in parts)  # hidden: uploads
        ):
            raise self._make_invalid("is not the name of a folder below DATA_DIR")
        try:
            folder = (self.data / source).resolve(strict=True)
            outside = _leads_outside(folder, self.data)
        except (OSError, RuntimeError, ValueError):  # missing, no folder, links in a circle, NUL
            raise self._make_invalid("is not a folder that can be read below DATA_DIR") from None
        if outside:
            raise self._make_invalid("leads out of DATA_DIR")
        return folder

    def _make_invalid(self, what: str) -> InvalidSourceError:
        names = self.names()
        there = ", ".join(map(repr, names[:_MAX_LISTED])) or "no folder"
        more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
        return InvalidSourceError(f"The source {what}; there is {there}{more}.")


def _leads_outside(folder: Path, root: Path) -> bool:
    """Return whether a folder or anything below it lies, through links, outside of `root`.

    Raises:
        OSError: a folder cannot be read, is none, or links lead in a circle.
    """
    seen = {folder}
    pending = list(folder.iterdir())
    while pending:
        path = pending.pop().resolve()
        if not path.is_relative_to(root):
            return True
        if path not in seen and path.is_dir():
            seen.add(path)
            pending.extend(path.iterdir())
    return not folder.is_relative_to(root)
