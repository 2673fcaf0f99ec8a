"""Forecasts that are kept are compared with what was sold since."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sqlalchemy import Engine

from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.specification import BOTTOM
from lifecycle.jobs import now
from lifecycle.monitoring import scoring
from lifecycle.monitoring.live_accuracy import ALL_DAYS, measure, read_live_accuracy
from lifecycle.monitoring.scoring import Scored, score
from lifecycle.monitoring.vintage_list import FILE, list_vintages
from models import metrics
from models.serving.release import load_release
from storage.actuals import Actual, ActualStore
from storage.artifacts import Release, Store
from storage.audit import Actor
from storage.database import reading
from storage.performance import Performance, list_recorded, read_performance
from tests.integration.monitoring.conftest import NEWER_DAYS

BY = Actor("till")


def bundle_of(store: Store) -> str:
    return store.current().bundle


def snapshot_of(store: Store) -> Snapshot:
    return load_snapshot(store.snapshots / store.current().snapshot)


def performance_of(engine: Engine, store: Store, **which: Any) -> list[Performance]:
    with reading(engine) as connection:
        return read_performance(
            connection, bundle_of(store), date(2024, 1, 1), date(2025, 1, 1), **which
        )


def days_of(scored: Scored) -> list[date]:
    (days,) = scored.days.values()
    return days


def test_every_release_that_was_served_has_a_vintage(
    engine: Engine, store: Store, served: tuple[Store, list[Release]]
) -> None:
    scored = score(store, engine)
    vintages = list(list_vintages(store))
    assert [(each.bundle, each.snapshot) for each in vintages] == [
        (release.bundle, release.snapshot) for release in served[1]
    ]
    with reading(engine) as connection:
        assert list_recorded(connection) == vintages
    assert scored.vintages == [each.name for each in vintages]


def test_a_vintage_holds_what_was_served(
    engine: Engine, store: Store, served: tuple[Store, list[Release]]
) -> None:
    score(store, engine)
    first = next(list_vintages(store))
    frame = pl.read_parquet(store.vintages / first.name / FILE)
    loaded = load_release(store, served[1][0])
    nodes, days = loaded.forecasts.mean.shape
    forecast = frame["forecast"].to_numpy().reshape(days, nodes).T
    np.testing.assert_allclose(forecast, loaded.forecasts.mean, rtol=1e-6)
    snapshot = loaded.engine.snapshot
    assert frame["node"].to_list()[:nodes] == [node.id for node in snapshot.hierarchy.nodes]
    assert frame["date"].unique().sort().to_list() == [
        snapshot.date_at(snapshot.newest_origin + ahead) for ahead in range(1, days + 1)
    ]
    lower, upper = loaded.intervals.bounds(
        np.arange(nodes),
        loaded.forecasts.mean,
        np.arange(1, days + 1),
        80,
        sold=snapshot.may_sell(snapshot.newest_origin),
    )
    for name, bound in (("lower_80", lower), ("upper_80", upper)):
        np.testing.assert_allclose(
            frame[name].to_numpy().reshape(days, nodes).T, bound, rtol=1 / 4096
        )


def test_live_accuracy_is_what_the_vintages_and_the_sales_say(engine: Engine, store: Store) -> None:
    scored = score(store, engine)
    assert len(days_of(scored)) == NEWER_DAYS
    snapshot = snapshot_of(store)
    sales = pl.DataFrame(
        {
            "node": [node.id for node in snapshot.hierarchy.nodes] * NEWER_DAYS,
            "date": np.repeat(
                np.array(days_of(scored), dtype="datetime64[D]"), len(snapshot.hierarchy)
            ),
            "sold": snapshot.sales[:, -NEWER_DAYS:].T.ravel(),
        }
    )
    for level, rows in snapshot.hierarchy.slices.items():
        nodes = [node.id for node in snapshot.hierarchy.nodes[rows]]
        pairs = pl.concat(
            pl.read_parquet(store.vintages / each.name / FILE).with_columns(
                pl.col("node").cast(pl.String)
            )
            for each in list_vintages(store)
        ).filter(pl.col("node").is_in(nodes))
        pairs = pairs.join(sales, on=["node", "date"])
        forecast, sold = (pairs[name].to_numpy().astype(float) for name in ("forecast", "sold"))
        (figures,) = (
            each
            for each in measure(performance_of(engine, store, level=level))
            if each.days_ahead == ALL_DAYS
        )
        assert figures.values == len(pairs)
        assert figures.wape.value == pytest.approx(metrics.wape(forecast, sold))
        assert figures.bias.value == pytest.approx(metrics.bias(forecast, sold))
        assert figures.rmsle == pytest.approx(metrics.rmsle(forecast, sold))
        lower, upper = (pairs[name].to_numpy() for name in ("lower_80", "upper_80"))
        assert figures.coverage[80].value == pytest.approx(
            np.mean((lower <= sold) & (sold <= upper))
        )
        naive = pairs["seasonal_naive"].to_numpy()
        assert figures.naive_wape == pytest.approx(metrics.wape(naive, sold))


def test_a_day_is_compared_once(engine: Engine, store: Store) -> None:
    score(store, engine)
    before = performance_of(engine, store, node=None)
    assert score(store, engine).days == {}
    assert performance_of(engine, store, node=None) == before


def test_a_scoring_that_is_interrupted_goes_on_where_it_stopped(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(store, engine, advance=fail)
    assert len({each.day for each in performance_of(engine, store)}) == 2
    assert len(days_of(score(store, engine))) == NEWER_DAYS - 2


def test_reported_sales_of_days_ahead_are_compared(engine: Engine, store: Store) -> None:
    score(store, engine)
    snapshot = snapshot_of(store)
    ahead = snapshot.facts.origin + timedelta(1)
    bottoms = snapshot.hierarchy.nodes[snapshot.hierarchy.n_upper :]
    actuals = [Actual(node.id, ahead, 7.0) for node in bottoms]
    ActualStore(engine).report(actuals, by=BY, at=now())
    assert days_of(score(store, engine)) == [ahead]
    (total,) = performance_of(engine, store, level="total")[-1:]
    assert (total.day, total.sums["sold"] % (7 * len(bottoms))) == (ahead, 0)


def test_a_correction_is_compared_again_and_a_repetition_is_not(
    engine: Engine, store: Store
) -> None:
    snapshot = snapshot_of(store)
    ahead = snapshot.facts.origin + timedelta(1)
    node = snapshot.hierarchy.nodes[snapshot.hierarchy.n_upper].id
    actuals = ActualStore(engine)
    actuals.report([Actual(node, ahead, 7.0)], by=BY, at=now())
    score(store, engine)
    assert actuals.report([Actual(node, ahead, 7.0)], by=BY, at=now()).unchanged == 1
    assert score(store, engine).days == {}
    assert actuals.report([Actual(node, ahead, 9.0)], by=BY, at=now()).corrected == 1
    assert days_of(score(store, engine)) == [ahead]
    sold = {each.sums["sold"] for each in performance_of(engine, store, level=BOTTOM)[-1:]}
    assert {units % 9 for units in sold} == {0}


def test_what_the_tables_say_counts(engine: Engine, store: Store) -> None:
    score(store, engine)
    snapshot = snapshot_of(store)
    node = snapshot.hierarchy.nodes[snapshot.hierarchy.n_upper].id
    ActualStore(engine).report([Actual(node, snapshot.facts.origin, 1e6)], by=BY, at=now())
    assert score(store, engine).days == {}


def test_a_damaged_vintage_is_left_out_and_reported(engine: Engine, store: Store) -> None:
    score(store, engine)
    first, *_ = list_vintages(store)
    file = store.vintages / first.name / FILE
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    node = snapshot_of(store).hierarchy.nodes[-1].id
    ahead = snapshot_of(store).facts.origin + timedelta(1)
    ActualStore(engine).report([Actual(node, ahead, 7.0)], by=BY, at=now())
    scored = score(store, engine)
    assert list(scored.damaged) == [first.name]
    assert days_of(scored) == [ahead]


def test_the_window_ends_with_the_newest_day_that_was_compared(
    engine: Engine, store: Store
) -> None:
    assert read_live_accuracy(engine, bundle_of(store), 7).last is None
    score(store, engine)
    live = read_live_accuracy(engine, bundle_of(store), 2)
    origin = snapshot_of(store).facts.origin
    assert (live.first, live.last) == (origin - timedelta(1), origin)
    assert {each.days for each in live.figures if each.days_ahead == ALL_DAYS} == {2}


def test_a_vintage_whose_folder_is_removed_stays_on_record(
    engine: Engine, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(store, engine)
    first, *_ = list_vintages(store)
    (store.vintages / first.name).rename(tmp_path / "away")
    before = performance_of(engine, store, node=None)
    monkeypatch.setattr(scoring, "make_missing", lambda store, later: [])  # its data are gone too
    score(store, engine)
    with reading(engine) as connection:
        assert first not in list_recorded(connection, removed=False)
        assert first in list_recorded(connection)
    assert performance_of(engine, store, node=None) == before, "sums outlive the forecasts"
