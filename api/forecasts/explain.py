"""POST /explain."""

from __future__ import annotations

from typing import NamedTuple

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from api.forecasts.days import COMPUTED, forecast
from api.forecasts.nodes import requested_row
from api.forecasts.windows import ForecastWindow, reference_window, window_of
from api.http.operation import Computation, operation
from api.http.pricing import COMPARED_ROWS_OF_A_UNIT, EXPLANATION, cost_of_origin
from api.http.responses import basis_of
from api.http.tags import Tag
from api.schemas.reasons import (
    AgainstAnswer,
    ExplainAnswer,
    FeatureStep,
    GroupChange,
    GroupStep,
    NotExplained,
    ReferenceValue,
)
from api.schemas.requests import ExplainRequest
from errors import Code, Problem
from features.data.snapshot import Snapshot
from features.feature import plain_unit, plain_value
from models.difference import Difference, explain_difference, rows_to_compare
from models.engine import ForecastEngine
from models.explanation import (
    MAX_ROWS,
    Explanation,
    ExplanationError,
    Space,
    Value,
)
from models.explanation import explain as explain_node
from models.methods import Method
from models.scenario import bottoms_below
from models.serving.forecaster import Forecaster
from storage.keys import Scope
from telemetry.stages import Stage, timed

_SHORT = 10
"""Rows of an explanation that is short, a tenth of a second at most on the Favorita data."""

_short_ones, _long_ones = anyio.CapacityLimiter(1), anyio.CapacityLimiter(1)
"""One of each kind at a time, because each occupies a core: that of a day of a series does not wait
for that of a store."""


@operation(
    "POST",
    "/explain",
    Tag.REASONS,
    error_codes=COMPUTED | {Code.EXPLANATION_UNAVAILABLE},
    scope=Scope.EXPLAIN,
    cost=EXPLANATION,
)
async def explain(forecaster: Forecaster, payload: ExplainRequest) -> Computation[ExplainAnswer]:
    """Explain a node's forecast for a day or a sum of days by its features.

    With `against`, also explain the difference from the forecast of another day or period.
    """
    snapshot = forecaster.release.engine.snapshot
    row = requested_row(snapshot, payload)
    window = window_of(snapshot, payload.date, payload.horizon or 1)
    reference = _reference_of(snapshot, window, payload)
    bottoms = len(bottoms_below(snapshot.hierarchy, row))
    days = max(len(window.horizons), 0 if reference is None else len(reference.horizons))
    queue = _short_ones if bottoms * days <= _SHORT else _long_ones

    async def compute() -> ExplainAnswer:
        async with queue:
            result = await _compute_explanation(forecaster, window, row, reference)
        return _explain_answer(forecaster, window, row, result, reference)

    rows = min(bottoms * len(window.horizons), MAX_ROWS)
    cost = rows - 1 + cost_of_origin(snapshot, window)
    if reference is not None:
        cost += -(-rows_to_compare(bottoms, len(reference.horizons)) // COMPARED_ROWS_OF_A_UNIT)
    return Computation(compute, cost=cost)


def _reference_of(
    snapshot: Snapshot, window: ForecastWindow, payload: ExplainRequest
) -> ForecastWindow | None:
    """Return the window of the reference, if the request has one.

    Raises:
        Problem: INVALID_DATE or INVALID_HORIZON.
    """
    if payload.against is not None:
        return reference_window(snapshot, window, payload.against, payload.against_horizon)
    if payload.against_horizon is not None:
        detail = "it needs `against`, the first day of the reference"
        raise Problem.in_field(Code.INVALID_HORIZON, "/against_horizon", detail)
    return None


def _all_horizons(window: ForecastWindow, reference: ForecastWindow | None) -> NDArray[np.intp]:
    """Return the days that the model is run for, ascending."""
    return window.horizons if reference is None else np.union1d(window.horizons, reference.horizons)


class _Result(NamedTuple):
    explanation: Explanation
    difference: Difference | None


async def _compute_explanation(
    forecaster: Forecaster, window: ForecastWindow, row: int, reference: ForecastWindow | None
) -> _Result:
    """Compute an explanation in a thread.

    Raises:
        Problem: INFERENCE_FAILED or EXPLANATION_UNAVAILABLE.
    """
    engine, days = forecaster.release.engine, _all_horizons(window, reference)
    coherent = (await forecast(forecaster, ForecastWindow(window.origin, days))).statistical

    def compute() -> _Result:
        place = engine, window.origin, row, window.horizons
        with timed(Stage.EXPLANATION):
            if reference is None:
                return _Result(explain_node(*place, coherent), None)
            of_days = coherent[:, np.searchsorted(days, window.horizons)]
            of_reference = coherent[:, np.searchsorted(days, reference.horizons)]
            difference = explain_difference(*place, reference.horizons, of_days, of_reference)
            return _Result(explain_node(*place, of_days), difference)

    try:
        return await anyio.to_thread.run_sync(compute)
    except ExplanationError as error:
        detail = (
            "The explanation was not that of the model that serves, and is not shown; look for "
            "the request's id in the log."
        )
        raise Problem(Code.EXPLANATION_UNAVAILABLE, detail) from error


def _explain_answer(
    forecaster: Forecaster,
    window: ForecastWindow,
    row: int,
    result: _Result,
    reference: ForecastWindow | None,
) -> ExplainAnswer:
    explanation, difference = result
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
        against=(
            _against_answer(snapshot, reference, difference)
            if reference is not None and difference is not None
            else None
        ),
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
            label=features[column].label,
            group=features[column].group,
            description=features[column].description,
            unit=features[column].unit,
            value=values[column],
            plain_value=_plain_value(features[column].unit, values[column]),
            plain_unit=plain_unit(features[column].unit),
            contribution=float(contributions[column]),
            factor=float(np.exp(contributions[column])) if one_row else None,
            units=float(explanation.units[column]),
        )
        for column in np.argsort(-np.abs(contributions), kind="stable").tolist()
    ]


def _plain_value(unit: str, value: Value) -> Value:
    return None if value is None else plain_value(unit, value)


def _against_answer(
    snapshot: Snapshot, reference: ForecastWindow, difference: Difference
) -> AgainstAnswer:
    features = difference.features.features
    return AgainstAnswer(
        date=snapshot.date_at(int(reference.days[0])),
        horizon=len(reference.horizons),
        prediction=difference.reference,
        difference=difference.difference,
        groups=[GroupChange(name=name, units=units) for name, units in difference.groups.items()],
        reconciliation=difference.reconciliation,
        not_explained=NotExplained(
            series=difference.series_not_explained, units=difference.not_explained
        ),
        explained_share=difference.explained_share,
        changed=[
            ReferenceValue(
                name=features[column].name,
                value=value,
                plain_value=_plain_value(features[column].unit, value),
            )
            for column, value in difference.changed
        ],
    )
