"""The application in front of BentoML: middleware in order, routes, and what runs beside them.

One for each worker. It is put together from the settings here; `service` gives it what serves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import anyio
import anyio.to_thread
import structlog
from redis.exceptions import RedisError
from sqlalchemy import Engine
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from api.administration import Administration
from api.routes import Policies, Routes, Serving
from api.schemas.facts import DegradedReason
from api.status import newest_expected
from cache.answers import AnswerCache
from cache.redis import RedisLink, RedisUnavailableError
from middleware.access import AccessMiddleware
from middleware.address import client_address
from middleware.audit_buffer import AuditBuffer
from middleware.authentication import AuthenticationMiddleware, Identity
from middleware.authorization import AuthorizationMiddleware
from middleware.body_limit import BodyLimitMiddleware
from middleware.cors import CorsMiddleware
from middleware.deadline import DeadlineMiddleware
from middleware.identity import CredentialIdentity, EnvironmentKey
from middleware.key_lookup import KeyLookup
from middleware.limits.limiter import Limiter
from middleware.local import LocalIdentity
from middleware.problems import ProblemMiddleware
from middleware.rate_limit import RateHeadersMiddleware, RateLimitMiddleware
from middleware.request_id import RequestIdMiddleware
from middleware.security_headers import SecurityHeadersMiddleware
from middleware.token_keys import PublicKeys, SharedSecret
from middleware.tokens import TokenVerifier
from models.pair import ServingPair
from models.reload import Reloader
from models.watcher import PairWatcher
from settings import AuthMode, Settings
from storage.audit import AuditLog
from storage.database import open_database
from storage.errors import StorageError
from storage.key_store import KeyStore
from storage.keys import Scope as KeyScope
from storage.migrations import upgrade
from telemetry import metrics

AUDIT_SECONDS = 2.0
"""How long a refusal waits to be written."""

USES_SECONDS = 30.0
"""How long the time of a key's last use waits to be written."""

_ALL_SCOPES = frozenset(map(str, KeyScope))
_log = structlog.get_logger(__name__)


class Application:
    """What answers requests in one worker.

    Args:
        watcher: holds the pair that serves, and follows CURRENT.
        serving: gives what serves when a request comes.
        behind: BentoML's own application, for what is not answered here.
    """

    def __init__(
        self,
        settings: Settings,
        watcher: PairWatcher[ServingPair],
        serving: Callable[[], Serving],
        behind: ASGIApp,
    ) -> None:
        self._watcher = watcher
        self._redis = _redis_of(settings)
        self._database = open_database(settings.database_url.get_secret_value())
        self._keys = KeyLookup(
            KeyStore(self._database),
            ttl=settings.key_cache_seconds,
            grace=settings.key_grace_seconds,
            observe=metrics.key_lookup,
        )
        self._audit = AuditBuffer(AuditLog(self._database).record)
        self.answers = AnswerCache(
            max_bytes=settings.cache_max_bytes,
            ttl=settings.cache_ttl_seconds,
            redis=self._redis,
            observe=metrics.cache_outcome,
        )
        conditions = _Conditions(watcher, self._redis, self._keys, settings.max_data_age_days)
        administration = Administration(
            keys=KeyStore(self._database),
            audit=AuditLog(self._database),
            reloader=Reloader(settings.store, settings.data_dir) if settings.data_dir else None,
            tiers=tuple(settings.tiers),
            default_tier=settings.default_tier,
        )
        routes = Routes(serving, self.answers, administration, conditions)
        front = Router(routes.table(), default=behind, redirect_slashes=False)
        self._app = self._wrapped(settings, front)
        self._behind = behind
        self._conditions = conditions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        async with self._running():
            await self._behind(scope, receive, send)

    def _wrapped(self, settings: Settings, front: ASGIApp) -> ASGIApp:
        """The middleware, innermost first."""
        policies = Policies()
        limiter = Limiter(
            self._redis,
            share=settings.replicas * settings.workers,
            observe=metrics.limiter_decision,
        )
        app: ASGIApp = AuthorizationMiddleware(
            front, lambda scope: policies.of(scope).scope, record=self._audit.record
        )
        app = RateLimitMiddleware(
            app,
            limiter=limiter,
            tiers=settings.tiers,
            default_tier=settings.default_tier,
            cost_of=lambda scope: policies.of(scope).cost,
        )
        app = AuthenticationMiddleware(
            app,
            _identity_of(settings, self._keys),
            address_of=lambda scope: client_address(scope, settings.trusted_proxies),
            record=self._audit.record,
        )
        app = DeadlineMiddleware(app, limit_of=lambda scope: settings.request_timeout_seconds)
        app = BodyLimitMiddleware(
            app,
            max_bytes=settings.max_body_bytes,
            timeout_seconds=settings.body_timeout_seconds,
        )
        app = RateHeadersMiddleware(ProblemMiddleware(app))
        app = CorsMiddleware(app, origins=settings.cors_origins)
        app = SecurityHeadersMiddleware(app, tls_in_front=settings.tls_in_front)
        app = AccessMiddleware(app, route_of=lambda scope: policies.of(scope).route)
        return RequestIdMiddleware(app)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        """Everything that goes on beside requests, from the start of a worker to its end."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_migrated, self._database)
            tasks.start_soon(self._watcher.watch)
            tasks.start_soon(_every, AUDIT_SECONDS, self._audit.flush)
            tasks.start_soon(_every, USES_SECONDS, self._keys.flush)
            tasks.start_soon(_every, 1.0, self._conditions.observe)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()
        with anyio.move_on_after(2, shield=True):
            await self._audit.flush(everything=True)
            await self._keys.flush()
            if self._redis is not None:
                await self._redis.aclose()
        self._database.dispose()


class _Conditions:
    """What is not as it should be around the model."""

    def __init__(
        self,
        watcher: PairWatcher[ServingPair],
        redis: RedisLink | None,
        keys: KeyLookup,
        max_data_age_days: int,
    ) -> None:
        self._watcher = watcher
        self._redis = redis
        self._keys = keys
        self._max_data_age_days = max_data_age_days

    def reasons(self) -> Sequence[DegradedReason]:
        return [DegradedReason(name, detail) for name, detail in self._parts().items() if detail]

    async def observe(self) -> None:
        """Tell the metrics, having asked: requests may need no Redis, or come to other workers."""
        if self._redis is not None:
            await _ask(self._redis)
        self._keys.look()
        for name, detail in self._parts().items():
            metrics.degraded(name, bool(detail))

    def _parts(self) -> dict[str, str]:
        return {
            "redis": self._redis_away(),
            "database": self._database_away(),
            "data": self._stale(),
            "offered_pair": " ".join(self._watcher.degraded),
        }

    def _redis_away(self) -> str:
        if self._redis is None or self._redis.available:
            return ""
        return (
            "Redis does not answer: limits are each worker's fair share, and workers do not share "
            "what they have computed."
        )

    def _database_away(self) -> str:
        if not self._keys.away:
            return ""
        return "The database does not answer: keys that were in use go on working for a while."

    def _stale(self) -> str:
        pair = self._watcher.serving
        if pair is None:
            return ""
        newest = pair.engine.snapshot.facts.origin
        age = (newest_expected() - newest).days
        if age <= self._max_data_age_days:
            return ""
        return f"The newest sales are of {newest}, {age} days before the newest expected day."


def _redis_of(settings: Settings) -> RedisLink | None:
    if settings.redis_url is None:
        return None
    return RedisLink(
        settings.redis_url.get_secret_value(),
        on_change=metrics.redis_available,
        on_error=metrics.redis_error,
    )


def _identity_of(settings: Settings, keys: KeyLookup) -> Identity:
    if settings.auth_mode is AuthMode.DISABLED:
        return LocalIdentity(_ALL_SCOPES)
    environment = None
    if settings.api_key is not None:
        environment = EnvironmentKey(
            settings.api_key.get_secret_value(), tier=settings.api_key_tier, scopes=_ALL_SCOPES
        )
    return CredentialIdentity(keys, environment=environment, tokens=_tokens_of(settings))


def _tokens_of(settings: Settings) -> TokenVerifier | None:
    keys: SharedSecret | PublicKeys
    if settings.jwt_secret is not None:
        keys = SharedSecret(settings.jwt_secret.get_secret_value())
    elif settings.jwt_keys_file is not None:
        keys = PublicKeys(settings.jwt_keys_file)
    else:
        return None
    assert settings.jwt_audience, "the settings need one wherever tokens are accepted"
    return TokenVerifier(
        keys,
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
        scopes=_ALL_SCOPES,
        tiers=settings.tiers,
        default_tier=settings.default_tier,
    )


async def _every(seconds: float, act: Callable[[], Awaitable[object]]) -> None:
    while True:
        await anyio.sleep(seconds)
        try:
            await act()
        except Exception:  # the next time must come
            _log.exception("background_failed", task=getattr(act, "__qualname__", str(act)))


async def _migrated(database: Engine, *, retry: float = 5.0) -> None:
    """Bring the database up to date; one that is away now is brought up to date when it is back."""
    while True:
        try:
            await anyio.to_thread.run_sync(upgrade, database, abandon_on_cancel=True)
        except StorageError as error:
            _log.error("database_not_ready", reason=str(error), retry_seconds=retry)
            await anyio.sleep(retry)
        else:
            return


async def _ask(redis: RedisLink) -> None:
    """Find out whether Redis answers, whatever it answers; the link remembers."""
    with suppress(RedisUnavailableError, RedisError):
        await redis.run(lambda client: client.ping())


def refuse_open_server(settings: Settings) -> None:
    """Refuse to start a server that nobody could call.

    Raises:
        SystemExit: calls need a key, and there is none, nor a way to get one.
    """
    if settings.auth_mode is AuthMode.DISABLED or settings.api_key or _tokens_of(settings):
        return
    database = open_database(settings.database_url.get_secret_value())
    try:
        upgrade(database)
        keys = KeyStore(database).list()
    except StorageError as error:
        _log.error("database_not_ready", reason=str(error))
        return  # keys may be in it; until it is back, calls are answered by 503
    finally:
        database.dispose()
    if not any(key.usable(datetime.now(UTC)) for key in keys):
        raise SystemExit(NO_KEY)


NO_KEY = (
    "mlrf: calls need a key, and there is none. Make one with `mlrf keys create <client>`, or set "
    "API_KEY, or JWT_SECRET or JWT_KEYS_FILE; or set AUTH_MODE=disabled to answer this machine "
    "alone without keys."
)
