"""The `mlrf` command: serve, train, backtest, forecast, demo.

Imports what a command needs when it runs.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from artifacts import ArtifactError, Store
from errors import InputError
from settings import ROOT, get_settings

if TYPE_CHECKING:
    from models.bundle import Bundle
    from training.engine import Engine
    from training.recipe import Recipe


class EngineName(StrEnum):
    """Where a model is fitted."""

    LOCAL = "local"
    DASK = "dask"


app = typer.Typer(
    help="Coherent sales forecasts for a retail hierarchy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
err = Console(stderr=True)

Data = Annotated[
    Path | None,
    typer.Argument(help="Folder with the retailer's tables; the built-in demo data if left out."),
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads of the fit; as many as there are cores.")
]


@app.command()
def serve() -> None:
    """Serve the current model; trains one on the demo data if there is none."""
    settings = get_settings()
    if not settings.store.pointer.exists():  # a damaged one is an error, not a reason to train
        err.print("No model yet: training one on the built-in demo data.")
        _train(None, None)
    current = settings.store.current()
    url = f"http://{settings.host}:{settings.port}"
    err.print(f"Serving bundle [bold]{current.bundle}[/] at [bold]{url}[/]. Try:\n")
    err.print(
        f"  curl {url}/health\n"
        f"  curl -X POST {url}/predict/simple -H 'Content-Type: application/json' \\\n"
        """    -d '{"store_nbr": 1, "family": "LIQUOR,WINE,BEER", "horizon": 15}'\n"""
        f"  curl '{url}/hierarchy?horizon=30&depth=1'\n",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    command = [
        *(sys.executable, "-m", "bentoml", "serve", "service:MLRF"),
        *("--working-dir", str(ROOT)),
        *("--host", settings.host, "--port", str(settings.port)),
        *("--timeout-graceful-shutdown", str(settings.graceful_shutdown_seconds)),
    ]
    os.environ["ARTIFACTS_DIR"] = str(settings.artifacts_dir.resolve())  # the server is in ROOT
    os.execv(sys.executable, command)  # signals reach the server itself


@app.command()
def train(
    data: Data = None,
    threads: Threads = None,
    engine: Annotated[
        EngineName, typer.Option(help="Where to fit: on this machine, or on a Dask cluster.")
    ] = EngineName.LOCAL,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Address of the Dask scheduler, such as tcp://host:8786; "
            "if left out, a cluster is started on this machine."
        ),
    ] = None,
) -> None:
    """Train a model on tables, and make it and their snapshot the serving pair."""
    _train(data, threads, engine, scheduler)


@app.command()
def backtest(
    data: Data = None,
    out: Annotated[
        Path, typer.Option(help="Folder for fits, results and the report; resumed if there.")
    ] = Path("backtest"),
    short: Annotated[int, typer.Option(min=1, help="Windows of 16 days, beside the newest.")] = 5,
    long: Annotated[int, typer.Option(min=1, help="Windows of 90 days.")] = 3,
    threads: Threads = None,
) -> None:
    """Fit before every window of the past, forecast it, and compare with what was sold."""
    with _extra("backtest"):
        from training.backtest import backtest as run
        from training.figures import number
        from training.report import REPORT_FILE

    with _tables(data) as (folder, recipe), _progress() as reporter:
        result = run(
            folder,
            recipe,
            out,
            short=short,
            long=long,
            threads=threads or _cores(),
            reporter=reporter,
            previous=_current_bundle(),
        )
    table = Table("windows", "model", "RMSLE", "WRMSSE")
    for group, models in result["means"].items():
        for name, scores in models.items():
            label = f"{group} (mean of {scores['windows']})"
            table.add_row(label, name, number(scores["rmsle"]), number(scores["wrmsse"]))
    Console().print(table)
    err.print(f"All of it is in {out}; to read: {out / REPORT_FILE}.", highlight=False)


@app.command()
def seal(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a finished backtest, of the bundle's data and recipe.")
    ] = Path("backtest"),
) -> None:
    """Join a backtest to the current bundle, as a new version that is served from then on."""
    from training.seal import seal_backtest

    pair = seal_backtest(folder, get_settings().store)
    err.print(
        f"Bundle {pair.bundle} holds the backtest and is served from the next start on.",
        highlight=False,
    )


@app.command()
def card(
    file: Annotated[Path, typer.Argument(help="A backtest's document, such as backtest.json.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write; to the terminal if left out.")
    ] = None,
) -> None:
    """Make the model card from a backtest's document."""
    from training.document import read_backtest
    from training.model_card import model_card

    text = model_card(read_backtest(file))
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")


@app.command()
def forecast(
    data: Annotated[Path, typer.Argument(help="Folder with the retailer's tables.")],
    out: Annotated[Path, typer.Option(help="CSV file to write; one that exists is replaced.")] = (
        Path("forecast.csv")
    ),
    levels: Annotated[bool, typer.Option("--levels", help="Stores, families and total too.")] = (
        False
    ),
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Days to forecast where there is no test table; 16."),
    ] = None,
) -> None:
    """Write the current model's forecasts for tables: for the rows of test, or the next days."""
    with _extra("train"):
        from training.forecast_file import forecast_file

    store = get_settings().store
    with _progress() as reporter:
        done = forecast_file(data, store, out, days=days, levels=levels, reporter=reporter)
    err.print(
        f"Wrote {done.rows:,} forecasts from {done.first} to {done.last} to {out}, of bundle "
        f"{done.pair.bundle} and snapshot {done.pair.snapshot}.",
        highlight=False,
        markup=False,
    )


@app.command("reconcile-study")
def reconcile_study(
    data: Data = None,
    out: Annotated[Path, typer.Option(help="JSON document to write.")] = Path(
        "reconciliation.json"
    ),
    frozen: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last day that the judged model sees."),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows of each fit, at most.")] = 600_000,
    trees: Annotated[int, typer.Option(min=1, help="Trees of each booster, at most.")] = 200,
    threads: Threads = None,
) -> None:
    """Compare ways to make forecasts add up, on the backtest's windows of 16 days."""
    with _extra("backtest"):
        from training.reconciliation_study import reduced, run_study

    with _tables(data) as (folder, recipe), _progress() as reporter:
        result = run_study(
            folder,
            reduced(recipe, rows=rows, trees=trees),
            out,
            frozen=frozen.date() if frozen else None,
            threads=threads or _cores(),
            reporter=reporter,
        )
    levels = list(next(iter(result["means"].values()))["rmsse"])
    columns = ("RMSLE", "WRMSSE", *levels, "negative")
    table = Table(Column("method", no_wrap=True), *columns, caption="RMSSE by level")
    for name, scores in result["means"].items():
        figures = [scores["rmsle"], scores["wrmsse"], *(scores["rmsse"][level] for level in levels)]
        table.add_row(name, *(f"{figure:.4f}" for figure in figures), f"{scores['clipped']:.2%}")
    Console().print(table)
    err.print(
        f"The best that costs bottom RMSLE little: {result['chosen']}. All of it is in {out}."
    )


@app.command()
def demo(folder: Annotated[Path, typer.Argument(help="Where to write the tables.")]) -> None:
    """Write the built-in demo tables, to look at or to start from."""
    from training.demo import write_demo

    write_demo(folder)
    err.print(f"Wrote the demo tables to {folder}.")


def main() -> None:
    """Entry point: errors that a person can mend are one line, not a traceback."""
    try:
        app()
    except (ArtifactError, InputError, ValidationError) as error:
        err.print(
            f"mlrf: {_told(error)}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(1)


def _told(error: Exception) -> str:
    if isinstance(error, ValidationError):  # of the settings
        faults = [(str(fault["loc"][0]).upper(), fault["msg"]) for fault in error.errors()]
        return "; ".join(f"{variable}: {wrong}" for variable, wrong in faults)
    return f"{error} ({error.__cause__})" if error.__cause__ else str(error)


def _current_bundle() -> Bundle | None:
    """The bundle that serves now, if there is one that this release can run."""
    from models.bundle import load_bundle

    store = get_settings().store
    try:
        return load_bundle(store.bundles / store.current().bundle, threads=_cores())
    except ArtifactError as error:
        err.print(f"Without a previous bundle to compare with: {error}", highlight=False)
        return None


def _train(
    data: Path | None,
    threads: int | None,
    engine: EngineName = EngineName.LOCAL,
    scheduler: str | None = None,
) -> None:
    with _extra("train"):
        from training.pipeline import train as run

    store = get_settings().store
    count = threads or _cores()
    with (
        _tables(data) as (folder, recipe),
        _engine(engine, scheduler, store, count) as fitting,
        _progress() as reporter,
    ):
        pair = run(folder, store, recipe, threads=count, engine=fitting, reporter=reporter)
    err.print(
        f"Bundle {pair.bundle} and snapshot {pair.snapshot} in {store.root} are served from the "
        "next start on."
    )


@contextmanager
def _engine(
    name: EngineName, scheduler: str | None, store: Store, workers: int
) -> Iterator[Engine | None]:
    """The engine that fits; None for this machine's."""
    if name is EngineName.LOCAL:
        yield None
        return
    with _extra("dask"):
        from training.dask_engine import dask_engine
    with dask_engine(store.snapshots, scheduler=scheduler, workers=workers) as engine:
        yield engine


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """Imports of what an extra of this project brings.

    Raises:
        InputError: one of them is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed: this needs the extra `{name}` of this project, "
            f"pip install -e '.[{name}]'"
        ) from error


@contextmanager
def _tables(data: Path | None) -> Iterator[tuple[Path, Recipe]]:
    """The folder of tables and the recipe for them: the caller's, or the demo's."""
    from training.demo import write_demo
    from training.recipe import DEFAULT, DEMO

    if data is not None:
        yield data, DEFAULT
        return
    with tempfile.TemporaryDirectory(prefix="mlrf-demo-") as folder:
        yield write_demo(Path(folder)), DEMO


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Bars:
    """A bar for each step of a long task."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def start(self, task: str) -> None:
        self.finish()
        self._task = self._progress.add_task(task, total=None)

    def advance(self, done: int, total: int) -> None:
        assert self._task is not None, "a step is started before it advances"
        self._progress.update(self._task, completed=done, total=total)

    def finish(self) -> None:
        if self._task is not None:
            total = self._progress.tasks[self._task].total or 1
            self._progress.update(self._task, completed=total, total=total)


@contextmanager
def _progress() -> Iterator[_Bars]:
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:<20}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as progress:
        bars = _Bars(progress)
        yield bars
        bars.finish()
