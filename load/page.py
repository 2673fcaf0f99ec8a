"""The tables of recorded runs, written as Markdown between markers of a page.

    <!-- table: library/reconciliation -->
    …
    <!-- end -->

holds the table ``reconciliation`` of ``load/results/performance/library.json``; the
table ``machine`` of every record gives the machine and the command of the run. ``python -m
load.page`` rewrites the pages; a test compares them with the records.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from load import record
from load.record import Cell, Record, Table

_EXPLANATION = Path(__file__).resolve().parents[1] / "docs" / "explanation"
PAGES = (_EXPLANATION / "performance.md", _EXPLANATION / "scale.md")
MACHINE = "machine"
NOTHING = "–"
_DIGITS = 3

_MARKED = re.compile(r"(<!-- table: (\S+)/(\S+) -->\n)(.*?)(<!-- (end|table: \S+) -->)", re.DOTALL)
_OPENED = re.compile(r"<!-- table: ")


def render_page(page: str, *, folder: Path = record.FOLDER) -> str:
    """Return the page with every marked table replaced by the recorded one.

    Raises:
        FileNotFoundError: a marker names a record that does not exist.
        KeyError: a marker names a table that its record lacks.
        ValueError: a marker is not closed.
    """
    opened, marked = len(_OPENED.findall(page)), list(_MARKED.finditer(page))
    if opened != len(marked) or any(match[6] != "end" for match in marked):
        raise ValueError("a marked table has no end")

    def table(match: re.Match[str]) -> str:
        run = record.read(match[2], folder=folder)
        recorded = machine_table(run) if match[3] == MACHINE else run.table(match[3])
        return f"{match[1]}{markdown(recorded)}{match[5]}"

    return _MARKED.sub(table, page)


def machine_table(run: Record) -> Table:
    """Return a table of the machine and the command of a run."""
    machine = run.machine
    libraries = ", ".join(f"{name} {number}" for name, number in machine.libraries.items())
    return Table(
        id=MACHINE,
        caption=f"Measured by `{run.command}`.",
        columns=("machine", ""),
        rows=(
            ("processor", machine.cpu),
            ("cores", machine.cores),
            ("memory", f"{machine.memory_gib} GiB"),
            ("kernel", machine.kernel),
            ("Python", machine.python),
            ("libraries", libraries),
        ),
    )


def markdown(table: Table) -> str:
    """Return the caption and the table as Markdown; columns of numbers are right-aligned."""
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
    rules = ["---:" if _is_numeric(cells) else "---" for cells in columns]
    body = [[format_cell(cell) for cell in row] for row in table.rows]
    lines = [
        _table_row(row) for row in ([_escape_cell(name) for name in table.columns], rules, *body)
    ]
    return f"\n{table.caption}\n\n{''.join(lines)}\n"


def format_cell(cell: Cell) -> str:
    """Return a cell as text: numbers to three significant digits, integer digits in full."""
    match cell:
        case None:
            return NOTHING
        case bool() | str():
            return _escape_cell(str(cell))
        case int():
            return f"{cell:,}"
    if abs(cell) < 1:
        return f"{cell:.{_DIGITS}g}"
    return f"{cell:,.{max(_DIGITS - len(str(int(abs(cell)))), 0)}f}"


def _is_numeric(cells: Sequence[Cell]) -> bool:
    return any(cell is not None for cell in cells) and not any(
        isinstance(cell, str) for cell in cells
    )


def _escape_cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _table_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    for each in PAGES:
        each.write_text(render_page(each.read_text(encoding="utf-8")), encoding="utf-8")
