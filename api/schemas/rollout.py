"""Requests and answers of the trial of a model, the challenger, beside the active one."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from api.schemas.answer import Answer
from api.schemas.models import Reason
from api.schemas.requests import Request
from storage.release_changes import ReleaseState
from storage.rollouts import Role


class ShadowRequest(Request):
    """Options of loading a model beside the active one."""

    reason: Reason = ""
    """Why, for the audit log."""
    force: Annotated[bool, Field(strict=True)] = False
    """Though it was rejected, or is the demo's; needs a reason."""


class CanaryRequest(ShadowRequest):
    """Options of letting a model answer a share of the callers."""

    share: Annotated[float, Field(gt=0, le=1)] | None = None
    """Of the callers. If left out, the shares of `ROLLOUT_PLAN` one after the other, at the end of
    which it becomes the active one."""


@dataclass(frozen=True, slots=True)
class RecentAnswer(Answer):
    """WAPE on the newest days; null where nothing was sold."""

    active: float | None
    challenger: float | None


@dataclass(frozen=True, slots=True)
class LiveErrorsAnswer(Answer):
    """Change of the errors of served forecasts from the active model to the challenger."""

    days: int
    """On which both were compared with what was sold, and that neither had seen."""
    change: float
    """Share by which the WAPE is larger, averaged over the levels."""
    low: float
    """Bounds of the 90 % interval of it."""
    high: float


@dataclass(frozen=True, slots=True)
class TrialReportAnswer(Answer):
    """How the challenger compares with the active model, on the data that are served."""

    total: float
    """Units that it forecasts in total, over those of the active one."""
    moved: dict[str, float]
    """By level: sum of the differences of the forecasts from the newest origin, over the units of
    the active one."""
    recent: dict[str, RecentAnswer]
    """By level: errors on the newest 28 days. A model may have seen them, which only ever makes
    its errors smaller."""
    incoherence: float
    """Largest relative difference of a forecast from the sum of its series."""
    slower: float
    """Share by which a prediction takes longer."""
    larger: float
    """Share by which the bundle is larger."""
    live: LiveErrorsAnswer | None
    """Null until forecasts of both from the same data were compared with a week of sales."""


@dataclass(frozen=True, slots=True)
class RoleAnswer(Answer):
    """Answers by one of the models."""

    role: Role
    """`active`; `canary`, by the challenger; or `shadow`, by it to repeated requests."""
    answers: int
    failures: int
    moved: float | None
    """Mean relative difference of the repeated answers; null for other roles."""


@dataclass(frozen=True, slots=True)
class RolloutAnswer(Answer):
    """The trial of a model beside the active one."""

    bundle: str
    stage: ReleaseState
    """`shadow` or `canary`."""
    share: float
    """Of the callers that it answers."""
    automatic: bool
    """Whether it goes on to the next share of `ROLLOUT_PLAN` by itself."""
    started_at: dt.datetime
    step_at: dt.datetime
    """Since when the share is what it is."""
    memory_bytes: int
    """That each worker takes for it, about."""
    report: TrialReportAnswer | None
    """Null until a server has compared them."""
    roles: list[RoleAnswer]
    at_share: int
    """Answers by it at the present share."""
    slower: float | None
    """Share by which its answers take longer than those of the active one to the same calls; null
    until enough are known."""
    worse: float | None
    """Share by which its errors on the newest days are larger, averaged over the levels."""


@dataclass(frozen=True, slots=True)
class RolloutStateAnswer(Answer):
    """The trial of a model, if there is one."""

    rollout: RolloutAnswer | None
