"""The plan: the overrides that stand at the time of a request, for handlers and the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from api.http.database import Result, call_database
from errors import Code
from models.overrides import StandingOverride
from models.serving.forecaster import Forecaster
from models.serving.planned_forecaster import PlannedForecaster
from models.serving.release import LoadedRelease
from storage.override_store import OverrideStore, PlanState
from storage.overrides import StoredOverride

_MOST_PLANS = 2
"""Plans whose forecasts a worker keeps: during a change of release, requests use two."""


class Plan(NamedTuple):
    """A forecaster with the overrides that stand, and what identifies them."""

    forecaster: PlannedForecaster
    state: PlanState


class Planning:
    """Access to the overrides of a database.

    Every method reads the database anew, so that a change counts at once on every worker.
    """

    def __init__(self, store: OverrideStore) -> None:
        self.store = store
        self._plans: list[tuple[LoadedRelease, Plan]] = []

    @property
    def clock(self) -> Callable[[], datetime]:
        return self.store.clock

    async def call(self, act: Callable[..., Result], *arguments: Any) -> Result:
        """Call the store in a thread.

        Raises:
            Problem: OVERRIDES_UNAVAILABLE: the database fails; CONFLICT: an Idempotency-Key was
                used for another request.
        """
        return await call_database(act, *arguments, unavailable=Code.OVERRIDES_UNAVAILABLE)

    async def plan(self, forecaster: Forecaster) -> Plan:
        """Return a forecaster of the same release that knows the overrides that stand now.

        Raises:
            Problem: OVERRIDES_UNAVAILABLE.
        """
        state = await self.call(self.store.state)
        for release, plan in self._plans:
            if release is forecaster.release and plan.state.token == state.token:
                return Plan(plan.forecaster, state)

        async def standing(after: date) -> Sequence[StandingOverride]:
            stored = await self.call(self.store.standing, state, after)
            return [standing_of(each) for each in stored]

        planned = PlannedForecaster(
            forecaster.release,
            forecaster.onnx,
            forecaster.reconciler,
            forecaster.slots,
            standing=standing,
        )
        plan = Plan(planned, state)
        self._plans = [*self._plans, (forecaster.release, plan)][-_MOST_PLANS:]
        return plan


def standing_of(stored: StoredOverride) -> StandingOverride:
    """Return what an override does to forecasts."""
    return StandingOverride(
        id=stored.id,
        node=stored.node,
        op=stored.op,
        days=tuple(day.date for day in stored.days),
        values=tuple(day.value for day in stored.days),
        origin=stored.origin,
    )
