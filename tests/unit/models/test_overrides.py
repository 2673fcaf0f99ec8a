"""Overrides keep all levels coherent, in the order in which they were made."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from models.overrides import (
    Change,
    StandingOverride,
    adjust,
    changes_on,
    spread_in_proportion,
)

STORES, FAMILIES, DAYS = ("1", "1", "2", "2", "3"), ("A", "B", "A", "B", "A"), 4
HIERARCHY = Hierarchy(
    {
        "store_nbr": STORES,
        "family": FAMILIES,
        **dict.fromkeys(("city", "state", "type", "cluster"), STORES),
    }
)
UPPER = HIERARCHY.n_upper
TOTAL, STORE_1, STORE_2 = (HIERARCHY.index[name] for name in ("total", "store:1", "store:2"))
SERIES_1A = HIERARCHY.index["store:1/family:A"]


def forecast_of(bottoms: Any) -> NDArray[np.float64]:
    """Return a coherent forecast; the bottoms have one value a series, or one a day."""
    units = np.asarray(bottoms, dtype=np.float64)
    units = np.broadcast_to(units[:, None], (len(STORES), DAYS)) if units.ndim == 1 else units
    return HIERARCHY.aggregate(units)


def change(
    number: int, node: int, op: Any, value: float, days: tuple[int, ...] = (0, 1, 2, 3)
) -> Change:
    return Change(number, node, op, np.array(days), np.full(len(days), value))


USUAL = forecast_of([10, 30, 5, 5, 50])


# --- one override -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "value", "store", "series"),
    [
        pytest.param("set", 80, 80, 20, id="set"),
        pytest.param("add", 20, 60, 15, id="add"),
        pytest.param("multiply", 0.5, 20, 5, id="multiply"),
        pytest.param("set", 0, 0, 0, id="set to nothing"),
    ],
)
def test_an_override_is_shared_in_the_proportions_of_the_forecast(
    op: str, value: float, store: float, series: float
) -> None:
    result = adjust(HIERARCHY, USUAL, [change(1, STORE_1, op, value, (1, 2))]).result
    assert result[STORE_1].tolist() == pytest.approx([40, store, store, 40])
    assert result[SERIES_1A].tolist() == pytest.approx([10, series, series, 10])
    assert result[TOTAL].tolist() == pytest.approx([100, 60 + store, 60 + store, 100])
    assert result[STORE_2].tolist() == USUAL[STORE_2].tolist()


def test_without_overrides_the_forecast_is_the_same_array() -> None:
    adjusted = adjust(HIERARCHY, USUAL, [])
    assert adjusted.result is adjusted.statistical is USUAL


def test_a_forecast_that_is_overridden_is_not_altered_itself() -> None:
    statistical = USUAL.copy()
    adjust(HIERARCHY, statistical, [change(1, TOTAL, "set", 7)])
    assert (statistical == USUAL).all()


def test_a_day_without_any_forecast_gets_the_proportions_of_the_whole_window() -> None:
    bottoms = np.array([[10, 0, 10, 10], [30, 0, 30, 30], *[[1] * DAYS] * 3], dtype=float)
    adjusted = adjust(HIERARCHY, forecast_of(bottoms), [change(1, STORE_1, "set", 100, (1,))])
    assert adjusted.result[SERIES_1A, 1] == pytest.approx(25)
    assert not adjusted.effects[1].equal_shares.any()


def test_series_without_any_forecast_get_equal_shares_and_say_so() -> None:
    adjusted = adjust(HIERARCHY, forecast_of([0, 0, 5, 5, 5]), [change(1, STORE_1, "set", 100)])
    assert adjusted.result[SERIES_1A].tolist() == [50] * DAYS
    assert adjusted.effects[1].equal_shares.all()


def test_a_single_series_without_a_forecast_gets_all() -> None:
    adjusted = adjust(HIERARCHY, forecast_of([0, 0, 5, 5, 5]), [change(1, SERIES_1A, "add", 8)])
    assert adjusted.result[SERIES_1A].tolist() == [8] * DAYS
    assert not adjusted.effects[1].equal_shares.any()


def test_what_would_be_negative_is_zero_and_says_so() -> None:
    changes = [change(1, STORE_1, "add", -50, (0,)), change(2, STORE_1, "add", 5, (0,))]
    adjusted = adjust(HIERARCHY, USUAL, changes)
    assert adjusted.effects[1].floored.tolist() == [True]
    assert adjusted.effects[1].requested.tolist() == [0]
    assert adjusted.result[STORE_1, 0] == pytest.approx(5)


# --- several ----------------------------------------------------------------------------------


def test_a_later_override_of_a_parent_rescales_a_child_that_was_set() -> None:
    changes = [change(1, SERIES_1A, "set", 30), change(2, STORE_1, "set", 120)]
    adjusted = adjust(HIERARCHY, USUAL, changes)
    assert adjusted.result[SERIES_1A].tolist() == pytest.approx([60] * DAYS)
    assert not adjusted.holds(SERIES_1A, adjusted.effects[1])
    assert adjusted.holds(STORE_1, adjusted.effects[2])


def test_a_later_override_of_a_child_moves_its_parent() -> None:
    changes = [change(1, STORE_1, "set", 120), change(2, SERIES_1A, "add", 10)]
    adjusted = adjust(HIERARCHY, USUAL, changes)
    assert adjusted.result[STORE_1].tolist() == pytest.approx([130] * DAYS)
    assert not adjusted.holds(STORE_1, adjusted.effects[1])


def test_the_order_counts() -> None:
    first, second = ("add", 10.0), ("multiply", 2.0)
    results = [
        adjust(HIERARCHY, USUAL, [change(1, STORE_1, *one), change(2, STORE_1, *other)])
        for one, other in ((first, second), (second, first))
    ]
    assert [each.result[STORE_1, 0] for each in results] == pytest.approx([100, 90])


CHANGES = st.lists(
    st.tuples(
        st.integers(0, len(HIERARCHY) - 1),
        st.one_of(
            st.tuples(st.just("set"), st.floats(0, 1e6)),
            st.tuples(st.just("add"), st.floats(-1e3, 1e3)),
            st.tuples(st.just("multiply"), st.floats(0, 100)),
        ),
        st.sets(st.integers(0, DAYS - 1), min_size=1),
        st.booleans(),
    ),
    max_size=12,
)
BOTTOMS = st.lists(
    st.lists(st.one_of(st.just(0.0), st.floats(0, 1e4)), min_size=DAYS, max_size=DAYS),
    min_size=len(STORES),
    max_size=len(STORES),
)


@settings(max_examples=200, deadline=None)
@given(bottoms=BOTTOMS, drawn=CHANGES)
def test_any_sequence_is_coherent_at_all_levels_and_the_last_one_holds(
    bottoms: list[list[float]], drawn: list[Any]
) -> None:
    """Withdrawn overrides are left out of the sequence, as when a planner undoes one."""
    statistical = forecast_of(bottoms)
    changes = [
        change(number, node, op, value, tuple(sorted(days)))
        for number, (node, (op, value), days, withdrawn) in enumerate(drawn)
        if not withdrawn
    ]
    adjusted = adjust(HIERARCHY, statistical, changes)
    result = adjusted.result
    assert np.isfinite(result).all()
    assert (result >= 0).all()
    expected = HIERARCHY.summing @ result[UPPER:]
    assert np.abs(result - expected).max() <= 1e-6 * max(result.max(), 1)
    if changes:
        last = changes[-1]
        effect = adjusted.effects[last.id]
        assert adjusted.holds(last.node, effect)
        untouched = np.ones(DAYS, dtype=bool)
        untouched[np.unique(np.concatenate([each.at for each in changes]))] = False
        assert np.allclose(result[:, untouched], statistical[:, untouched])


# --- which overrides apply --------------------------------------------------------------------

FIRST = date(2024, 7, 1)
SNAPSHOT: Any = SimpleNamespace(
    hierarchy=HIERARCHY, date_at=lambda index: FIRST + timedelta(index - 1)
)


def standing(number: int, node: str = "store:1", origin: int = 0, start: int = 1) -> Any:
    days = tuple(FIRST + timedelta(start - 1 + at) for at in range(3))
    made = FIRST + timedelta(origin - 1)
    return StandingOverride(number, node, "set", days, (1.0, 2.0, 3.0), made)


def test_overrides_apply_on_the_days_of_the_forecast_in_the_order_of_their_numbers() -> None:
    overrides = [standing(5), standing(2, start=-1), standing(7, start=40)]
    changes = changes_on(SNAPSHOT, 0, np.arange(1, 5), overrides)
    assert [(each.id, each.at.tolist(), each.values.tolist()) for each in changes] == [
        (2, [0], [3.0]),
        (5, [0, 1, 2], [1.0, 2.0, 3.0]),
    ]


def test_an_override_does_not_apply_to_forecasts_from_older_origins() -> None:
    overrides = [standing(1, origin=0), standing(2, origin=1)]
    assert [each.id for each in changes_on(SNAPSHOT, 0, np.arange(1, 5), overrides)] == [1]
    assert [each.id for each in changes_on(SNAPSHOT, 1, np.arange(1, 5), overrides)] == [1, 2]


def test_an_override_of_a_node_that_is_gone_does_not_apply() -> None:
    assert changes_on(SNAPSHOT, 0, np.arange(1, 5), [standing(1, node="store:9")]) == []


# --- spread -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "statistical", "expected"),
    [
        pytest.param([1, 3], [5, 5], [25, 75], id="of the forecast with overrides"),
        pytest.param([0, 0], [4, 1], [80, 20], id="of the statistical one where there is none"),
        pytest.param([0, 0], [0, 0], [50, 50], id="evenly where there is none either"),
    ],
)
def test_units_of_a_period_are_spread_in_the_proportions(
    before: list[float], statistical: list[float], expected: list[float]
) -> None:
    spread = spread_in_proportion(100, np.array(before, float), np.array(statistical, float))
    assert spread.tolist() == pytest.approx(expected)
