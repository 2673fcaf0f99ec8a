"""Stages of an answer, whose times are measured where they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from time import perf_counter

from telemetry.metrics import STAGE_SECONDS


class Stage(StrEnum):
    """Stage of an answer.

    Attributes:
        FEATURES: rows of the model are made.
        INFERENCE: the model predicts them; the way to its process included.
        RECONCILIATION: base forecasts are made coherent; the way to its process included.
        EXPLANATION: contributions of features are computed.
        STORAGE: a transaction of the database.
        REDIS: an operation on Redis.
    """

    FEATURES = "features"
    INFERENCE = "inference"
    RECONCILIATION = "reconciliation"
    EXPLANATION = "explanation"
    STORAGE = "storage"
    REDIS = "redis"


@contextmanager
def timed(stage: Stage) -> Iterator[None]:
    """Measure a stage, in any thread; one that fails is measured too."""
    began = perf_counter()
    try:
        yield
    finally:
        STAGE_SECONDS.observe(perf_counter() - began, stage)
