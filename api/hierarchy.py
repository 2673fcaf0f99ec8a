"""GET /hierarchy."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from api.answers import reference
from api.costs import charge_origin, is_past
from api.days import forecast
from api.parsing import read_query
from api.response_cache import cached_response
from api.schemas.forecasts import HierarchyAnswer
from api.schemas.requests import HierarchyQuery
from api.tree import Tree, way_of
from api.windows import previous_days, window_of
from models.forecaster import Forecaster


async def hierarchy(forecaster: Forecaster, request: Request) -> Response:
    """Forecast the coherent tree for a day, or for a sum of days."""
    query = read_query(request, HierarchyQuery)
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    way, row = way_of(snapshot.hierarchy, query)
    window = window_of(snapshot, query.date, query.horizon or 1, pointer="date")
    await charge_origin(request, snapshot, window)
    before = previous_days(snapshot, window)

    async def compute() -> HierarchyAnswer:
        tree = Tree(
            hierarchy=snapshot.hierarchy,
            values=(await forecast(forecaster, window)).sum(axis=1),
            previous=None if before is None else snapshot.sales[:, before].sum(axis=1),
            way=way,
        )
        return HierarchyAnswer(
            date=snapshot.date_at(int(window.days[0])),
            horizon=len(window.horizons),
            previous_date=None if before is None else snapshot.date_at(before.start),
            by=way,
            origin=snapshot.date_at(window.origin),
            tree=tree.below(row, query.depth),
            model_version=engine.bundle.name,
            snapshot=reference(snapshot),
            degraded=False,
        )

    shared = is_past(snapshot, window)
    return await cached_response(forecaster, request, query, compute, shared=shared, with_etag=True)
