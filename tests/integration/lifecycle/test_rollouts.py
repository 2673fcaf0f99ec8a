"""Rollouts on SQLite and on PostgreSQL: their stages, their evidence and their end."""

from __future__ import annotations

from typing import Any

import pytest

from config.rollout import RolloutPlan
from lifecycle.releases import RefusedChangeError
from lifecycle.rollouts import ROLLOUT, Rollouts
from storage.artifacts import ArtifactError, Release
from storage.audit import AuditLog
from storage.release_changes import ReleaseState
from storage.rollouts import Counts, Evidence, Role
from tests.support.registry import ANNA, APRIL, MARCH, MAY, World

PLAN = RolloutPlan(shares=(0.1, 1.0), answers=50, seconds=300)
CALL = "GET /forecast"
REPORT: dict[str, Any] = {
    "incoherence": 0.0,
    "recent": {"total": {"active": 0.1, "challenger": 0.1}},
}


@pytest.fixture
def rollouts(world: World) -> Rollouts:
    return Rollouts(world.registry, world.engine, PLAN, clock=world.tick)


@pytest.fixture
def march(world: World) -> Release:
    """The active release."""
    march = world.add(MARCH)
    world.store.promote(march)
    return march


@pytest.fixture
def april(world: World, march: Release) -> Release:
    """A candidate."""
    return world.add(APRIL)


def counts(answers: int, failures: int = 0) -> Counts:
    return Counts(answers, failures, 0.0, 1.0, 0.0)


def evidence(role: Role, share: float, answers: int, failures: int = 0) -> Evidence:
    return Evidence(role, CALL, share, counts(answers, failures))


# --- stages -------------------------------------------------------------------------------------


def test_a_shadow_is_loaded_with_the_data_that_are_served(
    world: World, rollouts: Rollouts, march: Release, april: Release
) -> None:
    rollout = rollouts.begin_shadow(APRIL, by=ANNA, reason="new features")
    assert (rollout.bundle, rollout.stage, rollout.share) == (april.bundle, "shadow", 0)
    assert rollouts.current() == rollout
    assert world.loaded[-1] == Release(april.bundle, march.snapshot)
    assert world.states() == {MARCH: ReleaseState.ACTIVE, APRIL: ReleaseState.SHADOW}
    assert world.store.current() == march
    (entry,) = AuditLog(world.engine).latest(1)
    assert (entry.event.action, entry.event.actor) == ("model.shadow", ANNA.name)


def test_a_shadow_becomes_a_canary_and_its_share_changes(
    rollouts: Rollouts, world: World, april: Release
) -> None:
    shadow = rollouts.begin_shadow(APRIL, by=ANNA)
    canary = rollouts.begin_canary(APRIL, by=ANNA, share=0.25)
    assert (canary.id, canary.stage, canary.share, canary.automatic) == (
        *(shadow.id, "canary", 0.25, False),
    )
    assert rollouts.begin_canary(APRIL, by=ANNA, share=0.5).share == 0.5
    assert world.states()[APRIL] is ReleaseState.CANARY


def test_one_release_is_in_trial_at_a_time(
    rollouts: Rollouts, world: World, april: Release
) -> None:
    rollouts.begin_shadow(APRIL, by=ANNA)
    world.add(MAY)
    with pytest.raises(RefusedChangeError, match="in trial already"):
        rollouts.begin_canary(MAY, by=ANNA)


def test_the_active_release_is_in_no_trial(rollouts: Rollouts, march: Release) -> None:
    with pytest.raises(RefusedChangeError, match="active already"):
        rollouts.begin_shadow(MARCH, by=ANNA)


def test_without_an_active_release_there_is_no_trial(rollouts: Rollouts, world: World) -> None:
    world.add(APRIL)
    with pytest.raises(RefusedChangeError, match="nothing is active"):
        rollouts.begin_shadow(APRIL, by=ANNA)


def test_a_release_that_does_not_fit_the_data_is_in_no_trial(
    rollouts: Rollouts, world: World, march: Release, april: Release
) -> None:
    world.refused.add(Release(april.bundle, march.snapshot))
    with pytest.raises(ArtifactError, match="does not fit"):
        rollouts.begin_shadow(APRIL, by=ANNA)
    assert rollouts.current() is None
    assert world.states()[APRIL] is ReleaseState.CANDIDATE


def test_a_rejected_release_is_tried_again_only_if_forced(
    rollouts: Rollouts, world: World, april: Release
) -> None:
    world.registry.promote(APRIL, by=ANNA)
    world.registry.rollback(by=ANNA, reason="orders doubled")
    with pytest.raises(RefusedChangeError, match="orders doubled"):
        rollouts.begin_shadow(APRIL, by=ANNA)
    assert rollouts.begin_shadow(APRIL, by=ANNA, force=True, reason="mended").bundle == april.bundle


# --- its end ------------------------------------------------------------------------------------


def test_a_stopped_candidate_is_a_candidate_again(
    rollouts: Rollouts, world: World, april: Release
) -> None:
    rollouts.begin_canary(APRIL, by=ANNA, share=0.5)
    assert rollouts.stop(by=ANNA, reason="lunch").bundle == april.bundle
    assert rollouts.current() is None
    assert world.states() == {MARCH: ReleaseState.ACTIVE, APRIL: ReleaseState.CANDIDATE}
    with pytest.raises(RefusedChangeError, match="no release is in trial"):
        rollouts.stop(by=ANNA)


def test_a_stopped_release_that_served_before_is_good_to_go_back_to(
    rollouts: Rollouts, world: World, april: Release
) -> None:
    world.registry.promote(APRIL, by=ANNA)
    rollouts.begin_shadow(MARCH, by=ANNA)
    rollouts.stop(by=ANNA)
    assert world.states() == {APRIL: ReleaseState.ACTIVE, MARCH: ReleaseState.RETIRED}


@pytest.mark.parametrize("how", ["promote", "retire", "by hand"])
def test_a_release_that_is_decided_upon_otherwise_is_no_longer_in_trial(
    rollouts: Rollouts, world: World, march: Release, april: Release, how: str
) -> None:
    rollouts.begin_canary(APRIL, by=ANNA, share=0.5)
    if how == "promote":
        world.registry.promote(APRIL, by=ANNA)
    elif how == "retire":
        world.registry.retire(APRIL, by=ANNA)
    else:
        world.store.promote(Release(april.bundle, march.snapshot))
        world.registry.adopt()
    assert rollouts.current() is None


# --- evidence -----------------------------------------------------------------------------------


def test_the_evidence_of_all_workers_adds_up(rollouts: Rollouts, april: Release) -> None:
    rollout = rollouts.begin_canary(APRIL, by=ANNA, share=0.5)
    for worker in ("one", "two", "one"):
        rollouts.add_evidence(
            rollout, worker, [evidence(Role.CANARY, 0.5, 10, 1), evidence(Role.ACTIVE, 0.5, 20)]
        )
    active, canary = rollouts.evidence(rollout)
    assert (active.role, active.counts.answers) == (Role.ACTIVE, 60)
    assert (canary.role, canary.call, canary.share) == (Role.CANARY, CALL, 0.5)
    assert (canary.counts.answers, canary.counts.failures) == (30, 3)


def test_failures_reject_a_canary(
    rollouts: Rollouts, world: World, march: Release, april: Release
) -> None:
    rollout = rollouts.begin_canary(APRIL, by=ANNA)
    rollouts.add_evidence(rollout, "one", [evidence(Role.ACTIVE, 0.1, 1000, 1)])
    assert rollouts.decide() is None
    rollouts.add_evidence(rollout, "one", [evidence(Role.CANARY, 0.1, 40, 4)])
    decided = rollouts.decide()
    assert decided is not None
    assert "4 of its 40 answers failed, and 1 of the 1000 of the active release" in decided
    assert rollouts.current() is None
    assert world.states() == {MARCH: ReleaseState.ACTIVE, APRIL: ReleaseState.REJECTED}
    assert world.store.current() == march
    (last, *_) = (each for each in world.registry.releases() if each.bundle == april.bundle)
    assert (last.by, "answers failed" in last.reason) == (ROLLOUT.name, True)
    assert rollouts.decide() is None


def test_a_bad_report_rejects_a_shadow(rollouts: Rollouts, world: World, april: Release) -> None:
    rollout = rollouts.begin_shadow(APRIL, by=ANNA)
    rollouts.write_report(
        rollout, REPORT | {"recent": {"total": {"active": 0.1, "challenger": 0.2}}}
    )
    decided = rollouts.decide()
    assert decided is not None
    assert "100% larger" in decided
    assert world.states()[APRIL] is ReleaseState.REJECTED


def test_a_canary_goes_on_when_time_has_passed_and_enough_was_answered(
    rollouts: Rollouts, world: World, march: Release, april: Release
) -> None:
    """And is promoted after the last share."""
    rollout = rollouts.begin_canary(APRIL, by=ANNA)
    assert (rollout.share, rollout.automatic) == (0.1, True)
    rollouts.write_report(rollout, REPORT)
    rollouts.add_evidence(rollout, "one", [evidence(Role.CANARY, 0.1, 49)])
    for _ in range(10):
        world.tick()
    assert rollouts.decide() is None, "too few answers"
    rollouts.add_evidence(rollout, "two", [evidence(Role.CANARY, 0.1, 1)])
    assert rollouts.decide() == "answers 100% of the callers from now on"
    again = rollouts.current()
    assert again is not None
    assert again.share == 1.0
    rollouts.add_evidence(again, "one", [evidence(Role.CANARY, 1.0, 50)])
    assert rollouts.decide() is None, "too short a time"
    for _ in range(10):
        world.tick()
    assert rollouts.decide() == "promoted: it answers all callers"
    assert world.store.current() == Release(april.bundle, april.snapshot)
    assert rollouts.current() is None
    assert world.states() == {APRIL: ReleaseState.ACTIVE, MARCH: ReleaseState.RETIRED}


def test_a_share_that_was_asked_for_stays(rollouts: Rollouts, world: World, april: Release) -> None:
    rollout = rollouts.begin_canary(APRIL, by=ANNA, share=0.1)
    rollouts.write_report(rollout, REPORT)
    rollouts.add_evidence(rollout, "one", [evidence(Role.CANARY, 0.1, 5000)])
    for _ in range(100):
        world.tick()
    assert rollouts.decide() is None


def test_a_release_in_trial_is_needed(rollouts: Rollouts, world: World, april: Release) -> None:
    rollouts.begin_shadow(APRIL, by=ANNA)
    assert {each.bundle[:10] for each in world.registry.divide_by_need(0)[0]} == {MARCH, APRIL}
