"""The ASGI application in front of BentoML: middleware in order, routes and background tasks.

Each worker has one, composed here from the settings; `service` passes it the active release.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from api.admin.administration import Administration
from api.admin.jobs import JobAccess
from api.contract import Serving, contract_endpoints
from api.dashboard.build import FOLDER, read_build
from api.dashboard.pages import Dashboard
from api.exports.operations import ExportAccess
from api.facts.feedback import FeedbackAccess
from api.forecasts.item_answers import ItemAnswers
from api.forecasts.planning import Planning
from api.health import DegradationReport
from api.http.response_cache import ResponseCache
from api.http.router import Router
from api.schemas.access import SignInOptions
from app.background import freeze_loaded_modules, run_every, upgrade_database
from app.events.sender import PASS_SECONDS, EventSender
from app.events.targets import targets_of
from app.figures import FIGURES_SECONDS, FigureReporter
from app.health import HealthMonitor
from app.identity import identity_of, origins_of_sign_in, sign_in_options_of
from app.lifespan import ended_before
from app.memory import TRIM_SECONDS, return_free_memory
from app.recording import PredictionRecorder
from app.releases import ReleaseFollower, ReleaseRecorder
from app.tracing import Telemetry
from app.trial.trial import ReleaseTrial
from app.vitals import MEMORY_SECONDS, WorkerVitals, observe_memory
from app.vitals import SECONDS as VITALS_SECONDS
from config.settings import Settings
from lifecycle.apart import load_apart
from lifecycle.exports import ExportFiles
from lifecycle.job_queue import JobQueue
from lifecycle.monitoring.records import Monitoring
from lifecycle.registry import Registry
from lifecycle.rollouts import Rollouts
from lifecycle.sources import Sources
from lifecycle.uploads import Uploads
from middleware.access import AccessMiddleware
from middleware.address import client_address
from middleware.auth.audit_buffer import AuditBuffer
from middleware.auth.authentication import AuthenticationMiddleware
from middleware.auth.authorization import AuthorizationMiddleware
from middleware.auth.cached_key_store import CachedKeyStore
from middleware.body_limit import BodyLimitMiddleware
from middleware.context import context_of
from middleware.cors import CorsMiddleware
from middleware.problems import ProblemMiddleware
from middleware.ratelimit.limiter import Limiter
from middleware.ratelimit.rate_limit import RateHeadersMiddleware, RateLimitMiddleware
from middleware.request_id import RequestIdMiddleware
from middleware.routing import dispatch
from middleware.security_headers import SecurityHeadersMiddleware
from models.serving.release import LoadedRelease
from models.serving.watcher import ReleaseWatcher
from storage.audit import AuditLog
from storage.cache.answers import AnswerCache
from storage.cache.encoding import derive_key
from storage.database import is_full, open_database
from storage.drift_events import DriftHistory
from storage.exports import ExportStore
from storage.feedback import FeedbackStore
from storage.key_store import KeyStore
from storage.outbox import Outbox
from storage.outlier_events import OutlierEventStore
from storage.override_store import OverrideStore
from telemetry import metrics
from telemetry.request_log import request_log

if TYPE_CHECKING:
    from storage.redis.client import RedisClient

_log = structlog.get_logger(__name__)

MIGRATION_SECONDS = 5.0
"""Time that a start waits for the migration of the database, which goes on beyond it."""

AUDIT_SECONDS = 2.0
"""Interval at which refusals are written to the audit log."""

USES_SECONDS = 30.0
"""Interval at which the times of keys' last uses are written."""

RELEASES_SECONDS = 2.0
"""Interval at which a release that has taken the place of another is recorded."""

ROLLOUT_SECONDS = 1.0
"""Interval at which the rollout is followed, and its evidence is added up."""

REPEAT_SECONDS = 0.2
"""Interval at which the requests that a shadow repeats are looked for."""

FEEDBACK_SECONDS = 1.0
"""Interval at which recorded requests are written."""

FEEDBACK_CLOSE_SECONDS = 2.0
"""Time in which those that wait are written at the end of a worker."""


class Application:
    """The ASGI application of one worker.

    Args:
        watcher: has the active release, and follows CURRENT.
        serving: returns the active release at the time of a request.
        behind: BentoML's own application, for its own pages and its lifespan.
        dashboard: folder of the built dashboard; without a build in it there is only the API.

    Attributes:
        trial: of another release beside the active one.
    """

    def __init__(
        self,
        settings: Settings,
        watcher: ReleaseWatcher[LoadedRelease],
        serving: Callable[[], Serving],
        behind: ASGIApp,
        dashboard: Path = FOLDER,
    ) -> None:
        self._telemetry = Telemetry("worker")
        self._watcher = watcher
        self._redis = _create_redis_client(settings)
        self._database = open_database(settings.database_url.get_secret_value())
        keys, audit = KeyStore(self._database), AuditLog(self._database)
        self._keys = CachedKeyStore(
            keys,
            ttl=settings.key_cache_seconds,
            grace=settings.key_grace_seconds,
            observe=metrics.KEY_LOOKUPS.add,
        )
        self._audit = AuditBuffer(audit.record)
        cache_key = _derive_cache_key(settings)
        self.answers = AnswerCache(
            max_bytes=settings.cache_max_bytes,
            ttl=settings.cache_ttl_seconds,
            redis=self._redis,
            secret=cache_key,
            observe=metrics.count_cache_outcome,
            count_eviction=metrics.CACHE_EVICTIONS.add,
        )
        conditions = HealthMonitor(
            watcher,
            self._redis,
            self._keys,
            settings.max_data_age_days,
            shares_answers=cache_key is not None,
            is_full=partial(is_full, self._database),
        )
        registry = Registry(settings.store, self._database, load=load_apart)
        self._releases = ReleaseRecorder(watcher, registry)
        self._figures = FigureReporter(watcher, settings.store, self._database)
        self._vitals = WorkerVitals(lambda: self.answers.size)
        self._follower = (
            ReleaseFollower(settings.artifacts_url, settings.store)
            if settings.artifacts_url and settings.artifacts_poll_seconds
            else None
        )
        self._poll_seconds = settings.artifacts_poll_seconds
        sources = None if settings.data_dir is None else Sources(settings.data_dir)
        self._jobs = JobQueue(settings.database_url.get_secret_value())
        administration = Administration(
            keys=keys,
            audit=audit,
            tiers=tuple(settings.tiers),
            default_tier=settings.default_tier,
        )
        sign_in = sign_in_options_of(settings)
        rollouts = Rollouts(registry, self._database, settings.rollout_plan)
        self.trial = ReleaseTrial(
            rollouts, settings.store, watcher, lambda release: serving().bind(release)
        )
        outbox = Outbox(self._database)
        self._senders = [EventSender(target, outbox) for target in targets_of(settings)]
        feedback = FeedbackStore(self._database)
        self._recorder = PredictionRecorder(
            feedback,
            share=settings.feedback,
            days=settings.feedback_days,
            count_recorded=lambda number: metrics.FEEDBACK_RECORDED.add(number=number),
            count_dropped=lambda reason, number: metrics.FEEDBACK_DROPPED.add(
                reason, number=number
            ),
        )
        endpoints = contract_endpoints(
            serving,
            ResponseCache(self.answers),
            {
                Administration: administration,
                DegradationReport: conditions,
                ExportAccess: ExportAccess(
                    queue=self._jobs,
                    store=ExportStore(self._database),
                    files=ExportFiles(settings.store, settings.exports_url),
                    audit=audit,
                ),
                FeedbackAccess: FeedbackAccess(
                    feedback, recording=settings.feedback > 0, days=settings.feedback_days
                ),
                DriftHistory: DriftHistory(self._database),
                ItemAnswers: ItemAnswers(),
                JobAccess: JobAccess(
                    queue=self._jobs,
                    sources=sources,
                    uploads=None
                    if sources is None
                    else Uploads(sources, settings.max_upload_bytes),
                    store=settings.store,
                    audit=audit,
                ),
                Monitoring: Monitoring(self._database),
                Outbox: outbox,
                OutlierEventStore: OutlierEventStore(self._database),
                Planning: Planning(OverrideStore(self._database)),
                Registry: registry,
                Rollouts: rollouts,
                SignInOptions: sign_in,
            },
            self.trial,
            (self.trial.repeat, self._recorder.offer),
            seconds=settings.request_timeout_seconds,
        )
        pages = Dashboard(
            read_build(dashboard), connect_origins=origins_of_sign_in(sign_in.single_sign_on)
        )
        self._router = Router([*endpoints, *pages.endpoints()], behind, pages.pages())
        self._app = self._wrap_in_middleware(settings, self.trial.observe_answers(dispatch))
        self._behind = behind
        self._conditions = conditions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            if scope["type"] == "http":  # before any layer: all of them read the match
                context_of(scope).match = self._router.match(scope)
            await self._app(scope, receive, send)
            return
        async with ended_before(send) as hold, self._run_background_tasks():
            await self._behind(scope, receive, hold)

    def _wrap_in_middleware(self, settings: Settings, app: ASGIApp) -> ASGIApp:
        """Return an application wrapped in the middleware, which is listed innermost first."""
        limiter = Limiter(
            self._redis,
            share=settings.replicas * settings.workers,
            observe=metrics.LIMITER_DECISIONS.add,
        )
        app = AuthorizationMiddleware(app, record=self._audit.record)
        app = BodyLimitMiddleware(
            app,
            max_bytes=settings.max_body_bytes,
            max_upload_bytes=settings.max_upload_bytes,
            timeout_seconds=settings.body_timeout_seconds,
        )
        app = RateLimitMiddleware(
            app,
            limiter=limiter,
            tiers=settings.tiers,
            default_tier=settings.default_tier,
        )
        app = AuthenticationMiddleware(
            app,
            identity_of(settings, self._keys, limiter),
            address_of=lambda scope: client_address(scope, settings.trusted_proxies),
            record=self._audit.record,
        )
        app = RateHeadersMiddleware(ProblemMiddleware(app))
        app = CorsMiddleware(app, origins=settings.cors_origins)
        app = AccessMiddleware(app)
        app = RequestIdMiddleware(app)
        # outermost: a layer further out would iterate over the ten headers that it adds
        return SecurityHeadersMiddleware(app, tls_in_front=settings.tls_in_front)

    @asynccontextmanager
    async def _run_background_tasks(self) -> AsyncIterator[None]:
        """Run the background tasks from the start of a worker to its end, then flush and close."""
        self._vitals.note_start()
        async with anyio.create_task_group() as tasks:
            migrated = anyio.Event()
            tasks.start_soon(self._migrate, migrated)
            tasks.start_soon(freeze_loaded_modules)
            tasks.start_soon(self._watcher.watch)
            tasks.start_soon(run_every, AUDIT_SECONDS, self._audit.flush)
            tasks.start_soon(run_every, USES_SECONDS, self._keys.flush)
            tasks.start_soon(run_every, 1.0, self._conditions.observe)
            tasks.start_soon(run_every, VITALS_SECONDS, self._vitals.observe)
            tasks.start_soon(run_every, MEMORY_SECONDS, observe_memory)
            tasks.start_soon(run_every, TRIM_SECONDS, return_free_memory)
            tasks.start_soon(run_every, FIGURES_SECONDS, self._figures.observe)
            tasks.start_soon(run_every, RELEASES_SECONDS, self._releases.observe)
            tasks.start_soon(run_every, ROLLOUT_SECONDS, self.trial.observe)
            tasks.start_soon(run_every, REPEAT_SECONDS, self.trial.repeat_requests)
            for sender in self._senders:
                tasks.start_soon(run_every, PASS_SECONDS, sender.observe)
            tasks.start_soon(run_every, FEEDBACK_SECONDS, self._recorder.flush)
            if self._follower is not None:
                tasks.start_soon(run_every, self._poll_seconds, self._follower.poll)
            # the first requests need the tables; without the database a worker starts all the same
            with anyio.move_on_after(MIGRATION_SECONDS):
                await migrated.wait()
            try:
                yield
            finally:
                metrics.flush()
                request_log.flush()
                tasks.cancel_scope.cancel()
        await self._recorder.close(FEEDBACK_CLOSE_SECONDS)
        with anyio.move_on_after(2, shield=True):
            await self._audit.flush(everything=True)
            await self._keys.flush()
            for sender in self._senders:
                await sender.aclose()
            if self._redis is not None:
                await self._redis.aclose()
        self._database.dispose()
        self._jobs.close()
        await self._telemetry.stop()

    async def _migrate(self, attempted: anyio.Event) -> None:
        """Migrate the database; note each attempt, and set the event after the first."""

        def note(succeeded: bool) -> None:
            self._conditions.note_database(succeeded)
            attempted.set()

        await upgrade_database(self._database, note)


def _create_redis_client(settings: Settings) -> RedisClient | None:
    if settings.redis_url is None:
        return None
    from storage.redis.client import RedisClient  # a worker without Redis does not load its library

    return RedisClient(
        settings.redis_url.get_secret_value(),
        on_change=lambda available: metrics.DEPENDENCY_AVAILABLE.set(available, "redis"),
        on_error=metrics.REDIS_ERRORS.add,
    )


def _derive_cache_key(settings: Settings) -> bytes | None:
    """Return the key that authenticates answers in Redis; log a warning if there is none."""
    secret = settings.answer_secret
    if secret is not None:
        return derive_key(secret.get_secret_value())
    if settings.redis_url is not None:
        _log.warning(
            "shared_cache_off",
            reason="no secret authenticates answers in Redis: set CACHE_SECRET, the same for all "
            "servers that share it",
        )
    return None
