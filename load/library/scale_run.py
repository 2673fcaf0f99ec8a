"""Seconds and memory of a refresh, measured in a separate process.

``python -m load.library.scale_run <artifacts> <data>`` prints the seconds of its two halves and
peak memory, as JSON. With ``--divided`` the snapshot is built by a worker of a local cluster; then
it prints the processor seconds of building in the command and in the worker.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from time import perf_counter, process_time

from features.data.parts.memory import Memory
from lifecycle.parts.dask_cluster import connect_dask
from lifecycle.parts.reading import DaskRunner
from lifecycle.refresh import FORECASTING, refresh
from storage.artifacts import Store

BUILD, SCORE = "build", "score"
COMMAND, WORKER = "command", "worker"
DIVIDED = "--divided"


def main(root: Path, data: Path) -> None:
    """Refresh the data: read and build the snapshot, then forecast all nodes."""
    began = perf_counter()
    entered: dict[str, float] = {}
    refresh(
        Store(root),
        data,
        force=True,
        enter=lambda phase: entered.setdefault(phase, perf_counter()),
    )
    ended = perf_counter()
    seconds = {BUILD: entered[FORECASTING] - began, SCORE: ended - entered[FORECASTING]}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak": peak}))


def main_divided(root: Path, data: Path) -> None:
    """Refresh the data in the parts of a cluster with one worker."""
    store = Store(root)
    with connect_dask(None, workers=1) as client:
        own, of_worker = process_time(), sum(client.run(process_time).values())
        entered: dict[str, tuple[float, float]] = {}
        refresh(
            store,
            data,
            force=True,
            memory=Memory.of_setting(None),
            enter=lambda phase: entered.setdefault(
                phase, (process_time(), sum(client.run(process_time).values()))
            ),
            runner=DaskRunner(client, store.snapshots),
        )
    command, worker = entered[FORECASTING]
    print(json.dumps({COMMAND: command - own, WORKER: worker - of_worker}))


if __name__ == "__main__":
    run = main_divided if DIVIDED in sys.argv else main
    run(Path(sys.argv[1]), Path(sys.argv[2]))
