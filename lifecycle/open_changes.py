"""A transaction in which releases change, and what a list of their changes says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import structlog
from sqlalchemy import Connection

from lifecycle.monitoring.events import EventKind, ReleaseAborted, ReleaseServed, publish
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

_log = structlog.get_logger(__name__)

ROLLBACK, ABORT = "rollback", "abort"
"""Actions that events tell apart from others."""


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
        self._actions: list[tuple[str, ReleaseChange]] = []

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

        A rollout of the release ends unless it is in trial from now on. An event tells of a release
        that serves from now on, and of a trial that was aborted.
        """
        change = ReleaseChange(
            bundle=release.bundle,
            snapshot=release.snapshot,
            state=state,
            at=self._clock(),
            actor=by.name,
            reason=reason,
        )
        self._publish(change, action)
        add_change(self.connection, change)
        if state not in IN_TRIAL:
            end_rollout(self.connection, release.bundle, at=change.at)
        if action is not None:
            self._actions.append((action, change))
            detail = f"with {change.snapshot}: {change.reason or 'no reason given'}"
            event = by.make_event(f"model.{action}", change.bundle, detail, at=change.at)
            write(self.connection, [event])

    def log_actions(self) -> None:
        """Log what was done; to be called after the commit.

        Reasons are left out: they are what somebody wrote, and are in the audit log.
        """
        for action, change in self._actions:
            _log.info(
                "release_changed",
                action=action,
                bundle=change.bundle,
                snapshot=change.snapshot,
                state=change.state.value,
                by=change.actor,
            )

    def _publish(self, change: ReleaseChange, action: str | None) -> None:
        """Publish the event of a change that is about to be recorded, if there is one."""
        about = {
            "bundle": change.bundle,
            "snapshot": change.snapshot,
            "reason": change.reason,
        }
        if change.state is ReleaseState.ACTIVE:
            # the one before may have been retired already, in this transaction
            before = find_last_active(list_changes(self.connection))
            back = action == ROLLBACK
            publish(
                self.connection,
                EventKind.RELEASE_ROLLED_BACK if back else EventKind.RELEASE_ACTIVATED,
                change.bundle,
                ReleaseServed(
                    **about,
                    previous_bundle=before and before.bundle,
                    previous_snapshot=before and before.snapshot,
                ),
                at=change.at,
            )
        elif action == ABORT:
            publish(
                self.connection,
                EventKind.RELEASE_ABORTED,
                change.bundle,
                ReleaseAborted(**about),
                at=change.at,
            )


def last_changes(changes: Sequence[ReleaseChange]) -> dict[str, ReleaseChange]:
    """Return the last change of each bundle, by its name."""
    return {change.bundle: change for change in changes}


def find_active_change(changes: Sequence[ReleaseChange]) -> ReleaseChange | None:
    """Return the change that made the active release what it is; None if none is active."""
    last = last_changes(changes).values()
    return next((change for change in last if change.state is ReleaseState.ACTIVE), None)


def find_last_active(changes: Sequence[ReleaseChange]) -> ReleaseChange | None:
    """Return the last change that made a release active, whatever it is by now."""
    return next((each for each in reversed(changes) if each.state is ReleaseState.ACTIVE), None)


def with_previous(
    changes: Sequence[ReleaseChange],
) -> Iterator[tuple[ReleaseState | None, ReleaseChange]]:
    """Yield each change with the state that its bundle had before."""
    states: dict[str, ReleaseState] = {}
    for change in changes:
        yield states.get(change.bundle), change
        states[change.bundle] = change.state
