"""Sealing: a backtest of a bundle makes a new version of that bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.bundle import METRICS_FILE, Bundle, load_bundle, with_metrics
from models.serving.release import load_release
from storage.artifacts import ArtifactError, Store
from training.evaluation.backtest_result import RESULT_FILE, Document, load_document, write_document
from training.seal import seal_backtest

pytestmark = pytest.mark.slow


@pytest.fixture
def of_bundle(document: Document, bundle: Bundle, tmp_path: Path) -> Path:
    """Return the folder of a backtest whose document states the trained bundle."""
    folder = tmp_path / "backtest"
    whole = document | {"recipe": bundle.facts.recipe, "snapshot": bundle.facts.training_data}
    write_document(folder / RESULT_FILE, whole)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_new_version_has_the_backtest_and_the_same_model(
    own_store: Store, of_bundle: Path, document: Document
) -> None:
    before = own_store.current()
    release = seal_backtest(of_bundle, own_store)
    assert own_store.current() == release
    assert release.snapshot == before.snapshot
    assert release.bundle != before.bundle
    sealed, old = (
        load_bundle(own_store.bundles / name) for name in (release.bundle, before.bundle)
    )
    assert sealed.metrics["calibration"] == old.metrics["calibration"]
    assert sealed.metrics["backtest"]["windows"] == document["windows"]
    assert sealed.facts == old.facts
    ours, theirs = files_of(sealed.path), files_of(old.path)
    assert {name for name in ours if ours[name] != theirs[name]} == {METRICS_FILE, "manifest.json"}


def test_the_old_version_stays_as_it_was(own_store: Store, of_bundle: Path) -> None:
    path = own_store.bundles / own_store.current().bundle
    before = files_of(path)
    seal_backtest(of_bundle, own_store)
    assert files_of(path) == before


def test_the_new_release_has_its_forecasts_before_it_serves(
    own_store: Store, of_bundle: Path
) -> None:
    old = load_release(own_store, own_store.current()).forecasts.mean
    release = seal_backtest(of_bundle, own_store)
    assert list(own_store.forecasts.glob(f"{release.bundle}.{release.snapshot}-*"))
    np.testing.assert_array_equal(load_release(own_store, release).forecasts.mean, old)


def test_sealing_again_changes_nothing(own_store: Store, of_bundle: Path) -> None:
    release = seal_backtest(of_bundle, own_store)
    assert seal_backtest(of_bundle, own_store) == release


def test_a_later_backtest_replaces_an_earlier_one(
    own_store: Store, of_bundle: Path, bundle: Bundle
) -> None:
    first = seal_backtest(of_bundle, own_store)
    first_metrics = load_bundle(own_store.bundles / first.bundle).metrics
    later = first_metrics["backtest"] | {"windows": first_metrics["backtest"]["windows"][:1]}
    write_document(of_bundle / RESULT_FILE, later)
    second = seal_backtest(of_bundle, own_store)
    assert second != first
    metrics = load_bundle(own_store.bundles / second.bundle).metrics
    assert metrics == dict(bundle.metrics) | {"backtest": later}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(
            {"snapshot": "2020-01-01-0123456789abcdef"},
            "is of snapshot 2020-01-01-0123456789abcdef; bundle ",
            id="other data",
        ),
        pytest.param({"recipe": {"segments": []}}, "is of another recipe than", id="other recipe"),
    ],
)
def test_a_backtest_of_something_else_is_refused(
    own_store: Store, of_bundle: Path, change: Document, reason: str
) -> None:
    before = own_store.current(), sorted(own_store.bundles.iterdir())
    path = of_bundle / RESULT_FILE
    write_document(path, load_document(path) | change)
    with pytest.raises(ArtifactError) as caught:
        seal_backtest(of_bundle, own_store)
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason)
    assert "\n" not in str(caught.value)
    assert (own_store.current(), sorted(own_store.bundles.iterdir())) == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(None, "does not exist: run mlrf backtest first", id="none"),
        pytest.param("{", "cannot be read", id="cut off"),
        pytest.param("[1]", "does not hold the result of a backtest", id="a list"),
        pytest.param('{"windows": []}', "does not hold the result of a backtest", id="a part"),
    ],
)
def test_an_unfinished_backtest_is_refused(
    trained: Store, tmp_path: Path, text: str | None, reason: str
) -> None:
    if text is not None:
        (tmp_path / RESULT_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ArtifactError) as caught:
        seal_backtest(tmp_path, trained)
    assert caught.value.reason == reason


def test_a_bundle_that_was_altered_is_not_copied(own_store: Store) -> None:
    path = own_store.bundles / own_store.current().bundle
    (path / METRICS_FILE).write_text("{}", encoding="utf-8")
    with pytest.raises(ArtifactError):
        with_metrics(path, own_store.bundles, {})


def test_figures_that_do_not_exist_are_null_in_a_bundle(own_store: Store) -> None:
    """JSON knows no NaN, and a reader of another language would fail at it."""
    path = own_store.bundles / own_store.current().bundle
    sealed = with_metrics(path, own_store.bundles, {"wape": float("nan")})
    assert load_bundle(sealed.path).metrics == {"wape": None}
