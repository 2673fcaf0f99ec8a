"""Trials of a model beside the active one: as a shadow that answers nobody, and as a canary."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request

from api.admin.administration import admin_operation
from api.admin.models import CHANGING, READING, call_registry
from api.http.acting import actor_of
from api.schemas.models import ReasonRequest
from api.schemas.rollout import (
    CanaryRequest,
    LiveErrorsAnswer,
    RecentAnswer,
    RoleAnswer,
    RolloutAnswer,
    RolloutStateAnswer,
    ShadowRequest,
    TrialReportAnswer,
)
from lifecycle.registry import Registry
from lifecycle.rollout_state import describe
from lifecycle.rollouts import Rollouts
from storage.rollouts import Rollout


@admin_operation("GET", "/admin/rollout", error_codes=READING)
async def read_rollout(registry: Registry, rollouts: Rollouts) -> RolloutStateAnswer:
    """Read the trial of a model beside the active one, and what it has shown."""

    def read() -> RolloutStateAnswer:
        rollout = rollouts.current()
        return RolloutStateAnswer(None if rollout is None else _answer_of(rollouts, rollout))

    return await call_registry(registry, read)


@admin_operation("POST", "/admin/models/{bundle}/shadow", error_codes=CHANGING)
async def begin_shadow(
    registry: Registry, rollouts: Rollouts, payload: ShadowRequest, request: Request
) -> RolloutAnswer:
    """Load a model beside the active one, to compare them; it answers nobody.

    Its forecasts are compared whole. A share of the requests that run a model are repeated with it
    after they have been answered.
    """
    begin = partial(
        rollouts.begin_shadow,
        request.path_params["bundle"],
        by=actor_of(request),
        reason=payload.reason,
        force=payload.force,
    )
    return await call_registry(registry, lambda: _answer_of(rollouts, begin()))


@admin_operation("POST", "/admin/models/{bundle}/canary", error_codes=CHANGING)
async def begin_canary(
    registry: Registry, rollouts: Rollouts, payload: CanaryRequest, request: Request
) -> RolloutAnswer:
    """Let a model answer a share of the callers, always the same ones.

    It ends by itself if the model's answers fail, take longer, do not add up or are far worse. A
    request that it fails to answer is answered by the active one.
    """
    begin = partial(
        rollouts.begin_canary,
        request.path_params["bundle"],
        by=actor_of(request),
        reason=payload.reason,
        share=payload.share,
        force=payload.force,
    )
    return await call_registry(registry, lambda: _answer_of(rollouts, begin()))


@admin_operation("POST", "/admin/rollout/stop", error_codes=CHANGING)
async def stop_rollout(
    registry: Registry, rollouts: Rollouts, payload: ReasonRequest, request: Request
) -> RolloutStateAnswer:
    """End the trial of a model; it is what it was before, and the active one answers all."""
    stop = partial(rollouts.stop, by=actor_of(request), reason=payload.reason)
    await call_registry(registry, stop)
    return RolloutStateAnswer(None)


def _answer_of(rollouts: Rollouts, rollout: Rollout) -> RolloutAnswer:
    state = describe(rollout, rollouts.evidence(rollout), rollouts.registry.store)
    return RolloutAnswer.from_attributes(
        rollout,
        memory_bytes=state.memory,
        report=_report_of(rollout),
        roles=[RoleAnswer.from_attributes(each) for each in state.roles],
        at_share=state.at_share,
        slower=state.slower,
        worse=state.worse,
    )


def _report_of(rollout: Rollout) -> TrialReportAnswer | None:
    if rollout.report is None:
        return None
    report = rollout.report
    names = ("total", "moved", "incoherence", "slower", "larger")
    return TrialReportAnswer(
        recent={level: RecentAnswer(**each) for level, each in report["recent"].items()},
        live=LiveErrorsAnswer(**live) if (live := report.get("live")) else None,
        **{name: report[name] for name in names},
    )
