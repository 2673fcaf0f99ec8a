"""Commands that judge a model: backtest, seal, card, benchmark, reconcile-study."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import inputs
from cli.engines import EngineName, FittingEngine, Scheduler, Workers, open_fitting
from cli.inputs import RecipeOption, Threads, extra
from cli.layout import DatesOption, DecimalOption, DelimiterOption, layout_of, show_warnings
from cli.output import print_table
from cli.progress import err, progress
from cli.tables import reads_tables
from cli.tracking import open_checked_tracker, open_tracker, record_backtest, record_training
from config.settings import get_settings
from features.data.reading.layout import STANDARD, DateOrder, DecimalMark, Delimiter
from lifecycle.training_request import Effort
from storage.artifacts import ArtifactError

if TYPE_CHECKING:
    from models.bundle import Bundle


@reads_tables
def backtest(
    data: Path | None = None,
    out: Annotated[
        Path, typer.Option(help="Folder for fits, results and the report; resumed if there.")
    ] = Path("backtest"),
    short: Annotated[int, typer.Option(min=1, help="Windows of 16 days, beside the newest.")] = 5,
    long: Annotated[int, typer.Option(min=1, help="Windows of 90 days.")] = 3,
    threads: Threads = None,
    engine: FittingEngine = EngineName.LOCAL,
    scheduler: Scheduler = None,
    workers: Workers = None,
    delimiter: DelimiterOption = Delimiter.COMMA,
    decimal: DecimalOption = DecimalMark.POINT,
    dates: DatesOption = DateOrder.YMD,
) -> None:
    """Fit before every window of the past, forecast it, and compare with what was sold."""
    with extra("backtest"):
        from training.evaluation.backtest import backtest as run
        from training.evaluation.backtest import snapshots_of
        from training.evaluation.backtest_result import RESULT_FILE
        from training.evaluation.reports.figures import figures_of
        from training.evaluation.reports.model_card import model_card
        from training.evaluation.reports.report import REPORT_FILE
        from training.evaluation.reports.report_tables import number

    from training.inputs import cores, tables_and_recipe

    tracker, count = open_checked_tracker(), threads or cores()
    with (
        tables_and_recipe(data) as (folder, recipe),
        open_fitting(engine, scheduler, snapshots_of(out), workers, threads=threads) as fitting,
        progress() as reporter,
    ):
        result = run(
            folder,
            recipe,
            out,
            short=short,
            long=long,
            threads=count,
            engine=fitting.backend,
            reporter=reporter,
            previous=_current_bundle(),
            layout=layout_of(delimiter, decimal, dates) if data else STANDARD,
            on_report=show_warnings,
        )
    rows = [
        (f"{group} (mean of {of['windows']})", name, number(of["rmsle"]), number(of["wrmsse"]))
        for group, models in result["means"].items()
        for name, of in models.items()
    ]
    print_table(("windows", "model", "RMSLE", "WRMSSE"), rows)
    err.print(f"All of it is in {out}; to read: {out / REPORT_FILE}.", highlight=False)
    record_backtest(
        tracker,
        lambda opened: opened.record_backtest(
            result,
            parameters={"threads": count, "short": short, "long": long},
            figures=figures_of(result),
            files=[out / RESULT_FILE, out / REPORT_FILE],
            texts={"model-card.md": model_card(result)},
        ),
        folder=out,
    )


def seal(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a finished backtest, of the bundle's data and recipe.")
    ] = Path("backtest"),
) -> None:
    """Join a backtest to the current bundle, as a new version that is served from then on."""
    from training.seal import seal_backtest

    tracker, store = open_tracker(), inputs.writable_store()
    release = seal_backtest(folder, store)
    err.print(
        f"Bundle {release.bundle} holds the backtest and is served from now on.",
        highlight=False,
    )
    record_training(tracker, store, release)


def card(
    file: Annotated[Path, typer.Argument(help="A backtest's document, such as backtest.json.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write; to the terminal if left out.")
    ] = None,
) -> None:
    """Make the model card from a backtest's document."""
    from training.evaluation.backtest_result import read_backtest
    from training.evaluation.reports.model_card import model_card

    text = model_card(read_backtest(file))
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")


@reads_tables
def reconcile_study(
    data: Path | None = None,
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
    delimiter: DelimiterOption = Delimiter.COMMA,
    decimal: DecimalOption = DecimalMark.POINT,
    dates: DatesOption = DateOrder.YMD,
) -> None:
    """Compare ways to make forecasts add up, on the backtest's windows of 16 days."""
    with extra("backtest"):
        from training.evaluation.reconciliation_study import reduce_recipe, run_study
        from training.recipe import DEFAULT

    from training.inputs import cores, tables_and_recipe

    with tables_and_recipe(data) as (folder, recipe), progress() as reporter:
        result = run_study(
            folder,
            reduce_recipe(recipe or DEFAULT, rows=rows, trees=trees),
            out,
            layout=layout_of(delimiter, decimal, dates) if data else STANDARD,
            frozen=frozen.date() if frozen else None,
            threads=threads or cores(),
            reporter=reporter,
        )
    levels = list(next(iter(result["means"].values()))["rmsse"])
    table = []
    for name, scores in result["means"].items():
        figures = [scores["rmsle"], scores["wrmsse"], *(scores["rmsse"][level] for level in levels)]
        table.append((name, *(f"{figure:.4f}" for figure in figures), f"{scores['clipped']:.2%}"))
    headings = ("method", "RMSLE", "WRMSSE", *levels, "negative")
    print_table(headings, table, caption="RMSSE by level")
    err.print(
        f"The best that costs bottom RMSLE little: {result['chosen']}. All of it is in {out}."
    )


class BenchmarkName(StrEnum):
    """Public benchmarks that can be run."""

    FEV_FAVORITA = "fev-favorita"


class ModelName(StrEnum):
    """Model that a benchmark measures: as in `training`, which the serving image does not have."""

    SERVED = "served"
    POINTS = "points"
    PLAIN = "plain"


@reads_tables
def benchmark(
    name: Annotated[BenchmarkName, typer.Argument(help="The benchmark.")],
    data: Path,
    out: Annotated[
        Path, typer.Option(help="Folder for forecasts and results; resumed if there.")
    ] = Path("benchmark"),
    model: Annotated[
        ModelName,
        typer.Option(
            help="served: trained and calibrated as served; points: without the calibration, in "
            "half the time; plain: an untuned LightGBM, to compare with."
        ),
    ] = ModelName.SERVED,
    windows: Annotated[
        str, typer.Option(help="Numbers of the windows, such as 1,4,9; all if left out.")
    ] = "",
    recipe: RecipeOption = Effort.DEFAULT,
    threads: Threads = None,
    engine: FittingEngine = EngineName.LOCAL,
    scheduler: Scheduler = None,
    workers: Workers = None,
) -> None:
    """Train before each window of a public benchmark, and compare with published results."""
    with extra("train"):
        from features.data.tables import read_tables
        from training.evaluation.benchmark.run import Model, run_benchmark, working_store
        from training.evaluation.benchmark.task import PUBLISHED, Scores
        from training.inputs import cores

    numbers = inputs.read_numbers(windows, option="--windows")
    snapshots = working_store(out).snapshots
    with (
        open_fitting(engine, scheduler, snapshots, workers, threads=threads) as fitting,
        progress() as reporter,
    ):
        result = run_benchmark(
            read_tables(data),
            out,
            model=Model(model.value),
            effort=recipe,
            numbers=numbers,
            threads=threads or cores(),
            engine=fitting.backend,
            reporter=reporter,
        )
    rows = [
        (f"{number}, from {of['first']}", *_format_scores(of), f"{of['sum_over_sold']:.3f}")
        for number, of in result["windows"].items()
    ]
    rows.append((f"mean of {len(rows)}", *_format_scores(result["means"]), ""))
    rows += [
        (f"{name}, published", *_format_scores(scores._asdict()), "")
        for name, scores in PUBLISHED.items()
    ]
    headings = ("window", *(field.upper() for field in Scores._fields), "sum / sold")
    print_table(headings, rows, caption="published: means over ten windows")
    err.print(f"All of it is in {out}.", highlight=False)


def _format_scores(scores: Mapping[str, float | None]) -> tuple[str, ...]:
    values = (scores[name] for name in ("wape", "mase", "wql", "sql"))
    return tuple("" if value is None else f"{value:.4f}" for value in values)


def _current_bundle() -> Bundle | None:
    """Return the bundle of the active release, or None if it cannot be loaded here."""
    from models.bundle import load_bundle
    from training.inputs import cores

    store = get_settings().store
    try:
        return load_bundle(store.bundles / store.current().bundle, threads=cores())
    except ArtifactError as error:
        err.print(f"Without a previous bundle to compare with: {error}", highlight=False)
        return None
