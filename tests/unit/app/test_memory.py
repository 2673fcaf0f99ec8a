"""Garbage collection pauses while a worker starts."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from app.memory import collection_paused, freeze_long_lived


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
