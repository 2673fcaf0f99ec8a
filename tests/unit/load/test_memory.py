"""The measurement of whether the workers' memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

from load.memory import EVERY_SECONDS, Memory

MIB = 2**20


class Workers:
    """A server whose workers report scripted sizes."""

    def __init__(self, sizes: Mapping[int, Sequence[float | None]]) -> None:
        self._sizes = sizes
        self._turn = -1

    def workers(self) -> Iterator[Any]:
        self._turn += 1
        for pid, sizes in self._sizes.items():
            if self._turn < len(sizes):
                yield SimpleNamespace(pid=pid, memory_info=lambda s=sizes: self._memory_info(s))

    def _memory_info(self, sizes: Sequence[float | None]) -> Any:
        size = sizes[self._turn]
        if size is None:
            raise psutil.NoSuchProcess(1)
        return SimpleNamespace(rss=int(size * MIB))


def sample_memory(sizes: Mapping[int, Sequence[float | None]], *, settled: float = 10.0) -> Memory:
    """Return memory after five samples, at 0, 5, 10, 15 and 20 s; the last three count."""
    memory = Memory(cast(Any, Workers(sizes)), scenario="soak", settled=settled)
    for number in range(5):
        memory.look(number * EVERY_SECONDS)
        memory.look(number * EVERY_SECONDS + 0.2)  # too early for another sample
    return memory


def test_growth_while_caches_fill_is_not_counted() -> None:
    memory = sample_memory({7: [100, 300, 400, 408, 404], 8: [100, 300, 200, 200, 196]})
    assert memory.table.rows == (
        ("worker 1", 400, 404, 408, pytest.approx(2)),
        ("worker 2", 200, 200 - 4, 200, pytest.approx(2)),
    )
    assert [verdict.holds for verdict in memory.verdicts] == [True, True]


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([100, 300, 400, 405, 413], id="grows"),
        pytest.param([100, 300, 400, 413, 400], id="is larger in between"),
        pytest.param([100, 300, 400, 390, 387], id="shrinks"),
    ],
)
def test_memory_that_changes_is_not_flat(sizes: list[float]) -> None:
    flat, other = sample_memory({7: [400] * 5, 8: sizes}).verdicts
    assert flat.holds
    assert not other.holds
    assert other.value == pytest.approx(0.0325)


def test_a_replaced_worker_is_not_flat() -> None:
    """It did not run for the whole time."""
    verdicts = sample_memory({7: [400, 400, 400, 400, None], 8: [400] * 5}).verdicts
    assert [verdict.holds for verdict in verdicts] == [False, True]


def test_a_run_shorter_than_the_settling_time_has_no_verdict() -> None:
    (verdict,) = sample_memory({7: [400] * 5}, settled=60).verdicts
    assert not verdict.holds
    assert verdict.value is None


def test_other_scenarios_report_memory_without_a_verdict() -> None:
    memory = Memory(cast(Any, Workers({7: [1, 2]})), scenario="ramp", settled=0)
    memory.look(0)
    assert memory.verdicts == []
    assert len(memory.table.rows) == 1
