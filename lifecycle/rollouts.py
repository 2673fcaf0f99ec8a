"""Rollouts: trials of a release beside the active one, as a shadow and as a canary.

Servers follow the rollout in the database as they follow ``CURRENT`` on the volume. Each adds its
evidence there, and any of them ends the rollout or goes on to the next share by what all have
seen, so that workers and replicas agree. ``CURRENT`` changes only when a release is promoted: what
is active stays active, whatever happens to a rollout or to the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine

from config.rollout import RolloutPlan
from lifecycle.evidence import find_fault, total_of
from lifecycle.open_changes import ABORT, OpenChanges
from lifecycle.registry import Registry
from lifecycle.releases import (
    ListedRelease,
    RefusedChangeError,
    check_promotion,
    find_active,
    find_release,
)
from storage.artifacts import Release
from storage.audit import Actor
from storage.database import reading, writing
from storage.key_store import utc_now
from storage.release_changes import IN_TRIAL, ReleaseState
from storage.rollouts import (
    Evidence,
    Role,
    Rollout,
    add_evidence,
    add_rollout,
    end_rollout,
    find_rollout,
    list_evidence,
    move_rollout,
    write_report,
)

Document = dict[str, Any]

ROLLOUT = Actor("rollout")
"""Actor of what a rollout does by itself."""
_PROMOTED = "it answered all callers as the plan asks for"


class _Step(NamedTuple):
    """Consequence of the evidence: the next share, a promotion if it is None, or a fault."""

    share: float | None = None
    fault: str = ""


class Rollouts:
    """The rollout of a store, if there is one.

    Every method blocks on files and the database, and may raise StorageError.

    Args:
        plan: shares of a canary, and what aborts it.
        clock: the time, aware.
    """

    def __init__(
        self,
        registry: Registry,
        engine: Engine,
        plan: RolloutPlan,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.plan = plan
        self.registry = registry
        self._engine = engine
        self._clock = clock

    def current(self) -> Rollout | None:
        """Return the rollout that has not ended, or None."""
        with reading(self._engine) as connection:
            return find_rollout(connection)

    def evidence(self, rollout: Rollout) -> list[Evidence]:
        """Return what all workers have counted during a rollout."""
        with reading(self._engine) as connection:
            return list_evidence(connection, rollout.id)

    def begin_shadow(
        self, name: str, *, by: Actor, reason: str = "", force: bool = False
    ) -> Rollout:
        """Load a release beside the active one, to compare them; it answers nobody.

        Args:
            name: of its bundle, or a beginning of it.
            force: though it was rejected; needs a reason.

        Raises:
            UnknownReleaseError: there is no such release.
            RefusedChangeError: nothing is active, another one is in trial, or it must be forced.
            ArtifactError: it cannot be served with the data that are served.
        """
        return self._begin(name, ReleaseState.SHADOW, 0.0, False, by, reason, force=force)

    def begin_canary(
        self,
        name: str,
        *,
        by: Actor,
        reason: str = "",
        share: float | None = None,
        force: bool = False,
    ) -> Rollout:
        """Let a release answer a share of the callers, or change the share of one that does.

        Args:
            share: above 0, at most 1; if left out, the shares of the plan, one after the other, at
                the end of which the release is promoted.

        Raises:
            UnknownReleaseError, RefusedChangeError, ArtifactError: see `begin_shadow`.
        """
        first = self.plan.shares[0] if share is None else share
        return self._begin(name, ReleaseState.CANARY, first, share is None, by, reason, force=force)

    def stop(self, *, by: Actor, reason: str = "") -> Rollout:
        """End the rollout; its release is what it was before.

        Raises:
            RefusedChangeError: there is none.
        """
        with self.registry.changing() as changes:
            rollout = find_rollout(changes.connection)
            if rollout is None:
                raise RefusedChangeError("no release is in trial")
            release = find_release(changes.releases(), rollout.bundle)
            # what served before is still good to go back to
            before = ReleaseState.RETIRED if release.activated else ReleaseState.CANDIDATE
            self._end(changes, rollout, before, "stop", by, reason)
        return rollout

    def write_report(self, rollout: Rollout, report: Document) -> None:
        """Record how the release compares with the active one."""
        with writing(self._engine) as connection:
            write_report(connection, rollout.id, report)

    def add_evidence(self, rollout: Rollout, worker: str, evidence: Iterable[Evidence]) -> None:
        """Add what a worker has counted."""
        with writing(self._engine) as connection:
            add_evidence(connection, rollout.id, worker, evidence)

    def decide(self) -> str | None:
        """End the rollout, or go on to the next share, if the evidence says so.

        Returns:
            A sentence for the log; None if nothing changed.

        Raises:
            ArtifactError: the release is to be promoted and cannot be.
        """
        with reading(self._engine) as connection:
            rollout = find_rollout(connection)
            if rollout is None or self._next_step(connection, rollout) is None:
                return None
        with self.registry.changing() as changes:  # again, as it is while nobody else decides
            rollout = find_rollout(changes.connection)
            step = None if rollout is None else self._next_step(changes.connection, rollout)
            if rollout is None or step is None:
                return None
            if step.fault:
                self._end(changes, rollout, ReleaseState.REJECTED, ABORT, ROLLOUT, step.fault)
                return f"aborted: {step.fault}"
            if step.share is not None:
                self._move(changes.connection, rollout, ReleaseState.CANARY, step.share, True)
                return f"answers {step.share:.0%} of the callers from now on"
        self.registry.promote(rollout.bundle, by=ROLLOUT, reason=_PROMOTED)
        return "promoted: it answers all callers"

    def _next_step(self, connection: Connection, rollout: Rollout) -> _Step | None:
        """Return what the evidence says; None if it says nothing yet."""
        evidence = list_evidence(connection, rollout.id)
        if fault := find_fault(evidence, rollout.report, self.plan):
            return _Step(fault=fault)
        lasted = (self._clock() - rollout.step_at).total_seconds()
        answers = total_of(evidence, Role.CANARY, rollout.share).answers
        if (
            not rollout.automatic
            or rollout.report is None
            or lasted < self.plan.seconds
            or answers < self.plan.answers
        ):
            return None
        return _Step(next((share for share in self.plan.shares if share > rollout.share), None))

    def _begin(
        self,
        name: str,
        stage: ReleaseState,
        share: float,
        automatic: bool,
        by: Actor,
        reason: str,
        *,
        force: bool,
    ) -> Rollout:
        wanted, target = self._choose(self.registry.releases(), name, reason, force=force)
        self.registry.load(target)  # before the lock, because it takes seconds
        with self.registry.changing() as changes:
            again = self._choose(changes.releases(), name, reason, force=force)
            if again[1] != target:
                raise RefusedChangeError("what is served has changed meanwhile: try again")
            rollout = find_rollout(changes.connection)
            if rollout is not None and rollout.bundle != target.bundle:
                raise RefusedChangeError(
                    f"release {rollout.bundle} is in trial already, as a {rollout.stage}: stop it "
                    "first"
                )
            if wanted.state is not stage or rollout is None:
                # with its own data: if it is promoted, the newest that it fits are served
                changes.record(wanted.release, stage, stage.value, by, reason)
            if rollout is None:
                return add_rollout(
                    changes.connection,
                    target.bundle,
                    stage,
                    share=share,
                    automatic=automatic,
                    at=self._clock(),
                )
            return self._move(changes.connection, rollout, stage, share, automatic)

    def _choose(
        self, listed: list[ListedRelease], name: str, reason: str, *, force: bool
    ) -> tuple[ListedRelease, Release]:
        """Return a release, and its bundle with the data that are served."""
        wanted, active = find_release(listed, name), find_active(listed)
        if active is None:
            raise RefusedChangeError("nothing is active to compare with: promote it")
        if wanted == active:
            raise RefusedChangeError(f"release {wanted.bundle} is active already")
        check_promotion(wanted, active, reason=reason, force=force)
        return wanted, Release(wanted.bundle, active.snapshot)

    def _move(
        self,
        connection: Connection,
        rollout: Rollout,
        stage: ReleaseState,
        share: float,
        automatic: bool,
    ) -> Rollout:
        return move_rollout(
            connection, rollout, stage, share=share, automatic=automatic, at=self._clock()
        )

    def _end(
        self,
        changes: OpenChanges,
        rollout: Rollout,
        state: ReleaseState,
        action: str,
        by: Actor,
        reason: str,
    ) -> None:
        release = find_release(changes.releases(), rollout.bundle)
        if release.state in IN_TRIAL:
            changes.record(release.release, state, action, by, reason)
        end_rollout(changes.connection, rollout.bundle, at=self._clock())
