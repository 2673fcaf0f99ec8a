"""One start-up of a worker without a server, measured in a separate process.

``python -m load.library.startup_run <artifacts>`` prints seconds by phase as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from load.library.stopwatch import Stopwatch

IMPORTS, BUNDLE, SNAPSHOT, STORED = "imports", "bundle", "snapshot", "stored forecasts"
SESSIONS, BINDING, ANSWER = "sessions of onnxruntime", "binding", "first forecast"
PHASES = (IMPORTS, SESSIONS, BUNDLE, SNAPSHOT, BINDING, STORED, ANSWER)


def main(root: Path) -> None:
    """Do what a worker does before it is ready, then compute a first forecast."""
    watch = Stopwatch()
    os.environ["ARTIFACTS_DIR"] = str(root)
    with watch.phase(IMPORTS):  # all that a worker imports
        import service  # noqa: F401
        from app.memory import collection_paused

        with collection_paused():
            import app.application
            import app.protocol  # noqa: F401
        from models import bundle
        from models.engine import ForecastEngine
        from models.onnx import OnnxModel
        from models.serving import forecast_store, release
        from storage.artifacts import Store
    for owner, name, phase in (
        (OnnxModel, "__init__", SESSIONS),
        (bundle, "load_bundle", BUNDLE),
        (release, "load_bundle", BUNDLE),
        (release, "load_snapshot", SNAPSHOT),
        (ForecastEngine, "__init__", BINDING),
        (release, "load_or_make", STORED),
        (forecast_store, "load_or_make", STORED),
    ):
        watch.wrap(owner, name, phase)
    store = Store(root)
    serving = release.load_release(store, store.current())
    with watch.phase(ANSWER):
        snapshot = serving.engine.snapshot
        serving.engine.forecast(snapshot.newest_origin, serving.engine.all_horizons[:1])
    print(json.dumps({phase: watch.seconds[phase] for phase in PHASES}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
