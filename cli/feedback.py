"""`mlrf feedback`: recorded predictions with what was sold instead, for training."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from cli.database import database
from cli.inputs import extra
from cli.models import open_registry
from cli.output import AsJson, print_json
from cli.progress import err
from config.settings import get_settings

app = typer.Typer(
    help="Predictions that were recorded, with what was sold instead.", no_args_is_help=True
)


@app.callback()
def _group() -> None:
    """Keep `export` a subcommand: a single command would become the whole of `mlrf feedback`."""


@app.command()
def export(
    days: Annotated[int, typer.Option(min=1, help="Days back to the oldest prediction.")] = 90,
    min_rows: Annotated[
        int, typer.Option(min=1, help="Rows below which nothing is written, and the status is 1.")
    ] = 1,
    release: Annotated[
        str | None,
        typer.Option(
            help="Name of the bundle that made the predictions, or its beginning; the active one "
            "if left out."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Parquet file to write; one that exists is replaced.")
    ] = Path("feedback.parquet"),
    as_json: AsJson = False,
) -> None:
    """Write rows of features, predictions and what was reported as sold, to train on.

    The rows are those of /predict and of the Open Inference Protocol whose sales were reported by
    /feedback.
    """
    with extra("train"):
        from training.feedback_file import write_feedback

    from storage.feedback import FeedbackStore

    store = get_settings().store
    with open_registry() as registry:
        bundle = store.current().bundle if release is None else registry.find(release).bundle
    with database() as engine:
        feedback = FeedbackStore(engine)
        since = feedback.clock() - timedelta(days)
        done = write_feedback(feedback, store, out, bundle=bundle, since=since, min_rows=min_rows)
    if as_json:
        print_json({"out": str(out), "release": bundle, **asdict(done)})
        return
    err.print(
        f"Wrote {done.rows:,} rows of {done.requests:,} requests to {out}, of bundle {bundle}.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
