"""GET /overrides/value: whether planners' overrides have helped, by who made them and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from operator import attrgetter

import numpy as np

from api.forecasts.planning import Planning
from api.http.operation import operation
from api.http.pricing import OVERRIDE
from api.http.tags import Tag
from api.schemas.overrides import GroupValue, OverrideValueAnswer, OverrideValueQuery
from errors import Code, Problem
from features.data.snapshot import Snapshot
from models.override_value import SoldDay, SoldOverride, kind_of, value_of, values_by
from models.serving.forecaster import Forecaster
from storage.overrides import StoredOverride

DEFAULT_DAYS = 365
"""Days up to the last one where a request names no first one."""


@operation(
    "GET",
    "/overrides/value",
    Tag.PLANNING,
    cost=OVERRIDE,
    error_codes=frozenset({Code.OVERRIDES_UNAVAILABLE}),
)
async def value_overrides(
    forecaster: Forecaster, planning: Planning, query: OverrideValueQuery
) -> OverrideValueAnswer:
    """Compare the errors before and after overrides, on the days that are sold.

    Each override is compared with what stood before it. A day counts only if its sales are known,
    and if the override was made before it ended and stood on it.
    """
    snapshot = forecaster.release.engine.snapshot
    newest = snapshot.date_at(snapshot.newest_origin)
    last = min(query.last or newest, newest)
    first = query.first or last - timedelta(DEFAULT_DAYS - 1)
    if query.first is not None and query.last is not None and query.first > query.last:
        detail = f"{query.first} is after `to`, {query.last}"
        raise Problem.in_field(Code.INVALID_DATE, "from", detail)
    read = partial(_read_sold, planning, snapshot, first, last)
    sold = await planning.call(read)
    values = values_by(sold, attrgetter(query.by))
    return OverrideValueAnswer(
        by=query.by,
        first=first,
        last=last,
        groups=[GroupValue(group=group, **asdict(value)) for group, value in values.items()],
        total=GroupValue(group=None, **asdict(value_of(sold))) if sold else None,
    )


def _read_sold(
    planning: Planning, snapshot: Snapshot, first: date, last: date
) -> list[SoldOverride]:
    stored = planning.store.made(first, last)
    sold = (sold_override(snapshot, each, first, last) for each in stored)
    return [each for each in sold if each is not None]


def sold_override(
    snapshot: Snapshot, stored: StoredOverride, first: date, last: date
) -> SoldOverride | None:
    """Return an override with its days that count; None if none does, or its node is gone."""
    row = snapshot.hierarchy.index.get(stored.node)
    if row is None:
        return None
    days = tuple(
        SoldDay(day.before, day.result, units)
        for day in stored.days
        if first <= day.date <= last
        for units in _sales_of(snapshot, row, stored, day.date)
    )
    if not days:
        return None
    before, planned = (
        sum(getattr(day, name) for day in stored.days) for name in ("before", "result")
    )
    return SoldOverride(
        author=stored.author,
        level=snapshot.hierarchy.nodes[row].level,
        kind=kind_of(before, planned),
        reason=stored.reason,
        days=days,
    )


def _sales_of(snapshot: Snapshot, row: int, stored: StoredOverride, day: date) -> Sequence[float]:
    """Return the units that a node sold on a day that counts; nothing for any other day."""
    at = snapshot.index_of(day)
    if not 0 <= at <= snapshot.newest_origin or not stored.stood_on(max(snapshot.dates_of(at))):
        return ()
    units = float(snapshot.sales[row, at])
    return () if np.isnan(units) else (units,)
