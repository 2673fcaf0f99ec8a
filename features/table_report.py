"""The report of a snapshot's tables, kept inside the snapshot, and the layout they were read in.

It says nothing of where a row was or of the clock, so that equal tables make equal snapshots,
whatever files carried them. A refresh reads newer tables in the layout of the snapshot that
serves: a retailer's export is written today as it was when the model was trained.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
from pydantic import ValidationError

from features.findings import Report
from features.reading.layout import STANDARD, TableLayout

REPORT_FILE = "report.json"
CLOCK_BOUND = ("future-rows",)
"""Kinds of findings that are other ones on another day."""


def write_report(folder: Path, report: Report, layout: TableLayout) -> None:
    """Write the warnings of checked tables, and their layout, into a snapshot's folder.

    Nothing is written where there is nothing to say.
    """
    placeless = Report()
    for kind in report.without(CLOCK_BOUND).kinds:
        findings = [replace(f, file=f.file.partition(".")[0], row=None) for f in kind.findings]
        placeless.add(*findings, total=kind.count)
    if layout == STANDARD and not placeless.kinds:
        return
    document = {"layout": layout.model_dump(), **placeless.to_dict()}
    (folder / REPORT_FILE).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def read_report(snapshot: Path) -> Report:
    """Return the report of a snapshot; an empty one where it has none."""
    document = _document(snapshot)
    return Report.from_dict(document) if document else Report()


def recorded_layout(snapshot: Path) -> TableLayout:
    """Return the layout that a snapshot's tables were read in; the standard where none is said."""
    try:
        return TableLayout.model_validate(_document(snapshot).get("layout", {}))
    except ValidationError:
        return STANDARD


def _document(snapshot: Path) -> dict[str, object]:
    """Return what a snapshot says of its tables; nothing for one that is damaged or older."""
    try:
        document = orjson.loads((snapshot / REPORT_FILE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return document if isinstance(document, dict) else {}
