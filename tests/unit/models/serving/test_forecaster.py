"""Forecasts and what-ifs of a release: what is computed, what is cached, and who waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
import anyio.lowlevel
import numpy as np
import pytest

from models import base_forecasts
from models.engine import ForecastEngine
from models.exceptions import RECENT_DAYS, band_origin
from models.scenario import SET, Adjustment
from models.serving.forecaster import (
    MAX_CONCURRENT,
    PAST_OUTPUTS,
    SMALL_ROWS,
    Comparison,
    Forecaster,
)
from models.serving.release import LoadedRelease, load_release
from storage.artifacts import Release, Store
from tests.support.runners import LocalRunners

SECONDS = 20.0
HORIZONS = np.arange(1, 31)  # of both segments
LANTERN_DAY = "Lantern Day"


@pytest.fixture(scope="module")
def serving(trained: Store, release: Release) -> LoadedRelease:
    return load_release(trained, release)


@pytest.fixture
def runners(serving: LoadedRelease) -> LocalRunners:
    return LocalRunners(serving.engine)


@pytest.fixture
def forecaster(serving: LoadedRelease, runners: LocalRunners) -> Forecaster:
    return Forecaster(serving, runners, runners)


@pytest.fixture(scope="module")
def past(serving: LoadedRelease) -> int:
    return serving.engine.snapshot.newest_origin - 200


@pytest.fixture(scope="module")
def series(serving: LoadedRelease) -> int:
    return serving.engine.snapshot.hierarchy.index["store:1/family:LIQUOR,WINE,BEER"]


def promote(origin: int, value: float, *, days: int = 5) -> list[Adjustment]:
    return [Adjustment("onpromotion", SET, value, origin + 2, origin + 1 + days)]


def compare(
    forecaster: Forecaster, origin: int, node: int, adjustments: Sequence[Adjustment]
) -> Comparison:
    return anyio.run(forecaster.compare, origin, HORIZONS, node, adjustments)


def assert_equal_bits(one: Comparison, other: Comparison) -> None:
    np.testing.assert_array_equal(one.baseline, other.baseline)
    np.testing.assert_array_equal(one.scenario, other.scenario)
    np.testing.assert_array_equal(one.predicted, other.predicted)
    assert one.levels_as_planned == other.levels_as_planned


# --- past origins -----------------------------------------------------------------------------


@pytest.mark.parametrize("node", [None, "store:1/family:LIQUOR,WINE,BEER", "store:2", "total"])
def test_a_forecast_of_many_series_is_made_in_parts_with_the_same_bits(
    serving: LoadedRelease, past: int, monkeypatch: pytest.MonkeyPatch, node: str | None
) -> None:
    snapshot = serving.engine.snapshot
    rows = None if node is None else np.array([snapshot.hierarchy.index[node]])

    def forecast(engine: ForecastEngine) -> np.ndarray:
        runners = LocalRunners(engine)
        divided = Forecaster(replace(serving, engine=engine), runners, runners)
        return anyio.run(divided.forecast, past, HORIZONS, rows)

    whole = forecast(serving.engine)
    monkeypatch.setattr(base_forecasts, "PART_ROWS", snapshot.horizon)
    engine = ForecastEngine(serving.engine.bundle, snapshot)
    assert engine.is_divided
    np.testing.assert_array_equal(forecast(engine), whole)


@pytest.mark.parametrize("back", [0, 200], ids=["the newest origin", "a past origin"])
@pytest.mark.parametrize("node", ["store:1/family:LIQUOR,WINE,BEER", "store:2", "total"])
@pytest.mark.parametrize("covariate", ["onpromotion", "holiday"])
def test_a_scenario_of_many_series_has_the_same_bits(
    serving: LoadedRelease,
    forecaster: Forecaster,
    monkeypatch: pytest.MonkeyPatch,
    back: int,
    node: str,
    covariate: str,
) -> None:
    """And computes the state of the parts below its node alone."""
    snapshot = serving.engine.snapshot
    row, origin = snapshot.hierarchy.index[node], snapshot.newest_origin - back
    adjustments = promote(origin, 3)
    if covariate == "holiday":
        adjustments = [Adjustment(covariate, SET, LANTERN_DAY, origin + 2, origin + 2)]
    whole = compare(forecaster, origin, row, adjustments)
    monkeypatch.setattr(base_forecasts, "PART_ROWS", snapshot.horizon)
    engine = ForecastEngine(serving.engine.bundle, snapshot)
    assert engine.is_divided
    monkeypatch.setattr(ForecastEngine, "state", None)  # of all nodes
    runners = LocalRunners(engine)
    divided = Forecaster(replace(serving, engine=engine), runners, runners)
    assert_equal_bits(compare(divided, origin, row, adjustments), whole)


@pytest.mark.parametrize("back", [0, 200], ids=["the newest origin", "a past origin"])
def test_rows_of_some_nodes_of_many_have_the_same_bits(
    serving: LoadedRelease, monkeypatch: pytest.MonkeyPatch, back: int
) -> None:
    """In any order, of upper nodes and of series of sites next to each other and apart."""
    snapshot = serving.engine.snapshot
    origin, upper = snapshot.newest_origin - back, snapshot.hierarchy.n_upper
    nodes = np.array([len(snapshot.hierarchy) - 1, 0, upper + 3, upper, 2, upper + 1])
    every = np.random.default_rng(1).permutation(len(snapshot.hierarchy))
    whole = [serving.engine.rows_of(origin, each, HORIZONS) for each in (nodes, every)]
    monkeypatch.setattr(base_forecasts, "PART_ROWS", snapshot.horizon)
    engine = ForecastEngine(serving.engine.bundle, snapshot)
    for expected, each in zip(whole, (nodes, every), strict=True):
        np.testing.assert_array_equal(engine.rows_of(origin, each, HORIZONS), expected)


@pytest.mark.parametrize("node", ["store:1/family:LIQUOR,WINE,BEER", "store:2", "total"])
def test_later_scenarios_of_a_past_origin_predict_their_own_rows_alone(
    serving: LoadedRelease, forecaster: Forecaster, runners: LocalRunners, past: int, node: str
) -> None:
    """And equal those of a forecaster that has computed nothing before, bit for bit."""
    row = serving.engine.snapshot.hierarchy.index[node]
    compare(forecaster, past, row, promote(past, 3))
    (first,) = runners.inferred
    every = len(serving.engine.reconciliation.modelled_nodes) * len(HORIZONS)
    assert first > every
    for value in (9, 40):
        runners.inferred.clear()
        later = compare(forecaster, past, row, promote(past, value))
        assert 0 < sum(runners.inferred) < every
        fresh = Forecaster(serving, runners, runners)
        assert_equal_bits(later, compare(fresh, past, row, promote(past, value)))


def test_a_scenario_after_a_forecast_of_the_same_days_uses_its_outputs(
    serving: LoadedRelease, forecaster: Forecaster, runners: LocalRunners, past: int, series: int
) -> None:
    plain = anyio.run(forecaster.forecast, past, HORIZONS)
    np.testing.assert_array_equal(plain, serving.engine.forecast(past, HORIZONS).values)
    runners.inferred.clear()
    comparison = compare(forecaster, past, series, promote(past, 9))
    assert 0 < sum(runners.inferred) <= 2 * len(HORIZONS)
    np.testing.assert_array_equal(comparison.baseline, plain)
    runners.inferred.clear()
    np.testing.assert_array_equal(anyio.run(forecaster.forecast, past, HORIZONS), plain)
    assert runners.inferred == []


@pytest.mark.parametrize("other", ["origin", "days"])
def test_outputs_of_other_days_are_not_used(
    serving: LoadedRelease,
    forecaster: Forecaster,
    runners: LocalRunners,
    past: int,
    series: int,
    other: str,
) -> None:
    compare(forecaster, past, series, promote(past, 3))
    origin, days = (past - 1, HORIZONS) if other == "origin" else (past, HORIZONS[5:] + 2)
    adjustments = [Adjustment("onpromotion", SET, 3, origin + 10, origin + 15)]
    comparison = anyio.run(forecaster.compare, origin, days, series, adjustments)
    np.testing.assert_array_equal(comparison.baseline, serving.engine.forecast(origin, days).values)


def test_the_origins_whose_outputs_are_kept_are_bounded(
    forecaster: Forecaster, past: int, series: int
) -> None:
    for before in range(PAST_OUTPUTS + 2):
        compare(forecaster, past - before, series, promote(past - before, 3))
    assert len(forecaster.past_outputs) == PAST_OUTPUTS


def test_stored_forecasts_of_the_recent_days_are_read_without_the_model(
    serving: LoadedRelease, runners: LocalRunners
) -> None:
    """And have the bits of computed ones; longer forecasts from their origin are computed."""
    origin = band_origin(serving.engine.snapshot)
    assert origin is not None
    days = np.arange(1, RECENT_DAYS + 1)
    recent = serving.engine.forecast(origin, days).values
    stored = replace(serving, forecasts=replace(serving.forecasts, recent=recent))
    forecaster = Forecaster(stored, runners, runners)
    np.testing.assert_array_equal(anyio.run(forecaster.forecast, origin, days), recent)
    some = np.array([5, 0])
    np.testing.assert_array_equal(
        anyio.run(forecaster.forecast, origin, days[3:9], some), recent[some, 3:9]
    )
    assert not runners.inferred
    longer = np.arange(1, RECENT_DAYS + 2)
    np.testing.assert_array_equal(
        anyio.run(forecaster.forecast, origin, longer),
        serving.engine.forecast(origin, longer).values,
    )
    assert runners.inferred


# --- who waits --------------------------------------------------------------------------------


class Holding(LocalRunners):
    """Runners that hold large calls of the model until they are released."""

    def __init__(self, engine: object) -> None:
        super().__init__(engine)  # type: ignore[arg-type]
        self.release, self.waiting = anyio.Event(), 0

    async def infer(self, bundle: str, snapshot: str, rows: np.ndarray) -> np.ndarray:
        if len(rows) > 200:
            self.waiting += 1
            await self.release.wait()
        return await super().infer(bundle, snapshot, rows)


def test_a_scenario_of_a_series_does_not_wait_for_those_of_the_total(
    serving: LoadedRelease, series: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of which as many run as may, and one more waits."""
    monkeypatch.setattr("models.serving.forecaster.SMALL_ROWS", 200)
    origin = serving.engine.snapshot.newest_origin
    finished: list[str] = []

    async def main() -> None:
        runners = Holding(serving.engine)
        forecaster = Forecaster(serving, runners, runners)

        async def ask(name: str, node: int) -> None:
            await forecaster.compare(origin, HORIZONS, node, promote(origin, 9, days=20))
            finished.append(name)

        async with anyio.create_task_group() as group:
            for _ in range(MAX_CONCURRENT + 1):
                group.start_soon(ask, "total", 0)
            with anyio.fail_after(SECONDS):
                while runners.waiting < MAX_CONCURRENT:
                    await anyio.lowlevel.checkpoint()
                await ask("series", series)
            assert finished == ["series"]
            assert runners.waiting == MAX_CONCURRENT, "the others wait"
            runners.release.set()
        assert finished == ["series", *["total"] * (MAX_CONCURRENT + 1)]

    anyio.run(main)


def test_a_store_of_the_favorita_data_counts_as_small() -> None:
    families, days = 33, 90
    assert families * days <= SMALL_ROWS


# --- sums of days -----------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [2, 7, 10_000])
@pytest.mark.parametrize("days", [1, 15, 90])
def test_sums_of_all_nodes_have_the_bits_of_those_of_a_whole_forecast(
    forecaster: Forecaster, monkeypatch: pytest.MonkeyPatch, rows: int, days: int
) -> None:
    """In whatever blocks the nodes are added up."""
    monkeypatch.setattr("models.serving.forecaster.SUMMED_ROWS", rows)
    horizons = np.arange(1, days + 1)
    origin = forecaster.release.engine.snapshot.newest_origin
    whole = anyio.run(forecaster.forecast, origin, horizons).sum(axis=1)
    np.testing.assert_array_equal(anyio.run(forecaster.total, origin, horizons), whole)


def test_sums_from_a_past_origin_are_those_of_its_forecast(
    forecaster: Forecaster, past: int
) -> None:
    whole = anyio.run(forecaster.forecast, past, HORIZONS).sum(axis=1)
    np.testing.assert_array_equal(anyio.run(forecaster.total, past, HORIZONS), whole)
