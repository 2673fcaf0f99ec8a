"""`mlrf events`: events that leave the service, and sending those again that were given up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.actor import cli_actor
from cli.database import database
from cli.output import AsJson, format_time, print_json, print_table
from cli.progress import say
from errors import InputError
from storage.letters import LetterState

if TYPE_CHECKING:
    from storage.letters import Letter
    from storage.outbox import Outbox

MOST = 10_000
"""Most events that are shown, or sent again, at once."""

app = typer.Typer(
    help="List events that leave the service, and send again what was given up.",
    no_args_is_help=True,
)


@app.command("list")
def list_events(
    state: Annotated[
        LetterState,
        typer.Option(help="Those that wait, that were sent in the last days, or were given up."),
    ] = LetterState.DEAD,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="Most events to show.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show events, the newest first: by default those that were given up."""
    with _open_outbox() as outbox:
        documents = [_document_of(letter) for letter in outbox.letters(state, limit)]
    if as_json:
        print_json(documents)
        return
    headings = ("id", "target", "type", "subject", "time", "attempts", "failure")
    print_table(headings, [tuple(str(each[name]) for name in headings) for each in documents])


@app.command()
def resend(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="As `mlrf events list` shows it.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All events that were given up.")
    ] = False,
) -> None:
    """Send events again that were given up; a server does so within seconds."""
    if bool(numbers) == everything:
        raise InputError("name the ids of events, or --all")
    with _open_outbox() as outbox:
        letters = outbox.letters(LetterState.DEAD, MOST) if everything else []
        for number in numbers or [letter.number for letter in reversed(letters)]:
            letter = outbox.resend(number, by=cli_actor())
            say(f"Event {number}, {letter.event.kind}, is sent to {letter.target} again.")


@contextmanager
def _open_outbox() -> Iterator[Outbox]:
    from storage.outbox import Outbox

    with database() as engine:
        yield Outbox(engine)


def _document_of(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.number,
        "target": letter.target,
        "state": letter.state,
        "event_id": letter.event.id,
        "type": letter.event.kind,
        "subject": letter.event.subject,
        "time": format_time(letter.event.at),
        "data": letter.event.data,
        "attempts": letter.attempts,
        "failure": letter.failure,
        "queued_at": format_time(letter.queued_at),
        "due_at": format_time(letter.due_at),
        "ended_at": format_time(letter.ended_at),
    }
