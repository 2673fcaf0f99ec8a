"""The records about the forecasts that were served, for servers."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from lifecycle.monitoring.live_accuracy import LiveAccuracy, read_live_accuracy
from storage.actuals import ActualStore


@dataclass(frozen=True)
class Monitoring:
    """The records of a database. Methods block, and raise StorageError where it fails."""

    database: Engine

    @property
    def actuals(self) -> ActualStore:
        """The sales that were reported."""
        return ActualStore(self.database)

    def accuracy(
        self, bundle: str, days: int, *, node: str | None, level: str | None, daily: bool
    ) -> LiveAccuracy:
        """Return the accuracy of a bundle (see `read_live_accuracy`)."""
        return read_live_accuracy(self.database, bundle, days, node=node, level=level, daily=daily)
