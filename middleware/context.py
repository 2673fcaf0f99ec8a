"""The context of a request: everything that one layer learns and another one reads.

One typed object in place of string keys in the scope: a layer that adds something declares it
here, and a misspelt name is an error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TYPE_CHECKING

from starlette.types import Scope

from config.tiers import Tier
from errors import Problem
from middleware.auth.caller import Caller
from middleware.policy import Match
from middleware.ratelimit.verdict import Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEY = "mlrf_request"
"""Key of the context in the scope."""

Charge = Callable[[int, int], Awaitable[None]]
"""Charge `cost` units beside the flat cost; if they are refused, only `spent` stay charged."""


class RequestContext:
    """Facts about one request, collected from its first byte to the end of its answer.

    Attributes:
        request_id: the caller's X-Request-ID, or a new one.
        malformed: problem of a request that the protocol could not parse; None for all others.
        match: operation that the request is for; None until it was matched.
        deadline: end of the time for the answer, on the clock of the event loop.
        caller: principal that authentication has identified, or an anonymous one.
        authentication_failure: problem of a caller who could not be identified.
        tier: limits that apply to the caller; None before the rate limit has chosen them.
        verdict: latest decision of the rate limit; None for a call that is free.
        cost: units charged so far; None before the first charge.
        charge: charges further units; set by the rate limit.
        max_body_bytes: bound of the body, decompressed; None where there is no bound.
        body: whole body, once it was read.
        body_arrived: whether the server has the whole body, so that reading it takes no time.
        began: when the request arrived, on the clock of `perf_counter`.
        rows: features that the model was run on for this request alone, shape (n, features); None
            where it was not.
        release: version of the release that answers, during the trial of another one; empty
            otherwise.
        role: of that release, as in `storage.rollouts.Role`; empty otherwise.
    """

    __slots__ = (
        "authentication_failure",
        "began",
        "body",
        "body_arrived",
        "caller",
        "charge",
        "cost",
        "deadline",
        "malformed",
        "match",
        "max_body_bytes",
        "release",
        "request_id",
        "role",
        "rows",
        "tier",
        "verdict",
    )

    def __init__(self) -> None:
        self.request_id = ""
        self.began = perf_counter()
        self.malformed: Problem | None = None
        self.match: Match | None = None
        self.deadline: float | None = None
        self.caller: Caller | None = None
        self.authentication_failure: Problem | None = None
        self.tier: Tier | None = None
        self.verdict: Verdict | None = None
        self.cost: int | None = None
        self.charge: Charge | None = None
        self.max_body_bytes: int | None = None
        self.body: bytes | None = None
        self.body_arrived = False
        self.rows: NDArray[np.float32] | None = None
        self.release = ""
        self.role = ""


def context_of(scope: Scope) -> RequestContext:
    """Return the context of the request of a scope, which the first layer that asks begins."""
    context: RequestContext | None = scope.get(KEY)
    if context is None:
        context = scope[KEY] = RequestContext()
    return context


def caller_of(scope: Scope) -> Caller:
    """Return the caller that `AuthenticationMiddleware` set for the request of a scope.

    Raises:
        RuntimeError: the middleware is not around the caller of this function.
    """
    caller = context_of(scope).caller
    if caller is None:
        raise RuntimeError("the request was not authenticated: the middleware is missing")
    return caller


def tier_of(scope: Scope) -> Tier:
    """Return the limits of the caller that `RateLimitMiddleware` chose for a request.

    Raises:
        RuntimeError: the middleware is not around the caller of this function.
    """
    tier = context_of(scope).tier
    if tier is None:
        raise RuntimeError("the request has no limits: the middleware is missing")
    return tier
