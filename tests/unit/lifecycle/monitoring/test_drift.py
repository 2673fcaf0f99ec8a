"""Drift of a real release: faults that are put into its sums and its data, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from lifecycle.monitoring.daily import DailySums
from lifecycle.monitoring.drift import judge_drift
from lifecycle.monitoring.input_drift import find_input_drift, find_stale_data
from models.bundle import DRIFT_FILE, Bundle
from models.drift.reference import DriftReference
from models.engine import ForecastEngine
from storage.drift_events import Detector, Severity

DAYS, CHANGED = 90, 40
PLAIN = 43
"""A day that is no holiday."""


@pytest.fixture(scope="module")
def reference(bundle: Bundle) -> DriftReference:
    stored = bundle.read_drift_reference()
    assert stored is not None
    return stored


@pytest.fixture(scope="module")
def sums(snapshot: Snapshot, reference: DriftReference) -> DailySums:
    """Sums of days on which every group errs as it does in the reference.

    Without the store that opened in the last weeks of the reference.
    """
    draw = np.random.default_rng(0)
    shape = (DAYS, len(reference.groups), len(reference.buckets))
    last = snapshot.newest_origin
    days = snapshot.dates[last + 1 - DAYS : last + 1]
    weekday = snapshot.calendar.weekday[last + 1 - DAYS : last + 1]
    loss, bias = (reference.cells[name].mean[weekday] for name in ("loss", "bias"))
    sold = np.full(shape, 1000.0)
    excess = 1000 * np.clip(np.nan_to_num(bias) + 0.01 * draw.normal(size=shape), -0.5, 0.5)
    known = np.full(shape, 50.0)
    within = {
        nominal: known
        * (1 - np.nan_to_num(reference.cells[f"coverage_{nominal}"].mean[weekday], nan=0.1))
        for nominal in (80, 95)
    }
    groups = [at for at, name in enumerate(reference.groups) if name != "store:21"]
    values = {
        "known": known,
        "sold": sold,
        "forecast": sold + excess,
        "absolute": 1000 * np.exp(np.nan_to_num(loss)),
        "excess": excess,
        **{f"within_{nominal}": each for nominal, each in within.items()},
    }
    return DailySums(
        days,
        tuple(reference.groups[at] for at in groups),
        reference.buckets,
        {name: each[:, groups] for name, each in values.items()},
    )


Change = Callable[[dict[str, np.ndarray]], None]


def with_sums(sums: DailySums, group: str, change: Change) -> DailySums:
    """Return sums in which the days of a group from `CHANGED` on are altered in place."""
    values = {name: each.copy() for name, each in sums.sums.items()}
    at = sums.groups.index(group)
    change({name: each[CHANGED:, at] for name, each in values.items()})
    return replace(sums, sums=values)


def raise_sales(sums: dict[str, np.ndarray]) -> None:
    sums["sold"] *= 1.3
    sums["excess"][:] = sums["forecast"] - sums["sold"]


def lower_sales(sums: dict[str, np.ndarray]) -> None:
    sums["sold"] *= 0.7
    sums["excess"][:] = sums["forecast"] - sums["sold"]


def double_errors(sums: dict[str, np.ndarray]) -> None:
    sums["absolute"] *= 4


def miss_intervals(sums: dict[str, np.ndarray]) -> None:
    sums["within_80"] *= 0.5


TODAY = date(2024, 7, 1)


def test_days_like_those_of_the_reference_raise_nothing(
    engine: ForecastEngine, sums: DailySums
) -> None:
    of_errors = judge_drift(engine, sums, [], today=TODAY).changes
    assert [event for event in of_errors if event.detector in ERRORS] == []


ERRORS = {
    *(Detector.LOSS, Detector.TOO_HIGH, Detector.TOO_LOW, Detector.DAY_ERROR),
    *(Detector.COVERAGE_80, Detector.COVERAGE_95),
}


@pytest.mark.parametrize(
    ("group", "change", "detector", "most"),
    [
        pytest.param("store:10", raise_sales, Detector.TOO_LOW, 21, id="a store sells more"),
        pytest.param("store:10", lower_sales, Detector.TOO_HIGH, 21, id="a store sells less"),
        pytest.param("bottom", double_errors, Detector.LOSS, 21, id="errors of the series"),
        pytest.param("bottom", miss_intervals, Detector.COVERAGE_80, 21, id="intervals are missed"),
    ],
)
def test_a_fault_is_noticed_where_it_is(
    engine: ForecastEngine,
    sums: DailySums,
    group: str,
    change: Change,
    detector: Detector,
    most: int,
) -> None:
    faulty = with_sums(sums, group, change)
    changes = judge_drift(engine, faulty, [], today=TODAY).changes
    changed_on = sums.days[CHANGED].astype("datetime64[D]").astype(date)
    (event,) = [event for event in changes if event.detector is detector]
    assert event.subject == group
    assert changed_on < event.opened <= changed_on + timedelta(most)
    assert abs((event.since - changed_on).days) <= 7
    assert event.severity in (Severity.WARNING, Severity.CRITICAL)


def test_what_was_judged_changes_nothing_when_it_is_judged_again(
    engine: ForecastEngine, sums: DailySums
) -> None:
    faulty = with_sums(sums, "store:10", raise_sales)
    first = judge_drift(engine, faulty, [], today=TODAY).changes
    stored = [replace(event, id=number) for number, event in enumerate(first, start=1)]
    again = judge_drift(engine, faulty, stored, today=TODAY).changes
    assert {event.id for event in again} <= {event.id for event in stored}
    assert all(event == stored[event.id - 1] for event in again)


def test_one_day_of_a_wrong_unit_is_an_event_of_that_day_alone(
    engine: ForecastEngine, sums: DailySums
) -> None:
    values = {name: each.copy() for name, each in sums.sums.items()}
    at = sums.groups.index("family:DAIRY")
    values["sold"][PLAIN, at] *= 100
    values["excess"][PLAIN, at] = values["forecast"][PLAIN, at] - values["sold"][PLAIN, at]
    changes = judge_drift(engine, replace(sums, sums=values), [], today=TODAY).changes
    (event,) = [event for event in changes if event.detector in ERRORS]
    assert (event.detector, event.subject) == (Detector.DAY_ERROR, "family:DAIRY")
    assert event.opened == event.since == sums.days[PLAIN].astype("datetime64[D]").astype(date)
    assert event.closed is not None


def test_a_bundle_without_a_reference_is_judged_by_the_age_of_its_data_alone(
    engine: ForecastEngine, sums: DailySums, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.bundle.DRIFT_FILE", f"no-{DRIFT_FILE}")
    judged = judge_drift(engine, sums, [], today=TODAY)
    assert (judged.has_reference, judged.changes) == (False, ())


# --- inputs -----------------------------------------------------------------------------------


def detectors_of(
    reference: DriftReference, engine: ForecastEngine, snapshot: Snapshot
) -> dict[Detector, set[str]]:
    findings = find_input_drift(reference, ForecastEngine(engine.bundle, snapshot))
    result: dict[Detector, set[str]] = {}
    for finding in findings:
        if finding.ratio >= 1:
            result.setdefault(finding.detector, set()).add(finding.subject)
    return result


def test_a_covariate_that_is_zero_everywhere_is_noticed(
    reference: DriftReference, engine: ForecastEngine, snapshot: Snapshot
) -> None:
    cleared = {"onpromotion": snapshot.covariates["onpromotion"].copy()}
    cleared["onpromotion"][:, snapshot.n_days :] *= 0
    faulty = replace(snapshot, covariates={**snapshot.covariates, **cleared})
    assert Detector.COVARIATE_UNUSED not in detectors_of(reference, engine, snapshot)
    assert detectors_of(reference, engine, faulty)[Detector.COVARIATE_UNUSED] == {"onpromotion"}


def test_a_covariate_that_is_not_delivered_is_noticed(
    reference: DriftReference, engine: ForecastEngine, snapshot: Snapshot
) -> None:
    missing = {"onpromotion": snapshot.covariates["onpromotion"].copy()}
    missing["onpromotion"][:, snapshot.n_days :] = np.nan
    faulty = replace(snapshot, covariates={**snapshot.covariates, **missing})
    assert detectors_of(reference, engine, faulty)[Detector.COVARIATE_MISSING] == {"onpromotion"}


def test_a_site_and_a_series_that_stop_selling_are_noticed(
    reference: DriftReference, engine: ForecastEngine, snapshot: Snapshot
) -> None:
    upper, bottoms = snapshot.hierarchy.n_upper, snapshot.hierarchy.bottoms
    sales = snapshot.sales[upper:].copy()
    store, family = np.array(bottoms["store_nbr"]), np.array(bottoms["family"])
    sales[store == "2", -10:] = 0
    sales[(store == "10") & (family == "DAIRY"), -20:] = 0
    faulty = replace(snapshot, sales=snapshot.hierarchy.aggregate(sales), estimated=None)
    noticed = detectors_of(reference, engine, faulty)
    assert noticed[Detector.SILENT_SITE] == {"store:2"}
    assert noticed[Detector.SILENT_SERIES] == {"series"}
    assert Detector.SILENT_SITE not in detectors_of(reference, engine, snapshot)


@pytest.mark.parametrize(
    ("days", "severity"), [(1, None), (7, Severity.WARNING), (90, Severity.CRITICAL)]
)
def test_data_that_do_not_arrive_are_noticed(
    snapshot: Snapshot, days: int, severity: Severity | None
) -> None:
    real = replace(snapshot, facts=snapshot.facts.model_copy(update={"demo": False}))
    findings = find_stale_data(real, real.facts.origin + timedelta(days))
    noticed = [finding.severity for finding in findings if finding.ratio >= 1]
    assert noticed == ([] if severity is None else [severity])
