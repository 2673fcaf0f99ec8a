"""Runs, versions and the alias in a real MLflow, kept in an SQLite file."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import orjson
import pytest

from lifecycle.tracking import Tracker, TrackingError
from models.bundle import METRICS_FILE, Bundle, load_bundle, with_metrics
from storage.artifacts import ArtifactError, Release, Store
from tests.support.mlflow import Mlflow
from tests.support.releases import OTHER_WAPE, add_other_bundle


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the database of an MLflow that nothing was recorded in."""
    folder = tmp_path_factory.mktemp("mlflow")
    Mlflow.in_folder(folder).tracker().check()
    return folder


@pytest.fixture
def mlflow(empty: Path, tmp_path: Path) -> Mlflow:
    return Mlflow.in_folder(Path(shutil.copytree(empty, tmp_path / "mlflow")))


@pytest.fixture
def tracker(mlflow: Mlflow) -> Tracker:
    return mlflow.tracker()


def test_a_run_has_the_parameters_of_its_training(
    tracker: Tracker, mlflow: Mlflow, own_store: Store, bundle: Bundle
) -> None:
    tracker.record_release(own_store, own_store.current())
    (run,) = mlflow.runs()
    assert (run.info.status, run.info.run_name) == ("FINISHED", bundle.name)
    parameters = run.data.params
    assert parameters["engine"] == "local"
    assert parameters["threads"] == "1"
    assert parameters["effort"] == "default"
    assert int(parameters["rows"]) > 1000
    assert parameters["features"] == str(len(bundle.contract.names))
    assert parameters["recipe.seed"] == str(bundle.facts.recipe["seed"])
    assert parameters["recipe.segments.16.members.near.parameters.num_leaves"] == "31"
    assert run.data.tags["trained_through"] == bundle.facts.trained_through.isoformat()
    assert run.info.end_time > run.info.start_time


def test_a_run_has_every_figure_of_the_bundle_by_level_and_days_ahead(
    tracker: Tracker, mlflow: Mlflow, own_store: Store, bundle: Bundle
) -> None:
    tracker.record_release(own_store, own_store.current())
    (run,) = mlflow.runs()
    figures, quality = run.data.metrics, bundle.metrics["quality"]
    for level, buckets in bundle.metrics["calibration"]["levels"].items():
        for days, measures in buckets.items():
            for measure, value in measures.items():
                assert figures[f"{level}/{days}/{measure}"] == pytest.approx(value)
    assert figures["total/1-7/coverage_80"] == quality["levels"]["total"]["1-7"]["coverage_80"]
    assert figures["total/sums of 28/coverage_95"] == quality["sums"]["total"]["28"]["coverage_95"]
    assert figures["bottom/wrmsse/model"] == quality["wrmsse"]["bottom"]["model"]
    assert figures["seconds/fit"] > 0


def test_a_run_names_the_data_that_the_model_was_trained_on(
    tracker: Tracker, mlflow: Mlflow, own_store: Store, bundle: Bundle
) -> None:
    tracker.record_release(own_store, own_store.current())
    (run,) = mlflow.runs()
    (data,) = run.inputs.dataset_inputs
    assert data.dataset.name == run.data.tags["snapshot"] == bundle.facts.training_data
    assert bundle.facts.training_data.endswith(data.dataset.digest)


def test_the_bundle_of_a_version_can_be_loaded_from_its_artifacts(
    tracker: Tracker, mlflow: Mlflow, own_store: Store, tmp_path: Path, bundle: Bundle
) -> None:
    tracked = tracker.record_release(own_store, own_store.current())
    version = mlflow.client.get_model_version(mlflow.model, tracked.version)
    assert (version.run_id, version.source.rpartition("/")[2]) == (tracked.run_id, "bundle")
    folder = mlflow.client.download_artifacts(tracked.run_id, "bundle", str(tmp_path))
    renamed = Path(folder).rename(tmp_path / bundle.name)
    assert load_bundle(renamed).metrics == bundle.metrics


def test_the_alias_is_that_of_the_bundle_that_serves(
    tracker: Tracker, mlflow: Mlflow, own_store: Store
) -> None:
    serving = own_store.current()
    other = Release(add_other_bundle(own_store), serving.snapshot)
    tracker.record_release(own_store, other)
    with pytest.raises(Exception, match="alias champion not found"):
        mlflow.champion()
    tracker.record_release(own_store, serving)
    assert mlflow.champion() == serving.bundle
    own_store.promote(other)
    assert tracker.follow(own_store) == "1"
    assert mlflow.champion() == other.bundle
    assert mlflow.versions() == {"1": other.bundle, "2": serving.bundle}


def test_each_version_has_the_figures_of_its_bundle(
    tracker: Tracker, mlflow: Mlflow, own_store: Store
) -> None:
    serving = own_store.current()
    tracker.record_release(own_store, serving)
    tracker.record_release(own_store, Release(add_other_bundle(own_store), serving.snapshot))
    first, second = (run.data.metrics["total/1-7/wape"] for run in mlflow.runs())
    assert first != second == OTHER_WAPE


def test_a_bundle_is_recorded_once(tracker: Tracker, mlflow: Mlflow, own_store: Store) -> None:
    first = tracker.record_release(own_store, own_store.current())
    second = tracker.record_release(own_store, own_store.current())
    assert (first.is_new, second.is_new) == (True, False)
    assert (first.version, first.run_id) == (second.version, second.run_id)
    assert len(mlflow.runs()) == len(mlflow.versions()) == 1


def test_the_verdict_of_the_comparison_is_a_tag(
    tracker: Tracker, mlflow: Mlflow, own_store: Store
) -> None:
    bundle = own_store.current().bundle
    verdict = {"champion": "2024-01-01-0", "outcome": "better", "why": "errors are smaller"}
    own_store.record_build(bundle, {**own_store.read_build(bundle), "verdict": verdict})
    tracked = tracker.record_release(own_store, own_store.current())
    version = mlflow.client.get_model_version(mlflow.model, tracked.version)
    for tags in (version.tags, mlflow.runs()[0].data.tags):
        assert tags["verdict"] == "better"
        assert tags["verdict.why"] == verdict["why"]
        assert tags["verdict.champion"] == verdict["champion"]


def test_a_bundle_without_a_record_of_its_training_is_recorded(
    tracker: Tracker, mlflow: Mlflow, own_store: Store
) -> None:
    """One that was imported, or joined with a backtest."""
    shutil.rmtree(own_store.builds)
    assert tracker.record_release(own_store, own_store.current()).is_new
    (run,) = mlflow.runs()
    assert "threads" not in run.data.params
    assert run.data.metrics["total/1-7/wape"]


def test_a_figure_that_does_not_exist_is_left_out(
    tracker: Tracker, mlflow: Mlflow, own_store: Store
) -> None:
    """The WAPE of a level that sold nothing is null."""
    bundle = load_bundle(own_store.bundles / own_store.current().bundle)
    metrics = orjson.loads(orjson.dumps(bundle.metrics))
    for part in ("calibration", "quality"):
        metrics[part]["levels"]["total"]["1-7"]["wape"] = None
    gap = with_metrics(bundle.path, own_store.bundles, metrics).name
    tracker.record_release(own_store, Release(gap, own_store.current().snapshot))
    (run,) = mlflow.runs()
    assert "total/1-7/wape" not in run.data.metrics
    assert "total/8-16/wape" in run.data.metrics


def test_an_altered_bundle_is_not_recorded(
    tracker: Tracker, mlflow: Mlflow, own_store: Store
) -> None:
    release = own_store.current()
    with (own_store.bundles / release.bundle / METRICS_FILE).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ArtifactError, match=re.escape("bytes instead of")):
        tracker.record_release(own_store, release)
    assert mlflow.runs() == []


def test_a_run_that_could_not_be_finished_is_a_failed_one(
    tracker: Tracker, mlflow: Mlflow, own_store: Store, tmp_path: Path
) -> None:
    """Its artifacts have no place to go to; another attempt succeeds."""
    (tmp_path / "mlflow" / "mlflow-artifacts").write_text("a file in the place of the folder")
    with pytest.raises(TrackingError, match="MLFLOW_TRACKING_URI: "):
        tracker.record_release(own_store, own_store.current())
    assert [run.info.status for run in mlflow.runs()] == ["FAILED"]
    assert mlflow.versions() == {}
    (tmp_path / "mlflow" / "mlflow-artifacts").unlink()
    assert tracker.record_release(own_store, own_store.current()).is_new
    assert {run.info.status for run in mlflow.runs()} == {"FAILED", "FINISHED"}


def test_an_error_does_not_quote_the_address(
    own_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold a password."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = Tracker("http://user:secret@127.0.0.1:9", experiment="x", model="mlrf")
    with pytest.raises(TrackingError, match="<its address>") as error:
        tracker.record_release(own_store, own_store.current())
    assert "secret" not in str(error.value)
