"""GET /accuracy and /model-metrics: accuracy of past forecasts.

As recorded in the bundle, and of those that were really served.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from api.facts.live_accuracy import read_live
from api.http.operation import operation
from api.http.tags import Tag
from api.schemas.facts import AccuracyAnswer, AccuracyGroup, LevelAccuracy, MetricsAnswer
from api.schemas.monitoring import AccuracyQuery, RecordedFigures
from errors import Code, Problem
from lifecycle.monitoring.records import Monitoring
from models.serving.forecaster import Forecaster

_OURS, _TUNING = "mlrf", "tuning"
"""Names in a backtest: of this model among the models, and of the windows that are averaged."""


@operation("GET", "/model-metrics", Tag.FACTS, etag=True)
async def model_metrics(forecaster: Forecaster) -> MetricsAnswer:
    """Return the bundle's metrics.json, the only source of quality figures."""
    bundle = forecaster.release.engine.bundle
    return MetricsAnswer(bundle.name, bundle.metrics)


@operation(
    "GET",
    "/accuracy",
    Tag.FACTS,
    etag=True,
    error_codes=frozenset({Code.INVALID_NODE, Code.MONITORING_UNAVAILABLE}),
)
async def accuracy(
    forecaster: Forecaster, monitoring: Monitoring, query: AccuracyQuery
) -> AccuracyAnswer:
    """Return the errors of past forecasts, by level and days ahead.

    As the bundle has recorded them; with `window`, those of forecasts that were really served too.
    """
    bundle = forecaster.release.engine.bundle
    backtest = bundle.metrics.get("backtest")
    groups = _groups_of_backtest(backtest) if backtest else [_group_of_calibration(bundle.metrics)]
    live = None
    if query.window is not None:
        live = await read_live(forecaster, monitoring, query, _recorded_cells(groups))
    elif query.level or query.node or query.bundle or query.daily:
        raise Problem.in_field(
            Code.INVALID_REQUEST, "window", "Give it with level, node, daily or bundle"
        )
    return AccuracyAnswer(
        source="backtest" if backtest else "calibration",
        groups=groups,
        live=live,
        model_version=bundle.name,
    )


def _recorded_cells(groups: Sequence[AccuracyGroup]) -> dict[tuple[str, str], RecordedFigures]:
    """Return the recorded figures by level and days ahead, of the group with most windows."""
    group = max(groups, key=lambda each: each.windows)
    return {
        (each.level, each.days): RecordedFigures(each.wape, each.bias, each.rmsle, each.coverage)
        for each in group.levels
    }


def _group_of_calibration(metrics: Mapping[str, Any]) -> AccuracyGroup:
    calibration, quality = metrics["calibration"], metrics.get("quality", {"levels": {}})
    return AccuracyGroup(
        group="calibration",
        windows=calibration["origins"]["n"],
        rmsle=None,
        wrmsse=None,
        levels=[
            LevelAccuracy(
                level,
                days,
                cell["rmsle"],
                cell["wape"],
                cell["bias"],
                *_beside(quality["levels"].get(level, {}).get(days, {})),
            )
            for level, buckets in calibration["levels"].items()
            for days, cell in buckets.items()
        ],
    )


_WAPE_OF, _COVERAGE_OF = "wape_", "coverage_"
"""Prefixes of the figures of rules and of intervals in a bundle's quality."""


def _beside(
    figures: Mapping[str, float | None],
) -> tuple[dict[str, float], dict[str, float | None]]:
    """Return the coverage of intervals, and the WAPE of rules, of a level and its days ahead."""
    covered = _with_prefix(figures, _COVERAGE_OF)
    known = {f"{nominal}%": share for nominal, share in covered.items() if share is not None}
    return known, _with_prefix(figures, _WAPE_OF)


def _with_prefix(figures: Mapping[str, float | None], prefix: str) -> dict[str, float | None]:
    return {
        name.removeprefix(prefix): value
        for name, value in figures.items()
        if name.startswith(prefix)
    }


def _groups_of_backtest(backtest: Mapping[str, Any]) -> list[AccuracyGroup]:
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for window in backtest["windows"]:
        if window["role"] == _TUNING:
            groups[window["group"]].append(window["models"][_OURS])
    covered = backtest["intervals"]["levels"]
    return [
        AccuracyGroup(
            group=group,
            windows=len(scores),
            rmsle=_mean_of_known([score["rmsle"] for score in scores]),
            wrmsse=_mean_of_known([score["wrmsse"] for score in scores]),
            levels=[
                _level_accuracy(level, days, scores, covered[level][days])
                for level, entry in scores[0]["levels"].items()
                for days in entry["buckets"]
            ],
        )
        for group, scores in groups.items()
    ]


def _level_accuracy(
    level: str, days: str, scores: Sequence[Mapping[str, Any]], covered: Mapping[str, Any]
) -> LevelAccuracy:
    cells = [score["levels"][level]["buckets"][days] for score in scores]
    return LevelAccuracy(
        level=level,
        days=days,
        rmsle=_mean_of_known([cell["rmsle"] for cell in cells]),
        wape=_mean_of_known([cell["wape"] for cell in cells]),
        bias=_mean_of_known([cell["bias"] for cell in cells]),
        coverage={
            nominal: cell["coverage"] for nominal, cell in covered.items() if isinstance(cell, dict)
        },
        baselines={},
    )


def _mean_of_known(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None where one of the values does not exist."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
