"""Interpolation between calibrated points, and bounds of many nodes at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.data.specification import FAVORITA
from models.buckets import buckets_of
from models.engine import ForecastEngine
from models.intervals import (
    MAX_NOMINAL,
    MAX_PROBABILITY,
    MIN_NOMINAL,
    MIN_PROBABILITY,
    Calibration,
    Intervals,
    LevelErrors,
    _compute_bounds,
)
from models.uncertainty import Uncertainty


@pytest.fixture(scope="module")
def intervals(engine: ForecastEngine) -> Intervals:
    assert engine.intervals
    return engine.intervals


BUCKETS = buckets_of(FAVORITA)


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=len(BUCKETS), max_size=len(BUCKETS)))
def test_horizons_lie_between_the_centres_of_their_buckets(values: list[float]) -> None:
    centres = [(first + last) / 2 for first, last in BUCKETS.spans]
    expected = np.interp(np.arange(1, 91), centres, values)
    np.testing.assert_allclose(BUCKETS.weights @ np.array(values), expected, rtol=1e-9, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_bounds_of_many_nodes_equal_those_of_each_node(
    engine: ForecastEngine, intervals: Intervals, data: st.DataObject
) -> None:
    """An item of a batch thus equals the single call."""
    count = len(engine.snapshot.hierarchy)
    nodes = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=8)))
    first = data.draw(st.integers(1, 60))
    horizons = np.arange(first, first + 15)
    mean = np.array(
        data.draw(
            st.lists(
                st.lists(st.floats(0, 1e5), min_size=15, max_size=15),
                min_size=len(nodes),
                max_size=len(nodes),
            )
        )
    )
    sold = np.array(data.draw(st.lists(st.booleans(), min_size=len(nodes), max_size=len(nodes))))
    together = intervals.bounds(nodes, mean, horizons, 80, sold=sold)
    for at in range(len(nodes)):
        separate = intervals.bounds(nodes[[at]], mean[[at]], horizons, 80, sold=sold[[at]])
        for bound, one in zip(together, separate, strict=True):
            assert bound[at].tolist() == one[0].tolist()


def test_bounds_of_several_coverages_equal_those_of_each_coverage(
    engine: ForecastEngine, intervals: Intervals, draw: np.random.Generator
) -> None:
    nodes = np.arange(len(engine.snapshot.hierarchy))
    horizons = np.arange(3, 33)
    mean = draw.gamma(1, 100, (len(nodes), len(horizons)))
    sold = draw.random(len(nodes)) < 0.8
    nominals = (80, 50, 99)
    together = intervals.bounds_of(nodes, mean, horizons, nominals, sold=sold)
    for nominal, bounds in zip(nominals, together, strict=True):
        separate = intervals.bounds(nodes, mean, horizons, nominal, sold=sold)
        assert np.array_equal(bounds, separate)


def test_quantiles_ascend_and_those_of_the_tails_are_the_bounds(
    engine: ForecastEngine, intervals: Intervals
) -> None:
    nodes, horizons = np.arange(len(engine.snapshot.hierarchy)), np.arange(1, 31)
    mean = engine.forecast(engine.snapshot.newest_origin, horizons).values
    sold = engine.snapshot.may_sell(engine.snapshot.newest_origin)
    closed = np.zeros(mean.shape, dtype=np.bool_)
    closed[:, 4] = True
    shares = (0.1, 0.3, 0.5, 0.7, 0.9)
    quantiles = intervals.quantiles(nodes, mean, horizons, shares, sold=sold, closed=closed)
    assert quantiles.shape == (5, *mean.shape)
    assert (np.diff(quantiles, axis=0) >= 0).all()
    assert (quantiles >= 0).all()
    assert not quantiles[:, :, 4].any(), "a closed day sells nothing"
    lower, upper = intervals.bounds(nodes, mean, horizons, 80, sold=sold, closed=closed)
    np.testing.assert_allclose(lower, np.minimum(quantiles[0], mean), rtol=1e-12)
    np.testing.assert_allclose(upper, np.maximum(quantiles[-1], mean), rtol=1e-12)
    assert not np.array_equal(quantiles[2], mean), "the median is not the forecast"


def test_what_never_sold_has_quantiles_of_the_level_above_the_median_alone(
    engine: ForecastEngine, intervals: Intervals
) -> None:
    hierarchy, horizons = engine.snapshot.hierarchy, np.arange(1, 8)
    nodes = np.arange(hierarchy.n_upper, len(hierarchy))
    never = np.zeros(len(nodes), dtype=np.bool_)
    mean = np.zeros((len(nodes), len(horizons)))
    quantiles = intervals.quantiles(nodes, mean, horizons, (0.2, 0.5, 0.995), sold=never)
    assert not quantiles[:2].any()
    assert (quantiles[2] == quantiles[2, 0]).all()


@pytest.mark.parametrize("start", [0, 4, 14], ids=["first", "middle", "last"])
def test_a_period_of_one_day_has_the_bounds_of_the_day(
    engine: ForecastEngine, intervals: Intervals, start: int
) -> None:
    nodes, horizons = np.arange(len(engine.snapshot.hierarchy)), np.arange(1, 16)
    mean = engine.forecast(engine.snapshot.newest_origin, horizons).values
    sold = engine.snapshot.may_sell(engine.snapshot.newest_origin)
    starts = sorted({0, start, min(start + 1, 14)})
    sums = intervals.bounds_of_sums(nodes, mean, horizons, starts, (80, 95), sold=sold)
    days = intervals.bounds_of(nodes, mean, horizons, (80, 95), sold=sold)
    for of_sums, of_days in zip(sums, days, strict=True):
        for bound, of_day in zip(of_sums, of_days, strict=True):
            assert bound[:, starts.index(start)].tolist() == of_day[:, start].tolist()


@st.composite
def calls(draw: st.DrawFn, engine: ForecastEngine) -> dict[str, Any]:
    """Draw nodes of any level with forecasts that have sold or not, and days that are closed."""
    count = draw(st.integers(1, 6))
    every = st.integers(0, len(engine.snapshot.hierarchy) - 1)
    nodes = np.array(draw(st.lists(every, min_size=count, max_size=count)))
    days = draw(st.integers(1, 9))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    sold = random.random(count) < 0.7
    closed = random.random((count, days)) < 0.2
    mean = random.gamma(1, 10 ** random.uniform(-2, 4), (count, days))
    return {
        "nodes": nodes,
        "mean": np.where(closed | ~sold[:, None], 0, mean),
        "horizons": draw(st.integers(1, 80)) + np.arange(days),
        "sold": sold,
        "closed": closed,
    }


starts_of_days = pytest.mark.parametrize(
    "starts", [None, [0], [0, 1, 4]], ids=["days", "one sum", "sums with a single day"]
)


def within(starts: list[int], call: dict[str, Any]) -> list[int]:
    return [start for start in starts if start < len(call["horizons"])]


def evaluate(
    intervals: Intervals, call: dict[str, Any], starts: list[int] | None, wanted: Uncertainty
) -> NDArray[np.float64]:
    """Return the numbers of days, or of sums that begin at `starts`."""
    if starts is None:
        return intervals.evaluate(**call, wanted=wanted)
    return intervals.evaluate_sums(**call, starts=within(starts, call), wanted=wanted)


@starts_of_days
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_quantiles_at_the_tails_of_an_interval_are_its_bounds(
    engine: ForecastEngine, intervals: Intervals, starts: list[int] | None, data: st.DataObject
) -> None:
    """Unless the interval had to be widened to contain the forecast."""
    call, nominal = data.draw(calls(engine)), data.draw(st.integers(MIN_NOMINAL, MAX_NOMINAL))
    tails = ((100 - nominal) / 200, (100 + nominal) / 200)
    lower, upper = evaluate(intervals, call, starts, Uncertainty((nominal,)))
    below, above = evaluate(intervals, call, starts, Uncertainty((), tails))
    mean = call["mean"]
    if starts is not None:
        mean = np.add.reduceat(mean, within(starts, call), axis=1)
    tolerance = {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(lower, np.minimum(below, mean), **tolerance)
    np.testing.assert_allclose(upper, np.maximum(above, mean), **tolerance)


@starts_of_days
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_quantiles_ascend_and_do_not_depend_on_what_else_is_wanted(
    engine: ForecastEngine, intervals: Intervals, starts: list[int] | None, data: st.DataObject
) -> None:
    call = data.draw(calls(engine))
    several = st.lists(st.floats(MIN_PROBABILITY, MAX_PROBABILITY), min_size=1, max_size=9)
    shares = tuple(sorted(data.draw(several)))
    values = evaluate(intervals, call, starts, Uncertainty((95, 60), shares))
    quantiles = values[4:]
    assert (quantiles >= 0).all()
    assert (np.diff(quantiles, axis=0) >= 0).all()
    assert np.array_equal(values[:4], evaluate(intervals, call, starts, Uncertainty((95, 60))))
    for share, of_share in zip(shares, quantiles, strict=True):
        separate = evaluate(intervals, call, starts, Uncertainty((), (share,)))
        np.testing.assert_allclose(of_share, separate[0], rtol=1e-12)


@starts_of_days
def test_nothing_is_computed_where_nothing_is_wanted(
    engine: ForecastEngine, calibration: Calibration, starts: list[int] | None
) -> None:
    """For a series that has sold, one that never has, and one that is new."""
    hierarchy = engine.snapshot.hierarchy
    nodes = np.arange(len(hierarchy) - 3, len(hierarchy))
    is_new = np.isin(np.arange(len(hierarchy)), nodes[-1])
    call = {
        "nodes": nodes,
        "mean": np.ones((3, 6)),
        "horizons": np.arange(1, 7),
        "sold": np.array([True, False, True]),
    }
    values = evaluate(Intervals(calibration, hierarchy, new=is_new), call, starts, Uncertainty())
    assert values.shape == (0, 3, 6 if starts is None else len(starts))


@pytest.mark.parametrize("kind", ["sold", "never sold", "new"])
def test_days_that_are_closed_add_nothing_to_a_sum(
    engine: ForecastEngine, calibration: Calibration, kind: str
) -> None:
    hierarchy = engine.snapshot.hierarchy
    node = np.array([hierarchy.index["store:3/family:BOOKS"]])
    is_new = np.isin(np.arange(len(hierarchy)), node) & (kind == "new")
    levels = {
        level: replace(errors, unsold=errors.unsold + 1)
        for level, errors in calibration.levels.items()
    }
    intervals = Intervals(replace(calibration, levels=levels), hierarchy, new=is_new)
    is_closed = np.array([[False] * 4 + [True] * 4])
    sums = intervals.evaluate_sums(
        node,
        np.where(is_closed, 0.0, 0.0 if kind == "never sold" else 9.0),
        np.arange(1, 9),
        [0, 4],
        Uncertainty((95,), (0.3, 0.9)),
        sold=np.array([kind != "never sold"]),
        closed=is_closed,
    )
    assert (sums[[1, 3], 0, 0] > 0).all()
    assert not sums[:, :, 1].any()


@pytest.mark.parametrize(
    ("root", "quantile"),
    [
        pytest.param(1.0, 1.0, id="below the smallest"),
        pytest.param(2.0, 1.0, id="the smallest"),
        pytest.param(3.5, 2.5, id="between"),
        pytest.param(9.0, 3.0, id="above the largest"),
    ],
)
def test_bounds_between_two_sizes_are_interpolated(root: float, quantile: float) -> None:
    table = np.tile([1.0, 3.0], (1, 90, 1))
    reached = _compute_bounds(
        np.array([[root]]), np.array([[0.5]]), np.array([7]), np.array([2.0, 4.0]), table
    )
    assert reached.item() == pytest.approx((root + 0.5 * quantile) ** 2)


@pytest.fixture
def calibration(engine: ForecastEngine) -> Calibration:
    assert engine.bundle.calibration
    return engine.bundle.calibration


def widths(calibration: Calibration, engine: ForecastEngine, *new: str) -> dict[str, float]:
    """Return the width of the 80 % interval of every node for a forecast of 100 units."""
    hierarchy = engine.snapshot.hierarchy
    is_new = np.array([node.id in new for node in hierarchy.nodes])
    intervals = Intervals(calibration, hierarchy, new=is_new)
    every = np.arange(len(hierarchy))
    mean, may_sell = np.full((len(every), 1), 100.0), np.ones(len(every), dtype=bool)
    lower, upper = intervals.bounds(every, mean, np.array([7]), 80, sold=may_sell)
    return dict(zip([node.id for node in hierarchy.nodes], (upper - lower)[:, 0], strict=True))


def with_analogue(calibration: Calibration, factor: float | None) -> Calibration:
    """Return the calibration with errors of analogues that are so much larger, or without."""

    def alter(errors: LevelErrors) -> LevelErrors:
        return replace(errors, analogue=np.empty(0) if factor is None else factor * errors.scale)

    levels = {level: alter(errors) for level, errors in calibration.levels.items()}
    return replace(calibration, levels=levels)


def test_a_new_series_has_the_scale_of_the_errors_of_analogues(
    engine: ForecastEngine, calibration: Calibration
) -> None:
    new = "store:3/family:BOOKS"
    before, after = (
        widths(with_analogue(calibration, factor), engine, new) for factor in (None, 3.0)
    )
    assert after[new] > 2 * before[new]
    assert {node for node in after if after[node] != before[node]} == {new}


def test_the_bounds_of_a_new_series_add_up_over_days(
    engine: ForecastEngine, calibration: Calibration
) -> None:
    """Analogues are wrong about the level of a series, which is the same on all days."""
    hierarchy = engine.snapshot.hierarchy
    node = np.array([hierarchy.index["store:3/family:BOOKS"]])
    is_new = np.isin(np.arange(len(hierarchy)), node)
    intervals = Intervals(calibration, hierarchy, new=is_new)
    mean, days, may_sell = np.full((1, 9), 100.0), np.arange(1, 10), np.array([True])
    closed = np.array([[False] * 8 + [True]])
    for nominals in ((80,), (50, 95)):
        call = (node, mean, days)
        daily = intervals.bounds_of(*call, nominals, sold=may_sell, closed=closed)
        sums = intervals.bounds_of_sums(*call, [0, 4], nominals, sold=may_sell, closed=closed)
        for of_days, of_sums in zip(daily, sums, strict=True):
            for each, total in zip(of_days, of_sums, strict=True):
                assert total[0] == pytest.approx([each[0, :4].sum(), each[0, 4:].sum()])


def test_a_new_node_is_no_surer_than_a_new_series(
    engine: ForecastEngine, calibration: Calibration
) -> None:
    """The errors of a shop that opens add up; its level is that of shops with a past."""
    made = with_analogue(calibration, None)
    wide = replace(made.levels["bottom"], analogue=50 * made.levels["bottom"].scale)
    made = replace(made, levels={**made.levels, "bottom": wide})
    assert widths(made, engine, "store:3")["store:3"] > widths(made, engine)["store:3"]


def test_errors_of_analogues_smaller_than_those_of_the_level_do_not_count(
    engine: ForecastEngine, calibration: Calibration
) -> None:
    new = "store:3/family:BOOKS"
    assert widths(with_analogue(calibration, 0.1), engine, new) == widths(
        with_analogue(calibration, None), engine, new
    )


def test_a_calibration_without_errors_of_analogues_is_read(
    engine: ForecastEngine, calibration: Calibration, tmp_path: Path
) -> None:
    calibration.save(tmp_path / "new.npz")
    with np.load(tmp_path / "new.npz") as arrays:
        older = {name: arrays[name] for name in arrays if not name.endswith("/analogue")}
    np.savez(tmp_path / "old.npz", **older)
    levels = engine.snapshot.hierarchy.levels
    read = Calibration.load(tmp_path / "old.npz", levels)
    assert all(not len(errors.analogue) for errors in read.levels.values())
    whole = Calibration.load(tmp_path / "new.npz", levels)
    for level, errors in whole.levels.items():
        np.testing.assert_array_equal(errors.analogue, calibration.levels[level].analogue)
