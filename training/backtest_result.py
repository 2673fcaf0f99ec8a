"""The backtest's document: JSON that the report, the model card and a sealed bundle are made of.

A figure that does not exist, such as the WAPE of a level that sold nothing, is null in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from artifacts import ArtifactError

RESULT_FILE = "backtest.json"
OURS = "mlrf"
PREVIOUS = "previous bundle"

Document = dict[str, Any]

_PARTS = {"snapshot", "facts", "nodes", "recipe", "windows", "means", "intervals"}


def write_document(path: Path, document: Document) -> Document:
    """Write a document at once or not at all, and return what a reader of it gets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    partial.replace(path)
    return load_document(path)


def load_document(path: Path) -> Document:
    """A document as it was written."""
    kept: Document = orjson.loads(path.read_bytes())
    return kept


def read_backtest(path: Path) -> Document:
    """The document of a finished backtest.

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
