"""One data refresh, measured in a separate process.

``python -m load.library.refresh_run <artifacts> <data>`` prints seconds by phase and the peak
memory as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from load.library.stopwatch import Stopwatch

IMPORTING, READING, BUILDING = "imports", "read the tables", "build the snapshot"
SNAPSHOT, BUNDLE, STATE, ROWS = "load the snapshot", "load the bundle", "state", "rows of the model"
MODEL, RECONCILING, WRITING, REST = "model", "reconciliation", "write the forecasts", "the rest"
INTERVALS = "intervals, one nominal (at a request)"
PHASES = (
    *(IMPORTING, READING, BUILDING, SNAPSHOT, BUNDLE, STATE, ROWS, MODEL, RECONCILING, WRITING),
    *(REST, INTERVALS),
)
_NOMINAL = 80


def main(root: Path, data: Path) -> None:
    """Refresh the data, then time the intervals of all nodes, which a request computes."""
    watch = Stopwatch()
    with watch.phase(IMPORTING):
        import numpy as np

        from features import state, state_parts
        from features.matrix import MatrixBuilder
        from lifecycle import refresh
        from models.model import SegmentedModel
        from models.reconciliation import Reconciliation
        from models.serving import forecast_store, release
        from storage.artifacts import Store
    for owner, name, phase in (
        (refresh, "read_tables", READING),
        (refresh, "build_snapshot", BUILDING),
        (refresh, "load_snapshot", SNAPSHOT),
        (release, "load_snapshot", SNAPSHOT),
        (release, "_load_bundle", BUNDLE),
        (state, "measure_nodes", STATE),
        (state_parts, "measure_nodes", STATE),
        (state_parts, "measure_responses", STATE),
        (MatrixBuilder, "matrix", ROWS),
        (SegmentedModel, "predict", MODEL),
        (Reconciliation, "reconcile", RECONCILING),
        (forecast_store, "seal", WRITING),
    ):
        watch.wrap(owner, name, phase)
    store = Store(root)
    with watch.phase(REST):
        _, current = refresh.refresh(store, data, force=True)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    serving = release.load_release(store, current)
    every = np.arange(len(serving.engine.snapshot.hierarchy))
    sold = serving.engine.snapshot.may_sell(serving.engine.snapshot.newest_origin)
    with watch.phase(INTERVALS):
        serving.intervals.bounds(
            every, serving.forecasts.mean, serving.engine.all_horizons, _NOMINAL, sold=sold
        )
    print(json.dumps({"seconds": watch.seconds, "peak": most}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
