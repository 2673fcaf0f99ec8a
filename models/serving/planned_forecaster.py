"""Forecasts of a release with the planners' standing overrides."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from models.overrides import AdjustedForecast, StandingOverride, adjust, changes_on
from models.serving.forecaster import Forecaster


class Standing(Protocol):
    """Loads the standing overrides whose last day is after a date."""

    def __call__(self, after: date) -> Awaitable[Sequence[StandingOverride]]: ...


@dataclass(frozen=True, kw_only=True)
class PlannedForecaster(Forecaster):
    """A forecaster that also knows the overrides that stand at one time.

    Attributes:
        standing: loads them; always the same ones.
    """

    standing: Standing
    _newest: list[AdjustedForecast] = field(default_factory=list, repr=False, compare=False)

    async def whole(self, origin: int) -> AdjustedForecast:
        """Return the forecast of all days from an origin, without and with overrides.

        That of the newest origin is computed once.

        Raises:
            RunnerError: see `forecast`.
        """
        newest = origin == self.release.engine.snapshot.newest_origin
        if newest and self._newest:
            return self._newest[0]
        engine = self.release.engine
        snapshot, horizons = engine.snapshot, engine.all_horizons
        changes = changes_on(snapshot, origin, horizons, await self._load(origin))
        statistical = await self.forecast(origin, horizons)
        whole = await anyio.to_thread.run_sync(adjust, snapshot.hierarchy, statistical, changes)
        if newest:
            self._newest.append(whole)
        return whole

    async def adjusted(
        self, origin: int, horizons: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return forecasts without and with overrides, in units; each of shape (nodes, horizons).

        Args:
            origin: index of the last day whose sales are used.
            horizons: days after it, ascending.

        Raises:
            RunnerError: see `forecast`.
        """
        snapshot = self.release.engine.snapshot
        if origin != snapshot.newest_origin:
            standing = await self._load(origin)
            if not changes_on(snapshot, origin, horizons, standing):
                statistical = await self.forecast(origin, horizons)
                return statistical, statistical
        # all days: the shares of a series may be those of the whole window
        whole = await self.whole(origin)
        return whole.statistical[:, horizons - 1], whole.result[:, horizons - 1]

    async def _load(self, origin: int) -> Sequence[StandingOverride]:
        return await self.standing(self.release.engine.snapshot.date_at(origin))
