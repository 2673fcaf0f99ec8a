"""The served model against bare onnxruntime with the same graph."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from features.data.specification import FAVORITA
from features.matrix import known_covariates
from load.library.subject import Advance, Subject
from load.record import Table
from load.rounds import make_timer, measure_interleaved
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
    """Return the microseconds of one call, ours and onnxruntime's, by number of rows.

    Raises:
        AssertionError: the two predict different values.
    """
    model, raw = subject.engine.bundle.model.predict, _bare_model(subject)
    ways: dict[tuple[str, int], Callable[[], float]] = {}
    for size in sizes:
        rows = _rows(subject, size)
        assert np.array_equal(model(rows), raw(rows)), "the runner changes what the model says"
        ways[_OURS, size] = make_timer(partial(model, rows), least=least)
        ways[_RAW, size] = make_timer(partial(raw, rows), least=least)
    times = measure_interleaved(ways, rounds=rounds, advance=partial(advance, "runner"))
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


def _bare_model(subject: Subject) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return a function that runs the last segment's graph as onnxruntime documents it."""
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
    """Return `count` rows at the last horizon, which one graph forecasts; repeated if necessary."""
    engine, origin = subject.engine, subject.engine.snapshot.newest_origin
    rows = engine.rows(
        engine.state(origin),
        known_covariates(engine.snapshot, origin),
        np.array([FAVORITA.horizon]),
    )
    return np.resize(rows, (count, rows.shape[1]))
