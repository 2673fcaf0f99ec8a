"""The commands of the trial of a model beside the active one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.actor import cli_actor
from cli.database import database
from cli.models import Bundle, Force, Reason
from cli.output import AsJson, format_time, print_json, print_table
from cli.progress import say
from config.settings import get_settings
from errors import InputError

if TYPE_CHECKING:
    from lifecycle.rollout_state import RolloutState
    from lifecycle.rollouts import Rollouts
    from storage.rollouts import Rollout


def add_commands(app: typer.Typer) -> None:
    """Add the commands to those of models."""
    for command in (shadow, canary, trial, stop):
        app.command()(command)


def shadow(bundle: Bundle, reason: Reason = "", force: Force = False) -> None:
    """Load a model beside the active one on all servers, to compare them; it answers nobody."""
    with open_rollouts() as rollouts:
        rollout = rollouts.begin_shadow(bundle, by=cli_actor(), reason=reason, force=force)
    _describe_start(rollout, "repeats requests of others, and answers nobody")


def canary(
    bundle: Bundle,
    share: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Of the callers; if left out, the shares of ROLLOUT_PLAN one after the other, at "
            "the end of which the model is promoted.",
        ),
    ] = None,
    reason: Reason = "",
    force: Force = False,
) -> None:
    """Let a model answer a share of the callers, always the same ones."""
    if share == 0:
        raise InputError("--share 0 would answer nobody: mlrf models shadow does that")
    with open_rollouts() as rollouts:
        rollout = rollouts.begin_canary(
            bundle, by=cli_actor(), reason=reason, share=share, force=force
        )
    _describe_start(rollout, f"answers {rollout.share:.0%} of the callers")


def trial(as_json: AsJson = False) -> None:
    """Show the model that is in trial beside the active one, and the evidence."""
    from lifecycle.rollout_state import describe

    with open_rollouts() as rollouts:
        rollout = rollouts.current()
        evidence = [] if rollout is None else rollouts.evidence(rollout)
    if rollout is None:
        if as_json:
            print_json(None)
        else:
            say("No model is in trial.")
        return
    state = describe(rollout, evidence, get_settings().store)
    if as_json:
        print_json(_document_of(rollout, state))
        return
    say(
        f"{rollout.bundle}: {rollout.stage}, {rollout.share:.0%} of the callers since "
        f"{rollout.step_at:%Y-%m-%d %H:%M:%S}"
    )
    print_table(
        ("role", "answers", "failed", "moved"),
        [
            (
                str(each.role),
                f"{each.answers:,}",
                f"{each.failures:,}",
                "" if each.moved is None else f"{each.moved:.1%}",
            )
            for each in state.roles
        ],
    )
    report = rollout.report
    if report is None:
        say("No server has compared it with the active model yet.")
        return
    moved = ", ".join(f"{level} {share:.1%}" for level, share in report["moved"].items())
    say(f"Forecasts move by: {moved}. Their sum is {report['total']:.3f} of the active one's.")
    if state.worse is not None:
        say(f"Errors on the newest days are {state.worse:+.1%} of the active one's.")
    if live := report.get("live"):
        say(
            f"Errors on {live['days']} days since are {live['change']:+.1%} of the active one's "
            f"(90 % interval {live['low']:+.1%} to {live['high']:+.1%})."
        )
    if state.slower is not None:
        say(f"Answers take {state.slower:+.0%} of the active one's time.")


def stop(reason: Reason = "") -> None:
    """End the trial of a model; the active one answers all callers."""
    with open_rollouts() as rollouts:
        rollout = rollouts.stop(by=cli_actor(), reason=reason)
    say(f"Bundle {rollout.bundle} is no longer in trial.")


@contextmanager
def open_rollouts() -> Iterator[Rollouts]:
    """Yield the rollouts of the settings' store and database."""
    from lifecycle.registry import Registry
    from lifecycle.rollouts import Rollouts

    with database() as engine:
        yield Rollouts(Registry(get_settings().store, engine), engine, get_settings().rollout_plan)


def _describe_start(rollout: Rollout, does: str) -> None:
    from lifecycle.rollout_state import estimate_memory

    megabytes = estimate_memory(get_settings().store, rollout.bundle) / 1e6
    say(
        f"Bundle {rollout.bundle} {does}. Each worker takes about {megabytes:.0f} MB for it. To "
        "see what it shows: mlrf models trial. To end it: mlrf models stop"
    )


def _document_of(rollout: Rollout, state: RolloutState) -> dict[str, Any]:
    return {
        **asdict(rollout),
        "started_at": format_time(rollout.started_at),
        "step_at": format_time(rollout.step_at),
        **asdict(state),
    }
