"""The model of a bundle, run by onnxruntime."""

from __future__ import annotations

import ctypes
import gc
import sys

import numpy as np
import psutil
import pytest

from models.bundle import GOLDEN_ROWS_FILE, Bundle

MIB = 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="malloc_trim is of glibc")
def test_a_call_over_many_rows_leaves_no_memory_behind(bundle: Bundle) -> None:
    """An arena of onnxruntime would keep what the largest call took for as long as the model."""
    golden = np.load(bundle.path / GOLDEN_ROWS_FILE)
    rows = np.tile(golden, (400_000 // len(golden), 1))
    bundle.model.predict(rows[:1000])
    before = resident_memory()
    bundle.model.predict(rows)
    assert resident_memory() - before < 8 * MIB


def resident_memory() -> int:
    """Return the memory of this process without what malloc would give back when asked."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    resident: int = psutil.Process().memory_info().rss
    return resident


def test_rows_are_predicted_alike_alone_and_among_others(bundle: Bundle) -> None:
    rows = np.load(bundle.path / GOLDEN_ROWS_FILE)
    together = bundle.model.predict(rows)
    single = np.concatenate([bundle.model.predict(row[None]) for row in rows])
    assert together.tobytes() == single.tobytes()
