"""An MLflow in an SQLite file, and what a test reads from it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lifecycle.tracking import CHAMPION, Tracker


@dataclass(frozen=True)
class Mlflow:
    """An MLflow without a server: a database, and a folder of artifacts beside it."""

    uri: str
    experiment: str = "shops"
    model: str = "mlrf"

    @classmethod
    def in_folder(cls, folder: Path) -> Mlflow:
        return cls(f"sqlite:///{folder / 'mlflow.db'}")

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that name it."""
        return {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_EXPERIMENT_NAME": self.experiment}

    def tracker(self) -> Tracker:
        return Tracker(self.uri, experiment=self.experiment, model=self.model)

    @property
    def client(self):  # type: ignore[no-untyped-def]
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def runs(self):  # type: ignore[no-untyped-def]
        """Return all runs, oldest first."""
        experiment = self.client.get_experiment_by_name(self.experiment)
        if experiment is None:
            return []
        return self.client.search_runs([experiment.experiment_id], order_by=["start_time ASC"])

    def versions(self) -> dict[str, str]:
        """Return the bundle of each version of the model."""
        versions = self.client.search_model_versions(f"name='{self.model}'")
        return {str(version.version): version.tags["bundle"] for version in versions}

    def champion(self) -> str:
        """Return the bundle of the version that has the alias."""
        version = self.client.get_model_version_by_alias(self.model, CHAMPION)
        return str(version.tags["bundle"])

    def artifacts(self, run_id: str, folder: str = "") -> set[str]:
        """Return the paths of the artifacts in a folder of a run."""
        return {each.path for each in self.client.list_artifacts(run_id, folder)}
