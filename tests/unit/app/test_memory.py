"""Garbage collection pauses while a worker starts, and free memory goes back to the system."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import anyio
import numpy as np
import psutil
import pytest

from app.memory import collection_paused, freeze_long_lived, return_free_memory

MIB = 2**20


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_no_garbage_is_collected_during_a_pause() -> None:
    with collection_paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_failure_ends_the_pause() -> None:
    with pytest.raises(ZeroDivisionError), collection_paused():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_a_pause_within_a_pause_does_not_end_it() -> None:
    with collection_paused():
        with collection_paused():
            pass
        assert not gc.isenabled()


@pytest.mark.usefixtures("thawed")
@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_freezing_collects_garbage_first_unless_paused(paused: bool) -> None:
    collections = [generation["collections"] for generation in gc.get_stats()]
    if paused:
        with collection_paused():
            freeze_long_lived(full=True)
    else:
        freeze_long_lived(full=True)
    after = [generation["collections"] for generation in gc.get_stats()]
    assert gc.get_freeze_count() > 0
    assert (after[2] > collections[2]) is not paused


@pytest.mark.skipif(sys.platform != "linux", reason="malloc_trim is of glibc")
def test_memory_that_was_freed_between_used_blocks_goes_back() -> None:
    """Each block is below the size from which malloc maps memory by itself, and gives it back."""
    blocks = [np.ones(MIB // 80) for _ in range(1000)]  # 100 KiB each
    before = psutil.Process().memory_info().rss
    blocks = blocks[::10]
    thinned = psutil.Process().memory_info().rss
    anyio.run(return_free_memory)
    after = psutil.Process().memory_info().rss
    assert before - thinned < 20 * MIB, "malloc has given it back by itself"
    assert before - after > 60 * MIB
    assert len(blocks) == 100
