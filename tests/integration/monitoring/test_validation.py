"""The newest days are replayed, and the verdict follows from what chance cannot explain."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from config.margins import MARGINS
from lifecycle.monitoring.live_accuracy import ALL_DAYS
from lifecycle.monitoring.validation import Role, Validation, Verdict, replay
from lifecycle.monitoring.validation_run import run_validation
from lifecycle.registry import Registry
from models import metrics
from models.serving.release import load_engine
from storage.artifacts import Release, Store
from storage.audit import Actor
from storage.database import reading
from storage.validations import list_validations
from tests.integration.monitoring.conftest import NEWER_DAYS
from tests.support.releases import add_scaled_bundle
from training.evaluation.reports.validation_report import render_validation

BY = Actor("anna")


@pytest.fixture
def registry(store: Store, engine: Engine) -> Registry:
    registry = Registry(store, engine)
    registry.adopt()
    return registry


def validate(registry: Registry, engine: Engine, days: int = NEWER_DAYS) -> Validation:
    return run_validation(registry, engine, days=days, margins=MARGINS)


def test_a_release_alone_is_held(registry: Registry, engine: Engine) -> None:
    validation = validate(registry, engine)
    assert validation.verdict is Verdict.HOLD
    with reading(engine) as connection:
        (stored,) = list_validations(connection, 5)
    assert (stored.verdict, stored.bundle) == ("hold", registry.store.current().bundle)
    assert stored.report == validation.report


def test_a_better_candidate_is_to_be_promoted(registry: Registry, engine: Engine) -> None:
    good = registry.store.current()
    bad = add_scaled_bundle(registry.store, 1.5)
    registry.promote(bad, by=BY, snapshot=good.snapshot)
    registry.store.promote(Release(bad, good.snapshot))
    validation = run_validation(
        registry, engine, days=NEWER_DAYS, margins=MARGINS, candidate=good.bundle
    )
    assert validation.verdict is Verdict.PROMOTE
    assert any(f"candidate {good.bundle} are smaller" in each for each in validation.reasons)


def test_a_release_that_is_worse_than_the_one_before_is_to_be_rolled_back(
    registry: Registry, engine: Engine
) -> None:
    good = registry.store.current()
    bad = add_scaled_bundle(registry.store, 1.5)
    registry.promote(bad, by=BY, snapshot=good.snapshot)
    validation = validate(registry, engine)
    assert validation.verdict is Verdict.ROLL_BACK
    (rival,) = validation.report["rivals"]
    assert (rival["bundle"], rival["role"]) == (good.bundle, Role.PREVIOUS)
    assert rival["high"] < 0


def test_a_worse_candidate_changes_nothing(registry: Registry, engine: Engine) -> None:
    add_scaled_bundle(registry.store, 1.5)
    validation = validate(registry, engine)
    assert validation.verdict is Verdict.HOLD
    assert any("are larger" in each for each in validation.reasons)


def test_few_days_decide_nothing(registry: Registry, engine: Engine) -> None:
    good = registry.store.current()
    registry.promote(add_scaled_bundle(registry.store, 1.5), by=BY, snapshot=good.snapshot)
    validation = validate(registry, engine, days=3)
    assert validation.verdict is Verdict.HOLD
    assert any("only 3 days are new to both" in each for each in validation.reasons)


def test_a_replay_is_the_forecast_that_was_made_then(registry: Registry, engine: Engine) -> None:
    active = load_engine(registry.store, registry.store.current())
    snapshot = active.snapshot
    rows = replay(active, 2)
    first = snapshot.facts.origin - timedelta(1)
    near = [each for each in rows if each.day == first and each.level == "total"]
    forecast = active.forecast(snapshot.newest_origin - 2).values[:1, :1]
    (total,) = near
    sold = snapshot.sales[:1, -2:-1]
    assert total.sums["absolute"] / total.sums["sold"] == pytest.approx(
        metrics.wape(forecast, sold)
    )


def test_days_that_the_model_has_seen_are_not_replayed(registry: Registry) -> None:
    active = load_engine(registry.store, registry.store.current())
    days = {each.day for each in replay(active, 40)}
    assert len(days) == NEWER_DAYS
    assert min(days) == active.bundle.facts.trained_through + timedelta(1)


def test_the_page_shows_verdict_figures_and_days(
    registry: Registry, engine: Engine, tmp_path: Path
) -> None:
    validation = validate(registry, engine)
    page = render_validation(validation.report)
    assert "Verdict: hold" in page
    total = next(
        each
        for each in validation.report["figures"]
        if (each["level"], each["days_ahead"]) == ("total", ALL_DAYS)
    )
    assert f"<td>{total['wape']:.1%}</td>" in page
    assert all(each["day"] in page for each in validation.report["daily"])
