"""The report of a snapshot's tables and the layout of their text, stored inside the snapshot.

It contains no row numbers and nothing that depends on the clock, so that equal tables give equal
snapshots whatever files contained them. A refresh reads newer tables in the layout of the serving
snapshot: a retailer's export has the same format today as when the model was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson
from pydantic import ValidationError

from features.data.findings import Report
from features.data.reading.layout import STANDARD, TableLayout
from features.data.screening.outlier import OUTLIERS, Outlier, OutlierKind

REPORT_FILE = "report.json"
CLOCK_BOUND = ("future-rows",)
"""Kinds of findings that depend on the day of the check."""


def write_report(
    folder: Path, report: Report, layout: TableLayout, outliers: Sequence[Outlier] = ()
) -> None:
    """Write the warnings of checked tables, and their layout, into a snapshot's folder.

    No file is written for the standard layout without warnings and outliers.

    Args:
        outliers: of the newest days, and those that are on record. Their findings are left out of
            the report: they say what was new when the tables were read, so that it would differ
            between equal snapshots.
    """
    placeless = Report()
    for kind in report.without((*CLOCK_BOUND, *OutlierKind)).kinds:
        findings = [replace(f, file=f.file.partition(".")[0], row=None) for f in kind.findings]
        placeless.add(*findings, total=kind.count)
    if layout == STANDARD and not placeless.kinds and not outliers:
        return
    document = {"layout": layout.model_dump(), **placeless.to_dict()}
    if outliers:
        document["outliers"] = OUTLIERS.dump_python(list(outliers), mode="json")
    (folder / REPORT_FILE).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def read_report(snapshot: Path) -> Report:
    """Return the report of a snapshot; an empty one where it has none."""
    document = _read_document(snapshot)
    return Report.from_dict(document) if document else Report()


def read_outliers(snapshot: Path) -> tuple[Outlier, ...]:
    """Return the outliers of a snapshot; none if they are missing or damaged."""
    try:
        return tuple(OUTLIERS.validate_python(_read_document(snapshot).get("outliers", [])))
    except ValidationError:
        return ()


def recorded_layout(snapshot: Path) -> TableLayout:
    """Return the layout that a snapshot's tables were read in; the standard if none is recorded."""
    try:
        return TableLayout.model_validate(_read_document(snapshot).get("layout", {}))
    except ValidationError:
        return STANDARD


def _read_document(snapshot: Path) -> dict[str, object]:
    """Return the report file of a snapshot; empty if it is missing or damaged."""
    try:
        document = orjson.loads((snapshot / REPORT_FILE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return document if isinstance(document, dict) else {}
