"""GET /accuracy and /model-metrics: how good the forecasts were, as the bundle says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from api.answers import with_etag
from api.schemas.facts import AccuracyAnswer, AccuracyGroup, LevelAccuracy, MetricsAnswer
from models.forecaster import Forecaster

_OURS, _TUNING = "mlrf", "tuning"
"""How a backtest names the model itself, and the windows that are averaged."""


async def model_metrics(forecaster: Forecaster, request: Request) -> Response:
    """The bundle's metrics.json as it is: the only source of quality figures there is."""
    bundle = forecaster.release.engine.bundle
    return with_etag(request, MetricsAnswer(bundle.name, bundle.metrics))


async def accuracy(forecaster: Forecaster, request: Request) -> Response:
    """Errors by level and days ahead."""
    bundle = forecaster.release.engine.bundle
    backtest = bundle.metrics.get("backtest")
    groups = _of_backtest(backtest) if backtest else [_of_calibration(bundle.metrics)]
    return with_etag(
        request,
        AccuracyAnswer(
            source="backtest" if backtest else "calibration",
            groups=groups,
            model_version=bundle.name,
        ),
    )


def _of_calibration(metrics: Mapping[str, Any]) -> AccuracyGroup:
    calibration = metrics["calibration"]
    return AccuracyGroup(
        group="calibration",
        windows=calibration["origins"]["n"],
        rmsle=None,
        wrmsse=None,
        levels=[
            LevelAccuracy(level, days, cell["rmsle"], cell["wape"], cell["bias"], {})
            for level, buckets in calibration["levels"].items()
            for days, cell in buckets.items()
        ],
    )


def _of_backtest(backtest: Mapping[str, Any]) -> list[AccuracyGroup]:
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for window in backtest["windows"]:
        if window["role"] == _TUNING:
            groups[window["group"]].append(window["models"][_OURS])
    covered = backtest["intervals"]["levels"]
    return [
        AccuracyGroup(
            group=group,
            windows=len(scores),
            rmsle=_mean([score["rmsle"] for score in scores]),
            wrmsse=_mean([score["wrmsse"] for score in scores]),
            levels=[
                _level(level, days, scores, covered[level][days])
                for level, entry in scores[0]["levels"].items()
                for days in entry["buckets"]
            ],
        )
        for group, scores in groups.items()
    ]


def _level(
    level: str, days: str, scores: Sequence[Mapping[str, Any]], covered: Mapping[str, Any]
) -> LevelAccuracy:
    cells = [score["levels"][level]["buckets"][days] for score in scores]
    return LevelAccuracy(
        level=level,
        days=days,
        rmsle=_mean([cell["rmsle"] for cell in cells]),
        wape=_mean([cell["wape"] for cell in cells]),
        bias=_mean([cell["bias"] for cell in cells]),
        coverage={
            nominal: cell["coverage"] for nominal, cell in covered.items() if isinstance(cell, dict)
        },
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """None where one of them does not exist: neither does their mean."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
