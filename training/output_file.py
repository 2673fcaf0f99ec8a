"""Files that a command writes: complete, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from errors import InputError


def check_output(out: Path) -> None:
    """Refuse an output path that cannot be written, before anything is computed."""
    if not out.parent.is_dir():
        raise InputError(f"{out.parent}: is not a folder; OUT must name a file in one that exists")
    if out.exists() and not out.is_file():
        raise InputError(f"{out}: is not a file; OUT must name one")
    if not os.access(out.parent, os.W_OK | os.X_OK):
        raise InputError(f"{out.parent}: no file may be written there")


@contextmanager
def open_replacement(out: Path) -> Iterator[BinaryIO]:
    """Yield a temporary file beside `out` that replaces it atomically when complete."""
    check_output(out)
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{out.name}-", dir=out.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(out)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            with suppress(FileNotFoundError):
                temporary.unlink()
