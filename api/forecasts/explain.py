"""POST /explain."""

from __future__ import annotations

import anyio
import anyio.to_thread
import numpy as np

from api.forecasts.days import COMPUTED, forecast
from api.forecasts.nodes import node_row
from api.forecasts.windows import ForecastWindow, window_of
from api.http.operation import Computation, operation
from api.http.pricing import EXPLANATION, cost_of_origin
from api.http.responses import basis_of
from api.http.tags import Tag
from api.schemas.reasons import ExplainAnswer, FeatureStep, GroupStep, NotExplained
from api.schemas.requests import ExplainRequest
from errors import Code, Problem
from models.engine import ForecastEngine
from models.explanation import (
    MAX_ROWS,
    ExplainerMissingError,
    Explanation,
    ExplanationError,
    Space,
)
from models.explanation import explain as explain_node
from models.methods import Method
from models.scenario import bottoms_below
from models.serving.forecaster import Forecaster
from storage.keys import Scope

_one_at_a_time = anyio.CapacityLimiter(1)  # the boosters serialize calls anyway


@operation(
    "POST",
    "/explain",
    Tag.REASONS,
    error_codes=COMPUTED | {Code.EXPLANATION_UNAVAILABLE},
    scope=Scope.EXPLAIN,
    cost=EXPLANATION,
)
async def explain(forecaster: Forecaster, payload: ExplainRequest) -> Computation[ExplainAnswer]:
    """Explain a node's forecast for a day, or for a sum of days, by its features."""
    snapshot = forecaster.release.engine.snapshot
    row = node_row(snapshot, payload)
    window = window_of(snapshot, payload.date, payload.horizon or 1)
    bottoms = len(bottoms_below(snapshot.hierarchy, row))

    async def compute() -> ExplainAnswer:
        return _explain_answer(
            forecaster, window, row, await _compute_explanation(forecaster, window, row)
        )

    rows = min(bottoms * len(window.horizons), MAX_ROWS)
    return Computation(compute, cost=rows - 1 + cost_of_origin(snapshot, window))


async def _compute_explanation(
    forecaster: Forecaster, window: ForecastWindow, row: int
) -> Explanation:
    """Compute an explanation in a thread, one at a time.

    Raises:
        Problem: INFERENCE_FAILED or EXPLANATION_UNAVAILABLE.
    """
    async with _one_at_a_time:
        coherent = (await forecast(forecaster, window)).statistical
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
            raise _explanation_problem(error) from error


def _explanation_problem(error: Exception) -> Problem:
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


def _explain_answer(
    forecaster: Forecaster, window: ForecastWindow, row: int, explanation: Explanation
) -> ExplainAnswer:
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    node = snapshot.hierarchy.nodes[row]
    method = engine.methods(window.origin, np.array([row]))[0]
    return ExplainAnswer(
        node=node.id,
        level=node.level,
        date=snapshot.date_at(int(window.days[0])),
        horizon=len(window.horizons),
        prediction=explanation.prediction,
        space=explanation.space,
        base_value=explanation.base,
        base_units=explanation.base_units,
        groups=_group_steps(explanation),
        features=_feature_steps(explanation),
        cut=explanation.cut,
        reconciliation=explanation.reconciliation,
        not_explained=NotExplained(
            series=explanation.series_not_explained, units=explanation.not_explained
        ),
        explained_share=explanation.explained_share,
        missing=explanation.missing,
        origin=snapshot.date_at(window.origin),
        method=method,
        analogues=_name_analogues(engine, row) if method is Method.ANALOGUE else [],
        **basis_of(engine, window, row),
    )


def _name_analogues(engine: ForecastEngine, row: int) -> list[str]:
    """Return the ids of the analogues of a bottom series."""
    hierarchy, analogues = engine.snapshot.hierarchy, engine.analogues
    number = int(np.searchsorted(analogues.new, row - hierarchy.n_upper))
    return [hierarchy.nodes[hierarchy.n_upper + at].id for at in analogues.of(number)]


def _group_steps(explanation: Explanation) -> list[GroupStep]:
    one_row = explanation.space is Space.LINK
    return [
        GroupStep(
            name=group,
            contribution=step.contribution,
            factor=float(np.exp(step.contribution)) if one_row else None,
            units=step.units,
            features=[explanation.features.names[column] for column in step.columns],
        )
        for group, step in explanation.of_groups().items()
    ]


def _feature_steps(explanation: Explanation) -> list[FeatureStep]:
    """Return the step of every feature, the largest first."""
    contributions = explanation.contributions
    features = explanation.features.features
    values = explanation.values or (None,) * len(features)
    one_row = explanation.space is Space.LINK
    return [
        FeatureStep(
            name=features[column].name,
            group=features[column].group,
            description=features[column].description,
            unit=features[column].unit,
            value=values[column],
            contribution=float(contributions[column]),
            factor=float(np.exp(contributions[column])) if one_row else None,
            units=float(explanation.units[column]),
        )
        for column in np.argsort(-np.abs(contributions), kind="stable").tolist()
    ]
