"""Predictions of many rows, in parts that take turns."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, BrokenBarrierError, Lock

import anyio
import numpy as np
import pytest

from models.engine import ForecastEngine
from models.serving.prediction_pool import PredictionPool

Predict = Callable[[np.ndarray], np.ndarray]
SECONDS = 20.0


def run(pool: PredictionPool, predict: Predict, *batches: np.ndarray) -> list[np.ndarray]:
    """Predict batches at the same time, the first one being the first to ask."""
    results: dict[int, np.ndarray] = {}

    async def main() -> None:
        async def one(number: int) -> None:
            results[number] = await pool.predict(predict, batches[number])

        async with anyio.create_task_group() as group:
            for number in range(len(batches)):
                group.start_soon(one, number)

    anyio.run(main)
    return [results[number] for number in range(len(batches))]


@pytest.mark.parametrize("part_rows", [1, 7, 90, 100_000])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_outputs_are_those_of_one_call_bit_for_bit(
    engine: ForecastEngine, part_rows: int, threads: int
) -> None:
    origin = engine.snapshot.newest_origin
    days = np.arange(1, 31)  # of both segments
    rows = engine.rows(engine.state(origin), engine.covariates(origin), days)[:600]
    pool = PredictionPool(threads=threads, part_rows=part_rows)
    (outputs,) = run(pool, engine.bundle.model.predict, rows)
    np.testing.assert_array_equal(outputs, engine.bundle.model.predict(rows))
    assert outputs.dtype == np.float32


def test_a_caller_uses_all_threads_and_no_more() -> None:
    """Each part waits until another one runs as well; a third would be counted."""
    barrier, lock = Barrier(2), Lock()
    running, most = 0, 0

    def predict(rows: np.ndarray) -> np.ndarray:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        barrier.wait(SECONDS)
        with lock:
            running -= 1
        return rows[:, 0]

    rows = np.arange(8, dtype=np.float32)[:, None]
    (outputs,) = run(PredictionPool(threads=2, part_rows=1), predict, rows)
    np.testing.assert_array_equal(outputs, rows[:, 0])
    assert most == 2


def test_a_small_batch_does_not_wait_for_a_large_one() -> None:
    order: list[float] = []

    def predict(rows: np.ndarray) -> np.ndarray:
        order.append(float(rows[0, 0]))
        return rows[:, 0]

    large = np.zeros((50, 1), dtype=np.float32)
    small = np.ones((1, 1), dtype=np.float32)
    run(PredictionPool(threads=1, part_rows=1), predict, large, small)
    assert len(order) == 51
    assert order.index(1.0) <= 2, "after the parts that were in the queue before it"


def test_an_error_of_the_model_is_raised_as_it_is() -> None:
    def predict(rows: np.ndarray) -> np.ndarray:
        if rows[0, 0] == 3:
            raise BrokenBarrierError("part 3")
        return rows[:, 0]

    pool = PredictionPool(part_rows=1)

    async def main() -> None:
        with pytest.raises(BrokenBarrierError, match="part 3"):
            await pool.predict(predict, np.arange(9, dtype=np.float32)[:, None])
        # and the threads are free again
        one = np.ones((1, 1), dtype=np.float32)
        assert (await pool.predict(predict, one)).tolist() == [1]

    anyio.run(main)


def test_no_rows_have_no_outputs() -> None:
    (outputs,) = run(PredictionPool(), lambda rows: rows[:, 0], np.empty((0, 3), dtype=np.float32))
    assert outputs.shape == (0,)
