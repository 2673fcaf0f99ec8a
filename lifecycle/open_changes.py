"""A transaction in which releases change, and what a list of their changes says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection

from lifecycle.releases import ListedRelease
from storage.artifacts import Release
from storage.audit import Actor, write
from storage.release_changes import (
    IN_TRIAL,
    ReleaseChange,
    ReleaseState,
    add_change,
    list_changes,
)
from storage.rollouts import end_rollout


class OpenChanges:
    """A transaction in which releases change.

    Attributes:
        connection: to the database, in the transaction.

    Args:
        clock: the time, aware.
        describe: lists releases by their changes.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Callable[[], datetime],
        describe: Callable[[Sequence[ReleaseChange]], list[ListedRelease]],
    ) -> None:
        self.connection = connection
        self._clock = clock
        self._describe = describe

    def releases(self) -> list[ListedRelease]:
        """Return all releases, the changes of this transaction included."""
        return self._describe(list_changes(self.connection))

    def find_active(self) -> ReleaseChange | None:
        """Return the change that made the active release what it is."""
        return find_active_change(list_changes(self.connection))

    def record(
        self, release: Release, state: ReleaseState, action: str | None, by: Actor, reason: str
    ) -> None:
        """Record a change, in the audit log too if it is an action of its own.

        A rollout of the release ends unless it is in trial from now on.
        """
        change = ReleaseChange(
            bundle=release.bundle,
            snapshot=release.snapshot,
            state=state,
            at=self._clock(),
            actor=by.name,
            reason=reason,
        )
        add_change(self.connection, change)
        if state not in IN_TRIAL:
            end_rollout(self.connection, release.bundle, at=change.at)
        if action is not None:
            detail = f"with {change.snapshot}: {change.reason or 'no reason given'}"
            event = by.make_event(f"model.{action}", change.bundle, detail, at=change.at)
            write(self.connection, [event])


def last_changes(changes: Sequence[ReleaseChange]) -> dict[str, ReleaseChange]:
    """Return the last change of each bundle, by its name."""
    return {change.bundle: change for change in changes}


def find_active_change(changes: Sequence[ReleaseChange]) -> ReleaseChange | None:
    """Return the change that made the active release what it is; None if none is active."""
    last = last_changes(changes).values()
    return next((change for change in last if change.state is ReleaseState.ACTIVE), None)


def with_previous(
    changes: Sequence[ReleaseChange],
) -> Iterator[tuple[ReleaseState | None, ReleaseChange]]:
    """Yield each change with the state that its bundle had before."""
    states: dict[str, ReleaseState] = {}
    for change in changes:
        yield states.get(change.bundle), change
        states[change.bundle] = change.state
