"""The state of an origin: no look-ahead, and correct values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.data.calendar import NO_HOLIDAY
from features.data.snapshot import Snapshot
from features.data.step import Step
from features.state import MIN_HISTORY_DAYS, PastState, state_at

ORIGIN = 900


def arrays(state: PastState) -> dict[str, np.ndarray]:
    return {**state.node, **state.weekday, **state.ahead}


def alter_day(snapshot: Snapshot, day: int) -> Snapshot:
    """Return the snapshot with every array changed on one day."""
    sales = snapshot.sales.copy()
    covariates = {name: values.copy() for name, values in snapshot.covariates.items()}
    for values in (sales, *covariates.values()):
        values[..., day] = values[..., day] * 3 + 17
    return replace(snapshot, sales=sales, covariates=covariates)


@pytest.mark.parametrize("ahead", [1, 7, 89], ids=lambda days: f"{days} days after")
def test_nothing_after_the_origin_changes_the_state(snapshot: Snapshot, ahead: int) -> None:
    before = arrays(state_at(snapshot, ORIGIN))
    after = arrays(state_at(alter_day(snapshot, ORIGIN + ahead), ORIGIN))
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


@pytest.mark.parametrize("back", [0, 6, 20], ids=lambda days: f"{days} days before")
def test_a_day_up_to_the_origin_changes_the_state(snapshot: Snapshot, back: int) -> None:
    before = arrays(state_at(snapshot, ORIGIN))
    after = arrays(state_at(alter_day(snapshot, ORIGIN - back), ORIGIN))
    changed = {name for name in before if not np.array_equal(before[name], after[name], True)}
    assert {"mean_28", "units_28", "weekday_8", "promo_28", "traffic_28", "year_level"} <= changed


def usual_logs(snapshot: Snapshot, node: int) -> np.ndarray:
    """Return log1p units up to the origin, with those of named days from the days around."""
    logs = np.log1p(snapshot.sales[node, : ORIGIN + 1].astype(np.float64))
    unusual = snapshot.calendar.names[: ORIGIN + 1] != NO_HOLIDAY
    usual = logs.copy()
    for day in np.flatnonzero(unusual):
        around = [day + weeks * 7 for weeks in (-2, -1, 1, 2)]
        known = [logs[other] for other in around if 0 <= other <= ORIGIN and not unusual[other]]
        usual[day] = np.mean(known) if known else logs[day]
    return usual


def test_windows_are_the_means_that_their_names_say(snapshot: Snapshot) -> None:
    state = state_at(snapshot, ORIGIN)
    node = snapshot.hierarchy.index["store:1/family:GROCERY I"]
    logs = usual_logs(snapshot, node)
    assert state.node["mean_28"][node] == pytest.approx(logs[-28:].mean(), rel=1e-6)
    assert state.node["mean_364"][node] == pytest.approx(logs[-364:].mean(), rel=1e-6)
    assert state.node["std_112"][node] == pytest.approx(logs[-112:].std(), rel=1e-6)
    assert state.node["trend_28"][node] == pytest.approx(
        logs[-28:].mean() - logs[-56:-28].mean(), abs=1e-6
    )


@pytest.mark.parametrize("weeks", [4, 8, 16])
def test_a_weekday_mean_takes_the_same_weekdays(snapshot: Snapshot, weeks: int) -> None:
    state = state_at(snapshot, ORIGIN)
    node = snapshot.hierarchy.index["store:1/family:GROCERY I"]
    weekday, logs = snapshot.calendar.weekday[: ORIGIN + 1], usual_logs(snapshot, node)
    for day in range(7):
        same = np.flatnonzero(weekday == day)[-weeks:]
        expected = logs[same].mean()
        assert state.weekday[f"weekday_{weeks}"][node, day] == pytest.approx(expected, rel=1e-6)


def test_the_year_before_is_52_weeks_before_the_day(snapshot: Snapshot) -> None:
    state = state_at(snapshot, ORIGIN)
    node = snapshot.hierarchy.index["total"]
    for horizon in (1, 45, 90):
        day = ORIGIN + horizon - Step.DAY.year
        value = np.log1p(snapshot.sales[node, day])
        assert state.ahead["year_value"][node, horizon - 1] == pytest.approx(value, rel=1e-6)


def test_means_of_a_new_series_do_not_count_days_before_its_first_sale(snapshot: Snapshot) -> None:
    opened = snapshot.first_sale
    node = int(np.argmax(np.where(opened < snapshot.n_days, opened, -1)))
    origin = int(opened[node]) + 9
    state = state_at(snapshot, origin)
    lived = np.log1p(snapshot.sales[node, opened[node] : origin + 1])
    assert state.node["age"][node] == 10
    assert state.node["mean_364"][node] == pytest.approx(lived.mean(), rel=1e-6)
    assert np.isnan(state.ahead["year_value"][node]).all()


@pytest.mark.parametrize(
    "origin",
    [MIN_HISTORY_DAYS - 2, None],
    ids=["too little history", "after the newest"],
)
def test_an_origin_outside_the_data_is_refused(snapshot: Snapshot, origin: int | None) -> None:
    with pytest.raises(ValueError, match="is not between"):
        state_at(snapshot, snapshot.n_days if origin is None else origin)


def test_the_earliest_and_the_newest_origin_have_a_state(snapshot: Snapshot) -> None:
    for origin in (MIN_HISTORY_DAYS - 1, snapshot.newest_origin):
        for name, values in {**state_at(snapshot, origin).node}.items():
            assert np.isfinite(values).all() or name == "growth_364", name
