"""Results on standard output: tables with unbroken words, and JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.progress import err

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str | None = None
) -> None:
    """Print a table in which no word is broken, even if it is wider than the terminal.

    A cell may break between words only, so that ids and numbers can be copied. Where the log is
    JSON, each row is a line of it.
    """
    if err.as_json:
        for row in rows:
            structlog.get_logger("cli").info("result", **_members(headings, row))
        return
    table = Table(caption=caption)
    for heading, *cells in zip(headings, *rows, strict=True):
        longest = max(len(word) for cell in (heading, *cells) for word in cell.split() or [""])
        table.add_column(heading, min_width=longest, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))  # as plain text: no markup, and no emoji for `:name:`
    borders = 3 * len(headings) + 1
    least = borders + sum(column.min_width or 0 for column in table.columns)
    console = Console()
    console.print(table, width=max(console.width, least), crop=False)


def _members(headings: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    """Return the cells of a row by heading, under names that no member of a line has."""
    names = (heading.replace(" ", "_") for heading in headings)
    return {
        f"row_{name}" if name in _RESERVED else name: cell
        for name, cell in zip(names, row, strict=True)
    }


_RESERVED = frozenset({"event", "level", "logger", "timestamp"})


def print_json(document: Any) -> None:
    """Print a document as JSON, indented unless the log is JSON, which has a document a line."""
    typer.echo(json.dumps(document, indent=None if err.as_json else 2))


def format_time(time: datetime | None) -> str | None:
    """Return a time in ISO format, to the second."""
    return time.isoformat(timespec="seconds") if time else None
