"""Response of forecasts to promotions: what is forecast under multiples of the planned ones.

A *member* is a node of the level of the columns over which the model pools responses, such as a
product family. Its scenario is that of a planner who multiplies the promotions of the whole member,
in all stores, and leaves those of all others. Beside it is what was sold on past days with about
that multiple of the usual promotions: a description, and no effect, because such days differ in
more than their promotions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from features.data.specification import Covariate, Kind, Specification
from features.matrix import Covariates, known_covariates
from features.state import PastState
from models.engine import ForecastEngine, Progress

Document = dict[str, Any]
Rows = NDArray[np.intp]
Values = NDArray[np.float64]

FACTORS: Mapping[Kind, tuple[float, ...]] = {Kind.COUNT: (0, 0.5, 2, 4), Kind.FLAG: (0,)}
"""Multiples of the plan that are compared with the plan itself, by the kind of the covariate."""
DAYS = 28
"""Days after the origin that are forecast, if promotions are planned for so many."""
MOST_MEMBERS = 40
"""Members that are measured: of those with promotions, the ones that sell most."""
SPAN = 2**0.5
"""Factor by which the promotions of a past day may differ from a multiple of the usual ones."""
USUAL_WEEKS = 8
"""Weeks before a past day whose same weekdays give its usual sales and promotions."""
LEAST_DAYS = 5
"""Past days of which a median is taken."""

_CHUNK_ROWS = 200_000
"""Rows of the model in memory at once."""


def member_level(specification: Specification) -> str | None:
    """Return the level of the columns over which responses are pooled; None if there is none."""
    columns = specification.columns_of_level
    pooled = set(specification.pooled)
    return next((level for level in specification.between if set(columns[level]) == pooled), None)


def promotions_of(specification: Specification) -> list[Covariate]:
    """Return the covariates that can be multiplied: those known ahead that add up."""
    return [covariate for covariate in specification.known_ahead if covariate.kind in FACTORS]


def measure_response(
    engine: ForecastEngine,
    origin: int,
    *,
    lead: int | None = None,
    progress: Progress = lambda done, total: None,
) -> Document | None:
    """Measure how forecasts of the members respond to multiples of their planned promotions.

    Args:
        origin: index of the last day whose sales are used.
        lead: days after it on which covariates count as known; see `known_covariates`.

    Returns:
        None where there is no level of members, or where nothing is planned.
    """
    snapshot = engine.snapshot
    level, covariates = member_level(snapshot.specification), promotions_of(snapshot.specification)
    if level is None:
        return None
    known = replace(known_covariates(snapshot, origin, lead=lead), apart=level)
    parts, total = count(1), sum(1 + len(FACTORS[covariate.kind]) for covariate in covariates)
    measured = [
        _measure_covariate(
            engine, engine.state(origin), known, covariate, lambda: progress(next(parts), total)
        )
        for covariate in covariates
    ]
    curves = [curve for curve in measured if curve["members"]]
    if not curves:
        return None
    return {
        "level": level,
        "origin": snapshot.date_at(origin).isoformat(),
        "step": snapshot.step,
        "covariates": curves,
    }


def _measure_covariate(
    engine: ForecastEngine,
    state: PastState,
    known: Covariates,
    covariate: Covariate,
    advance: Callable[[], None],
) -> Document:
    snapshot, name = engine.snapshot, covariate.name
    horizons = np.arange(1, _count_planned(known, covariate) + 1)
    planned = np.nan_to_num(known.values[name][:, : len(horizons)])
    of_nodes = snapshot.hierarchy.aggregate(planned).sum(axis=1)
    members, left_out = _choose_members(known, of_nodes)
    curves: dict[float, Values] = {}
    if len(members):
        # One forecast is that of the scenarios of all members: they are computed apart, so each
        # changes the plan of its own member and of nothing else that its series read.
        everything = np.arange(snapshot.hierarchy.n_bottom)
        days = slice(0, len(horizons))
        baseline = _forecast_members(engine, state, known, members, horizons)
        advance()
        for factor in FACTORS[covariate.kind]:
            values = known.values[name][:, days] * factor
            altered = known.altered(name, everything, days, values)
            forecast = _forecast_members(engine, state, altered, members, horizons)
            curves[factor] = np.divide(
                forecast, baseline, out=np.full(len(members), np.nan), where=baseline > 0
            )
            advance()
    past = _describe_past(snapshot, state.origin, covariate, members)
    return {
        "name": name,
        "steps": len(horizons),
        "left_out": left_out,
        "members": [
            {
                "node": snapshot.hierarchy.nodes[row].id,
                "planned": float(of_nodes[row]) / len(horizons),
                "forecast": float(baseline[at]),
                "responses": {
                    f"{factor:g}": {
                        "forecast": _known(curve[at]),
                        "sold": _known(past[factor].ratio[at]),
                        "steps_sold": int(past[factor].days[at]),
                    }
                    for factor, curve in curves.items()
                },
            }
            for at, row in enumerate(members.tolist())
        ],
    }


def _count_planned(known: Covariates, covariate: Covariate) -> int:
    """Return the days up to the last on which the plan of any series is known, at most `DAYS`."""
    planned = np.flatnonzero(np.isfinite(known.values[covariate.name]).any(axis=0))
    last = int(planned[-1]) + 1 if len(planned) else 0
    return min(last, known.snapshot.step.steps_in(DAYS))


def _choose_members(known: Covariates, planned: Values) -> tuple[Rows, int]:
    """Return the rows of the members that are measured, and the number of those left out.

    Args:
        planned: promotions of each node, shape (nodes,).
    """
    snapshot = known.snapshot
    assert known.apart is not None
    rows = np.arange(len(snapshot.hierarchy))[snapshot.hierarchy.slices[known.apart]]
    last_year = slice(max(known.origin + 1 - snapshot.step.year, 0), known.origin + 1)
    sold = snapshot.history[rows, last_year].sum(axis=1)
    ranked = rows[np.argsort(-sold, kind="stable")]
    promoted = ranked[planned[ranked] > 0]
    return promoted[:MOST_MEMBERS], len(promoted[MOST_MEMBERS:])


def _forecast_members(
    engine: ForecastEngine,
    state: PastState,
    covariates: Covariates,
    members: Rows,
    horizons: Rows,
) -> Values:
    """Return the forecast of each member in units, summed over the days; shape (members,)."""
    hierarchy, level = engine.snapshot.hierarchy, covariates.apart
    assert level is not None
    upper = hierarchy.n_upper
    nodes = upper + np.flatnonzero(np.isin(hierarchy.ancestor(level)[upper:], members))
    outputs = np.zeros((len(hierarchy), len(horizons)), dtype=np.float32)
    days = max(_CHUNK_ROWS // len(nodes), 1)
    for start in range(0, len(horizons), days):
        chunk = slice(start, start + days)
        rows = engine.builder.matrix(state, covariates, nodes, horizons[chunk])
        outputs[nodes, chunk] = engine.bundle.model.predict(rows).reshape(len(nodes), -1)
    base = engine.base(covariates.origin, horizons, outputs[engine.reconciliation.modelled_nodes])
    forecast: Values = hierarchy.aggregate(base[upper:])[members].sum(axis=1)
    return forecast


class _Past(NamedTuple):
    """Past days of each member with about a multiple of its usual promotions.

    Attributes:
        ratio: median of the sales in usual ones, shape (members,); NaN of fewer than `LEAST_DAYS`.
        days: number of such days, shape (members,).
    """

    ratio: Values
    days: NDArray[np.int64]


def _describe_past(
    snapshot: Snapshot, origin: int, covariate: Covariate, members: Rows
) -> dict[float, _Past]:
    """Describe the sales of the members on days of the year up to an origin, by multiple.

    Usual are the means of the last same weekdays. Days of national holidays and events are left
    out.
    """
    step = snapshot.step
    before = USUAL_WEEKS * step.week
    days = slice(max(origin + 1 - step.year - before, 0), origin + 1)
    sold = snapshot.history[members, days]
    promoted = snapshot.hierarchy.summing[members] @ snapshot.past_values(covariate, days)
    ordinary = snapshot.calendar.names[days][before:] == ""
    sales, usual_sales = _compare_with_usual(sold, step.week)
    items, usual_items = _compare_with_usual(promoted, step.week)
    counts = ordinary & (usual_sales > 0) & (usual_items > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, multiple = sales / usual_sales, items / usual_items
    result = {}
    for factor in FACTORS[covariate.kind]:
        near = (multiple >= factor / SPAN) & (multiple < factor * SPAN) if factor else items == 0
        ratios = np.where(counts & near, ratio, np.nan)
        number = np.isfinite(ratios).sum(axis=1)
        result[factor] = _Past(
            np.array(
                [
                    np.nanmedian(of_member) if days >= LEAST_DAYS else np.nan
                    for of_member, days in zip(ratios, number, strict=True)
                ]
            ),
            number,
        )
    return result


def _compare_with_usual(values: Values, week: int) -> tuple[Values, Values]:
    """Return values after the first `USUAL_WEEKS`, and the means on the same weekdays before."""
    last = values.shape[1]
    before = [
        values[:, week * (USUAL_WEEKS - back) : max(last - week * back, 0)]
        for back in range(1, USUAL_WEEKS + 1)
    ]
    return values[:, week * USUAL_WEEKS :], np.mean(before, axis=0)


def _known(value: float) -> float | None:
    """Return a figure, or None where there is none."""
    return float(value) if np.isfinite(value) else None
