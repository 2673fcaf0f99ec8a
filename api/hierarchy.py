"""GET /hierarchy."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer, reference
from api.days import forecast
from api.parsing import read_query
from api.schemas import HierarchyAnswer, HierarchyQuery
from api.tree import tree_of, way_of
from api.windows import window_of
from models.forecaster import Forecaster


async def hierarchy(forecaster: Forecaster, request: Request) -> Response:
    """The coherent tree for a day, or for a sum of days."""
    asked = read_query(request, HierarchyQuery)
    engine = forecaster.pair.engine
    snapshot = engine.snapshot
    way, row = way_of(snapshot.hierarchy, asked)
    window = window_of(snapshot, asked.date, asked.horizon or 1, pointer="date")
    values = (await forecast(forecaster, window)).sum(axis=1)
    return answer(
        HierarchyAnswer(
            date=snapshot.date_at(int(window.days[0])),
            horizon=len(window.horizons),
            by=way,
            origin=snapshot.date_at(window.origin),
            tree=tree_of(snapshot.hierarchy, values, way=way, row=row, depth=asked.depth),
            model_version=engine.bundle.name,
            snapshot=reference(snapshot),
            degraded=False,
        )
    )
