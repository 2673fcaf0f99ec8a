"""Differences of forecasts: units of each driver that add up to them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from features.contract import feature_set
from features.data.specification import FAVORITA
from features.feature import Group
from models import difference as module
from models.difference import Difference, divide_by_group, explain_difference, shapley_values
from models.engine import ForecastEngine

NAMES = feature_set(FAVORITA).names
SERIES = "store:1/family:LIQUOR,WINE,BEER"
Compares = Callable[..., Difference]


@pytest.fixture(scope="module")
def compares(engine: ForecastEngine) -> Compares:
    """Return a function that compares two lists of horizons from the newest origin."""

    def compares(node: str, days: list[int], reference: list[int]) -> Difference:
        at, row = engine.snapshot.newest_origin, engine.snapshot.hierarchy.index[node]
        horizons, others = np.array(days), np.array(reference)
        return explain_difference(
            engine,
            at,
            row,
            horizons,
            others,
            engine.forecast(at, horizons).values,
            engine.forecast(at, others).values,
        )

    return compares


def assert_adds_up(difference: Difference) -> None:
    steps = [*difference.groups.values(), difference.reconciliation, difference.not_explained]
    assert sum(steps) == pytest.approx(difference.difference, abs=1e-6)
    sizes = [abs(units) for units in difference.groups.values()]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("node", [SERIES, "store:2", "family:DAIRY", "total"])
@pytest.mark.parametrize(
    ("days", "reference"),
    [
        pytest.param([12], [5], id="a week before"),
        pytest.param([5], [12], id="a week after"),
        pytest.param([30], [3], id="of another segment"),
        pytest.param([5], list(range(1, 8)), id="mean of a week"),
        pytest.param(list(range(8, 15)), list(range(1, 8)), id="period"),
    ],
)
def test_the_steps_add_up_to_the_difference(
    compares: Compares, engine: ForecastEngine, node: str, days: list[int], reference: list[int]
) -> None:
    difference = compares(node, days, reference)
    row, at = engine.snapshot.hierarchy.index[node], engine.snapshot.newest_origin
    after = engine.forecast(at, np.array(days)).values[row].sum()
    before = engine.forecast(at, np.array(reference)).values[row]
    mean = before.sum() if len(days) == len(reference) else before.mean()
    assert difference.reference == pytest.approx(mean)
    assert difference.difference == pytest.approx(after - mean)
    assert difference.reconciliation == pytest.approx(0, abs=1e-6)  # bottom-up
    assert_adds_up(difference)


def test_the_exchange_of_day_and_reference_changes_the_signs_alone(compares: Compares) -> None:
    there, back = compares("store:2", [12], [5]), compares("store:2", [5], [12])
    assert any(there.groups.values())
    for group, units in there.groups.items():
        assert units == pytest.approx(-back.groups[group], abs=1e-6)


def test_what_is_the_same_on_both_days_has_no_step(compares: Compares) -> None:
    """Attributes never differ; nor does the weekday a week apart but for what is usual on it."""
    difference = compares(SERIES, [5], [4])
    assert difference.groups[Group.STORE] == 0
    changed = {NAMES[each.column] for each in difference.changed}
    assert {"horizon", "weekday", "weekday_8"} <= changed
    assert changed.isdisjoint({"mean_7", "mean_364", "store", "age"})


def test_a_day_has_no_difference_from_itself(compares: Compares) -> None:
    difference = compares("store:2", [5], [5])
    assert difference.difference == 0
    assert set(difference.groups.values()) == {0}


def test_the_values_of_the_reference_are_readable(compares: Compares) -> None:
    monday, values = 1, {NAMES[each.column]: each.value for each in _changed(compares)}
    assert values["horizon"] == monday
    assert values["weekday"] == "Monday"
    assert compares("store:2", [5], [monday]).changed == ()
    assert compares(SERIES, [5], [1, 2]).changed == ()


def _changed(compares: Compares) -> tuple[module.ReferenceValue, ...]:
    return compares(SERIES, [5], [1]).changed


def test_beyond_the_cap_the_series_that_differ_most_are_explained(
    compares: Compares, engine: ForecastEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compares("total", [12], [5])
    monkeypatch.setattr(module, "MAX_ROWS", 64)
    difference = compares("total", [12], [5])
    at, upper = engine.snapshot.newest_origin, engine.snapshot.hierarchy.n_upper
    forecasts = engine.forecast(at, np.array([5, 12])).values[upper:]
    moved = np.sort(np.abs(forecasts[:, 1] - forecasts[:, 0]))[::-1]
    assert difference.series_not_explained > whole.series_not_explained
    assert difference.explained_share == pytest.approx(moved[:2].sum() / moved.sum(), rel=0.05)
    assert_adds_up(difference)


def test_shapley_values_divide_what_drivers_do_together_equally() -> None:
    """One alone adds 3, the other 1, and both together 10: the surplus of 6 is halved."""
    assert shapley_values(np.array([0.0, 3.0, 1.0, 10.0])) == [6.0, 4.0]


def test_shapley_values_are_means_over_all_orders() -> None:
    """Three players, of whom any two earn 6."""
    worth = np.array([0, 0, 0, 6, 0, 6, 6, 6], dtype=float)
    np.testing.assert_allclose(shapley_values(worth), [2, 2, 2])


def test_missing_values_on_both_days_are_the_same(engine: ForecastEngine) -> None:
    rows = np.full((1, len(NAMES)), np.nan, dtype=np.float32)
    assert divide_by_group(engine.bundle.model, feature_set(FAVORITA), rows, rows) == {}
