"""Reads ``retailer.yaml``, in which a retailer states what its tables mean."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from features.data.findings import Finding, Report, Severity
from features.data.inference import RetailerError, Understanding, infer
from features.data.reading.layout import TableLayout
from features.data.specification import FAVORITA
from features.data.stated import Stated

RETAILER_FILE = "retailer.yaml"


def specify(folder: Path, layout: TableLayout, report: Report) -> Understanding | None:
    """Return the specification of a folder of tables, and what it leaves out.

    It is that of the Favorita data for a folder without a `RETAILER_FILE`.

    Returns:
        None if the file is at fault, or does not fit the tables (reported).
    """
    path = folder / RETAILER_FILE
    if not path.exists():
        return Understanding(FAVORITA)
    stated = read_stated(path, report)
    return None if stated is None else understand(folder, stated, layout, report)


def understand(
    folder: Path, stated: Stated, layout: TableLayout, report: Report
) -> Understanding | None:
    """Return the specification that statements and tables make; None at a fault (reported)."""
    reading = Report()  # reading the tables again, by the specification, reports the same faults
    try:
        return infer(folder, stated, layout, reading)
    except RetailerError as error:
        for kind in reading.errors:
            report.add(*kind.findings, total=kind.count)
        report.add(_fault(error.key, str(error)))
        return None


def read_stated(path: Path, report: Report) -> Stated | None:
    """Return what a retailer's file states; None if it cannot be read (reported)."""
    try:
        document = yaml.safe_load(path.read_bytes())
    except OSError as error:
        report.add(_fault("", f"cannot be read: {(error.strerror or 'the volume failed').lower()}"))
        return None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it is not text"
        line = None if mark is None else mark.line + 1
        report.add(_fault("", f"is not YAML: {problem}", line))
        return None
    if not isinstance(document, Mapping):
        report.add(
            _fault("", "holds no keys; `series` at least is expected: series: [store, item]")
        )
        return None
    try:
        return Stated.model_validate(document)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            report.add(_describe(fault))
        return None


def _describe(fault: Mapping[str, Any]) -> Finding:
    key = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        name = str(fault["loc"][-1])
        close = get_close_matches(name, Stated.model_fields, n=1)
        known = (
            f"did you mean {close[0]}?" if close else f"there are {', '.join(Stated.model_fields)}"
        )
        return _fault(key, f"there is no such key; {known}")
    if fault["type"] == "missing":
        return _fault(key, "is missing")
    return _fault(key, f"{fault['input']!r}: {fault['msg'].lower()}")


def _fault(key: str, message: str, row: int | None = None) -> Finding:
    return Finding(
        Severity.ERROR, "specification", RETAILER_FILE, message, row=row, column=key or None
    )
