"""The model as it is served against nothing but onnxruntime with the same graph."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from features.matrix import known_covariates
from features.snapshot import MAX_HORIZON
from load.library.subject import Advance, Subject
from load.record import Table
from load.rounds import interleaved, seconds
from models.bundle import model_file

SIZES = (1, 100, 10_000)
_OURS, _RAW = "ours", "onnxruntime"


def table(
    subject: Subject,
    advance: Advance,
    *,
    sizes: tuple[int, ...] = SIZES,
    rounds: int = 5,
    least: float = 0.1,
) -> Table:
    """Microseconds of one call, ours and bare, by number of rows.

    Raises:
        AssertionError: the two answer otherwise.
    """
    model, raw = subject.engine.bundle.model.predict, _raw(subject)
    ways: dict[tuple[str, int], Callable[[], float]] = {}
    for size in sizes:
        rows = _rows(subject, size)
        assert np.array_equal(model(rows), raw(rows)), "the runner changes what the model says"
        ways[_OURS, size] = seconds(partial(model, rows), least=least)
        ways[_RAW, size] = seconds(partial(raw, rows), least=least)
    times = interleaved(ways, rounds=rounds, advance=partial(advance, "runner"))
    return Table(
        id="runner",
        caption=f"One call of the model, ours against `session.run` of onnxruntime on the same "
        f"graph and rows, one thread each; medians of {rounds} rounds. {subject.size}.",
        columns=("rows", "ours µs", "onnxruntime µs", "overhead µs", "ours / onnxruntime"),
        rows=tuple(
            (
                size,
                (ours := times[_OURS, size].median) * 1e6,
                (bare := times[_RAW, size].median) * 1e6,
                (ours - bare) * 1e6,
                ours / bare,
            )
            for size in sizes
        ),
    )


def _raw(subject: Subject) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """The graph of the last segment, as the library's documentation runs one."""
    bundle = subject.engine.bundle
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = bundle.path / model_file(bundle.facts.segments[-1])
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs: NDArray[np.float32] = session.run(None, {name: rows})[0]
        return outputs[:, 0]

    return run


def _rows(subject: Subject, count: int) -> NDArray[np.float32]:
    """Rows of many series at the last horizon, which one graph forecasts; repeated if need be."""
    engine, origin = subject.engine, subject.engine.snapshot.newest_origin
    rows = engine.rows(
        engine.state(origin), known_covariates(engine.snapshot, origin), np.array([MAX_HORIZON])
    )
    return np.resize(rows, (count, rows.shape[1]))
