"""POST /explain."""

from __future__ import annotations

import anyio
import anyio.to_thread
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer, reference
from api.days import forecast
from api.nodes import node_row
from api.parsing import read_json
from api.schemas.reasons import ExplainAnswer, FeatureStep, NotExplained
from api.schemas.requests import ExplainRequest
from api.windows import Window, window_of
from errors import Code, Problem
from features.contract import FEATURES
from models.explanation import ExplainerMissingError, Explanation, ExplanationError, Space
from models.explanation import explain as explain_node
from models.forecaster import Forecaster

Key = tuple[str, str, int, int, tuple[int, ...]]
"""What an explanation depends on: bundle, snapshot, node, origin, horizons."""

KEPT = 256
"""Explanations that are kept, of about 3 kB each."""


class Recent:
    """The explanations that were asked for last. For the event loop alone: it has no lock."""

    def __init__(self, size: int = KEPT) -> None:
        self._size = size
        self._kept: dict[Key, Explanation] = {}

    def get(self, key: Key) -> Explanation | None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._kept[key] = found  # a dict keeps its order: the longest unused is first
        return found

    def put(self, key: Key, explanation: Explanation) -> None:
        self._kept[key] = explanation
        while len(self._kept) > self._size:
            del self._kept[next(iter(self._kept))]

    def clear(self) -> None:
        self._kept.clear()


recent = Recent()
_turn = anyio.CapacityLimiter(1)  # the boosters run one call at a time anyway


async def explain(forecaster: Forecaster, request: Request) -> Response:
    """Why a node's forecast is what it is, for a day or for a sum of days."""
    asked = await read_json(request, ExplainRequest)
    snapshot = forecaster.pair.engine.snapshot
    row = node_row(snapshot, asked.store_nbr, asked.family)
    window = window_of(snapshot, asked.date, asked.horizon or 1)
    found = await _explanation(forecaster, window, row)
    return answer(_told(forecaster, window, row, found))


async def _explanation(forecaster: Forecaster, window: Window, row: int) -> Explanation:
    """Kept from before, or made off the event loop.

    Raises:
        Problem: INFERENCE_FAILED or EXPLANATION_UNAVAILABLE.
    """
    engine = forecaster.pair.engine
    horizons = tuple(window.horizons.tolist())
    key = (engine.bundle.name, engine.snapshot.name, row, window.origin, horizons)
    if (known := recent.get(key)) is not None:
        return known
    async with _turn:
        if (known := recent.get(key)) is not None:  # made while this one waited
            return known
        coherent = await forecast(forecaster, window)
        try:
            made = await anyio.to_thread.run_sync(
                explain_node, engine, window.origin, row, window.horizons, coherent
            )
        except (ExplainerMissingError, ExplanationError) as error:
            raise _unavailable(error) from error
        recent.put(key, made)
    return made


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
    forecaster: Forecaster, window: Window, row: int, explanation: Explanation
) -> ExplainAnswer:
    engine = forecaster.pair.engine
    snapshot = engine.snapshot
    node = snapshot.hierarchy.nodes[row]
    first = snapshot.date_at(int(window.days[0]))
    trained_through = engine.bundle.facts.trained_through
    return ExplainAnswer(
        node=node.id,
        level=node.level,
        date=first,
        horizon=len(window.horizons),
        prediction=explanation.prediction,
        space=explanation.space,
        base_value=explanation.base,
        base_units=explanation.base_units,
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
        model_version=engine.bundle.name,
        model_trained_through=trained_through,
        in_sample=first <= trained_through,
        known_through={
            "onpromotion": snapshot.date_at(window.origin + snapshot.promotion_lead),
        },
        snapshot=reference(snapshot),
        degraded=False,
    )


def _features(explanation: Explanation) -> list[FeatureStep]:
    """Every feature's step, the largest first."""
    contributions = explanation.contributions
    values = explanation.values or (None,) * len(FEATURES)
    one_row = explanation.space is Space.LINK
    return [
        FeatureStep(
            name=FEATURES[column].name,
            description=FEATURES[column].description,
            unit=FEATURES[column].unit,
            value=values[column],
            contribution=float(contributions[column]),
            factor=float(np.exp(contributions[column])) if one_row else None,
            units=float(explanation.units[column]),
        )
        for column in np.argsort(-np.abs(contributions), kind="stable").tolist()
    ]
