"""Tracking of trainings and backtests in MLflow, where MLFLOW_TRACKING_URI names one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.inputs import extra
from cli.progress import say, warn
from config.settings import get_settings
from config.topics import TrackingSettings
from errors import InputError
from storage.artifacts import ArtifactError, Release, Store

if TYPE_CHECKING:
    from lifecycle.tracking import Tracker


def open_tracker() -> Tracker | None:
    """Return the tracker of the settings; None if they name no MLflow.

    Raises:
        InputError: MLflow is not installed.
    """
    settings = TrackingSettings()
    if settings.mlflow_tracking_uri is None:
        return None
    with extra("mlflow"):
        from lifecycle.tracking import Tracker

        return Tracker(
            settings.mlflow_tracking_uri.get_secret_value(),
            experiment=settings.mlflow_experiment_name,
            model=settings.mlflow_model_name,
        )


def open_checked_tracker() -> Tracker | None:
    """Return the tracker of the settings before a long task; warn if MLflow does not answer.

    Raises:
        InputError: MLflow is not installed.
    """
    tracker = open_tracker()
    if tracker is not None:
        try:
            tracker.check()
        except InputError as error:
            warn(f"{error}. It is tried again at the end")
    return tracker


def record_training(tracker: Tracker | None, store: Store, release: Release) -> None:
    """Record a training; a failure is a warning, because the model is there all the same."""
    if tracker is None:
        return
    try:
        _record(tracker, store, release)
    except (InputError, ArtifactError) as error:
        warn(
            f"the training is not recorded: {error}. Its model is kept. To record it later: "
            f"mlrf models track {release.bundle}"
        )


def track_bundle(release: Release) -> None:
    """Record the training of a bundle.

    Raises:
        InputError: no MLflow is named, or it cannot be used.
        ArtifactError: the bundle is gone or was altered.
    """
    tracker = open_tracker()
    if tracker is None:
        raise InputError(
            "MLFLOW_TRACKING_URI: is not set: let it name a server of MLflow, such as "
            "http://127.0.0.1:5000, or a database, such as sqlite:///mlflow.db"
        )
    _record(tracker, get_settings().store, release)


def _record(tracker: Tracker, store: Store, release: Release) -> None:
    tracked = tracker.record_release(store, release)
    recorded = "Recorded in MLflow" if tracked.is_new else "In MLflow already,"
    say(f"{recorded} as version {tracked.version} of the model {tracker.model}.")


def record_backtest(
    tracker: Tracker | None, record: Callable[[Tracker], Any], *, folder: Path
) -> None:
    """Record a backtest; a failure is a warning, because its results are in the folder."""
    if tracker is None:
        return
    try:
        record(tracker)
    except InputError as error:
        warn(
            f"the backtest is not recorded: {error}. Its results are in {folder}; the same command "
            "reads them there, and records them"
        )
        return
    say("Recorded in MLflow.")


def follow_champion() -> None:
    """Point MLflow's alias to the model that serves now; a failure is a warning."""
    try:
        if tracker := open_tracker():
            tracker.follow(get_settings().store)
    except InputError as error:
        warn(f"MLflow still calls another model the champion: {error}")
