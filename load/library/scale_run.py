"""The seconds of a refresh by its two halves, measured in a separate process.

``python -m load.library.scale_run <artifacts> <data>`` prints them as JSON, with peak memory.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from time import perf_counter

from lifecycle.refresh import FORECASTING, refresh
from storage.artifacts import Store

BUILD, SCORE = "build", "score"


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


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
