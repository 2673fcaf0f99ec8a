"""The backtest's document: JSON, the source of the report, model card and sealed bundle.

A figure that does not exist, such as the WAPE of a level that sold nothing, is null in it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson

from storage.artifacts import ArtifactError

RESULT_FILE = "backtest.json"
OURS = "mlrf"
PREVIOUS = "previous bundle"

Document = dict[str, Any]

_PARTS = {"snapshot", "facts", "nodes", "recipe", "windows", "means", "intervals"}


def hash_document(value: Any) -> str:
    """Return the SHA-256 of a document (hexadecimal), whatever the order of its keys."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def write_document(path: Path, document: Document) -> Document:
    """Write a document atomically, and return it as read back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    partial.replace(path)
    return load_document(path)


def load_document(path: Path) -> Document:
    """Read a document."""
    document: Document = orjson.loads(path.read_bytes())
    return document


def read_backtest(path: Path) -> Document:
    """Read the document of a finished backtest.

    Raises:
        ArtifactError: the file does not exist, or does not hold one.
    """
    try:
        document = load_document(path)
    except FileNotFoundError:
        raise ArtifactError(path, "does not exist: run mlrf backtest first") from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise ArtifactError(path, "cannot be read") from error
    if not isinstance(document, dict) or not document.keys() >= _PARTS:
        raise ArtifactError(path, "does not hold the result of a backtest")
    return document
