"""Check of a folder of tables in the process of a job: all findings, and what was understood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from features.data.description import describe
from features.data.findings import Report
from features.data.parts.memory import Memory
from features.data.reading.layout import TableLayout
from features.data.screening.treatment import Screening
from features.data.tables import CheckedTables, check_tables


def check_folder(
    folder: Path, layout: TableLayout, screening: Screening | None, memory: Memory | None = None
) -> tuple[CheckedTables | None, dict[str, Any]]:
    """Check the tables of a folder.

    Returns:
        The tables, or None where there is an error; and `usable`, `report` and `understood`, the
        members of a job's result.
    """
    report = Report()
    tables = check_tables(folder, layout, report, screening=screening, memory=memory)
    understood = [] if tables is None else [list(topic) for topic in describe(tables)]
    return tables, {
        "usable": tables is not None,
        "report": report.to_dict(),
        "understood": understood,
    }
