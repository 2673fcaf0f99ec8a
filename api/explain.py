"""POST /explain."""

from __future__ import annotations

import anyio
import anyio.to_thread
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from api.answers import basis_of
from api.costs import charge, charge_origin
from api.days import forecast
from api.nodes import node_row
from api.parsing import read_json
from api.response_cache import cached_response
from api.schemas.reasons import ExplainAnswer, FeatureStep, GroupStep, NotExplained
from api.schemas.requests import ExplainRequest
from api.windows import ForecastWindow, window_of
from errors import Code, Problem
from features.contract import FEATURES
from models.explanation import (
    MAX_ROWS,
    ExplainerMissingError,
    Explanation,
    ExplanationError,
    Space,
)
from models.explanation import explain as explain_node
from models.forecaster import Forecaster
from models.scenario import bottoms_below

_turn = anyio.CapacityLimiter(1)  # the boosters run one call at a time anyway


async def explain(forecaster: Forecaster, request: Request) -> Response:
    """Why a node's forecast is what it is, for a day or for a sum of days."""
    asked = await read_json(request, ExplainRequest)
    snapshot = forecaster.release.engine.snapshot
    row = node_row(snapshot, asked.store_nbr, asked.family)
    window = window_of(snapshot, asked.date, asked.horizon or 1)
    bottoms = len(bottoms_below(snapshot.hierarchy, row))
    await charge(request, min(bottoms * len(window.horizons), MAX_ROWS) - 1)
    await charge_origin(request, snapshot, window)

    async def compute() -> ExplainAnswer:
        return _told(forecaster, window, row, await _explanation(forecaster, window, row))

    return await cached_response(forecaster, request, asked, compute, shared=True)


async def _explanation(forecaster: Forecaster, window: ForecastWindow, row: int) -> Explanation:
    """Made off the event loop, one at a time.

    Raises:
        Problem: INFERENCE_FAILED or EXPLANATION_UNAVAILABLE.
    """
    async with _turn:
        coherent = await forecast(forecaster, window)
        try:
            return await anyio.to_thread.run_sync(
                explain_node,
                forecaster.release.engine,
                window.origin,
                row,
                window.horizons,
                coherent,
            )
        except (ExplainerMissingError, ExplanationError) as error:
            raise _unavailable(error) from error


def _unavailable(error: Exception) -> Problem:
    if isinstance(error, ExplainerMissingError):
        detail = (
            "Explanations need LightGBM, which this server cannot load: the extra that brings it "
            "is not installed. Forecasts do not need it."
        )
    else:
        detail = (
            "The explanation was not that of the model that serves, and is not shown; look for "
            "the request's id in the log."
        )
    return Problem(Code.EXPLANATION_UNAVAILABLE, detail)


def _told(
    forecaster: Forecaster, window: ForecastWindow, row: int, explanation: Explanation
) -> ExplainAnswer:
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    node = snapshot.hierarchy.nodes[row]
    return ExplainAnswer(
        node=node.id,
        level=node.level,
        date=snapshot.date_at(int(window.days[0])),
        horizon=len(window.horizons),
        prediction=explanation.prediction,
        space=explanation.space,
        base_value=explanation.base,
        base_units=explanation.base_units,
        groups=_groups(explanation),
        features=_features(explanation),
        cut=explanation.cut,
        reconciliation=explanation.reconciliation,
        not_explained=NotExplained(
            series=explanation.series_not_explained, units=explanation.not_explained
        ),
        explained_share=explanation.explained_share,
        missing=explanation.missing,
        origin=snapshot.date_at(window.origin),
        method=engine.methods(window.origin, np.array([row]))[0],
        **basis_of(engine, window, row),
    )


def _groups(explanation: Explanation) -> list[GroupStep]:
    one_row = explanation.space is Space.LINK
    return [
        GroupStep(
            name=group,
            contribution=step.contribution,
            factor=float(np.exp(step.contribution)) if one_row else None,
            units=step.units,
            features=[FEATURES[column].name for column in step.columns],
        )
        for group, step in explanation.of_groups().items()
    ]


def _features(explanation: Explanation) -> list[FeatureStep]:
    """Every feature's step, the largest first."""
    contributions = explanation.contributions
    values = explanation.values or (None,) * len(FEATURES)
    one_row = explanation.space is Space.LINK
    return [
        FeatureStep(
            name=FEATURES[column].name,
            group=FEATURES[column].group,
            description=FEATURES[column].description,
            unit=FEATURES[column].unit,
            value=values[column],
            contribution=float(contributions[column]),
            factor=float(np.exp(contributions[column])) if one_row else None,
            units=float(explanation.units[column]),
        )
        for column in np.argsort(-np.abs(contributions), kind="stable").tolist()
    ]
