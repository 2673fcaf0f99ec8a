"""Reasons why the service is degraded, for /health and for the metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from api.health import newest_expected
from api.schemas.facts import DegradedReason
from middleware.auth.cached_key_store import CachedKeyStore
from models.serving.release import LoadedRelease
from models.serving.watcher import ReleaseWatcher
from storage.redis.errors import RedisUnavailableError
from telemetry import metrics

if TYPE_CHECKING:
    from storage.redis.client import RedisClient


class HealthMonitor:
    """Checks of Redis, the database, the data and the release, with a reason for each failure."""

    def __init__(
        self,
        watcher: ReleaseWatcher[LoadedRelease],
        redis: RedisClient | None,
        keys: CachedKeyStore,
        max_data_age_days: int,
        *,
        shares_answers: bool = True,
        is_full: Callable[[], bool] = lambda: False,
    ) -> None:
        self._watcher = watcher
        self._redis = redis
        self._keys = keys
        self._max_data_age_days = max_data_age_days
        self._shares_answers = shares_answers
        self._is_full = is_full
        self._database_ready = True

    def note_database(self, ready: bool) -> None:
        """Record whether the database could be migrated to the newest schema."""
        self._database_ready = ready

    def reasons(self) -> Sequence[DegradedReason]:
        return [
            DegradedReason(name, detail)
            for name, detail in self._reason_of_parts().items()
            if detail
        ]

    async def observe(self) -> None:
        """Check every part and set its metric.

        Requests are no sufficient check: they may need no Redis, or reach other workers only.
        """
        if self._redis is not None:
            await _ping(self._redis)
        self._keys.probe()
        for name, detail in self._reason_of_parts().items():
            metrics.DEGRADED.set(bool(detail), name)
        metrics.READY.set(self._watcher.serving is not None)
        metrics.DEPENDENCY_AVAILABLE.set(not self._keys.unavailable, "database")

    def _reason_of_parts(self) -> dict[str, str]:
        return {
            "redis": self._redis_unavailable(),
            "shared_cache": self._cache_not_shared(),
            "database": self._database_unavailable(),
            "data": self._stale_data(),
            "offered_pair": " ".join(self._watcher.degraded),
            "artifacts": self._watcher.stalled,
        }

    def _redis_unavailable(self) -> str:
        if self._redis is None or self._redis.available:
            return ""
        return (
            "Redis does not answer: limits are each worker's fair share, and workers do not share "
            "what they have computed."
        )

    def _cache_not_shared(self) -> str:
        if self._redis is None or self._shares_answers:
            return ""
        return (
            "Workers do not share what they have computed: no secret authenticates it in Redis. "
            "Set CACHE_SECRET, the same for all servers."
        )

    def _database_unavailable(self) -> str:
        if not self._keys.unavailable and self._database_ready:
            return _DATABASE_FULL if self._is_full() else ""
        return "The database does not answer: keys that were in use go on working for a while."

    def _stale_data(self) -> str:
        release = self._watcher.serving
        if release is None:
            return ""
        newest = release.engine.snapshot.facts.origin
        age = (newest_expected() - newest).days
        if age < -1:
            return (
                f"The newest sales are of {newest}, which is in the future: a date in the tables "
                "is wrong, and forecasts begin after it. Check the tables and reload them."
            )
        if age <= self._max_data_age_days or release.engine.snapshot.facts.demo:
            return ""  # the demo's data never get newer
        return f"The newest sales are of {newest}, {age} days before the newest expected day."


_DATABASE_FULL = (
    "The database cannot be written: its disk is full. Keys work on and can be revoked; none can "
    "be made, and refusals are not recorded."
)


async def _ping(redis: RedisClient) -> None:
    """Ping Redis; the client records whether it is available."""
    from redis.exceptions import RedisError  # a worker without Redis does not load it

    with suppress(RedisUnavailableError, RedisError):
        await redis.run(lambda client: client.ping())
