"""Scenarios: valid adjustments, the rows they alter, and the rows predicted again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray

from features.contract import feature_set
from features.data.calendar import NATIONAL
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from features.matrix import Covariates, known_covariates
from features.state import state_at
from models.bundle import Bundle
from models.engine import ForecastEngine
from models.intervals import Intervals
from models.scenario import (
    Adjustment,
    AdjustmentError,
    Scenario,
    ScenarioRows,
    bottoms_below,
    operations_of,
    with_holiday,
    with_values,
)
from models.serving.forecast_store import Forecasts
from models.serving.forecaster import Comparison, Forecaster
from models.serving.release import LoadedRelease, load_release
from storage.artifacts import Release, Store
from tests.support.retailer import PLAIN, snapshot_of

NAMES = feature_set(FAVORITA).names
SERIES = "store:1/family:LIQUOR,WINE,BEER"
NODES = ("total", "store:1", "family:LIQUOR,WINE,BEER", SERIES)
every_node = pytest.mark.parametrize("node", NODES)
LANTERN_DAY, CHARTER_DAY = "Lantern Day", "Charter Day"


@pytest.fixture(scope="module")
def origin(snapshot: Snapshot) -> int:
    return snapshot.newest_origin


@pytest.fixture(scope="module")
def promote(origin: int) -> Callable[..., Adjustment]:
    """Return an adjustment of promotions on days counted from the newest origin."""

    def promote(op: str, value: float, first: int = 1, last: int = FAVORITA.horizon) -> Adjustment:
        return Adjustment("onpromotion", op, value, origin + first, origin + last)

    return promote


@pytest.fixture(scope="module")
def hold(origin: int) -> Callable[..., Adjustment]:
    """Return an adjustment of the holiday on days counted from the newest origin."""

    def hold(name: str | None, first: int, last: int | None = None) -> Adjustment:
        return Adjustment("holiday", "set", name, origin + first, origin + (last or first))

    return hold


def scenario_rows(*inputs: Any) -> ScenarioRows:
    """Return all rows that adjustments alter."""
    return Scenario.of(*inputs).make_rows()


def row_of(snapshot: Snapshot, node: str) -> int:
    return snapshot.hierarchy.index[node]


def ahead(snapshot: Snapshot, name: str) -> int:
    """Return the days from the newest origin to the next day of that name."""
    coming = snapshot.calendar.names[snapshot.n_days :]
    return int(np.flatnonzero(coming == name)[0]) + 1


# --- valid adjustments ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("covariate", "op", "value", "at"),
    [
        pytest.param("onpromotion", "set", -1, "value", id="negative"),
        pytest.param("onpromotion", "set", 1_000_001, "value", id="set too many"),
        pytest.param("onpromotion", "add", 1e7, "value", id="add too many"),
        pytest.param("onpromotion", "add", -1e7, "value", id="take too many"),
        pytest.param("onpromotion", "multiply", 1001, "value", id="multiply too often"),
        pytest.param("onpromotion", "multiply", -1, "value", id="multiply by a negative"),
        pytest.param("onpromotion", "set", float("nan"), "value", id="NaN"),
        pytest.param("onpromotion", "add", float("inf"), "value", id="infinity"),
        pytest.param("onpromotion", "set", 10**400, "value", id="no float"),
        pytest.param("onpromotion", "set", True, "value", id="boolean"),
        pytest.param("onpromotion", "set", "5", "value", id="text"),
        pytest.param("onpromotion", "set", None, "value", id="nothing"),
        pytest.param("onpromotion", "set", [5], "value", id="list"),
        pytest.param("onpromotion", "divide", 2, "op", id="unknown operation"),
        pytest.param("holiday", "add", LANTERN_DAY, "op", id="holiday added"),
        pytest.param("holiday", "set", 1, "value", id="holiday by number"),
        pytest.param("holiday", "set", False, "value", id="holiday by boolean"),
        pytest.param("oil", "set", 50, "", id="oil"),
        pytest.param("weather", "set", 50, "", id="unknown covariate"),
    ],
)
def test_an_invalid_adjustment_is_refused(covariate: str, op: str, value: Any, at: str) -> None:
    with pytest.raises(AdjustmentError) as refusal:
        Adjustment(covariate, op, value, 0, 0).check(FAVORITA)
    assert (refusal.value.covariate, refusal.value.field) == (covariate, at)


def test_an_unknown_covariate_is_refused_with_the_known_ones() -> None:
    for covariate, why in (
        ("oil", "no covariate 'oil'"),
        ("rain", "'rain'"),
        ("transactions", "Of transactions only the past is known"),
    ):
        with pytest.raises(AdjustmentError, match=why) as refusal:
            Adjustment(covariate, "set", 1, 0, 0).check(FAVORITA)
        assert all(name in str(refusal.value) for name in operations_of(FAVORITA))


@pytest.mark.parametrize(
    ("op", "value"),
    [("set", 0), ("set", 1e6), ("add", -1e6), ("add", 1e6), ("multiply", 0), ("multiply", 1000)],
)
def test_the_limits_themselves_are_allowed(op: str, value: float) -> None:
    adjustment = Adjustment("onpromotion", op, value, 0, 0)
    adjustment.check(FAVORITA)
    assert adjustment.number == value


@pytest.mark.parametrize(
    ("covariate", "op", "value", "at"),
    [
        pytest.param("warmth", "set", -30, None, id="negative number"),
        pytest.param("warmth", "multiply", -2, None, id="number times a negative"),
        pytest.param("warmth", "set", -1e7, "value", id="too small a number"),
        pytest.param("price", "set", 2.5, None, id="price"),
        pytest.param("price", "set", -1, "value", id="negative price"),
        pytest.param("flyer", "set", -1, "value", id="negative flag"),
        pytest.param("visits", "set", 5, "", id="only the past is known"),
        pytest.param("onpromotion", "set", 5, "", id="another retailer's"),
        pytest.param("holiday", "set", None, None, id="no holiday"),
    ],
)
def test_the_kind_of_a_covariate_limits_its_values(
    covariate: str, op: str, value: float | None, at: str | None
) -> None:
    adjustment = Adjustment(covariate, op, value, 0, 0)
    if at is None:
        adjustment.check(PLAIN)
    else:
        with pytest.raises(AdjustmentError) as refusal:
            adjustment.check(PLAIN)
        assert (refusal.value.covariate, refusal.value.field) == (covariate, at)


def test_only_a_number_becomes_negative() -> None:
    snapshot = snapshot_of(PLAIN)
    newest = snapshot.newest_origin
    known = known_covariates(snapshot, newest)
    some = np.array([0, 1])
    days = (newest + 1, newest + 2)
    colder = with_values(known, some, Adjustment("warmth", "add", -100, *days))
    np.testing.assert_allclose(
        colder.values["warmth"][:2, :2], known.values["warmth"][:2, :2] - 100, rtol=1e-5
    )
    for name in ("flyer", "price"):
        assert colder.values[name] is known.values[name]
        with pytest.raises(AdjustmentError, match=f"the {name} of a series is .* would be -"):
            with_values(known, some, Adjustment(name, "add", -100, *days))


@pytest.mark.parametrize(
    ("first", "last", "at"),
    [
        pytest.param(0, 5, "from", id="from before the first"),
        pytest.param(3, 31, "to", id="to after the last"),
        pytest.param(31, 40, "from", id="both after"),
        pytest.param(9, 8, "from", id="from after to"),
    ],
)
def test_days_outside_the_window_are_refused(
    engine: ForecastEngine, origin: int, promote: Callable, first: int, last: int, at: str
) -> None:
    """The window is that of days 1 to 30."""
    wrong = promote("set", 1, first, last)
    with pytest.raises(AdjustmentError) as refusal:
        scenario_rows(engine, origin, np.arange(1, 31), 0, [wrong])
    assert refusal.value.field == at


# --- promotions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "value", "result"),
    [
        ("set", 7, lambda items: items * 0 + 7),
        ("add", 3, lambda items: items + 3),
        ("multiply", 2.5, lambda items: items * 2.5),
    ],
    ids=["set", "add", "multiply"],
)
@every_node
def test_promotions_are_altered_below_the_node_and_nowhere_else(
    snapshot: Snapshot,
    origin: int,
    promote: Callable,
    node: str,
    op: str,
    value: float,
    result: Any,
) -> None:
    known = known_covariates(snapshot, origin)
    below = bottoms_below(snapshot.hierarchy, row_of(snapshot, node))
    altered = with_values(known, below, promote(op, value, 4, 9)).values["onpromotion"]
    expected = known.values["onpromotion"].copy()
    expected[below, 3:9] = result(expected[below, 3:9])
    np.testing.assert_array_equal(altered, expected)


@pytest.mark.parametrize("op", ["add", "multiply"])
def test_unknown_promotions_can_only_be_set(
    snapshot: Snapshot, origin: int, promote: Callable, op: str
) -> None:
    """Nothing can be added to an unknown plan; it is not zero."""
    known = known_covariates(snapshot, origin)
    lead = snapshot.lead
    everyone = np.arange(snapshot.hierarchy.n_bottom)
    with_values(known, everyone, promote(op, 1, 1, lead))
    unknown_from = snapshot.date_at(origin + lead + 1)
    for first in (lead - 2, lead + 1):
        with pytest.raises(AdjustmentError, match=f"not known from {unknown_from}.* use set"):
            with_values(known, everyone, promote(op, 1, first, lead + 1))
    later = with_values(known, everyone, promote("set", 4, lead + 1)).values["onpromotion"]
    assert (later[:, lead:] == 4).all()
    np.testing.assert_array_equal(later[:, :lead], known.values["onpromotion"][:, :lead])


def test_no_promotion_becomes_negative(snapshot: Snapshot, origin: int, promote: Callable) -> None:
    known = known_covariates(snapshot, origin)
    one = bottoms_below(snapshot.hierarchy, row_of(snapshot, SERIES))
    items = known.values["onpromotion"][one[0], :5]
    fewest = float(items.min())
    with_values(known, one, promote("add", -fewest, 1, 5))
    with pytest.raises(AdjustmentError, match="would be -1") as refusal:
        with_values(known, one, promote("add", -fewest - 1, 1, 5))
    assert str(snapshot.date_at(origin + 1 + int(items.argmin()))) in str(refusal.value)


def scenario_by_hand(
    engine: ForecastEngine,
    origin: int,
    horizons: NDArray[np.intp],
    node: str,
    plan: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the rows of all modelled nodes under another plan, shape (nodes, days, features).

    What series read of a whole store or family is copied from the rows of the plan as it is known,
    where the node does not hold all of the store or family; so are the rows of other series.
    """
    snapshot = engine.snapshot
    state = state_at(snapshot, origin)
    other = Covariates(snapshot, origin, {"onpromotion": plan}, snapshot.calendar)
    rows, planned = (
        engine.rows(state, covariates, horizons).reshape(-1, len(horizons), len(NAMES))
        for covariates in (other, known_covariates(snapshot, origin))
    )
    bottoms = slice(len(rows) - snapshot.hierarchy.n_bottom, None)
    for level in ("store", "family"):
        if not node.startswith(("total", f"{level}:")) or "/" in node:
            shared = [NAMES.index(name) for name in (f"promo_{level}", f"promo_{level}_change")]
            rows[bottoms, :, shared] = planned[bottoms, :, shared]
    outside = np.ones(snapshot.hierarchy.n_bottom, dtype=bool)
    outside[bottoms_below(snapshot.hierarchy, row_of(snapshot, node))] = False
    np.testing.assert_array_equal(rows[bottoms][outside], planned[bottoms][outside])
    return rows


def baseline_of(engine: ForecastEngine, made: ScenarioRows) -> NDArray[np.float32]:
    """Return the rows of all modelled nodes without the scenario, shape (nodes, days, features)."""
    covariates = engine.covariates(made.origin)
    rows = engine.rows(
        engine.state(made.origin), covariates, np.arange(1, made.changed.shape[1] + 1)
    )
    return rows.reshape(*made.changed.shape, -1)


def rows_under(engine: ForecastEngine, made: ScenarioRows) -> NDArray[np.float32]:
    """Return the rows of all modelled nodes under a scenario, shape (nodes, days, features)."""
    rows = baseline_of(engine, made)
    rows[made.changed] = made.altered
    return rows


@every_node
def test_altered_rows_are_those_of_the_altered_plan(
    engine: ForecastEngine, origin: int, promote: Callable, node: str
) -> None:
    """Bit for bit; only the plans of whole stores and families may stay as planned."""
    snapshot = engine.snapshot
    row = row_of(snapshot, node)
    made = scenario_rows(engine, origin, engine.all_horizons, row, [promote("set", 40, 10, 25)])
    plan = known_covariates(snapshot, origin).values["onpromotion"].copy()
    plan[bottoms_below(snapshot.hierarchy, row), 9:25] = 40
    expected = scenario_by_hand(engine, origin, engine.all_horizons, node, plan)
    scenario = rows_under(engine, made)
    sold = engine.state(origin).sold[engine.reconciliation.modelled_nodes]
    np.testing.assert_array_equal(scenario[sold], expected[sold])


@every_node
def test_promotions_move_the_rows_below_their_node_and_no_others(
    engine: ForecastEngine, origin: int, promote: Callable, node: str
) -> None:
    """On the days around too, which know the promotions of three days before and after."""
    hierarchy = engine.snapshot.hierarchy
    row = row_of(engine.snapshot, node)
    made = scenario_rows(engine, origin, engine.all_horizons, row, [promote("set", 40, 6, 8)])
    below = bottoms_below(hierarchy, row)
    moved = np.flatnonzero(made.changed.any(axis=1))
    assert moved.tolist() == below[engine.state(origin).sold[hierarchy.n_upper + below]].tolist()
    assert (np.flatnonzero(made.days) + 1).tolist() == list(range(3, 12))


@pytest.mark.parametrize(
    ("node", "levels"),
    list(zip(NODES, [(), ("family",), ("store",), ("store", "family")], strict=True)),
    ids=NODES,
)
def test_levels_whose_plans_stay_as_planned_are_stated(
    engine: ForecastEngine,
    origin: int,
    promote: Callable,
    hold: Callable,
    node: str,
    levels: tuple[str, ...],
) -> None:
    row, horizons = row_of(engine.snapshot, node), engine.all_horizons
    both = [promote("set", 40, 6, 8), hold(LANTERN_DAY, 20)]
    assert scenario_rows(engine, origin, horizons, row, both).levels_as_planned == levels
    assert scenario_rows(engine, origin, horizons, row, both[1:]).levels_as_planned == ()


def test_a_series_that_is_set_beyond_the_known_plan_moves_alone(
    engine: ForecastEngine, origin: int, promote: Callable
) -> None:
    row = row_of(engine.snapshot, SERIES)
    made = scenario_rows(engine, origin, engine.all_horizons, row, [promote("set", 40, 30, 32)])
    moved = np.flatnonzero(made.changed.any(axis=1)) + engine.snapshot.hierarchy.n_upper
    assert moved.tolist() == [row]


@pytest.mark.parametrize("op", [("multiply", 1), ("add", 0)], ids=lambda op: op[0])
def test_an_adjustment_equal_to_the_plan_alters_no_row(
    engine: ForecastEngine, origin: int, promote: Callable, op: tuple[str, float]
) -> None:
    lead = engine.snapshot.lead
    made = scenario_rows(engine, origin, engine.all_horizons, 0, [promote(*op, 1, lead)])
    assert not made.changed.any()
    assert len(made.altered) == 0


def test_a_series_that_never_sold_is_not_predicted(
    engine: ForecastEngine, origin: int, promote: Callable
) -> None:
    row = row_of(engine.snapshot, "store:3/family:BOOKS")
    made = scenario_rows(engine, origin, engine.all_horizons, row, [promote("set", 9)])
    assert not made.changed.any()


# --- holidays ---------------------------------------------------------------------------------


def test_a_holiday_can_be_added_to_a_day(snapshot: Snapshot, hold: Callable, origin: int) -> None:
    """The name, the day off and the distances of the days around change with it."""
    before, after = snapshot.calendar, with_holiday(snapshot, hold(LANTERN_DAY, 20)).calendar
    day = origin + 20
    assert (before.names[day], after.names[day]) == ("", LANTERN_DAY)
    assert after.day["national_day_off"][day] == 1
    assert after.day["days_to_day_off"][day - 3] == 3
    assert after.day["days_since_day_off"][day + 3] == 3
    others = np.arange(len(before.names)) != day
    np.testing.assert_array_equal(before.names[others], after.names[others])


def test_a_holiday_can_be_removed_from_a_day(
    snapshot: Snapshot, hold: Callable, origin: int
) -> None:
    off = ahead(snapshot, LANTERN_DAY)
    after = with_holiday(snapshot, hold(None, off)).calendar
    assert snapshot.calendar.day["national_day_off"][origin + off] == 1
    assert after.day["national_day_off"][origin + off] == 0
    assert after.names[origin + off] == ""


def test_an_event_is_no_day_off(snapshot: Snapshot, hold: Callable, origin: int) -> None:
    after = with_holiday(snapshot, hold("Black Friday", 20)).calendar
    assert after.names[origin + 20] == "Black Friday"
    assert after.day["event"][origin + 20] == 1
    assert after.day["national_day_off"][origin + 20] == 0


def test_a_holiday_replaces_the_holiday_of_the_day(
    snapshot: Snapshot, hold: Callable, origin: int
) -> None:
    off = ahead(snapshot, LANTERN_DAY)
    replaced = with_holiday(snapshot, hold("Black Friday", off))
    assert replaced.calendar.names[origin + off] == "Black Friday"
    assert replaced.calendar.day["national_day_off"][origin + off] == 0


def test_a_transferred_holiday_can_be_restored(
    snapshot: Snapshot, hold: Callable, origin: int
) -> None:
    """The date already has the holiday's name, but is no day off."""
    off = ahead(snapshot, CHARTER_DAY)
    assert snapshot.calendar.day["national_day_off"][origin + off] == 0
    result = with_holiday(snapshot, hold(CHARTER_DAY, off)).calendar
    assert result.day["national_day_off"][origin + off] == 1


def test_regional_and_local_holidays_stay(snapshot: Snapshot, hold: Callable) -> None:
    after = with_holiday(snapshot, hold(None, 1, FAVORITA.horizon))
    assert [row for row in after.holidays if row.locale != NATIONAL] == [
        row for row in snapshot.holidays if row.locale != NATIONAL
    ]
    assert len(after.holidays) < len(snapshot.holidays)


def test_an_adjustment_equal_to_the_holiday_changes_nothing(
    snapshot: Snapshot, hold: Callable
) -> None:
    assert with_holiday(snapshot, hold(LANTERN_DAY, ahead(snapshot, LANTERN_DAY))) is snapshot
    assert with_holiday(snapshot, hold(None, 1)) is snapshot


@pytest.mark.parametrize("name", ["", "lantern day", "Navidad"])
def test_an_unknown_holiday_is_refused_with_the_known_ones(
    snapshot: Snapshot, hold: Callable, name: str
) -> None:
    with pytest.raises(AdjustmentError, match=LANTERN_DAY) as refusal:
        with_holiday(snapshot, hold(name, 3))
    assert refusal.value.field == "value"


def columns_changed(engine: ForecastEngine, made: ScenarioRows) -> set[str]:
    before = baseline_of(engine, made)[made.changed]
    differ = ~((before == made.altered) | (np.isnan(before) & np.isnan(made.altered)))
    return {NAMES[column] for column in np.flatnonzero(differ.any(axis=0))}


@pytest.mark.parametrize("node", ["store:2", "family:DAIRY", SERIES])
def test_a_holiday_alters_only_the_rows_below_its_node(
    engine: ForecastEngine, origin: int, hold: Callable, node: str
) -> None:
    row = row_of(engine.snapshot, node)
    made = scenario_rows(engine, origin, engine.all_horizons, row, [hold(LANTERN_DAY, 30)])
    moved = np.flatnonzero(made.changed.any(axis=1))
    sold = engine.state(origin).sold[engine.snapshot.hierarchy.n_upper :]
    below = bottoms_below(engine.snapshot.hierarchy, row)
    assert moved.tolist() == below[sold[below]].tolist()
    derived = {"holiday", "national_day_off", "days_to_day_off", "days_since_day_off"}
    learnt = {"event_effect", "event_level", "total_event_level", "expected", "year_effect"}
    assert derived | learnt <= columns_changed(engine, made)
    assert not any(name.startswith("promo") for name in columns_changed(engine, made))


def test_holiday_and_promotion_together_are_both_in_the_rows(
    engine: ForecastEngine, origin: int, hold: Callable, promote: Callable
) -> None:
    """And in no row of a series outside the node."""
    row = row_of(engine.snapshot, "store:2")
    both = [hold(LANTERN_DAY, 8), promote("set", 30, 8, 8)]
    made = scenario_rows(engine, origin, engine.all_horizons, row, both)
    below = bottoms_below(engine.snapshot.hierarchy, row)
    scenario = rows_under(engine, made)
    day_off = scenario[:, 7, NAMES.index("national_day_off")]
    planned = scenario[:, 7, NAMES.index("promo")]
    sold = engine.state(origin).sold[engine.snapshot.hierarchy.n_upper :]
    inside = np.isin(np.arange(len(day_off)), below) & sold
    np.testing.assert_array_equal(day_off == 1, inside)
    np.testing.assert_array_equal(planned == np.log1p(np.float32(30)), inside)
    assert not made.changed[~inside].any()


# --- baseline and scenario --------------------------------------------------------------------


@dataclass
class Runner:
    """Both runners in this process, with a count of the predicted rows."""

    engine: ForecastEngine
    inferred: list[int] = field(default_factory=list)

    async def infer(
        self, bundle: str, snapshot: str, rows: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        self.inferred.append(len(rows))
        return self.engine.bundle.model.predict(rows)

    async def reconcile(
        self, bundle: str, snapshot: str, base: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return self.engine.reconciliation.reconcile(base).values


@dataclass(frozen=True)
class LowModel:
    """A model whose forecasts are so low that some are negative."""

    model: Any
    non_negative = False

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self.model.predict(rows) - np.float32(4))


def _with_variances(bundle: Bundle, snapshot: Snapshot) -> Bundle:
    """Set variances so that reconciliation moves the largest series."""
    most = [node.id for node in snapshot.hierarchy.nodes if node.key[1:] == ("GROCERY I",)]
    return replace(bundle, variances={"total": 1000.0, **dict.fromkeys(most, 1.0)})


def _with_low_model(bundle: Bundle, snapshot: Snapshot) -> Bundle:
    return replace(bundle, model=LowModel(bundle.model))


KINDS: dict[str, Callable[[Bundle, Snapshot], Bundle]] = {
    "bottom-up": lambda bundle, snapshot: bundle,
    "reconciled": _with_variances,
    "clipped": _with_low_model,
}
STORED = ", base stored"
"""End of the names of forecasters whose forecasts before reconciliation are stored too."""


@pytest.fixture(scope="module", params=[*KINDS, f"reconciled{STORED}", f"clipped{STORED}"])
def forecaster(
    request: pytest.FixtureRequest,
    trained: Store,
    release: Release,
    bundle: Bundle,
    snapshot: Snapshot,
) -> Forecaster:
    """Return forecasters: the trained one, and ones whose stored forecasts are not the base."""
    kind = request.param.removesuffix(STORED)
    engine = ForecastEngine(KINDS[kind](bundle, snapshot), snapshot)
    newest = engine.forecast(snapshot.newest_origin)
    assert (newest.clipped > 0) is (kind == "clipped")
    intervals: Intervals = load_release(trained, release).intervals
    runner = Runner(engine)
    base = None
    if kind != request.param:
        base = engine.base_forecasts(snapshot.newest_origin).astype(np.float32)
    stored = Forecasts(mean=newest.values, clipped=newest.clipped, base=base)
    return Forecaster(LoadedRelease(engine, intervals, stored), runner, runner)


@dataclass(frozen=True)
class MeasuredComparison:
    """A comparison with the sizes of its model calls."""

    compared: Comparison
    inferred: list[int]


def compare(
    forecaster: Forecaster, origin: int, horizons: NDArray[np.intp], node: str, *adjustments: Any
) -> MeasuredComparison:
    runner = Runner(forecaster.release.engine)
    counted = replace(forecaster, onnx=runner, reconciler=runner)
    row = row_of(forecaster.release.engine.snapshot, node)
    compared = anyio.run(counted.compare, origin, horizons, row, list(adjustments))
    return MeasuredComparison(compared, runner.inferred)


WINDOWS = {
    "newest": (0, np.arange(1, 31)),
    "later": (0, np.arange(40, 55)),
    "past": (100, np.arange(1, 31)),
}
every_window = pytest.mark.parametrize("window", list(WINDOWS))


@every_window
@pytest.mark.parametrize(
    "nodes", [(SERIES,), ("total",), (SERIES, "store:2", "family:DAIRY")], ids=len
)
def test_some_nodes_are_forecast_as_all_are(
    forecaster: Forecaster, window: str, nodes: tuple[str, ...]
) -> None:
    """Bit for bit, and from a past origin for the series below them only, where that is equal."""
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    ago, horizons = WINDOWS[window]
    origin = snapshot.newest_origin - ago
    rows = np.array([row_of(snapshot, node) for node in nodes])
    runner = Runner(engine)
    counted = replace(forecaster, onnx=runner, reconciler=runner)
    some = anyio.run(counted.forecast, origin, horizons, rows)
    np.testing.assert_array_equal(some, anyio.run(forecaster.forecast, origin, horizons)[rows])
    below = np.unique(np.concatenate([bottoms_below(snapshot.hierarchy, row) for row in rows]))
    predicted = below if engine.is_separable else engine.reconciliation.modelled_nodes
    assert runner.inferred == ([len(predicted) * len(horizons)] if ago else [])


@every_window
@pytest.mark.parametrize("node", ["total", SERIES])
def test_baseline_and_scenario_equal_full_forecasts(
    forecaster: Forecaster, window: str, node: str
) -> None:
    """The baseline is the forecast itself; the scenario is that of all rows, predicted anew."""
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    ago, horizons = WINDOWS[window]
    origin = snapshot.newest_origin - ago
    first, last = int(horizons[4]), int(horizons[10])
    change = Adjustment("onpromotion", "set", 60, origin + first, origin + last)
    measured = compare(forecaster, origin, horizons, node, change)
    np.testing.assert_array_equal(
        measured.compared.baseline, anyio.run(forecaster.forecast, origin, horizons)
    )
    known = known_covariates(snapshot, origin)
    plan = known.values["onpromotion"].copy()
    plan[bottoms_below(snapshot.hierarchy, row_of(snapshot, node)), first - 1 : last] = 60
    rows = scenario_by_hand(engine, origin, horizons, node, plan).reshape(-1, len(NAMES))
    base = engine.base(origin, horizons, engine.bundle.model.predict(rows))
    expected = engine.reconciliation.reconcile(base).values
    np.testing.assert_allclose(measured.compared.scenario, expected, rtol=1e-9, atol=1e-9)
    assert (measured.compared.scenario != measured.compared.baseline).any()
    assert len(measured.inferred) == 1


@pytest.mark.parametrize("forecaster", ["bottom-up"], indirect=True)
@every_node
def test_other_series_are_forecast_as_without_the_scenario(
    forecaster: Forecaster, promote: Callable, origin: int, node: str
) -> None:
    """Promotions of a series, a store or a family take nothing from other stores and families."""
    hierarchy = forecaster.release.engine.snapshot.hierarchy
    doubled = promote("multiply", 2, 3, 9)
    compared = compare(forecaster, origin, np.arange(1, 17), node, doubled).compared
    moved = (compared.scenario != compared.baseline)[hierarchy.n_upper :].any(axis=1)
    row = row_of(forecaster.release.engine.snapshot, node)
    assert moved.sum() > 0
    assert set(np.flatnonzero(moved)) <= set(bottoms_below(hierarchy, row))
    delta = (compared.scenario - compared.baseline).sum(axis=1)
    np.testing.assert_allclose(delta[0], delta[row], rtol=1e-6)


@every_window
def test_nothing_adjusted_changes_nothing(forecaster: Forecaster, window: str) -> None:
    ago, horizons = WINDOWS[window]
    origin = forecaster.release.engine.snapshot.newest_origin - ago
    measured = compare(forecaster, origin, horizons, "total")
    np.testing.assert_array_equal(measured.compared.scenario, measured.compared.baseline)
    assert not measured.compared.predicted.any()
    assert len(measured.inferred) == (ago > 0)


@pytest.mark.parametrize("ago", [0, 100], ids=["newest", "past"])
def test_setting_what_is_known_changes_nothing(forecaster: Forecaster, ago: int) -> None:
    """The adjustments repeat one series' plan of one day, and the name of the day."""
    snapshot = forecaster.release.engine.snapshot
    origin = snapshot.newest_origin - ago
    number = row_of(snapshot, SERIES) - snapshot.hierarchy.n_upper
    items = float(snapshot.covariates["onpromotion"][number, origin + 3])
    name = str(snapshot.calendar.names[origin + 3]) or None
    adjustments = (
        Adjustment("onpromotion", "set", items, origin + 3, origin + 3),
        Adjustment("holiday", "set", name, origin + 3, origin + 3),
    )
    measured = compare(forecaster, origin, np.arange(1, 16), SERIES, *adjustments)
    np.testing.assert_array_equal(measured.compared.scenario, measured.compared.baseline)
    assert not measured.compared.predicted.any()
    assert len(measured.inferred) == (ago > 0)


def test_days_without_changed_rows_are_bit_identical(
    forecaster: Forecaster, promote: Callable, origin: int
) -> None:
    measured = compare(forecaster, origin, np.arange(1, 31), "total", promote("set", 60, 20, 22))
    moved = (measured.compared.scenario != measured.compared.baseline).any(axis=0)
    assert set(np.flatnonzero(moved) + 1) <= set(range(17, 26))
    assert moved[19:22].all()


def test_only_altered_rows_are_predicted(
    forecaster: Forecaster, promote: Callable, origin: int
) -> None:
    """The baseline too, where the base forecasts have been moved and are not stored."""
    engine = forecaster.release.engine
    change = promote("set", 60, 20, 22)
    made = scenario_rows(
        engine, origin, np.arange(1, 31), row_of(engine.snapshot, SERIES), [change]
    )
    measured = compare(forecaster, origin, np.arange(1, 31), SERIES, change)
    forecasts = forecaster.release.forecasts
    moved_after = len(engine.reconciliation.weighted_upper) or forecasts.clipped
    is_missing = moved_after and forecasts.base is None
    baseline = len(engine.reconciliation.modelled_nodes) * int(made.days.sum()) * bool(is_missing)
    assert measured.inferred == [int(made.changed.sum()) + baseline]
    assert 0 < made.changed.sum() < made.changed.size / 2


@every_node
def test_baseline_and_scenario_are_coherent(
    forecaster: Forecaster, promote: Callable, origin: int, node: str
) -> None:
    hierarchy = forecaster.release.engine.snapshot.hierarchy
    compared = compare(
        forecaster, origin, np.arange(1, 91), node, promote("set", 60, 20, 40)
    ).compared
    for values in (compared.baseline, compared.scenario):
        np.testing.assert_allclose(hierarchy.aggregate(values[hierarchy.n_upper :]), values)
        assert (values >= 0).all()
