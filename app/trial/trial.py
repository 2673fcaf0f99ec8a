"""Trial of a second release, the challenger: its callers, and the evidence of its answers.

The rollout is in the database (`lifecycle.rollouts`), which every worker of every replica reads
once a second. The part of a caller depends on nothing but the rollout, its share and
the caller, so all of them agree, and a caller who takes part at a share does so at larger ones.

A request that the challenger fails to answer is answered by the active one, and counted as failed.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from secrets import token_hex
from time import perf_counter
from typing import Any

import anyio.to_thread
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.answered import AnsweredRequest
from app.trial.counting import EvidenceCounts
from app.trial.repeating import Repeated, Repeater
from errors import Problem
from lifecycle.apart import compare_apart
from lifecycle.rollouts import Rollouts
from middleware.context import context_of
from middleware.routing import policy_of
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease, forget_engine, load_release
from models.serving.watcher import ReleaseWatcher
from storage.artifacts import ArtifactError, Release, Store
from storage.errors import StorageError
from storage.keys import Scope as KeyScope
from storage.release_changes import ReleaseState
from storage.rollouts import Role, Rollout
from telemetry import metrics

Document = dict[str, Any]

RELEASE_HEADER = b"x-mlrf-release"
"""Of an answer during a rollout: version of the release that made it. Of a request by a caller
with the scope `admin`: the bundle that shall answer, of the active release or the challenger."""

RETRY_SECONDS = 30.0
"""Time after which a release that was refused is tried again: it may take a core for seconds."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Challenger:
    """A release that is loaded beside the active one, and its rollout."""

    rollout: Rollout
    release: Release
    forecaster: Forecaster


class ReleaseTrial:
    """The trial of a release in one worker.

    Args:
        watcher: has the active release.
        bind: returns a forecaster of a release, with the runners of the service.
        load: verifies and loads a release.
        compare: compares a release, named last, with the active one.
        clock: monotonic clock, in seconds.
    """

    def __init__(
        self,
        rollouts: Rollouts,
        store: Store,
        watcher: ReleaseWatcher[LoadedRelease],
        bind: Callable[[LoadedRelease], Forecaster],
        *,
        load: Callable[[Store, Release], LoadedRelease] = load_release,
        compare: Callable[[Store, Release, Release], Document] = compare_apart,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rollouts = rollouts
        self._store = store
        self._watcher = watcher
        self._bind = bind
        self._load = load
        self._compare = compare
        self._worker = token_hex(8)
        self._counts = EvidenceCounts()
        self._challenger: _Challenger | None = None
        self._last_warning = ""
        self._clock = clock
        self._retry_at = 0.0
        self._repeater = Repeater(
            self._note_repeated, partial(metrics.TRIAL_REPEATED.add, "dropped")
        )

    @property
    def in_trial(self) -> Release | None:
        """The release that is loaded beside the active one, or None."""
        return None if self._challenger is None else self._challenger.release

    # --- requests -----------------------------------------------------------------------------

    def choose(self, scope: Scope, active: Forecaster) -> Forecaster:
        """Return the forecaster that answers a request, and record it in its context."""
        challenger = self._challenger
        if challenger is None:
            return active
        context = context_of(scope)
        canary = challenger.forecaster
        if context.role == Role.ACTIVE:  # it is answered again
            chosen = active
        else:
            chosen = canary if self._is_canary(scope, challenger, active) else active
        context.role = Role.CANARY if chosen is canary else Role.ACTIVE
        context.release = chosen.release.version
        return chosen

    def recover(self, scope: Scope, error: Exception) -> bool:
        """Count a failure of the challenger, and have the active one answer."""
        context, challenger = context_of(scope), self._challenger
        if context.role != Role.CANARY or not _is_failure(error):
            return False
        policy = policy_of(scope)
        if challenger is not None:
            call = f"{scope['method']} {policy.route}"
            self._counts.add(Role.CANARY, call, challenger.rollout.share, failed=True, seconds=1)
        metrics.TRIAL_ANSWERS.add(Role.CANARY, "failed")
        _log.warning(
            "canary_failed",
            request_id=context.request_id,
            route=policy.route,
            release=context.release,
            reason=str(error),
        )
        context.role = Role.ACTIVE
        if context.cost is not None and context.cost > policy.cost:
            context.charge = None  # it was charged what its answer costs
        return True

    def repeat(self, answered: AnsweredRequest) -> None:
        """Repeat a share of the computed requests if the challenger is a shadow."""
        challenger = self._challenger
        if challenger is None or challenger.rollout.stage is not ReleaseState.SHADOW:
            return
        context = context_of(answered.request.scope)
        if context.role == Role.ACTIVE:
            seconds = perf_counter() - context.began
            self._repeater.offer(self._rollouts.plan.repeated, answered, seconds)

    def observe_answers(self, app: ASGIApp) -> ASGIApp:
        """Return an application that counts its answers, and names their release, in a trial."""

        def choose_app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            challenger = self._challenger
            if challenger is None or scope["type"] != "http":
                return app(scope, receive, send)  # without a trial, requests pass no further layer
            return observed(challenger, scope, receive, send)

        async def observed(
            challenger: _Challenger, scope: Scope, receive: Receive, send: Send
        ) -> None:
            context = context_of(scope)

            async def send_with_name(message: Message) -> None:
                if message["type"] == "http.response.start" and context.release:
                    name = context.release.encode()
                    headers = [*message.get("headers", ()), (RELEASE_HEADER, name)]
                    message = {**message, "headers": headers}
                    cache = next((value for name, value in headers if name == b"x-cache"), b"")
                    failed = message["status"] >= 500
                    self._count_answer(scope, challenger.rollout, cache, failed=failed)
                await send(message)

            try:
                await app(scope, receive, send_with_name)
            except Exception as error:  # a layer further out makes a response of it
                if context.release and _is_failure(error):
                    self._count_answer(scope, challenger.rollout, b"", failed=True)
                raise

        return choose_app

    def _is_canary(self, scope: Scope, challenger: _Challenger, active: Forecaster) -> bool:
        caller = context_of(scope).caller
        if caller is None:
            return False
        if KeyScope.ADMIN in caller.scopes and (wanted := _wanted_release(scope)):
            for forecaster in (challenger.forecaster, active):
                release = forecaster.release
                if wanted in (release.version, release.engine.version, release.engine.bundle.name):
                    return forecaster is not active
        # without keys all callers are one: their addresses tell them apart
        subject = caller.subject if caller.authenticated else caller.address
        return is_chosen(challenger.rollout.id, subject, challenger.rollout.share)

    def _count_answer(self, scope: Scope, rollout: Rollout, cache: bytes, *, failed: bool) -> None:
        role = Role(context_of(scope).role)
        call = f"{scope['method']} {policy_of(scope).route} {cache.decode()}".rstrip()
        seconds = perf_counter() - context_of(scope).began
        self._counts.add(role, call, rollout.share, failed=failed, seconds=seconds)
        metrics.TRIAL_ANSWERS.add(role, "failed" if failed else "answered")

    def _note_repeated(self, repeated: Repeated) -> None:
        self._counts.add(
            Role.SHADOW,
            repeated.route,
            0.0,
            failed=repeated.failed,
            seconds=repeated.ratio,
            moved=repeated.moved,
        )
        metrics.TRIAL_REPEATED.add("failed" if repeated.failed else "answered")

    # --- background ---------------------------------------------------------------------------

    async def observe(self) -> None:
        """Follow the rollout, add what was counted, and decide what follows."""
        try:
            await self._follow()
        except StorageError as error:  # the trial stays as it is
            self._warn("rollout_not_followed", str(error))
        except ArtifactError as error:  # a network volume may have the files later
            self._retry_at = self._clock() + RETRY_SECONDS
            self._warn("rollout_not_loaded", str(error))
        else:
            self._last_warning = ""

    async def repeat_requests(self) -> None:
        """Repeat the requests that wait to be repeated."""
        await self._repeater.repeat_waiting(
            lambda: None if self._challenger is None else self._challenger.forecaster
        )

    async def _follow(self) -> None:
        active = self._watcher.serving
        rollout = await anyio.to_thread.run_sync(self._rollouts.current, abandon_on_cancel=True)
        if rollout is None or active is None:
            self._drop()
            return
        names = active.engine.bundle.name, active.engine.snapshot.name
        release = Release(rollout.bundle, names[1])
        if rollout.bundle == names[0]:  # it has been promoted
            self._drop()
            return
        if self._clock() < self._retry_at:
            return
        if rollout.report is None or rollout.report["of"] != [*names, release.bundle]:
            compare = partial(self._compare, self._store, Release(*names), release)
            report = {"of": [*names, release.bundle], **await anyio.to_thread.run_sync(compare)}
            await anyio.to_thread.run_sync(self._rollouts.write_report, rollout, report)
            await self._follow()  # it took a while: the rollout may have changed
            return
        challenger = await self._load_challenger(rollout, release)
        metrics.TRIAL_SHARE.set(rollout.share, rollout.bundle, rollout.stage)
        await self._add_evidence(rollout)
        decided = await anyio.to_thread.run_sync(self._rollouts.decide)
        if decided is not None:
            _log.warning("rollout_decided", bundle=rollout.bundle, decision=decided)
            await self._follow()
            return
        meanwhile = await anyio.to_thread.run_sync(self._rollouts.current)
        if meanwhile is None or meanwhile.step != rollout.step:
            await self._follow()  # another worker has decided while this one loaded
            return
        # last: a canary answers from now on, and no worker's before it was compared and decided on
        self._challenger = challenger

    async def _load_challenger(self, rollout: Rollout, release: Release) -> _Challenger:
        """Return the release of a rollout, loaded.

        Raises:
            ArtifactError: it is refused.
        """
        before = self._challenger
        if before is not None and before.release == release:
            return _Challenger(rollout, release, before.forecaster)
        self._drop()
        loaded = await anyio.to_thread.run_sync(self._load, self._store, release)
        _log.info("in_trial", bundle=release.bundle, stage=rollout.stage, share=rollout.share)
        return _Challenger(rollout, release, self._bind(loaded))

    async def _add_evidence(self, rollout: Rollout) -> None:
        taken = self._counts.take()
        if not taken:
            return
        add = partial(self._rollouts.add_evidence, rollout, self._worker, taken)
        try:
            await anyio.to_thread.run_sync(add)
        except StorageError:
            self._counts.put_back(taken)
            raise

    def _drop(self) -> None:
        """Free the challenger."""
        challenger, self._challenger = self._challenger, None
        if challenger is None:
            return
        self._counts.take()
        metrics.TRIAL_SHARE.set(-1, challenger.release.bundle, challenger.rollout.stage)
        active = self._watcher.serving
        if active is None or active.engine.bundle.name != challenger.release.bundle:
            forget_engine(self._store, challenger.release)

    def _warn(self, event: str, reason: str) -> None:
        if reason != self._last_warning:  # once a second would hide everything else
            _log.warning(event, reason=reason)
        self._last_warning = reason


def is_chosen(rollout: int, subject: str, share: float) -> bool:
    """Return whether a caller takes part, the same everywhere and at all larger shares."""
    digest = blake2b(f"{rollout} {subject}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64 < share


def _is_failure(error: Exception) -> bool:
    """Return whether an exception is a fault of the server, and not of the request."""
    return not (isinstance(error, Problem) and error.code.status < 500)


def _wanted_release(scope: Scope) -> str:
    return next(
        (value.decode("latin-1") for name, value in scope["headers"] if name == RELEASE_HEADER), ""
    )
