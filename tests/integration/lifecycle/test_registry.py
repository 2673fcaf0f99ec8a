"""Registry of releases, on SQLite and on PostgreSQL: promotion, rollback, and what it finds."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from lifecycle.registry import REGISTRY, Registry
from lifecycle.releases import RefusedChangeError, UnknownReleaseError
from storage.artifacts import ArtifactError, Release, Store
from storage.audit import AuditLog
from storage.release_changes import ReleaseState
from tests.support.registry import ANNA, APRIL, MARCH, MAY, World

# --- what it finds ------------------------------------------------------------------------------


def test_an_empty_store_has_no_releases(world: World) -> None:
    assert world.registry.releases() == []


def test_bundles_that_are_not_known_are_candidates_and_what_is_served_is_active(
    world: World,
) -> None:
    """A store of an older version has no database row."""
    march, april = world.add(MARCH), world.add(APRIL)
    world.store.promote(march)
    active, candidate = world.registry.releases()
    assert (active.release, active.state) == (march, ReleaseState.ACTIVE)
    assert (candidate.release, candidate.state) == (april, ReleaseState.CANDIDATE)
    assert {active.by, candidate.by} == {REGISTRY}
    assert str(active.trained_through) == MARCH


def test_a_release_that_was_named_by_hand_replaces_the_active_one(world: World) -> None:
    march, april = world.add(MARCH), world.add(APRIL)
    world.store.promote(march)
    world.registry.adopt()
    world.store.promote(april)
    assert world.states() == {APRIL: ReleaseState.ACTIVE, MARCH: ReleaseState.RETIRED}


def test_newer_data_stay_with_the_active_release(world: World) -> None:
    march = world.add(MARCH)
    world.store.promote(march)
    world.registry.adopt()
    newer = world.add_snapshot(APRIL)
    world.store.promote(Release(march.bundle, newer))
    (active,) = world.registry.releases()
    assert (active.snapshot, active.state) == (newer, ReleaseState.ACTIVE)
    assert [change.snapshot for change in world.registry.history(march.bundle)[1]][-1] == newer


def test_a_damaged_bundle_is_not_listed(world: World) -> None:
    world.add(MARCH)
    spoiled = world.store.bundles / world.add(APRIL).bundle / "manifest.json"
    spoiled.write_text(spoiled.read_text().replace(APRIL, MAY))
    (world.store.bundles / "notes").mkdir()
    assert world.states() == {MARCH: ReleaseState.CANDIDATE}


def test_what_is_known_is_not_written_again(world: World) -> None:
    march = world.add(MARCH)
    world.store.promote(march)
    for _ in range(3):
        world.registry.adopt()
    assert len(world.registry.history(march.bundle)[1]) == 2, "found, then named by CURRENT"


# --- promotion ----------------------------------------------------------------------------------


def test_a_promoted_release_is_served_and_the_one_before_is_retired(world: World) -> None:
    march, april = world.add(MARCH), world.add(APRIL)
    world.store.promote(march)
    done = world.registry.promote(april.bundle, by=ANNA, reason="half the bias")
    assert (done.before, done.after) == (march, april)
    assert world.store.current() == april
    assert world.states() == {APRIL: ReleaseState.ACTIVE, MARCH: ReleaseState.RETIRED}
    (active, _) = world.registry.releases()
    assert (active.by, active.reason) == ("cli:anna", "half the bias")


def test_promotions_are_in_the_audit_log(world: World) -> None:
    april = world.add(APRIL)
    world.registry.promote(april.bundle, by=ANNA, reason="the first")
    (entry,) = AuditLog(world.engine).latest(10)
    assert (entry.event.actor, entry.event.action, entry.event.subject) == (
        "cli:anna",
        "model.promote",
        april.bundle,
    )
    assert "the first" in entry.event.detail


def test_the_active_release_can_be_promoted_again_without_effect(world: World) -> None:
    april = world.add(APRIL)
    world.registry.promote(april.bundle, by=ANNA)
    changes = world.registry.history(april.bundle)[1]
    done = world.registry.promote(april.bundle, by=ANNA)
    assert done.before == done.after == april
    assert world.registry.history(april.bundle)[1] == changes


def test_the_beginning_of_a_name_is_enough_if_no_other_begins_so(world: World) -> None:
    world.add(MARCH)
    april = world.add(APRIL)
    assert world.registry.find("2026-04").release == april
    with pytest.raises(UnknownReleaseError, match="several"):
        world.registry.find("2026-0")
    with pytest.raises(UnknownReleaseError, match=f"no release '2025'; there is .*{april.bundle}"):
        world.registry.find("2025")


def test_a_release_that_cannot_be_loaded_leaves_the_active_one(world: World) -> None:
    march, april = world.add(MARCH), world.add(APRIL)
    world.store.promote(march)
    world.refused.add(april)
    with pytest.raises(ArtifactError):
        world.registry.promote(april.bundle, by=ANNA)
    assert world.store.current() == march
    assert world.states()[APRIL] is ReleaseState.CANDIDATE


def test_a_model_serves_the_newest_data_that_it_fits(world: World) -> None:
    march, april = world.add(MARCH), world.add(APRIL)
    newest = Release(march.bundle, world.add_snapshot(MAY))
    world.store.promote(newest)
    done = world.registry.promote(april.bundle, by=ANNA)
    assert done.after == Release(april.bundle, newest.snapshot)


def test_a_model_that_does_not_fit_the_newest_data_serves_its_own(world: World) -> None:
    march, april = world.add(MARCH), world.add(APRIL)
    newest = Release(march.bundle, world.add_snapshot(MAY))
    world.store.promote(newest)
    world.refused.add(Release(april.bundle, newest.snapshot))
    assert world.registry.promote(april.bundle, by=ANNA).after == april


def test_the_data_can_be_chosen(world: World) -> None:
    march, april = world.add(MARCH), world.add(APRIL)
    world.store.promote(Release(march.bundle, world.add_snapshot(MAY)))
    done = world.registry.promote(april.bundle, by=ANNA, snapshot=march.snapshot)
    assert done.after == Release(april.bundle, march.snapshot)


def test_the_demo_never_takes_the_place_of_a_retailer_unless_forced(world: World) -> None:
    march, demo = world.add(MARCH), world.add(APRIL, demo=True)
    world.store.promote(march)
    with pytest.raises(RefusedChangeError, match="demo"):
        world.registry.promote(demo.bundle, by=ANNA, reason="by mistake")
    with pytest.raises(RefusedChangeError, match="reason"):
        world.registry.promote(demo.bundle, by=ANNA, force=True)
    assert world.store.current() == march
    assert world.registry.promote(demo.bundle, by=ANNA, reason="a show", force=True).after == demo


def test_a_release_that_is_loaded_while_another_is_promoted_does_not_replace_it(
    world: World,
) -> None:
    march, april, may = world.add(MARCH), world.add(APRIL), world.add(MAY)
    world.store.promote(march)
    world.registry.adopt()
    racing = Registry(world.store, world.engine, clock=world.tick, load=lambda store, release: None)

    def promote_may_meanwhile(store: Store, release: Release) -> None:
        if store.current() == march:
            racing.promote(may.bundle, by=ANNA)

    slow = Registry(world.store, world.engine, clock=world.tick, load=promote_may_meanwhile)
    done = slow.promote(april.bundle, by=ANNA)
    assert done.before == may, "decided again, on what is active now"
    assert done.after == Release(april.bundle, may.snapshot)
    assert list(world.states().values()).count(ReleaseState.ACTIVE) == 1


def test_of_many_promotions_at_once_one_is_active_in_the_end(
    world: World, open_engine: Callable[[], Engine]
) -> None:
    releases = [world.add(f"2026-03-0{day}") for day in range(1, 7)]
    world.store.promote(releases[0])
    faults: list[BaseException] = []

    def promote(release: Release) -> None:
        registry = Registry(world.store, open_engine(), load=lambda store, release: None)
        try:
            registry.promote(release.bundle, by=ANNA)
        except RefusedChangeError:  # three times another was faster: it says so
            pass
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=promote, args=(each,)) for each in releases[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    active = [each for each in world.registry.releases() if each.state is ReleaseState.ACTIVE]
    assert [each.bundle for each in active] == [world.store.current().bundle]


# --- rollback -----------------------------------------------------------------------------------


def test_a_rollback_leads_to_the_model_before_with_the_newest_data(world: World) -> None:
    march, april = world.add(MARCH), world.add(APRIL)
    world.registry.promote(march.bundle, by=ANNA)
    world.registry.promote(april.bundle, by=ANNA)
    done = world.registry.rollback(by=ANNA, reason="orders doubled")
    assert done.after == Release(march.bundle, april.snapshot)
    assert world.store.current() == done.after
    assert world.states() == {MARCH: ReleaseState.ACTIVE, APRIL: ReleaseState.REJECTED}
    assert AuditLog(world.engine).latest(1)[0].event.action == "model.rollback"


def test_another_rollback_leads_further_back(world: World) -> None:
    releases = [world.add(day) for day in (MARCH, APRIL, MAY)]
    for each in releases:
        world.registry.promote(each.bundle, by=ANNA)
    world.registry.rollback(by=ANNA)
    assert world.registry.rollback(by=ANNA).after.bundle == releases[0].bundle
    with pytest.raises(RefusedChangeError, match=f"promote one of .*{releases[2].bundle}"):
        world.registry.rollback(by=ANNA)


def test_a_rejected_release_is_promoted_only_by_force_and_with_a_reason(world: World) -> None:
    march, april = world.add(MARCH), world.add(APRIL)
    for each in (march, april):
        world.registry.promote(each.bundle, by=ANNA)
    world.registry.rollback(by=ANNA, reason="orders doubled")
    with pytest.raises(RefusedChangeError, match="orders doubled"):
        world.registry.promote(april.bundle, by=ANNA)
    world.registry.promote(april.bundle, by=ANNA, reason="the data were wrong", force=True)
    assert world.states()[APRIL] is ReleaseState.ACTIVE


def test_a_rollback_to_a_bundle_that_is_gone_says_so(world: World) -> None:
    march, april = world.add(MARCH), world.add(APRIL)
    for each in (march, april):
        world.registry.promote(each.bundle, by=ANNA)
    folder = world.store.bundles / march.bundle
    folder.rename(folder.with_name(f".{march.bundle}"))
    with pytest.raises(RefusedChangeError, match=f"{march.bundle}, .* is gone"):
        world.registry.rollback(by=ANNA)
    assert world.store.current() == april


def test_a_candidate_that_is_retired_was_never_active_so_no_rollback_leads_to_it(
    world: World,
) -> None:
    march, april = world.add(MARCH), world.add(APRIL)
    world.registry.promote(march.bundle, by=ANNA)
    assert world.registry.retire(april.bundle, by=ANNA).state is ReleaseState.RETIRED
    with pytest.raises(RefusedChangeError, match="none was active before"):
        world.registry.rollback(by=ANNA)


def test_the_active_release_cannot_be_retired(world: World) -> None:
    march = world.add(MARCH)
    world.registry.promote(march.bundle, by=ANNA)
    with pytest.raises(RefusedChangeError, match="is active"):
        world.registry.retire(march.bundle, by=ANNA)


# --- what may be removed ------------------------------------------------------------------------


def test_what_serves_and_what_a_rollback_leads_to_is_needed(world: World) -> None:
    releases = [world.add(f"2026-03-0{day}") for day in range(1, 6)]
    for each in releases[:3]:
        world.registry.promote(each.bundle, by=ANNA)

    def needed(keep: int) -> set[str]:
        stay, go = ({each.bundle for each in part} for part in world.registry.divide_by_need(keep))
        assert stay ^ go == {each.bundle for each in releases}
        return stay

    assert needed(0) == {releases[2].bundle, releases[1].bundle}
    assert len(needed(2)) == 4
    assert needed(9) == {each.bundle for each in releases}
