"""Commands that train a model and use it without a server: train, forecast, demo."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import inputs
from cli.engines import (
    EngineName,
    FittingEngine,
    Scheduler,
    ScoringEngine,
    Workers,
    open_fitting,
    open_parts,
)
from cli.inputs import RecipeOption, Threads, extra
from cli.layout import DatesOption, DecimalOption, DelimiterOption, layout_of, show_warnings
from cli.look import show_understood
from cli.output import AsJson, print_json
from cli.progress import err, progress
from cli.quality import show_quality
from cli.tables import reads_tables
from cli.tracking import open_checked_tracker, record_training
from config.settings import get_settings
from errors import InputError
from features.data.reading.layout import STANDARD, DateOrder, DecimalMark, Delimiter, TableLayout
from lifecycle.training_request import Effort, Promote
from storage.artifacts import Release, Store

if TYPE_CHECKING:
    from lifecycle.promotion import Trained
    from models.bundle import Bundle


@reads_tables
def train(
    data: Path | None = None,
    recipe: RecipeOption = Effort.DEFAULT,
    promote: Annotated[
        Promote,
        typer.Option(
            help="if-better: serve the model if its errors on days that the model that serves has "
            "not seen are smaller, beyond chance, or if none serves; always: in any case; never: "
            "compare it, but leave it as a candidate, for `mlrf models promote`."
        ),
    ] = Promote.IF_BETTER,
    force: Annotated[
        bool,
        typer.Option("--force", help="Serve a model of the demo data in place of a retailer's."),
    ] = False,
    threads: Threads = None,
    engine: FittingEngine = EngineName.LOCAL,
    scheduler: Scheduler = None,
    workers: Workers = None,
    delimiter: DelimiterOption = Delimiter.COMMA,
    decimal: DecimalOption = DecimalMark.POINT,
    dates: DatesOption = DateOrder.YMD,
    as_json: AsJson = False,
) -> None:
    """Train a model on tables, and serve it if it is better than the one that serves."""
    layout = layout_of(delimiter, decimal, dates)
    release = train_model(
        *(data, threads, engine, scheduler, layout, recipe),
        workers=workers,
        promote=promote,
        force=force,
        with_table=not as_json,
    )
    if as_json:
        print_json(release.names)


@reads_tables
def forecast(
    data: Path,
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
    engine: ScoringEngine = EngineName.LOCAL,
    scheduler: Scheduler = None,
    workers: Workers = None,
    delimiter: DelimiterOption = Delimiter.COMMA,
    decimal: DecimalOption = DecimalMark.POINT,
    dates: DatesOption = DateOrder.YMD,
) -> None:
    """Write the current model's forecasts for tables: for the rows of test, or the next days."""
    with extra("train"):
        from training.forecast_file import forecast_file
    from features.data.parts.memory import Memory
    from lifecycle.screening import screening_of

    store = inputs.writable_store()
    with (
        open_parts(engine, scheduler, store, workers) as parts,
        progress() as reporter,
    ):
        done = forecast_file(
            data,
            store,
            out,
            days=days,
            levels=levels,
            reporter=reporter,
            layout=layout_of(delimiter, decimal, dates),
            screening=screening_of(store, get_settings().outliers),
            memory=Memory.of_setting(get_settings().memory_mib),
            on_report=show_warnings,
            score_parts=parts.score_parts,
            runner=parts.runner,
        )
    err.print(
        f"Wrote {done.rows:,} forecasts from {done.first} to {done.last} to {out}, of bundle "
        f"{done.release.bundle} and snapshot {done.release.snapshot}.",
        highlight=False,
        markup=False,
    )


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to write the tables.")],
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, to open in a spreadsheet.")] = False,
) -> None:
    """Write the built-in demo tables, to look at or to start from; as Parquet, or as CSV."""
    with extra("train"):
        from features.data.reading.schema import SCHEMAS
        from training.demo.generator import write_demo

    write_demo(folder, csv=csv)
    suffix = "csv" if csv else "parquet"
    err.print(
        f"Wrote {', '.join(f'{name}.{suffix}' for name in SCHEMAS)} to {folder}. "
        f"To train on them: mlrf train {shlex.quote(str(folder))}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def train_model(
    data: Path | None,
    threads: int | None,
    engine: EngineName = EngineName.LOCAL,
    scheduler: str | None = None,
    layout: TableLayout = STANDARD,
    effort: Effort = Effort.DEFAULT,
    *,
    workers: int | None = None,
    promote: Promote = Promote.ALWAYS,
    force: bool = False,
    with_table: bool = True,
) -> Release:
    """Train a model, serve it if it is to be served, and return its release."""
    with extra("train"):
        from training.inputs import cores, tables_and_recipe
        from training.pipeline import train as run
    from features.data.parts.memory import Memory
    from lifecycle.job_ends import noting_end
    from lifecycle.jobs import JobKind
    from lifecycle.promotion import DemoRefusedError, train_and_promote
    from lifecycle.screening import screening_of

    store = get_settings().store
    tracker = open_checked_tracker()
    count = threads or cores()

    def fit(champion: Bundle | None) -> Release:
        with (
            tables_and_recipe(data) as (folder, recipe),
            open_fitting(engine, scheduler, store.snapshots, workers, threads=threads) as fitting,
            progress() as reporter,
        ):
            inputs.writable_store()  # last, when nothing else is missing: it creates the folders
            release = run(
                folder,
                store,
                recipe,
                effort=effort,
                threads=count,
                engine=fitting.backend,
                reporter=reporter,
                demo=data is None,
                layout=STANDARD if data is None else layout,
                on_report=show_warnings,
                on_tables=show_understood,
                champion=champion,
                margins=get_settings().gate_margins,
                screening=None if data is None else screening_of(store, get_settings().outliers),
                memory=Memory.of_setting(get_settings().memory_mib),
                runner=fitting.runner,
                promote=False,  # decided afterwards
            )
        show_quality(store.bundles / release.bundle, with_table=with_table)
        return release

    try:
        with noting_end(store, JobKind.TRAINING):
            trained = train_and_promote(
                store,
                fit,
                store.promote,  # without a database: the registry adopts what CURRENT names
                promote=promote,
                demo=data is None,
                force=force,
                on_unloadable=lambda error: err.print(
                    f"The model that serves cannot be compared with: {error}", highlight=False
                ),
            )
    except DemoRefusedError as error:
        raise InputError(f"{error} (--promote never), or --force") from None
    _show_trained(store, trained)
    record_training(tracker, store, trained.release)
    return trained.release


def _show_trained(store: Store, trained: Trained) -> None:
    """Print how a new model compares, if that was decisive, and whether it serves."""
    release, verdict = trained.release, trained.verdict
    if verdict is not None:
        err.print(
            f"Compared with {verdict['champion']}, the model is {verdict['outcome']}: "
            f"{verdict['why']}.",
            highlight=False,
            soft_wrap=True,
        )
    if not trained.served:
        err.print(
            f"Bundle {release.bundle} and snapshot {release.snapshot} are in {store.root}, to be "
            f"served by: mlrf models promote {release.bundle}",
            highlight=False,
            soft_wrap=True,
        )
        return
    err.print(
        f"Bundle {release.bundle} and snapshot {release.snapshot} in {store.root} are served from "
        "now on, by servers that are running too."
    )
