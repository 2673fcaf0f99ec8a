"""The simulation of a refresh on many machines, against what can be computed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from load.library.cluster_simulation import Cluster, Phase, simulate

PHASE = Phase("build", seconds=36_000, read=0, written=0, afterwards=100)
SAFE = Cluster(workers=10, volume=1e9, losses=0)


def test_many_parts_share_the_work_evenly_among_the_workers() -> None:
    run = simulate(PHASE, SAFE, parts=1_000)
    assert run.seconds == pytest.approx(36_000 / 10 + 100, rel=0.03)
    assert run.busy == pytest.approx(1, abs=0.02)
    assert run.lost == 0


@pytest.mark.parametrize("workers", [1, 10, 100])
def test_the_volume_limits_what_more_workers_gain(workers: int) -> None:
    phase = replace(PHASE, read=3e12, written=1e12)
    run = simulate(phase, replace(SAFE, workers=workers), parts=1_000)
    at_least = 4e12 / 1e9
    assert run.seconds > at_least
    if workers == 100:
        assert run.seconds == pytest.approx(at_least + 100, rel=0.05)
        assert run.transferring == pytest.approx(1, abs=0.05)


def test_fewer_parts_than_workers_leave_some_without_work() -> None:
    run = simulate(PHASE, SAFE, parts=5)
    assert run.seconds > 36_000 / 5
    assert run.busy < 0.6


def test_a_lost_worker_costs_its_part_and_not_the_run() -> None:
    unsafe = replace(SAFE, losses=0.5)
    run = simulate(PHASE, unsafe, parts=200)
    assert run.lost > 0
    assert simulate(PHASE, SAFE, parts=200).seconds < run.seconds < 2 * 36_000 / 10


def test_the_same_arguments_give_the_same_outcome() -> None:
    unsafe = replace(SAFE, losses=0.5)
    assert simulate(PHASE, unsafe, parts=100) == simulate(PHASE, unsafe, parts=100)
