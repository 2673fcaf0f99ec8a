"""GET /year-before: a forecast against the year before, like for like."""

from __future__ import annotations

from math import isnan

from api.facts.exceptions import four_weeks
from api.facts.historical import first_sale_of
from api.forecasts.days import COMPUTED, Prediction, forecast
from api.forecasts.nodes import row_of_id
from api.forecasts.windows import ForecastWindow, window_of
from api.http.operation import Computation, operation
from api.http.pricing import cost_of_origin, is_past
from api.http.responses import reference
from api.http.tags import Tag
from api.schemas.exceptions import ComparedUnits, NewNode, YearBeforeAnswer
from api.schemas.requests import YearBeforeQuery
from features.data.snapshot import Snapshot
from models.serving.forecaster import Forecaster
from models.year_before import YearBefore, year_before

MOST_NEW_NODES = 20


@operation("GET", "/year-before", Tag.FACTS, etag=True, error_codes=COMPUTED)
async def compare_with_year_before(
    forecaster: Forecaster, query: YearBeforeQuery
) -> Computation[YearBeforeAnswer]:
    """Compare a node's forecast with the same weekdays 52 weeks before, like for like.

    The series that had not sold by then are told apart, and named by the nodes that they make up.
    """
    snapshot = forecaster.release.engine.snapshot
    row = row_of_id(snapshot.hierarchy, query.node, pointer="node")
    window = window_of(snapshot, query.date, query.horizon or four_weeks(snapshot), pointer="date")

    async def compute() -> YearBeforeAnswer:
        prediction = await forecast(forecaster, window)
        return _answer_of(forecaster, row, window, prediction)

    return Computation(compute, cost_of_origin(snapshot, window), shared=is_past(snapshot, window))


def _answer_of(
    forecaster: Forecaster, row: int, window: ForecastWindow, prediction: Prediction
) -> YearBeforeAnswer:
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    node = snapshot.hierarchy.nodes[row]
    first = int(window.days[0])
    steps = min(len(window.days), snapshot.step.year)
    year = year_before(snapshot, prediction.result, first)
    whole = None if year is None else _compared(year.prediction[row], year.previous[row])
    comparable = (
        None
        if year is None
        else _compared(year.comparable_prediction[row], year.comparable_previous[row])
    )
    new = (
        None
        if whole is None or comparable is None
        else ComparedUnits.of(
            whole.forecast - comparable.forecast, whole.reference - comparable.reference
        )
    )
    return YearBeforeAnswer(
        node=node.id,
        level=node.level,
        first=snapshot.date_at(first),
        last=snapshot.date_at(first + steps - 1),
        previous_first=None if year is None else snapshot.date_at(year.start),
        previous_last=None if year is None else snapshot.date_at(year.start + steps - 1),
        whole=whole,
        comparable=comparable,
        new=new,
        new_share=new.units / whole.reference if new and whole and whole.reference else None,
        new_nodes=[] if year is None else _new_nodes_of(snapshot, year, row),
        origin=snapshot.date_at(window.origin),
        adjusted=prediction.adjusted,
        model_version=engine.bundle.name,
        snapshot=reference(snapshot),
        degraded=False,
    )


def _compared(forecast: float, sold: float) -> ComparedUnits | None:
    return None if isnan(sold) else ComparedUnits.of(float(forecast), float(sold))


def _new_nodes_of(snapshot: Snapshot, year: YearBefore, row: int) -> list[NewNode]:
    return [_new_node(snapshot, year, each) for each in year.new_nodes(row)[:MOST_NEW_NODES]]


def _new_node(snapshot: Snapshot, year: YearBefore, row: int) -> NewNode:
    node = snapshot.hierarchy.nodes[row]
    return NewNode(
        node=node.id,
        level=node.level,
        first_sale=first_sale_of(snapshot, row),
        forecast=float(year.prediction[row]),
        reference=float(year.previous[row]),
    )
