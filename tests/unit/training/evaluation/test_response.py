"""Responses to promotions are those of one member's scenario, beside what was sold in the past."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA, Kind
from models.engine import ForecastEngine
from models.scenario import MULTIPLY, Adjustment, Scenario
from tests.support.retailer import BY_REGION, PLAIN
from training.evaluation import response as module
from training.evaluation.response import measure_response, member_level, promotions_of

DAYS = 16
"""Days after the demo's newest origin for which promotions are planned."""


@pytest.fixture(scope="module")
def curve(engine: ForecastEngine) -> dict[str, Any]:
    """The response to the demo's promotions."""
    response = measure_response(engine, engine.snapshot.newest_origin)
    assert response is not None
    assert (response["level"], response["step"]) == ("family", "day")
    assert response["origin"] == "2024-06-30"
    (only,) = response["covariates"]
    return dict(only)


def with_promotions(engine: ForecastEngine, change: Callable[[Any, int], None]) -> ForecastEngine:
    """Return the engine on a snapshot whose promotions a function has changed in place."""
    snapshot = engine.snapshot
    items = snapshot.covariates["onpromotion"].copy()
    change(items, snapshot.n_days)
    covariates = {**snapshot.covariates, "onpromotion": items}
    return ForecastEngine(engine.bundle, replace(snapshot, covariates=covariates))


# --- forecasts --------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0, 4.0], ids=lambda factor: f"times {factor:g}")
def test_a_response_is_that_of_a_scenario_for_the_member_alone(
    engine: ForecastEngine, curve: dict[str, Any], factor: float
) -> None:
    """Although all members are forecast at once."""
    snapshot = engine.snapshot
    origin, horizons = snapshot.newest_origin, np.arange(1, DAYS + 1)
    assert curve["steps"] == DAYS
    for member in curve["members"]:
        row = snapshot.hierarchy.index[member["node"]]
        change = Adjustment("onpromotion", MULTIPLY, factor, origin + 1, origin + DAYS)
        made = Scenario.of(engine, origin, horizons, row, [change]).make_rows()
        flat = engine.rows(engine.state(origin), engine.covariates(origin), horizons)
        planned = flat.reshape(*made.changed.shape, -1)
        after = planned.copy()
        after[made.changed] = made.altered
        before, scenario = (
            engine.reconciliation.reconcile(
                engine.base(
                    origin,
                    horizons,
                    engine.bundle.model.predict(rows.reshape(-1, rows.shape[-1])),
                )
            ).values[row]
            for rows in (planned, after)
        )
        assert member["forecast"] == pytest.approx(before.sum())
        responses = member["responses"][f"{factor:g}"]
        assert responses["forecast"] == pytest.approx(scenario.sum() / before.sum())


def test_promotions_that_are_planned_are_stated_as_a_daily_mean(
    engine: ForecastEngine, curve: dict[str, Any]
) -> None:
    snapshot = engine.snapshot
    planned = snapshot.covariates["onpromotion"][:, snapshot.n_days : snapshot.n_days + DAYS]
    daily = snapshot.hierarchy.aggregate(planned).mean(axis=1)
    for member in curve["members"]:
        row = snapshot.hierarchy.index[member["node"]]
        assert member["planned"] == pytest.approx(daily[row])


def test_members_that_sell_most_are_measured_and_the_others_counted(
    engine: ForecastEngine, curve: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_MEMBERS", 3)
    response = measure_response(engine, engine.snapshot.newest_origin)
    assert response is not None
    (few,) = response["covariates"]
    assert few["members"] == curve["members"][:3]
    assert few["left_out"] == len(curve["members"]) - 3
    sold = [
        engine.snapshot.history[engine.snapshot.hierarchy.index[member["node"]], -364:].sum()
        for member in curve["members"]
    ]
    assert sold == sorted(sold, reverse=True)


def test_a_member_without_planned_promotions_has_no_response(
    engine: ForecastEngine, curve: dict[str, Any]
) -> None:
    dairy = np.array(engine.snapshot.hierarchy.bottoms["family"]) == "DAIRY"

    def plan_none(items: Any, n_days: int) -> None:
        items[dairy, n_days:] = 0

    response = measure_response(with_promotions(engine, plan_none), engine.snapshot.newest_origin)
    assert response is not None
    nodes = [member["node"] for member in response["covariates"][0]["members"]]
    assert set(nodes) == {member["node"] for member in curve["members"]} - {"family:DAIRY"}


@pytest.mark.parametrize("planned", [0.0, np.nan], ids=["nothing planned", "no plan known"])
def test_there_is_no_response_without_a_plan(engine: ForecastEngine, planned: float) -> None:
    def plan(items: Any, n_days: int) -> None:
        items[:, n_days:] = planned

    changed = with_promotions(engine, plan)
    assert measure_response(changed, engine.snapshot.newest_origin) is None


@pytest.mark.parametrize(
    ("specification", "level"),
    [
        pytest.param(FAVORITA, "family", id="families"),
        pytest.param(PLAIN, None, id="no level between"),
        pytest.param(BY_REGION, None, id="regions alone"),
    ],
)
def test_members_are_the_nodes_of_the_pooled_columns(specification: Any, level: str | None) -> None:
    assert member_level(specification) == level


def test_what_does_not_add_up_has_no_multiples() -> None:
    """Half a price is another question than half the promotions; twice a flag does not exist."""
    assert [covariate.name for covariate in promotions_of(PLAIN)] == ["flyer"]
    assert module.FACTORS[Kind.FLAG] == (0,)


def test_there_is_no_response_where_no_level_has_the_pooled_columns(
    engine: ForecastEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "member_level", lambda specification: None)
    assert measure_response(engine, engine.snapshot.newest_origin) is None


def test_progress_counts_the_forecasts(engine: ForecastEngine) -> None:
    steps: list[tuple[int, int]] = []
    measure_response(
        engine, engine.snapshot.newest_origin, progress=lambda *step: steps.append(step)
    )
    assert steps == [(number, 5) for number in range(1, 6)]


# --- past sales -------------------------------------------------------------------------------

USUAL, SOLD = 4, 10.0
SPACING = 61
"""Days between two with other promotions: none is among the usual days of another."""


def past_of(
    engine: ForecastEngine, multiple: float, sold: float, *, number: int = 5, since: int = 5
) -> dict[str, Any]:
    """Return the past of the first member if some days differ from all others.

    Args:
        multiple: of the usual promotions, on these days.
        sold: on these days, relative to the others.
        number: of days, the last of them `since` days before the newest origin.
    """
    snapshot = engine.snapshot
    days = snapshot.newest_origin - since - SPACING * np.arange(number)
    sales = np.full((snapshot.hierarchy.n_bottom, snapshot.n_days), SOLD)
    items = np.full(snapshot.covariates["onpromotion"].shape, USUAL, dtype=np.float32)
    sales[:, days] *= sold
    items[:, days] *= multiple
    changed = replace(
        snapshot,
        holidays=(),
        sales=snapshot.hierarchy.aggregate(sales),
        estimated=None,
        status=None,
        covariates={**snapshot.covariates, "onpromotion": items},
    )
    response = measure_response(ForecastEngine(engine.bundle, changed), changed.newest_origin)
    assert response is not None
    return dict(response["covariates"][0]["members"][0]["responses"])


@pytest.mark.parametrize(
    ("multiple", "sold", "factor"),
    [
        pytest.param(0, 0.75, "0", id="none"),
        pytest.param(0.5, 0.9, "0.5", id="half"),
        pytest.param(2, 1.5, "2", id="twice"),
        pytest.param(2.75, 1.5, "2", id="nearly three times"),
        pytest.param(3, 1.5, "4", id="three times"),
    ],
)
def test_days_with_about_a_multiple_of_the_usual_promotions_show_what_was_sold(
    engine: ForecastEngine, multiple: float, sold: float, factor: str
) -> None:
    past = past_of(engine, multiple, sold)
    assert past[factor]["sold"] == pytest.approx(sold)
    assert past[factor]["steps_sold"] == 5
    others = [response for each, response in past.items() if each != factor]
    assert {response["steps_sold"] for response in others} == {0}
    assert {response["sold"] for response in others} == {None}


def test_a_few_days_are_counted_and_have_no_median(engine: ForecastEngine) -> None:
    twice = past_of(engine, 2, 1.5, number=4)["2"]
    assert (twice["sold"], twice["steps_sold"]) == (None, 4)


def test_days_more_than_a_year_ago_do_not_count(engine: ForecastEngine) -> None:
    assert past_of(engine, 2, 1.5, since=365)["2"]["steps_sold"] == 0


def test_holidays_and_events_do_not_count(engine: ForecastEngine, snapshot: Snapshot) -> None:
    """Only on days of the year before the origin that have a name are promotions doubled."""
    special = np.flatnonzero(snapshot.calendar.names[: snapshot.n_days] != "")

    def double(items: Any, n_days: int) -> None:
        items[:, :n_days] = USUAL
        items[:, special] = 2 * USUAL

    response = measure_response(with_promotions(engine, double), snapshot.newest_origin)
    assert response is not None
    for member in response["covariates"][0]["members"]:
        assert member["responses"]["2"]["steps_sold"] == 0


def test_what_is_sold_after_the_origin_changes_nothing(engine: ForecastEngine) -> None:
    snapshot, origin = engine.snapshot, engine.snapshot.newest_origin - 100
    sales = snapshot.sales.copy()
    sales[:, origin + 1 :] *= 3
    later = ForecastEngine(engine.bundle, replace(snapshot, sales=sales))
    assert measure_response(later, origin, lead=DAYS) == measure_response(engine, origin, lead=DAYS)
