"""Messages of exceptions, as one line that may be shown to a caller."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from errors import InputError
from storage.artifacts import ArtifactError


def public_message(error: Exception, *roots: Path) -> str:
    """Return the line that the command line would print, without the paths of this machine.

    Args:
        roots: folders whose absolute paths are removed; paths below them become relative.
    """
    if isinstance(error, ArtifactError | InputError):
        text = f"{error} ({_describe_cause(error.__cause__)})" if error.__cause__ else str(error)
    elif isinstance(error, OSError):
        text = error.strerror or "the volume failed"  # its own text names the path
    else:
        text = f"unexpected {type(error).__name__}"
    for root in roots:
        text = text.replace(f"{root}/", "").replace(str(root), root.name)
    return " ".join(text.split())


def _describe_cause(cause: BaseException) -> str:
    if isinstance(cause, ValidationError):  # pydantic's text is for the author of the schema
        where = ".".join(map(str, cause.errors()[0]["loc"])) or "document"
        return f"its {where} is not as expected"
    return str(cause)
