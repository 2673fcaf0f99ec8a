"""``python -m load.accuracy FOLDER ... --steps H``: hold out, train, forecast and compare."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from load.accuracy.comparison import compare
from load.accuracy.scores import MEASURES, summarise
from training.evaluation.scores import Document
from training.recipe import DEMO

_TITLES = {"rmsse": "WRMSSE", "wape": "WAPE", "bias": "bias"}


def main(
    folders: Annotated[list[Path], typer.Argument(help="Folders of tables.", exists=True)],
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Days or weeks to hold out; 42 or 13 if left out."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of the fits.")] = 2,
    quick: Annotated[bool, typer.Option(help="Fewer rows and trees: seconds, less accurate.")] = (
        False
    ),
) -> None:
    """Compare forecasts of the last days or weeks of tables with those of simple methods."""
    console, progress = Console(width=130), Console(stderr=True)
    recipe = DEMO if quick else None
    results: list[Document] = []
    for folder in folders:
        say = partial(progress.print, folder.name)
        results.append(compare(folder, steps, threads=threads, recipe=recipe, say=say))
        show(results[-1], console)
        if out is not None:
            out.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))


def show(result: Document, console: Console) -> None:
    """Print the figures of one folder: a table for each measure, and one of the coverage."""
    console.print(
        f"\n[bold]{result['folder']}[/], {result['steps']} {result['step']}s after "
        f"{result['last']}, {result['counted']:.1%} of the cells counted"
    )
    for measure in MEASURES:
        _print_table(summarise(result["scores"], measure), _TITLES[measure], console)
    coverage = {
        level: {f"{nominal} %": share for nominal, share in values.items()}
        for level, values in result["coverage"].items()
    }
    _print_table(coverage, "coverage", console)


def _print_table(rows: dict[str, dict[str, float]], title: str, console: Console) -> None:
    table = Table("level", title=title, box=None)
    for name in next(iter(rows.values())):
        table.add_column(name, justify="right")
    for level, values in rows.items():
        table.add_row(level, *(f"{value:.3f}" for value in values.values()))
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
