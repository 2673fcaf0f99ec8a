"""Stages of an answer, whose times are measured where they run: as a metric, and as spans."""

from __future__ import annotations

from contextlib import AbstractContextManager
from enum import StrEnum
from time import perf_counter
from types import TracebackType

from telemetry.metrics import STAGE_SECONDS
from telemetry.spans import Attributes, Span, child


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


_OUTBOUND = frozenset({Stage.STORAGE, Stage.REDIS})


class _TimedStage:
    """The time of a stage, and its span where tracing is on."""

    __slots__ = ("_began", "_span", "_stage")

    def __init__(self, stage: Stage, span: Span) -> None:
        self._stage = stage
        self._span = span

    def __enter__(self) -> None:
        self._span.__enter__()
        self._began = perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        STAGE_SECONDS.observe(perf_counter() - self._began, self._stage)
        self._span.__exit__(kind, error, trace)


def timed(stage: Stage, attributes: Attributes | None = None) -> AbstractContextManager[None]:
    """Measure a stage, in any thread; one that fails is measured too.

    Args:
        attributes: of its span.
    """
    return _TimedStage(stage, child(stage, attributes, outbound=stage in _OUTBOUND))
