"""Counts are kept until they are in the database, and their number is bounded."""

from __future__ import annotations

from math import e

import pytest

from app.trial.counting import MOST_CALLS, OTHER, EvidenceCounts
from storage.cache.answers import Outcome
from storage.rollouts import CACHED, Counts, Role


def test_answers_are_counted_by_role_call_and_share() -> None:
    counts = EvidenceCounts()
    for failed, seconds in ((False, e), (True, 1.0)):
        counts.add(Role.CANARY, "GET /a", 0.1, failed=failed, seconds=seconds)
    counts.add(Role.CANARY, "GET /a", 0.5, failed=False, seconds=1, moved=0.25)
    first, second = counts.take()
    assert (first.call, first.share) == ("GET /a", 0.1)
    assert first.counts == Counts(2, 1, pytest.approx(1), pytest.approx(1), 0)
    assert second.counts.moved == 0.25
    assert counts.take() == []


def test_counts_that_could_not_be_added_are_counted_again() -> None:
    counts = EvidenceCounts()
    counts.add(Role.ACTIVE, "GET /a", 0.1, failed=False, seconds=1)
    taken = counts.take()
    counts.add(Role.ACTIVE, "GET /a", 0.1, failed=True, seconds=1)
    counts.put_back(taken)
    (both,) = counts.take()
    assert (both.counts.answers, both.counts.failures) == (2, 1)


def test_many_kinds_of_calls_are_counted_together() -> None:
    counts = EvidenceCounts()
    for number in range(MOST_CALLS + 50):
        counts.add(Role.ACTIVE, f"GET /{number}", 0.1, failed=False, seconds=1)
    taken = counts.take()
    assert len(taken) == MOST_CALLS + 1
    assert next(each for each in taken if each.call == OTHER).counts.answers == 50


def test_a_hit_of_the_cache_is_what_the_evidence_leaves_out() -> None:
    assert Outcome.HIT.value == CACHED
