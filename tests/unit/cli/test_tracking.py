"""Trainings, backtests, promotions and rollbacks as MLflow sees them; and without it."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from config.settings import get_settings
from storage.artifacts import Store
from tests.support.command import Run, set_environment
from tests.support.mlflow import Mlflow
from tests.support.releases import add_other_bundle
from training import recipe as recipes
from training.recipe import Recipe

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _small_training(monkeypatch: pytest.MonkeyPatch, quick: Recipe) -> None:
    monkeypatch.setattr(recipes, "DEMO", quick)
    monkeypatch.setattr(recipes, "recipe_for", lambda snapshot: quick)
    monkeypatch.setattr("training.inputs.cores", lambda: 1)


@pytest.fixture
def mlflow(tmp_path: Path) -> Mlflow:
    return Mlflow.in_folder(tmp_path)


@pytest.fixture
def settings(
    monkeypatch: pytest.MonkeyPatch, own_settings: dict[str, object], mlflow: Mlflow
) -> dict[str, object]:
    """Settings of an empty store, with an MLflow."""
    variables = {**own_settings, **mlflow.variables}
    set_environment(monkeypatch, **variables)
    return variables


@pytest.fixture
def store(settings: dict[str, object]) -> Store:
    return get_settings().store


@pytest.fixture
def closed_port() -> int:
    """A port of this machine at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_a_training_is_recorded_and_the_alias_moves_only_with_a_promotion(
    run: Run, store: Store, mlflow: Mlflow, demo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run("train", demo_folder)
    assert first.status == 0, first.err
    assert "Recorded in MLflow as version 1 of the model mlrf." in first.err
    before = store.current()
    assert mlflow.champion() == before.bundle

    other = recipes.DEMO.model_copy(update={"seed": 1})
    monkeypatch.setattr(recipes, "recipe_for", lambda snapshot: other)
    second = run("train", demo_folder, "--promote", "never")
    assert second.status == 0, second.err
    assert "as version 2" in second.err
    assert mlflow.champion() == before.bundle
    candidate = mlflow.versions()["2"]

    assert run("models", "promote", candidate).status == 0
    assert mlflow.champion() == candidate
    assert run("models", "rollback", "--reason", "worse").status == 0
    assert mlflow.champion() == before.bundle
    assert [each.info.status for each in mlflow.runs()] == ["FINISHED", "FINISHED"]


def test_a_backtest_is_recorded_with_its_report_and_card(
    run: Run,
    settings: dict[str, object],
    mlflow: Mlflow,
    demo_folder: Path,
    tmp_path: Path,
    few: None,
) -> None:
    out = tmp_path / "backtest"
    done = run("backtest", demo_folder, "--out", out, "--short", 1, "--long", 1)
    assert done.status == 0, done.err
    (recorded,) = mlflow.runs()
    assert recorded.data.tags["kind"] == "backtest"
    assert recorded.data.params["short"] == "1"
    names = {"backtest.json", "report.html", "model-card.md"}
    assert mlflow.artifacts(recorded.info.run_id) == names
    assert mlflow.versions() == {}


def test_a_training_survives_an_mlflow_that_does_not_answer(
    run: Run,
    settings: dict[str, object],
    mlflow: Mlflow,
    store: Store,
    demo_folder: Path,
    closed_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    done = run("train", demo_folder)
    assert done.status == 0, done.err
    bundle = store.current().bundle
    assert done.err.count("warning: MLFLOW_TRACKING_URI: ") == 1, "before the training"
    assert "warning: the training is not recorded" in done.err
    assert f"mlrf models track {bundle}" in done.err
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.uri)
    later = run("models", "track", bundle[:12])
    assert later.status == 0, later.err
    assert mlflow.champion() == bundle
    assert "already" in run("models", "track", bundle).err


def test_a_promotion_survives_an_mlflow_that_does_not_answer(
    run: Run,
    settings: dict[str, object],
    own_store: Store,
    closed_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = add_other_bundle(own_store)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    done = run("models", "promote", other)
    assert done.status == 0
    assert own_store.current().bundle == other
    assert "warning: MLflow still calls another model the champion" in done.err


def test_a_training_without_the_package_ends_before_it_begins(
    run: Run, store: Store, demo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    done = run("train", demo_folder)
    assert "mlflow is not installed" in done.error_line
    assert ".[mlflow]" in done.error_line
    assert not store.root.exists()


def test_nothing_is_imported_or_recorded_where_no_mlflow_is_set(
    run: Run, settings: dict[str, object], own_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    done = run("models", "promote", add_other_bundle(own_store))
    assert (done.status, "warning" in done.err) == (0, False)
    tracked = run("models", "track", own_store.current().bundle)
    assert "MLFLOW_TRACKING_URI: is not set" in tracked.error_line
