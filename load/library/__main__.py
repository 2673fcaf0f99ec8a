"""``python -m load.library [NAME ...]``: run benchmarks, print and optionally record them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from load import page, record
from load.library import (
    features,
    growth,
    large,
    layers,
    matrix,
    reconciliation,
    refresh,
    runner,
    scale,
    startup,
    training,
    whatif,
    worker_memory,
)
from load.library.subject import Advance, Subject, subject_of
from load.record import Table

Benchmark = Callable[[Subject, Advance], list[Table]]

BENCHMARKS: Mapping[str, Benchmark] = {
    "matrix": lambda subject, advance: [matrix.table(subject, advance)],
    "runner": lambda subject, advance: [runner.table(subject, advance)],
    "reconciliation": lambda _, advance: reconciliation.tables(advance),
    "features": lambda subject, advance: [features.table(subject, advance)],
    "refresh": lambda subject, advance: [refresh.table(subject, advance)],
    "whatif": lambda subject, advance: [whatif.table(subject, advance)],
    "layers": lambda subject, advance: [layers.table(subject, advance)],
    "startup": startup.tables,
    "memory": lambda subject, advance: [worker_memory.table(subject, advance)],
    "training": lambda subject, advance: [training.table(subject, advance)],
    "growth": growth.tables,
    "large": lambda subject, advance: [large.table(subject, advance)],
    "scale": scale.tables,
}
LONG = ("training", "large", "scale")
"""Benchmarks that take minutes on a retailer's tables: run there only when named."""
_COMMAND = "python -m load.library"

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME ...]", help=f"Of {', '.join(BENCHMARKS)}.")
]
Data = Annotated[
    Path | None,
    typer.Option(help="Folder with the retailer's tables; the demo's if left out.", exists=True),
]
Artifacts = Annotated[
    Path | None,
    typer.Option(help="Of a release trained on them; trained anew if left out.", exists=True),
]


def main(
    names: Names = None,
    *,
    data: Data = None,
    artifacts: Artifacts = None,
    keep: Annotated[bool, typer.Option("--record", help="Keep results for the page.")] = False,
) -> None:
    """Measure the parts below the HTTP calls; tables go to standard output."""
    selected = names or [name for name in BENCHMARKS if data is None or name not in LONG]
    if unknown := set(selected) - BENCHMARKS.keys():
        raise typer.BadParameter(f"no benchmark {', '.join(sorted(unknown))}")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task, done = progress.add_task("beginning"), 0

        def advance(what: str) -> None:
            nonlocal done
            done += 1
            progress.update(task, description=f"{what} ({done} measured)")

        with subject_of(data, artifacts, advance) as subject:
            for name in selected:
                progress.update(task, description=name)
                _show_tables(BENCHMARKS[name](subject, advance), name, data, keep)


def _show_tables(tables: list[Table], name: str, data: Path | None, keep: bool) -> None:
    for table in tables:
        Console(width=160).print(Markdown(page.markdown(table)))
    if keep:
        options = "" if data is None else " --data <tables> --artifacts <artifacts>"
        record.write(name, f"{_COMMAND} {name}{options}", tables)


if __name__ == "__main__":
    typer.run(main)
