"""The live accuracy and the drift of what serves, as metrics."""

from __future__ import annotations

import anyio
import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from app.figures import FigureReporter
from lifecycle.monitoring.live_accuracy import ALL_DAYS, read_live_accuracy
from lifecycle.monitoring.scoring import score
from models.serving.release import LoadedRelease, load_release
from models.serving.watcher import ReleaseWatcher
from storage.artifacts import Store
from storage.database import open_database
from telemetry.instruments import REGISTRY


@pytest.fixture
def reporter(store: Store, engine: Engine) -> FigureReporter:
    watcher: ReleaseWatcher[LoadedRelease] = ReleaseWatcher(store, load_release)
    watcher.look()
    return FigureReporter(watcher, store, engine)


def test_live_figures_are_those_of_the_accuracy_call(
    reporter: FigureReporter, store: Store, engine: Engine
) -> None:
    score(store, engine)
    anyio.run(reporter.observe)
    live = read_live_accuracy(engine, store.current().bundle, 28)
    figures = [each for each in live.figures if each.days_ahead == ALL_DAYS]
    assert {each.level for each in figures} >= {"total", "bottom"}
    for each in figures:
        labels = {"level": each.level}
        read = REGISTRY.get_sample_value
        assert read("mlrf_live_accuracy", {**labels, "measure": "wape"}) == each.wape.value
        assert read("mlrf_live_accuracy", {**labels, "measure": "naive_wape"}) == each.naive_wape
        assert read("mlrf_live_accuracy_expected", {**labels, "measure": "wape"}) is not None
    assert REGISTRY.get_sample_value("mlrf_live_accuracy_days") == figures[0].days


def test_a_database_that_does_not_answer_is_one_line_in_the_log(trained: Store) -> None:
    watcher: ReleaseWatcher[LoadedRelease] = ReleaseWatcher(trained, load_release)
    watcher.look()
    database = open_database("postgresql://mlrf@127.0.0.1:1/mlrf")  # a port of nobody
    reporter = FigureReporter(watcher, trained, database)
    with capture_logs() as lines:
        anyio.run(reporter.observe)
        anyio.run(reporter.observe)
    assert [line["event"] for line in lines] == ["figures_not_read"]
