"""The process of a scoring."""

from __future__ import annotations

from lifecycle.job_task import Task, run_task
from lifecycle.jobs import Document
from lifecycle.monitoring.scoring import PHASES, describe, score
from storage.database import open_database
from storage.migrations import upgrade


def run_scoring(task: Task) -> Document:
    """Compare the kept forecasts with what was sold, and return what was compared."""
    database = open_database(task.order.database)
    try:
        upgrade(database)
        scored = score(
            task.order.store,
            database,
            adapt_intervals=task.order.adapt_intervals,
            enter=lambda phase: task.enter(phase, step=PHASES.index(phase) + 1, steps=len(PHASES)),
            advance=task.advance,
        )
    finally:
        database.dispose()
    for name, reason in scored.damaged.items():
        task.log(f"warning: the vintage {name} cannot be used: {reason}")
    return describe(scored)


if __name__ == "__main__":
    run_task(run_scoring)
