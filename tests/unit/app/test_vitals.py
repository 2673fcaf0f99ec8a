"""Vital signs of a worker."""

from __future__ import annotations

import os
import time

import anyio
import psutil
import pytest

from app.vitals import SECONDS, WorkerVitals, observe_memory
from config.version import __version__
from telemetry.instruments import REGISTRY


@pytest.fixture
def vitals() -> WorkerVitals:
    return WorkerVitals(lambda: 4321)


def test_a_worker_that_starts_is_counted(vitals: WorkerVitals) -> None:
    vitals.note_start()
    anyio.run(vitals.observe)
    read = REGISTRY.get_sample_value
    assert read("mlrf_workers") == 1
    assert (read("mlrf_worker_starts_total") or 0) >= 1
    assert read("mlrf_build_info", {"version": __version__}) == 1
    assert read("mlrf_cache_bytes") == 4321


def test_memory_is_that_of_the_process() -> None:
    """Pages that it shares with others count in part, so that workers can be added up."""
    anyio.run(observe_memory)
    expected = psutil.Process(os.getpid()).memory_full_info().pss
    assert REGISTRY.get_sample_value("mlrf_worker_memory_bytes") == pytest.approx(expected, rel=0.1)


def test_an_event_loop_that_is_blocked_is_late(vitals: WorkerVitals) -> None:
    async def block() -> None:
        await vitals.observe()
        time.sleep(SECONDS + 0.2)  # as a computation on the event loop does
        await vitals.observe()

    anyio.run(block)
    lag = REGISTRY.get_sample_value("mlrf_event_loop_lag_seconds")
    assert lag is not None
    assert lag >= 0.2
