"""The live part of GET /accuracy: forecasts that were served, compared with the sales since."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from api.forecasts.nodes import row_of_id, rows_of_level
from api.http.database import call_database
from api.schemas.monitoring import (
    AccuracyQuery,
    AdaptationAnswer,
    IntervalFactor,
    LiveAccuracyAnswer,
    LiveDayAnswer,
    LiveFiguresAnswer,
    Measured,
    RecordedFigures,
)
from errors import Code, Problem
from features.data.specification import BOTTOM
from lifecycle.monitoring.live_accuracy import Estimate, LiveFigures
from lifecycle.monitoring.records import Monitoring
from models.adaptation import Adaptation
from models.serving.forecaster import Forecaster

Recorded = Mapping[tuple[str, str], RecordedFigures]
"""Figures of a bundle's record by level and days ahead."""


async def read_live(
    forecaster: Forecaster, monitoring: Monitoring, query: AccuracyQuery, recorded: Recorded
) -> LiveAccuracyAnswer:
    """Return the accuracy of the forecasts of a model that were served.

    Raises:
        Problem: INVALID_NODE or INVALID_REQUEST: there is no such level or node, or it is of the
            series; MONITORING_UNAVAILABLE.
    """
    engine = forecaster.release.engine
    assert query.window is not None, "it is asked for"
    _check_group(forecaster, query)
    bundle = query.bundle or engine.bundle.name
    node = query.node if query.node else (None if query.level else "")
    measure = partial(
        monitoring.accuracy,
        bundle,
        query.window,
        node=node,
        level=query.level,
        daily=query.daily,
    )
    live = await call_database(measure, unavailable=Code.MONITORING_UNAVAILABLE)
    is_recorded = bundle == engine.bundle.name
    return LiveAccuracyAnswer(
        bundle=bundle,
        first=live.first,
        last=live.last,
        figures=[
            _answer_of(each, recorded if is_recorded and not each.node else {})
            for each in live.figures
            if each.node or not query.level
        ],
        daily=[
            LiveDayAnswer(
                date=day,
                level=each.level,
                node=each.node or None,
                wape=each.wape.value,
                bias=each.bias.value,
                coverage={f"{nominal}%": part.value for nominal, part in each.coverage.items()},
                seasonal_naive=each.naive_wape,
            )
            for day, each in live.daily
            if each.node or not query.level
        ],
        adaptation=_answer_adaptation(forecaster.release.adaptation) if is_recorded else None,
    )


def _answer_adaptation(adaptation: Adaptation | None) -> AdaptationAnswer | None:
    if adaptation is None:
        return None
    return AdaptationAnswer(
        digest=adaptation.digest,
        through=adaptation.through,
        factors=[
            IntervalFactor(cell.level, cell.volume or None, cell.days_ahead, factor)
            for cell, factor in adaptation.factors.items()
        ],
    )


def _check_group(forecaster: Forecaster, query: AccuracyQuery) -> None:
    hierarchy = forecaster.release.engine.snapshot.hierarchy
    if query.node is not None and query.level is not None:
        raise Problem.in_field(Code.INVALID_REQUEST, "level", "Give a level or a node")
    if query.level is not None:
        rows_of_level(hierarchy, query.level)
    row = None if query.node is None else row_of_id(hierarchy, query.node, pointer="node")
    if query.level == BOTTOM or (row is not None and row >= hierarchy.n_upper):
        pointer = "level" if row is None else "node"
        raise Problem.in_field(
            Code.INVALID_REQUEST,
            pointer,
            "Single series are not measured day by day; /accuracy/series compares them",
        )


def _answer_of(figures: LiveFigures, recorded: Recorded) -> LiveFiguresAnswer:
    return LiveFiguresAnswer(
        level=figures.level,
        node=figures.node or None,
        days_ahead=figures.days_ahead,
        days=figures.days,
        values=figures.values,
        units_sold=figures.sold,
        wape=_measured(figures.wape),
        bias=_measured(figures.bias),
        rmsle=figures.rmsle,
        coverage={f"{nominal}%": _measured(each) for nominal, each in figures.coverage.items()},
        wis=figures.wis,
        steps={
            "seasonal_naive": figures.naive_wape,
            "base": figures.base_wape,
            "forecast": figures.wape.value,
        },
        recorded=recorded.get((figures.level, figures.days_ahead)),
    )


def _measured(estimate: Estimate) -> Measured:
    return Measured(estimate.value, estimate.low, estimate.high)
