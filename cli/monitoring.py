"""Commands about what forecasts were worth: mlrf score and validate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import inputs
from cli.database import database
from cli.output import AsJson, print_json
from cli.progress import Phases, say, warn
from config.settings import get_settings

TO_PROMOTE, TO_ROLL_BACK = 3, 4
"""Exit statuses of a validation that was asked for one."""


def score(as_json: AsJson = False) -> None:
    """Keep the newest forecasts, compare all with what was sold since, and look for drift.

    A runner of jobs does so by itself whenever there is something to compare. With
    ADAPT_INTERVALS, the intervals that are served follow what was missed; else nothing that is
    served changes.
    """
    from lifecycle.monitoring.job import PHASES, score_and_watch

    store = inputs.writable_store()
    progress = Phases(PHASES)
    with database() as engine:
        outcome = score_and_watch(
            store,
            engine,
            adapt_intervals=get_settings().adapts_intervals,
            enter=progress.enter,
            advance=progress.advance,
        )
    scored, watched = outcome.scored, outcome.watched
    for name, reason in scored.damaged.items():
        warn(f"the vintage {name} cannot be used: {reason}")
    if as_json:
        print_json(outcome.describe())
        return
    for bundle, days in scored.days.items():
        say(f"{bundle}: {len(days)} days compared, {min(days)} to {max(days)}.")
    if not scored.days:
        say("There is nothing new to compare.")
    if scored.release.adaptation:
        say(f"The intervals are adapted by {scored.release.adaptation}.")
    for outlier in watched.outliers:
        warn(outlier.message)
    for event in watched.opened:
        warn(f"drift since {event.since}: {event.message}")
    for event in watched.closed:
        say(f"over since {event.closed}: {event.message}")


def validate(
    days: Annotated[int, typer.Option(min=7, max=90, help="Newest days to replay.")] = 30,
    candidate: Annotated[
        str | None, typer.Option(help="Model to compare; the newest candidate if left out.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="File for a page with the figures.")
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 3 to promote, with 4 to roll back.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Replay the newest days with the active model, and say whether to keep it.

    Each day is forecast as it would have been, and compared with what was sold, with the newest
    candidate and the model that was active before beside it. The verdict is recorded; nothing that
    is served changes.
    """
    from lifecycle.monitoring.validation import Verdict
    from lifecycle.monitoring.validation_run import run_validation
    from lifecycle.registry import Registry

    with database() as engine:
        validation = run_validation(
            Registry(get_settings().store, engine),
            engine,
            days=days,
            candidate=candidate,
            margins=get_settings().gate_margins,
            enter=say,
        )
    if report is not None:
        from training.evaluation.reports.validation_report import write_validation

        write_validation(validation.report, report)
    if as_json:
        print_json(validation.report)
    else:
        for reason in validation.reasons:
            say(reason)
        say(f"Verdict: {validation.verdict}.")
    if exit_code and validation.verdict is not Verdict.HOLD:
        promote = validation.verdict is Verdict.PROMOTE
        raise typer.Exit(TO_PROMOTE if promote else TO_ROLL_BACK)
