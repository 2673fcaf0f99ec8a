"""The metrics of all workers, in the text format of Prometheus."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.values import MutexValue, ValueClass

from telemetry.instruments import PREFIX, REGISTRY
from telemetry.metrics import flush


def exposition() -> tuple[bytes, str]:
    """Return the metrics of all workers in the text format of Prometheus, and its media type.

    Those of other workers are as of their last flush. Reads the files of all workers, which takes
    some milliseconds.
    """
    flush()
    if ValueClass is MutexValue:
        return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
    merged = CollectorRegistry()
    merged.register(_Workers(None))  # type: ignore[no-untyped-call]  # has no annotations
    return generate_latest(merged), CONTENT_TYPE_LATEST


class _Workers(MultiProcessCollector):
    """Collector of the metrics of all workers.

    A killed worker leaves the file of its gauges behind, requests in flight among them; it is
    removed here. The files contain BentoML's metrics too, whose labels are paths; those are
    excluded.
    """

    def collect(self) -> list[Metric]:
        for file in Path(self._path).glob("gauge_live*_*.db"):
            if not _is_alive(int(file.stem.rpartition("_")[2])):
                file.unlink(missing_ok=True)  # another worker may have been here first
        merged: Iterable[Metric] = super().collect()  # type: ignore[no-untyped-call]
        return [metric for metric in merged if metric.name.startswith(PREFIX)]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # the process exists and belongs to another user
    return True
