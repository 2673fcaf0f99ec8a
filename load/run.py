"""Load test of the whole service: start it, run a scenario, report the result.

    python -m load.run ramp

Exit code 0: within every threshold; 1: beyond one, or the run could not be made.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Grid

from config.paths import ROOT
from config.tiers import UNLIMITED
from load import record, report
from load.driver import REPORT, Run
from load.generator import LOG, SCENARIOS, GeneratorError, load_plan
from load.page import format_cell
from load.record import Table
from load.reloading import ReloadFailedError
from load.report import Outcome, plain
from load.server import NotReadyError
from load.serving import LARGE
from storage.artifacts import ArtifactError, Release

NAME = "load"
"""Name of the record."""

WIDE = 130
"""Width in columns of output to a file or a log."""

out = Console(width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True)

Scenario = StrEnum("Scenario", [(name, name) for name in SCENARIOS])  # type: ignore[misc]
KeyName = StrEnum("KeyName", [("UNLIMITED", UNLIMITED), ("LARGE", LARGE)])


def main(
    scenario: Annotated[Scenario, typer.Argument(help="What is put on.")],
    workers: Annotated[int, typer.Option(min=1, help="Of the server.")] = 2,
    key: Annotated[
        KeyName, typer.Option(help="Tier of the key: without a limit, or with a large one.")
    ] = KeyName.UNLIMITED,
    artifacts: Annotated[Path, typer.Option(help="Folder of the artifacts.")] = (
        ROOT / "models" / "artifacts"
    ),
    release: Annotated[
        str | None,
        typer.Option(
            "--pair", metavar="BUNDLE/SNAPSHOT", help="If left out, the one that serves there."
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Time that is counted, in place of the scenario's.")
    ] = None,
    think: Annotated[
        float | None,
        typer.Option(min=0, help="Mean seconds between an answer and a user's next request; 1."),
    ] = None,
    rate: Annotated[
        int | None, typer.Option(min=1, help="Requests a second of `open`; 1000.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Tables that `reload` loads; the demo's if left out.", exists=True),
    ] = None,
    traced: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the requests that are traced; no tracing."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Where results go; var/load/<scenario>.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--record", help="Write the tables into load/results/performance, too.")
    ] = False,
) -> None:
    """Start the product, put a scenario on it, and judge it by its thresholds."""
    options = {"SECONDS": seconds, "THINK": think, "RATE": rate}
    environment = {name: f"{value:g}" for name, value in options.items() if value is not None}
    try:
        run = Run(
            plan=load_plan(scenario.value, environment),
            workers=workers,
            key=key.value,
            artifacts=artifacts,
            release=_parse_release(release),
            environment=environment,
            data=data,
            traced=traced,
            folder=(folder or ROOT / "var" / "load" / scenario.value).resolve(),
        )
        outcome = run.make()
    except (ArtifactError, GeneratorError, NotReadyError, ReloadFailedError) as error:
        err.print(f"load: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    report.write(outcome, run.folder / REPORT)
    _print_outcome(outcome, run.folder)
    if keep:
        write_record(outcome)
    if outcome.failed:
        raise typer.Exit(1)


def write_record(outcome: Outcome, *, folder: Path = record.FOLDER) -> None:
    """Record a run's tables in place of the scenario's former ones.

    Tables of other scenarios are retained if they were measured on the same machine.
    """
    new = [*outcome.tables, *([outcome.memory] if outcome.memory.rows else [])]
    retained: list[Table] = []
    try:
        before = record.read(NAME, folder=folder)
    except FileNotFoundError:
        pass
    else:
        if before.machine == record.machine():
            own = f"{outcome.scenario}-"
            retained = [table for table in before.tables if not table.id.startswith(own)]
        else:
            err.print("The tables of other scenarios are of another machine and were removed.")
    tables = sorted([*retained, *new], key=lambda table: table.id.partition("-")[0])
    record.write(NAME, "make load SCENARIO=<scenario> RECORD=1", tables, folder=folder)


def _parse_release(text: str | None) -> Release | None:
    if text is None:
        return None
    bundle, slash, snapshot = text.partition("/")
    if not (bundle and slash and snapshot):
        raise typer.BadParameter(f"{text!r} is not BUNDLE/SNAPSHOT", param_hint="--pair")
    return Release(bundle, snapshot)


def _print_outcome(outcome: Outcome, folder: Path) -> None:
    for table in outcome.tables:
        _print_table(table)
    if outcome.memory.rows:
        _print_table(outcome.memory)
    for verdict in outcome.verdicts:
        style, mark = ("green", "✓") if verdict.holds else ("red", "✗ FAILED:")
        out.print(f"{mark} {verdict}", style=style, highlight=False, markup=False, soft_wrap=True)
    for name, count in outcome.wrong.items():
        out.print(f"  {name}: not so {count} times; see {folder / LOG}", soft_wrap=True)
    out.print(f"Report: {folder / REPORT}", highlight=False, soft_wrap=True)


def _print_table(table: Table) -> None:
    grid = Grid(
        title=plain(table.caption), title_justify="left", title_style="bold", box=SIMPLE_HEAD
    )
    for place, name in enumerate(table.columns):
        grid.add_column(name, justify="right" if place else "left")
    for row in table.rows:
        grid.add_row(*map(format_cell, row))
    out.print(grid)


if __name__ == "__main__":
    typer.run(main)
