"""Runs of trainings and backtests in MLflow, and the version of the model that serves there.

MLflow is imported when a tracker is made and not before: the import takes seconds, and no server
needs it. MLflow mirrors what is here and decides nothing: ``CURRENT`` and the registry lead, and
whatever was not recorded can be recorded later.
"""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from errors import InputError
from features.contract import Contract
from models.bundle import CONTRACT_FILE, METRICS_FILE, BundleFacts
from models.bundle import KIND as BUNDLE
from storage.artifacts import ArtifactError, Release, Store, verify

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

Document = Mapping[str, Any]

CHAMPION = "champion"
"""Alias of the version whose bundle serves."""
BUNDLE_TAG = "bundle"
BUNDLE_FOLDER = "bundle"
"""Folder of a run's artifacts that holds the bundle."""
_VARIABLE = "MLFLOW_TRACKING_URI"
_BATCH = 100
_NOT_IN_A_KEY = re.compile(r"[^\w.\- /]")
_EXISTS = "RESOURCE_ALREADY_EXISTS"
_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # MLflow's own 7 take minutes where nothing answers
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Variables of MLflow that this project sets unless the environment does."""


class TrackingError(InputError):
    """MLflow's server or database cannot be used, or refused what was sent."""


@dataclass(frozen=True)
class TrackedBundle:
    """A bundle as MLflow knows it.

    Attributes:
        version: of the registered model.
        is_new: whether it was recorded just now.
    """

    version: str
    run_id: str
    is_new: bool


class Tracker:
    """Writer of runs to one experiment, and of versions to one registered model.

    Every method blocks on the network or a file, and may raise TrackingError.

    Args:
        uri: of MLflow's server or database.
        experiment: made if there is none of that name.
        model: name of the registered model; made if there is none.

    Raises:
        ModuleNotFoundError: MLflow is not installed.
    """

    def __init__(self, uri: str, *, experiment: str, model: str) -> None:
        for variable, value in _DEFAULTS.items():
            os.environ.setdefault(variable, value)  # before the import, which reads them
        import mlflow  # noqa: F401 - a missing package is an error now, not after a training

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        self.model = model
        self._uri = uri
        self._experiment = experiment

    def check(self) -> None:
        """Ask MLflow for the experiment, to learn early whether it answers."""
        with self._reporting():
            self._client.get_experiment_by_name(self._experiment)

    def record_release(self, store: Store, release: Release) -> TrackedBundle:
        """Record the training of a bundle as a run and as a version, unless there is a version.

        The alias is moved to the version of the bundle that serves.

        Raises:
            ArtifactError: the bundle is missing or was altered.
        """
        artifact = verify(store.bundles / release.bundle, kind=BUNDLE)
        facts = BundleFacts.model_validate(artifact.facts)
        contract = Contract.model_validate_json((artifact.path / CONTRACT_FILE).read_bytes())
        metrics = orjson.loads((artifact.path / METRICS_FILE).read_bytes())
        build = store.read_build(release.bundle)
        with self._reporting():
            tracked = self._find(release.bundle)
            if tracked is None:
                run = self._record_run(
                    release.bundle,
                    data=facts.training_data,
                    tags={
                        "kind": "training",
                        **_describe_release(facts, release.bundle, build),
                        "mlflow.note.content": "\n".join(
                            metrics.get("quality", {}).get("warnings", [])
                        ),
                    },
                    parameters={
                        **{name: build[name] for name in _BUILD_PARAMETERS if name in build},
                        "features": len(contract.names),
                        "reconciliation": facts.reconciliation,
                        **_flatten("recipe", facts.recipe),
                        **_flatten("library", facts.libraries),
                    },
                    figures={**figures_of_bundle(metrics), **_list_seconds(build)},
                    folders={BUNDLE_FOLDER: artifact.path},
                    times=_times_of(build),
                )
                tracked = self._register(run, _describe_release(facts, release.bundle, build))
        self.follow(store)
        return tracked

    def record_backtest(
        self,
        document: Document,
        *,
        parameters: Mapping[str, Any],
        figures: Mapping[str, float],
        files: Sequence[Path],
        texts: Mapping[str, str],
    ) -> str:
        """Record a backtest as a run, and return the run's id.

        Args:
            parameters: of the command, beside the recipe in the document.
            texts: contents of more artifacts, by their names.
        """
        snapshot = document["snapshot"]
        with self._reporting():
            run = self._record_run(
                f"backtest of {snapshot}",
                data=snapshot,
                tags={"kind": "backtest", "snapshot": snapshot},
                parameters={**parameters, **_flatten("recipe", document["recipe"])},
                figures=figures,
                files=files,
                texts=texts,
            )
        return str(run.info.run_id)

    def follow(self, store: Store) -> str | None:
        """Point the alias to the version of the bundle that serves, and return that version.

        None if nothing serves, or its bundle was never recorded: then the alias stays.
        """
        try:
            bundle = store.current().bundle
        except ArtifactError:  # nothing serves
            return None
        with self._reporting():
            tracked = self._find(bundle)
            if tracked is None:
                return None
            self._client.set_registered_model_alias(self.model, CHAMPION, tracked.version)
        return tracked.version

    @cached_property
    def _client(self) -> MlflowClient:
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        # Artifacts may be in any store, whose libraries share no class of errors; and whatever it
        # is, a training that took hours must not end in it.
        except Exception as error:
            reason = " ".join(str(error).replace(self._uri, "<its address>").split())
            raise TrackingError(f"{_VARIABLE}: {type(error).__name__}: {reason[:500]}") from None

    def _find(self, bundle: str) -> TrackedBundle | None:
        """Return the newest version of a bundle."""
        versions = self._client.search_model_versions(
            f"name='{self.model}' and tags.{BUNDLE_TAG}='{bundle}'"
        )
        newest = max(versions, key=lambda version: int(version.version), default=None)
        if newest is None:
            return None
        return TrackedBundle(str(newest.version), str(newest.run_id), is_new=False)

    def _register(self, run: Run, tags: Mapping[str, str]) -> TrackedBundle:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(self.model)
        except MlflowException as error:
            if error.error_code != _EXISTS:
                raise
        version = self._client.create_model_version(
            self.model,
            source=f"{run.info.artifact_uri}/{BUNDLE_FOLDER}",
            run_id=run.info.run_id,
            tags=dict(tags),
        )
        return TrackedBundle(str(version.version), run.info.run_id, is_new=True)

    def _record_run(
        self,
        name: str,
        *,
        data: str,
        tags: Mapping[str, str],
        parameters: Mapping[str, Any],
        figures: Mapping[str, float],
        folders: Mapping[str, Path] | None = None,
        files: Sequence[Path] = (),
        texts: Mapping[str, str] | None = None,
        times: tuple[int | None, int | None] = (None, None),
    ) -> Run:
        """Write one finished run; one that cannot be finished is marked as failed."""
        from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param

        begin, end = times
        run = self._client.create_run(
            self._find_experiment(), run_name=name, tags=dict(tags), start_time=begin
        )
        run_id, at = run.info.run_id, end or run.info.start_time
        try:
            params = [Param(_clean_key(key), str(value)) for key, value in parameters.items()]
            for first in range(0, len(params), _BATCH):
                self._client.log_batch(run_id, params=params[first : first + _BATCH])
            metrics = [Metric(_clean_key(key), value, at, 0) for key, value in figures.items()]
            for first in range(0, len(metrics), _BATCH):
                self._client.log_batch(run_id, metrics=metrics[first : first + _BATCH])
            # a name of a snapshot ends in the digest of its content
            source = orjson.dumps({"snapshot": data}).decode()
            dataset = Dataset(data, data.rpartition("-")[2], "snapshot", source)
            context = InputTag("mlflow.data.context", "training")
            self._client.log_inputs(run_id, [DatasetInput(dataset, [context])])
            for folder, path in (folders or {}).items():
                self._client.log_artifacts(run_id, str(path), folder)
            for path in files:
                self._client.log_artifact(run_id, str(path))
            for file, text in (texts or {}).items():
                self._client.log_text(run_id, text, file)
            self._client.set_terminated(run_id, "FINISHED", end)
        except BaseException:
            with suppress(Exception):  # most likely it fails as well
                self._client.set_terminated(run_id, "FAILED")
            raise
        return run

    def _find_experiment(self) -> str:
        """Return the id of the experiment; make it if there is none."""
        from mlflow.exceptions import MlflowException

        if experiment := self._client.get_experiment_by_name(self._experiment):
            return str(experiment.experiment_id)
        folder = _artifacts_beside(self._uri)
        try:
            return str(self._client.create_experiment(self._experiment, folder))
        except MlflowException as error:
            experiment = self._client.get_experiment_by_name(self._experiment)
            if error.error_code != _EXISTS or experiment is None:  # else it was made meanwhile
                raise
            return str(experiment.experiment_id)


_BUILD_PARAMETERS = ("effort", "threads", "engine", "rows", "machine")


def figures_of_bundle(metrics: Document) -> dict[str, float]:
    """Return the figures of a bundle's metrics by `level/days ahead/measure`."""
    figures: dict[str, float | None] = {}
    quality = metrics.get("quality", {})
    for part in (quality, metrics.get("calibration", {})):  # what both have is compared by the last
        for level, buckets in part.get("levels", {}).items():
            for days, measures in buckets.items():
                figures |= {f"{level}/{days}/{name}": value for name, value in measures.items()}
    for level, lengths in quality.get("sums", {}).items():
        for length, measures in lengths.items():
            figures |= {
                f"{level}/sums of {length}/{name}": value for name, value in measures.items()
            }
    for level, values in quality.get("wrmsse", {}).items():
        figures |= {f"{level}/wrmsse/{name}": value for name, value in values.items()}
    # a figure that does not exist is None
    return {
        key: value for key, value in figures.items() if value is not None and math.isfinite(value)
    }


def _describe_release(facts: BundleFacts, bundle: str, build: Document) -> dict[str, str]:
    """Return the tags of a bundle's run and version; with a verdict, if it was compared."""
    tags = {
        BUNDLE_TAG: bundle,
        "snapshot": facts.training_data,
        "trained_through": facts.trained_through.isoformat(),
    }
    verdict = build.get("verdict")
    if verdict is None:
        return tags
    return tags | {
        "verdict": verdict["outcome"],
        "verdict.why": verdict["why"],
        "verdict.champion": verdict["champion"],
    }


def _list_seconds(build: Document) -> dict[str, float]:
    return {f"seconds/{step}": seconds for step, seconds in build.get("seconds", {}).items()}


def _times_of(build: Document) -> tuple[int | None, int | None]:
    """Return begin and end of a training in milliseconds, as far as its record states them."""
    if "finished" not in build:
        return None, None
    end = datetime.fromisoformat(build["finished"]).timestamp()
    return round((end - sum(build["seconds"].values())) * 1000), round(end * 1000)


def _flatten(prefix: str, value: Any) -> dict[str, Any]:
    """Return the leaves of a document by dotted keys; parts of a list by what names them."""
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list | tuple):
        parts = {_name_of(part, place): part for place, part in enumerate(value)}.items()
    else:
        return {prefix: value}
    leaves: dict[str, Any] = {}
    for name, part in parts:
        leaves |= _flatten(f"{prefix}.{name}", part)
    return leaves


def _name_of(part: Any, place: int) -> str:
    """Return the name of a member, the horizon of a segment, the place of anything else."""
    names = part if isinstance(part, Mapping) else {}
    return str(names.get("name", names.get("last_horizon", place)))


def _clean_key(key: str) -> str:
    """Return a key of a parameter or figure with those characters alone that MLflow accepts."""
    return _NOT_IN_A_KEY.sub("_", key)[:250]


def _artifacts_beside(uri: str) -> str | None:
    """Return a folder beside an SQLite database; by default MLflow decides.

    Without a server MLflow would write artifacts into the folder that a command is called in.
    """
    prefix = "sqlite:///"
    if not uri.startswith(prefix):
        return None
    return str(Path(uri.removeprefix(prefix)).resolve().parent / "mlflow-artifacts")
