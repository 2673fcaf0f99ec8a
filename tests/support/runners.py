"""The two runners of the service, in this process."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.engine import ForecastEngine


@dataclass
class LocalRunners:
    """Both runners, as the service calls them, over the engine of this process."""

    engine: ForecastEngine
    inferred: list[int] = field(default_factory=list)

    async def infer(
        self, bundle: str, snapshot: str, rows: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        self._check(bundle, snapshot)
        self.inferred.append(len(rows))
        return self.engine.bundle.model.predict(rows)

    async def reconcile(
        self, bundle: str, snapshot: str, base: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        self._check(bundle, snapshot)
        return self.engine.reconciliation.reconcile(base).values

    def _check(self, bundle: str, snapshot: str) -> None:
        assert (bundle, snapshot) == (self.engine.bundle.name, self.engine.snapshot.name)
