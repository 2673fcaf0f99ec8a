"""The reference of drift: daily errors of frozen models, and samples of the rows of training.

The frozen models have not seen the days that they forecast, so their daily errors are those that a
served model will have while nothing drifts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from features.contract import Contract
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.matrix import MatrixBuilder
from features.state import first_origin
from lifecycle.monitoring.daily import list_groups
from models.buckets import Buckets, buckets_of
from models.drift.inputs import window_shares
from models.drift.measures import (
    BIAS,
    COVERAGE_80,
    COVERAGE_95,
    LOSS,
    compute_measures,
    find_plain_days,
)
from models.drift.reference import CovariateUse, DriftReference
from models.drift.rows import compared_features, month_of, sample_rows, year_of
from models.drift.sequential import Cells, fit_cells
from models.drift.sketch import Sketches, make_sketches
from training.evaluation.forecast_errors import Errors
from training.evaluation.quality import cross_coverage
from training.history import first_day

Values = NDArray[np.float64]

FALSE_ALARMS = {LOSS: 0.25, BIAS: 0.25, COVERAGE_80: 0.125, COVERAGE_95: 0.125}
"""Expected number of false alarms of all cells of a measure in a year. Single days have as many as
the bias: all together at most one in a year."""
CHANGES = {LOSS: 0.22, BIAS: 0.10, COVERAGE_80: 0.12, COVERAGE_95: 0.06}
"""Change of a measure that is worth an alarm: errors 25 % larger, forecasts 10 % too high or too
low, 12 % more days outside their interval of 80 %."""

MISSES = {COVERAGE_80: 0.20, COVERAGE_95: 0.05}
"""Nominal shares of values that miss their intervals."""

MIN_COVERED = 5
"""Least nodes of a level whose coverage is tested: on a day, all forecasts of one node miss."""

_YEARS = 3
_ORIGINS_A_YEAR = 24
_WINDOW_DAYS = 14


def make_drift_reference(snapshot: Snapshot, contract: Contract, errors: Errors) -> DriftReference:
    """Describe daily errors and the rows of the model, as training has seen them.

    Args:
        contract: of the model that will serve.
        errors: of frozen models, as their forecasts would have been served.
    """
    groups = list_groups(snapshot.hierarchy)
    buckets = buckets_of(snapshot.specification)
    first = int(errors.origins.min()) + 1
    sums = sum_errors(snapshot, errors, buckets, first=first)
    days = np.arange(first, snapshot.n_days)
    plain = find_plain_days(snapshot.calendar, snapshot.step)[days]
    weekday = snapshot.calendar.weekday[days]
    measures = {
        name: np.where(plain[:, None, None], values, np.nan)
        for name, values in compute_measures(sums).items()
    }
    few = [rows.stop - rows.start < MIN_COVERED for rows in snapshot.hierarchy.slices.values()]
    for name in MISSES:
        measures[name][:, : len(few)][:, few] = np.nan
    measures[BIAS][:, 1 : len(few)] = np.nan  # the levels add up to the same as the total
    return DriftReference(
        groups=groups,
        buckets=buckets.names,
        days=int(plain.sum()),
        cells={
            name: _fit(name, values, weekday, snapshot, sums["known"])
            for name, values in measures.items()
        },
        sketches=_sketch(snapshot, contract),
        covariates={
            covariate.name: _describe_use(snapshot, snapshot.covariates[covariate.name])
            for covariate in snapshot.specification.known_ahead
        },
    )


def _fit(
    name: str, values: Values, weekday: NDArray[np.intp], snapshot: Snapshot, known: Values
) -> Cells:
    least = 1e-3 * np.ones(known.shape[1:])
    if name in MISSES:
        # a share of few values varies at least as one of independent ones does
        days = np.maximum((known > 0).sum(axis=0), 1)
        share = MISSES[name]
        least = np.sqrt(share * (1 - share) * days / np.maximum(known.sum(axis=0), 1))
    return fit_cells(
        values,
        weekday,
        change=CHANGES[name],
        rate=FALSE_ALARMS[name],
        year=snapshot.step.year,
        both=name == BIAS,
        least_sd=least,
        least_mean=MISSES.get(name),
    )


# --- daily errors -----------------------------------------------------------------------------


def sum_errors(
    snapshot: Snapshot, errors: Errors, buckets: Buckets, *, first: int
) -> dict[str, Values]:
    """Return sums by day, group and bucket, as those of scored vintages (see `compute_measures`).

    The shares of intervals are known of levels only: of a single node a day has one value.

    Args:
        first: index of the first day.
    """
    hierarchy = snapshot.hierarchy
    groups = len(hierarchy.levels) + hierarchy.n_upper - 1
    shape = (snapshot.n_days - first, groups, len(buckets))
    names = ("known", "sold", "forecast", "absolute", "excess", "within_80", "within_95")
    sums = {name: np.zeros(shape) for name in names}
    counted = np.zeros(shape)
    covered = cross_coverage(snapshot, errors)
    bucket = buckets.of(errors.horizons)
    dense = _dense_nodes(errors)
    for number, origin in enumerate(errors.origins.tolist()):
        within = {nominal: each[number] for nominal, each in covered.items()}
        judged = errors.ordinary[number]
        days, places = origin + errors.horizons - first, bucket
        usable = judged & (days < shape[0])
        _add_levels(
            sums,
            counted,
            hierarchy,
            (days[usable], places[usable]),
            errors.forecast[number][:, usable],
            errors.actual[number][:, usable],
            {nominal: each[:, usable] for nominal, each in within.items()},
        )
        for node, forecast, actual, horizons in _of_single(errors, number, hierarchy, dense):
            days = origin + horizons - first
            usable = (days < shape[0]) & ~np.isnan(actual)
            usable &= ~snapshot.calendar.singular[origin + horizons]
            of_node = {
                name: each[:, len(hierarchy.levels) + node - 1] for name, each in sums.items()
            }
            at = (days[usable], buckets.of(horizons[usable]))
            _add(of_node, at, forecast[usable], actual[usable])
    known = np.where(counted > 0, counted, np.nan)
    with np.errstate(invalid="ignore"):
        for name in ("within_80", "within_95"):
            sums[name] = sums[name] / known * sums["known"]
    return sums


def _dense_nodes(errors: Errors) -> Mapping[int, int]:
    """Return the nodes whose errors of all days are known, with their row in the paths."""
    if errors.paths is None:
        return {}
    return {int(node): row for row, node in enumerate(errors.paths.nodes)}


def _of_single(
    errors: Errors, number: int, hierarchy: Hierarchy, dense: Mapping[int, int]
) -> Iterator[tuple[int, Values, Values, NDArray[np.intp]]]:
    """Yield the nodes above the series but the total, with forecasts, sales and their horizons."""
    for node in range(1, hierarchy.n_upper):
        if errors.paths is not None and node in dense:
            row = dense[node]
            forecast, actual = errors.paths.forecast[number, row], errors.paths.actual[number, row]
            yield node, forecast, actual, np.arange(1, len(forecast) + 1)
        else:
            yield node, errors.forecast[number, node], errors.actual[number, node], errors.horizons


def _add_levels(
    sums: Mapping[str, Values],
    counted: Values,
    hierarchy: Hierarchy,
    at: tuple[NDArray[np.intp], NDArray[np.intp]],
    forecast: Values,
    actual: Values,
    within: Mapping[int, Values],
) -> None:
    """Add the values of one origin, shape (nodes, days), to the sums of the levels."""
    days, places = at
    known = ~np.isnan(actual)
    values = {
        "known": known.astype(np.float64),
        "sold": np.where(known, actual, 0),
        "forecast": np.where(known, forecast, 0),
        "absolute": np.where(known, np.abs(actual - forecast), 0),
        "excess": np.where(known, forecast - actual, 0),
        **{f"within_{nominal}": np.nan_to_num(each) for nominal, each in within.items()},
    }
    judged = ~np.isnan(next(iter(within.values())))
    for code, rows in enumerate(hierarchy.slices.values()):
        for name, each in values.items():
            np.add.at(sums[name][:, code], (days, places), each[rows].sum(axis=0))
        np.add.at(counted[:, code], (days, places), judged[rows].sum(axis=0))


def _add(
    sums: Mapping[str, Values],
    at: tuple[NDArray[np.intp], NDArray[np.intp]],
    forecast: Values,
    actual: Values,
) -> None:
    np.add.at(sums["known"], at, 1)
    np.add.at(sums["sold"], at, actual)
    np.add.at(sums["forecast"], at, forecast)
    np.add.at(sums["absolute"], at, np.abs(actual - forecast))
    np.add.at(sums["excess"], at, forecast - actual)


# --- inputs -----------------------------------------------------------------------------------


def _sketch(snapshot: Snapshot, contract: Contract) -> Sketches | None:
    """Sketch the rows of origins of the last years; None if the data are too short."""
    step = snapshot.step
    newest = snapshot.newest_origin
    earliest = max(first_day(snapshot) + first_origin(step), newest - _YEARS * step.year)
    apart = max(step.year // _ORIGINS_A_YEAR, 1)
    origins = np.arange(newest, earliest - 1, -apart)[::-1].tolist()
    if not origins:
        return None
    builder = MatrixBuilder(snapshot, contract)
    rows = [sample_rows(builder, origin) for origin in origins]
    filled = [(origin, each) for origin, each in zip(origins, rows, strict=True) if len(each)]
    if not filled:
        return None
    return make_sketches(
        compared_features(contract.names),
        [each for _, each in filled],
        np.array([month_of(snapshot, origin) for origin, _ in filled]),
        np.array([year_of(snapshot, origin) for origin, _ in filled]),
    )


def _describe_use(snapshot: Snapshot, values: NDArray[np.float32]) -> CovariateUse:
    """Describe how far ahead a covariate is known, and how often it is not 0."""
    lead, window = snapshot.lead, snapshot.step.steps_in(_WINDOW_DAYS)
    ahead = values[:, snapshot.n_days : snapshot.n_days + lead]
    begin = first_day(snapshot)
    past = values[:, begin : snapshot.n_days]
    shares = window_shares(past, window) if past.shape[1] >= window else np.empty(0)
    last = begin + window - 1 + np.arange(len(shares))
    months = np.array([month_of(snapshot, int(day)) for day in last], dtype=np.intp)
    least = np.full(12, np.nan)
    for month in range(1, 13):
        near = np.isin(months, (np.arange(month - 2, month + 1) % 12) + 1) & ~np.isnan(shares)
        if near.any():
            least[month - 1] = shares[near].min()
    known = float((~np.isnan(ahead)).mean()) if ahead.size else 0.0
    return CovariateUse(lead=lead, known=known, least=least, window=window)
