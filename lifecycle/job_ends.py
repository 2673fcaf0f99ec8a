"""The newest ends of refreshes and trainings, beside the artifacts of a store.

A job of the queue and a command of a nightly schedule leave their end here, so that every server
of the store can export it, though the one may run in another process and the other needs no
database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lifecycle.jobs import JobKind, State, jobs_folder, now
from storage.artifacts import Store, replace_file


class NewestEnd(BaseModel):
    """The newest end of a kind of job with one outcome.

    Attributes:
        at: time of the end, aware.
        seconds: since the start.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: JobKind
    outcome: State
    at: datetime
    seconds: float


def note_end(store: Store, end: NewestEnd) -> None:
    """Record an end in place of the one before.

    Raises:
        OSError: the store cannot be written.
    """
    folder = _folder_of(store)
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / f"{end.kind}-{end.outcome}.json", end.model_dump_json().encode())


@contextmanager
def noting_end(store: Store, kind: JobKind) -> Iterator[None]:
    """Record the end of what a command does, whose failure is raised on.

    A failure before there are artifacts is not recorded: it must not create their folder.
    """
    began, outcome = now(), State.FAILED
    try:
        yield
        outcome = State.SUCCEEDED
    except KeyboardInterrupt:
        outcome = State.CANCELLED
        raise
    finally:
        at = now()
        if store.root.is_dir():
            seconds = (at - began).total_seconds()
            with suppress(OSError):  # a store that cannot be written has failed it already
                note_end(store, NewestEnd(kind=kind, outcome=outcome, at=at, seconds=seconds))


def newest_ends(store: Store) -> list[NewestEnd]:
    """Return the newest end of each kind and outcome; an unreadable record is left out."""
    ends = []
    with suppress(OSError):
        for path in sorted(_folder_of(store).glob("[!.]*.json")):
            with suppress(OSError, ValidationError):
                ends.append(NewestEnd.model_validate_json(path.read_bytes()))
    return ends


def _folder_of(store: Store) -> Path:
    return jobs_folder(store) / ".ends"
