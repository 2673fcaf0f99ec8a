"""Time to build the rows of the model (the feature matrix), by number of rows."""

from __future__ import annotations

from functools import partial

import numpy as np

from features.data.specification import FAVORITA
from features.matrix import known_covariates
from features.state import state_at
from load.library.subject import Advance, Subject, in_unit
from load.record import Table
from load.rounds import make_timer, measure_interleaved

_SERIES = 100


def table(subject: Subject, advance: Advance, *, rounds: int = 5, least: float = 0.05) -> Table:
    """Return the ms for one row, one series, a batch and all series; and for the state."""
    engine, origin = subject.engine, subject.engine.snapshot.newest_origin
    state, covariates = engine.state(origin), known_covariates(engine.snapshot, origin)
    bottoms = np.arange(engine.snapshot.hierarchy.n_upper, len(engine.snapshot.hierarchy))
    every = np.arange(1, FAVORITA.horizon + 1)
    many = bottoms[:_SERIES]
    cases = {
        "one series, one day": (bottoms[:1], every[:1]),
        f"one series, {FAVORITA.horizon} days": (bottoms[:1], every),
        f"{len(many)} series, {FAVORITA.horizon} days": (many, every),
        f"all {len(bottoms):,} series, {FAVORITA.horizon} days": (bottoms, every),
    }
    ways = {
        name: make_timer(partial(engine.builder.matrix, state, covariates, *case), least=least)
        for name, case in cases.items()
    }
    of_state = "state of all nodes at an origin"
    ways[of_state] = make_timer(lambda: state_at(engine.snapshot, origin))
    times = measure_interleaved(ways, rounds=rounds, advance=partial(advance, "matrix"))
    rows = {name: len(nodes) * len(days) for name, (nodes, days) in cases.items()}
    width = len(engine.bundle.contract.names)
    return Table(
        id="matrix",
        caption=f"Time to make the rows of the model ({width} features), medians of {rounds} "
        f"rounds. {subject.size}.",
        columns=("rows of", "rows", "ms", "least ms", "most ms", "µs per row"),
        rows=tuple(
            (
                name,
                rows.get(name),
                *in_unit(spread, 1e3),
                spread.median * 1e6 / rows[name] if name in rows else None,
            )
            for name, spread in times.items()
        ),
    )
