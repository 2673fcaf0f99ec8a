"""Commands about what forecasts were worth: mlrf score."""

from __future__ import annotations

from cli import inputs
from cli.database import database
from cli.output import AsJson, print_json
from cli.progress import Phases, say, warn


def score(as_json: AsJson = False) -> None:
    """Keep the newest forecasts, and compare all that are kept with what was sold since.

    A runner of jobs does so by itself whenever there is something to compare. With
    ADAPT_INTERVALS, the intervals that are served follow what was missed; else nothing that is
    served changes.
    """
    from config.settings import get_settings
    from lifecycle.monitoring.scoring import PHASES, describe
    from lifecycle.monitoring.scoring import score as run

    store = inputs.writable_store()
    progress = Phases(PHASES)
    with database() as engine:
        scored = run(
            store,
            engine,
            adapt_intervals=get_settings().adapts_intervals,
            enter=progress.enter,
            advance=progress.advance,
        )
    for name, reason in scored.damaged.items():
        warn(f"the vintage {name} cannot be used: {reason}")
    if as_json:
        print_json(describe(scored))
        return
    for bundle, days in scored.days.items():
        say(f"{bundle}: {len(days)} days compared, {min(days)} to {max(days)}.")
    if not scored.days:
        say("There is nothing new to compare.")
    if scored.release.adaptation:
        say(f"The intervals are adapted by {scored.release.adaptation}.")
