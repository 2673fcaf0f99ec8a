"""Addition of a backtest to the serving bundle, as a new version of the bundle."""

from __future__ import annotations

from pathlib import Path

from models.bundle import Bundle, load_bundle, with_metrics
from models.serving.release import load_release
from storage.artifacts import ArtifactError, Release, Store
from training.evaluation.backtest_result import RESULT_FILE, Document, read_backtest


def seal_backtest(folder: Path, store: Store) -> Release:
    """Add the backtest in `folder` to the metrics of the serving bundle, and serve the result.

    A backtest that the bundle already has is replaced. The model's files, and so its forecasts,
    are the same; the serving release changes only when the new one is complete.

    Raises:
        ArtifactError: there is no finished backtest or no serving release, or the backtest is of
            other data or of another recipe than the bundle.
    """
    path = folder / RESULT_FILE
    document = read_backtest(path)
    current = store.current()
    bundle = load_bundle(store.bundles / current.bundle)
    _check_is_of(bundle, document, path)
    sealed = with_metrics(bundle.path, store.bundles, {**bundle.metrics, "backtest": document})
    release = Release(bundle=sealed.name, snapshot=current.snapshot)
    load_release(store, release)
    store.promote(release)
    return release


def _check_is_of(bundle: Bundle, document: Document, path: Path) -> None:
    if document["snapshot"] != bundle.facts.training_data:
        raise ArtifactError(
            path,
            f"is of snapshot {document['snapshot']}; bundle {bundle.name} was trained on "
            f"{bundle.facts.training_data}",
        )
    if document["recipe"] != bundle.facts.recipe:
        raise ArtifactError(path, f"is of another recipe than bundle {bundle.name}")
