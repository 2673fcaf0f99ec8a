"""Results on standard output: tables with unbroken words, and JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str | None = None
) -> None:
    """Print a table in which no word is broken, even if it is wider than the terminal.

    A cell may break between words only, so that ids and numbers can be copied.
    """
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


def print_json(document: Any) -> None:
    """Print a document as indented JSON."""
    typer.echo(json.dumps(document, indent=2))


def format_time(time: datetime | None) -> str | None:
    """Return a time in ISO format, to the second."""
    return time.isoformat(timespec="seconds") if time else None
