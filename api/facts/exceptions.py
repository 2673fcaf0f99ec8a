"""GET /exceptions: what a planner looks at first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from api.forecasts.days import COMPUTED, forecast
from api.forecasts.nodes import rows_of_level
from api.forecasts.windows import ForecastWindow, window_of
from api.http.operation import Computation, operation
from api.http.pricing import cost_of_origin
from api.http.responses import reference
from api.http.tags import Tag
from api.schemas.exceptions import ComparedUnits, ExceptionEntry, ExceptionsAnswer, NotChecked
from api.schemas.requests import ExceptionsQuery
from features.data.snapshot import Snapshot
from features.data.stockouts import STOCKOUT_WEEKS
from models.exceptions import (
    NOMINAL,
    RECENT_DAYS,
    Deviation,
    DeviationKind,
    Outlook,
    band_origin,
    count_recent_days,
    fair_selection,
    find_last_year,
    find_new_series,
    find_outside_band,
    find_promotions,
    find_recent,
    find_stockouts,
    promotions_of,
)
from models.serving.forecaster import Forecaster

_STORED: Mapping[DeviationKind, Callable[[Outlook], list[Deviation]]] = {
    DeviationKind.LAST_YEAR: find_last_year,
    DeviationKind.RECENT: find_recent,
    DeviationKind.STOCKOUT: find_stockouts,
    DeviationKind.PROMOTION: find_promotions,
    DeviationKind.NEW_SERIES: find_new_series,
}
"""Kinds that are found in the data and the stored forecasts, without a run of the model."""


@operation("GET", "/exceptions", Tag.FACTS, etag=True, error_codes=COMPUTED)
async def exceptions(
    forecaster: Forecaster, query: ExceptionsQuery
) -> Computation[ExceptionsAnswer]:
    """List the nodes that deviate most from last year, from recent sales or from their forecast.

    With a series that has stopped selling, more promotions than before, and series that are new.
    """
    snapshot = forecaster.release.engine.snapshot
    rows = rows_of_level(snapshot.hierarchy, query.level)
    window = window_of(snapshot, None, query.horizon or four_weeks(snapshot), pointer="date")
    kinds = list(DeviationKind) if query.kind is None else [query.kind]
    skipped = _find_unavailable(forecaster, kinds)
    checked = [kind for kind in kinds if kind not in skipped]
    past = _band_window(snapshot) if DeviationKind.OUTSIDE_BAND in checked else None

    async def compute() -> ExceptionsAnswer:
        mean = (await forecast(forecaster, window)).statistical
        before = None if past is None else (await forecast(forecaster, past)).statistical
        outlook = Outlook(snapshot, mean, rows)
        deviations = await anyio.to_thread.run_sync(
            partial(_find_deviations, forecaster, outlook, checked, past, before)
        )
        return _exceptions_answer(forecaster, window, deviations, checked, skipped, query.limit)

    is_read = past is None or forecaster.is_stored(past.origin, past.horizons)
    cost = 0 if past is None or is_read else cost_of_origin(snapshot, past)
    return Computation(compute, cost, shared=past is not None)


def four_weeks(snapshot: Snapshot) -> int:
    """Return the steps that are looked at unless a request names others."""
    return min(snapshot.step.steps_in(RECENT_DAYS), snapshot.horizon)


def _find_unavailable(
    forecaster: Forecaster, kinds: Sequence[DeviationKind]
) -> dict[DeviationKind, str]:
    """Return why some kinds cannot be looked for, by kind."""
    snapshot = forecaster.release.engine.snapshot
    step = snapshot.step
    reasons = {}
    if snapshot.n_days < step.year:
        reasons[DeviationKind.LAST_YEAR] = (
            f"The data have {snapshot.n_days} {step}s of sales; a year before needs {step.year}."
        )
    if snapshot.n_days < step.week * STOCKOUT_WEEKS + step.steps_in(RECENT_DAYS):
        reasons[DeviationKind.STOCKOUT] = (
            f"The data have {snapshot.n_days} {step}s of sales, too few to say what sells usually."
        )
    if not promotions_of(snapshot):
        reasons[DeviationKind.PROMOTION] = "No count or flag is known for the days ahead."
    if band_origin(snapshot) is None:
        reasons[DeviationKind.OUTSIDE_BAND] = (
            f"The data have {snapshot.n_days} {step}s of sales, too few for a forecast "
            f"{step.steps_in(RECENT_DAYS)} {step}s ago."
        )
    elif not forecaster.release.intervals.has_paths:
        reasons[DeviationKind.OUTSIDE_BAND] = (
            "This model was trained before intervals of sums were calibrated; train it again."
        )
    return {kind: reason for kind, reason in reasons.items() if kind in kinds}


def _band_window(snapshot: Snapshot) -> ForecastWindow | None:
    """Return the recent days, from the origin before them."""
    origin = band_origin(snapshot)
    if origin is None:
        return None
    return ForecastWindow(origin, np.arange(1, count_recent_days(snapshot) + 1))


def _find_deviations(
    forecaster: Forecaster,
    outlook: Outlook,
    kinds: Sequence[DeviationKind],
    past: ForecastWindow | None,
    mean: NDArray[np.float64] | None,
) -> list[Deviation]:
    """Return the deviations of some kinds.

    Args:
        past: the recent days from the origin before them, if they are compared with their interval.
        mean: forecasts of all nodes in this window.
    """
    deviations = [each for kind in kinds if kind in _STORED for each in _STORED[kind](outlook)]
    if past is not None and mean is not None:
        release, snapshot = forecaster.release, outlook.snapshot
        trained_through = release.engine.bundle.facts.trained_through
        in_sample = snapshot.date_at(int(past.days[0])) <= trained_through
        deviations += find_outside_band(
            outlook, release.intervals, past.origin, mean, in_sample=in_sample
        )
    return deviations


def _exceptions_answer(
    forecaster: Forecaster,
    window: ForecastWindow,
    deviations: Sequence[Deviation],
    checked: Sequence[DeviationKind],
    skipped: Mapping[DeviationKind, str],
    limit: int,
) -> ExceptionsAnswer:
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    counts = Counter(each.kind for each in deviations)
    return ExceptionsAnswer(
        date=snapshot.date_at(int(window.days[0])),
        horizon=len(window.horizons),
        origin=snapshot.date_at(window.origin),
        exceptions=[_entry_of(snapshot, each) for each in fair_selection(deviations, limit)],
        counts={kind.value: counts[kind] for kind in checked},
        not_checked=[NotChecked(kind, reason) for kind, reason in skipped.items()],
        model_version=engine.bundle.name,
        snapshot=reference(snapshot),
        degraded=False,
    )


def _entry_of(snapshot: Snapshot, deviation: Deviation) -> ExceptionEntry:
    node, comparable = snapshot.hierarchy.nodes[deviation.row], deviation.comparable
    return ExceptionEntry(
        kind=deviation.kind,
        node=node.id,
        level=node.level,
        first=snapshot.date_at(deviation.first),
        last=snapshot.date_at(deviation.last),
        forecast=deviation.forecast,
        reference=deviation.reference,
        change=deviation.change,
        units=deviation.units,
        comparable=None if comparable is None else ComparedUnits.of(*comparable),
        in_sample=deviation.in_sample,
        detail=_SENTENCES[deviation.kind](snapshot, deviation),
    )


# --- sentences --------------------------------------------------------------------------------


def _describe_last_year(snapshot: Snapshot, deviation: Deviation) -> str:
    year = snapshot.step.year
    before = _span(snapshot, deviation.first - year, deviation.last - year)
    text = f"{_forecast_text(snapshot, deviation)}, {_change_text(deviation)} sold {before}"
    return f"{text}{_like_for_like(deviation)}."


def _describe_recent(snapshot: Snapshot, deviation: Deviation) -> str:
    return (
        f"{_forecast_text(snapshot, deviation)}, {_change_text(deviation)} that the mean "
        f"{_recent_text(snapshot)} adds up to{_like_for_like(deviation)}."
    )


def _like_for_like(deviation: Deviation) -> str:
    """Return the change without new series, if it is another one."""
    if deviation.comparable is None:
        return ""
    forecast, reference = deviation.comparable
    if round(forecast) == round(deviation.forecast) or not reference:
        return ""
    change = forecast / reference - 1
    more = "more" if change > 0 else "less"
    return f"; {100 * abs(change):.0f} % {more} without series that are new since"


def _describe_outside_band(snapshot: Snapshot, deviation: Deviation) -> str:
    low, high = deviation.bounds
    side = "below" if deviation.reference < low else "above"
    trained = ", by a model that was trained on these days" if deviation.in_sample else ""
    return (
        f"Sold {_number(deviation.reference)} units {_days_text(snapshot, deviation)}, {side} the "
        f"{NOMINAL} % interval of {_number(low)} to {_number(high)} that was forecast on "
        f"{snapshot.date_at(deviation.first - 1)}{trained}; {_number(deviation.forecast)} were "
        "forecast."
    )


def _describe_stockout(snapshot: Snapshot, deviation: Deviation) -> str:
    span = _days_text(snapshot, deviation)
    return (
        f"Sold nothing {span} ({_count(snapshot, deviation.days)}); by the {STOCKOUT_WEEKS} weeks "
        f"before, {_number(deviation.forecast)} units were to be expected."
    )


def _describe_promotion(snapshot: Snapshot, deviation: Deviation) -> str:
    before, ahead = (f"{100 * share:.0f} %" for share in deviation.shares)
    recent = _count(snapshot, snapshot.step.steps_in(RECENT_DAYS))
    return (
        f"{deviation.covariate} is planned for {ahead} of the days of its series "
        f"{_days_text(snapshot, deviation)}, after {before} in the {recent} before. "
        f"Forecast: {_number(deviation.forecast)} units, {_change_text(deviation)} that the mean "
        f"{_recent_text(snapshot)} adds up to."
    )


def _describe_new_series(snapshot: Snapshot, deviation: Deviation) -> str:
    text = _forecast_text(snapshot, deviation)
    first_sale = int(snapshot.first_sale[deviation.row])
    if first_sale == snapshot.n_days:
        return f"Announced, without sales so far. {text}, as similar series sell."
    return (
        f"First sold on {snapshot.date_at(first_sale)}. {text}, after "
        f"{_number(deviation.reference)} sold in as many before."
    )


_SENTENCES: Mapping[DeviationKind, Callable[[Snapshot, Deviation], str]] = {
    DeviationKind.LAST_YEAR: _describe_last_year,
    DeviationKind.RECENT: _describe_recent,
    DeviationKind.OUTSIDE_BAND: _describe_outside_band,
    DeviationKind.STOCKOUT: _describe_stockout,
    DeviationKind.PROMOTION: _describe_promotion,
    DeviationKind.NEW_SERIES: _describe_new_series,
}


def _forecast_text(snapshot: Snapshot, deviation: Deviation) -> str:
    return f"Forecast: {_number(deviation.forecast)} units {_days_text(snapshot, deviation)}"


def _change_text(deviation: Deviation) -> str:
    """Return a comparison such as "25 % more than the 1,200"."""
    reference = _number(deviation.reference)
    if deviation.change is None:
        return f"after the {reference}"
    more = "more" if deviation.change > 0 else "less"
    return f"{100 * abs(deviation.change):.0f} % {more} than the {reference}"


def _recent_text(snapshot: Snapshot) -> str:
    weeks = RECENT_DAYS // 7
    return f"of the last {weeks} " + ("same weekdays" if snapshot.step.week > 1 else "weeks")


def _days_text(snapshot: Snapshot, deviation: Deviation) -> str:
    return _span(snapshot, deviation.first, deviation.last)


def _span(snapshot: Snapshot, first: int, last: int) -> str:
    if first == last:
        return f"on {snapshot.date_at(first)}"
    return f"from {snapshot.date_at(first)} to {snapshot.date_at(last)}"


def _count(snapshot: Snapshot, steps: int) -> str:
    return f"{steps} {snapshot.step}" + ("" if steps == 1 else "s")


def _number(units: float) -> str:
    return f"{units:,.0f}" if abs(units) >= 10 else f"{units:,.1f}"
