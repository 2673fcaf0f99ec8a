"""Rate limiting over HTTP: charges, refusals and headers of every response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from config.tiers import TIERS
from errors import Code, Problem
from middleware.auth.caller import Caller
from middleware.context import context_of
from middleware.policy import ANY
from middleware.problems import ProblemMiddleware
from middleware.ratelimit.limiter import Limiter
from middleware.ratelimit.local import LocalLimits
from middleware.ratelimit.rate_limit import RateHeadersMiddleware, RateLimitMiddleware
from middleware.request_id import RequestIdMiddleware
from tests.support.routing import with_policy

RATE_HEADERS = {
    "ratelimit-policy",
    "ratelimit",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
}
NOW = 1_000_000.0


@dataclass
class WithCaller:
    """A middleware that sets a caller, as authentication does."""

    app: ASGIApp
    tier: str = "free"
    subject: str = "key:a"
    authenticated: bool = True
    scope: Scope = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = Caller(self.subject, "a", self.tier, frozenset(), self.authenticated, "192.0.2.1")
        context_of(scope).caller = caller
        self.scope = scope
        await self.app(scope, receive, send)


def with_rate_limit(
    app: ASGIApp,
    *,
    cost: int = 1,
    tier: str = "free",
    limiter: Any = None,
    scope: str | None = ANY,
) -> WithCaller:
    """Wrap an application in the middlewares of rate limiting, with a stopped clock."""
    limited = RateLimitMiddleware(
        app,
        limiter=limiter or Limiter(None, clock=lambda: 0.0),
        tiers=TIERS,
        default_tier="standard",
    )
    with_headers = RateHeadersMiddleware(ProblemMiddleware(limited), clock=lambda: NOW)
    return WithCaller(with_policy(RequestIdMiddleware(with_headers), cost=cost, scope=scope), tier)


def charging(*costs: int) -> ASGIApp:
    """Return a route that charges the given costs and answers "done"."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for cost in costs:
            await context_of(scope).charge(cost, 0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    return app


def raising(error: Exception) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return app


# --- the flat cost ----------------------------------------------------------------------------


def test_a_success_states_the_remaining_units(call: Callable) -> None:
    sent = call(with_rate_limit(charging(), cost=3))
    assert (sent.status, sent.body) == (200, b"done")
    assert {name: sent.headers[name] for name in RATE_HEADERS} == {
        "ratelimit-policy": '"free";q=100;w=3600;mlrf-burst=10',
        "ratelimit": '"free";r=7;t=108',
        "x-ratelimit-limit": "10",
        "x-ratelimit-remaining": "7",
        "x-ratelimit-reset": "1000108",
    }
    assert "retry-after" not in sent.headers


def test_an_exhausted_caller_gets_the_time_to_retry(call: Callable) -> None:
    app = with_rate_limit(charging(), cost=6)
    call(app)
    sent = call(app)
    assert (sent.status, sent.problem["code"]) == (429, "RATE_LIMITED")
    assert sent.problem["detail"] == (
        "This request needs 6 units and 4 are left; the tier free gets 100 every 3600 seconds. "
        "Try again in 72 seconds."
    )
    assert sent.headers["retry-after"] == "72"
    assert sent.headers["ratelimit"] == '"free";r=4;t=72'
    assert sent.headers["x-ratelimit-remaining"] == "4"
    assert sent.headers["x-ratelimit-reset"] == "1000072"


def test_a_refused_request_does_not_reach_the_route(call: Callable) -> None:
    app = with_rate_limit(raising(AssertionError("reached")), cost=10)
    call(app)
    assert call(app).status == 429


@pytest.mark.parametrize("tier", ["unlimited", "free"])
def test_a_free_call_has_no_rate_headers(call: Callable, tier: str) -> None:
    """Its headers would reveal valid keys, and attempts would not be counted."""
    cost = 0 if tier == "free" else 10**6
    sent = call(with_rate_limit(charging(), cost=cost, tier=tier))
    assert sent.status == 200
    assert not RATE_HEADERS & sent.headers.keys()


def test_callers_are_charged_separately(call: Callable) -> None:
    app = with_rate_limit(charging(), cost=10)
    assert call(app).status == 200
    assert call(app).status == 429
    app.subject = "ip:192.0.2.7"
    assert call(app).status == 200


def test_an_unknown_tier_falls_back_to_the_default_and_is_logged_once(
    call: Callable, log_lines: Callable
) -> None:
    app = with_rate_limit(charging(), tier="gold")
    for _ in range(3):
        assert call(app).headers["x-ratelimit-limit"] == "200"
    (line,) = log_lines()
    assert (line["event"], line["tier"], line["used"]) == ("unknown_tier", "gold", "standard")


def test_the_default_must_be_a_tier() -> None:
    with pytest.raises(ValueError, match="'gold'"):
        RateLimitMiddleware(
            charging(),
            limiter=Limiter(None),
            tiers=TIERS,
            default_tier="gold",
        )


# --- every response ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(Problem(Code.AUTH_INVALID, "no"), 401, id="401"),
        pytest.param(Problem(Code.FORBIDDEN, "no"), 403, id="403"),
        pytest.param(Problem(Code.MODEL_UNAVAILABLE, "no"), 503, id="503"),
        pytest.param(RuntimeError("no"), 500, id="an exception"),
    ],
)
def test_errors_are_charged_and_state_the_remaining_units(
    call: Callable, error: Exception, status: int
) -> None:
    app = with_rate_limit(raising(error), cost=4)
    sent = call(app)
    assert sent.status == status
    assert sent.headers["x-ratelimit-remaining"] == "6"
    assert call(app).headers["x-ratelimit-remaining"] == "2"
    assert call(app).status == 429


def test_an_error_of_the_framework_states_the_remaining_units(
    call: Callable, answering: Callable
) -> None:
    sent = call(with_rate_limit(answering(404, b"Not Found"), cost=4))
    assert (sent.status, sent.headers["x-ratelimit-remaining"]) == (404, "6")


def test_an_answer_cannot_contradict_the_limiter(call: Callable, answering: Callable) -> None:
    sent = call(with_rate_limit(answering(200, headers={"x-ratelimit-remaining": "99"})))
    assert sent.headers["x-ratelimit-remaining"] == "9"


# --- what the route charges -------------------------------------------------------------------


def test_the_route_charges_the_rest(call: Callable) -> None:
    sent = call(with_rate_limit(charging(2, 3), cost=1))
    assert (sent.status, sent.headers["x-ratelimit-remaining"]) == (200, "4")


def test_the_route_may_charge_where_the_call_is_free(call: Callable) -> None:
    sent = call(with_rate_limit(charging(2), cost=0))
    assert sent.headers["x-ratelimit-remaining"] == "8"


@pytest.mark.parametrize("cost", [0, -5])
def test_the_rest_may_be_zero(call: Callable, cost: int) -> None:
    sent = call(with_rate_limit(charging(cost), cost=1))
    assert (sent.status, sent.headers["x-ratelimit-remaining"]) == (200, "9")


def test_too_little_for_the_rest_is_a_refusal(call: Callable) -> None:
    app = with_rate_limit(charging(5), cost=2)
    assert call(app).headers["x-ratelimit-remaining"] == "3"
    sent = call(app)
    assert (sent.status, sent.problem["code"]) == (429, "RATE_LIMITED")
    assert sent.headers["retry-after"] == "144"  # four units more, at 36 seconds each
    assert sent.headers["x-ratelimit-remaining"] == "1"  # the flat cost stays charged


def test_a_request_above_the_burst_gets_no_retry_time(call: Callable) -> None:
    sent = call(with_rate_limit(charging(9), cost=2))
    assert (sent.status, sent.problem["code"]) == (400, "COST_TOO_HIGH")
    assert sent.problem["detail"] == (
        "This request costs 11 units, and the tier free allows 10 at once; "
        "ask for less in one request."
    )
    assert "retry-after" not in sent.headers
    assert sent.headers["x-ratelimit-remaining"] == "9"


def test_a_cost_equal_to_the_burst_is_allowed(call: Callable) -> None:
    assert call(with_rate_limit(charging(8), cost=2)).status == 200


def test_an_attempt_at_a_call_above_the_burst_is_charged(call: Callable) -> None:
    """Otherwise the response would reveal valid keys at no cost."""
    app = with_rate_limit(raising(AssertionError("reached")), cost=11)
    sent = call(app)
    assert sent.problem["code"] == "COST_TOO_HIGH"
    assert sent.headers["x-ratelimit-remaining"] == "9"  # it charges no more than one attempt
    for _ in range(9):
        call(app)
    assert call(app).problem["code"] == "RATE_LIMITED"


@pytest.mark.parametrize(
    ("extra", "spent", "status", "remaining"),
    [
        pytest.param(9, 0, 400, "9", id="never payable, nothing done"),
        pytest.param(9, 1, 400, "9", id="never payable, less done than charged"),
        pytest.param(9, 6, 400, "4", id="never payable, more done than charged"),
        pytest.param(99, 50, 400, "0", id="never payable, more done than the burst"),
        pytest.param(8, 1, 200, "0", id="payable"),
    ],
)
def test_a_refused_request_is_charged_for_its_work(
    call: Callable, extra: int, spent: int, status: int, remaining: str
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await context_of(scope).charge(extra, spent)
        await charging()(scope, receive, send)

    app_with_limit = with_rate_limit(app, cost=2)
    sent = call(app_with_limit)
    assert (sent.status, sent.headers["x-ratelimit-remaining"]) == (status, remaining)
    assert context_of(app_with_limit.scope).cost == 10 - int(remaining)


def test_a_request_that_must_wait_is_charged_for_its_work_only(call: Callable) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await context_of(scope).charge(3, 0)
        await context_of(scope).charge(4, 1)
        await charging()(scope, receive, send)

    limiter = Limiter(None, clock=lambda: 0.0)
    call(with_rate_limit(charging(), cost=4, limiter=limiter))
    sent = call(
        with_rate_limit(app, cost=1, limiter=limiter)
    )  # 6 remain, 4 are spent, 2 are missing
    assert (sent.status, sent.headers["x-ratelimit-remaining"]) == (429, "5")


def test_a_guess_at_the_key_of_a_free_operation_is_charged_one_unit(call: Callable) -> None:
    """Else keys could be guessed there without end."""
    app = with_rate_limit(charging(), cost=0, tier="anonymous")
    assert "x-ratelimit-remaining" not in call(app).headers
    app.authenticated = False
    assert call(app).headers["x-ratelimit-remaining"] == "19"


def test_a_public_operation_of_no_cost_charges_nobody(call: Callable) -> None:
    app = with_rate_limit(charging(), cost=0, tier="anonymous", scope=None)
    app.authenticated = False
    assert "x-ratelimit-remaining" not in call(app).headers


def test_the_context_has_the_limits_that_apply(call: Callable) -> None:
    app = with_rate_limit(charging(), tier="removed")
    call(app)
    assert context_of(app.scope).tier == TIERS["standard"]


def test_an_unauthenticated_caller_is_charged_for_the_refusal_only(call: Callable) -> None:
    """Otherwise a call above their burst would be refused as too expensive, not for its key."""
    refused = raising(Problem(Code.AUTH_REQUIRED, "A key is needed."))
    app = with_rate_limit(refused, cost=25, tier="anonymous")
    app.authenticated = False
    sent = call(app)
    assert (sent.status, sent.problem["code"]) == (401, "AUTH_REQUIRED")
    assert sent.headers["x-ratelimit-remaining"] == "19"


def test_the_cost_of_a_request_is_in_the_state_for_the_log(call: Callable) -> None:
    app = with_rate_limit(charging(3), cost=2)
    call(app)
    assert context_of(app.scope).cost == 5


def test_an_unlimited_tier_allows_any_cost(call: Callable) -> None:
    assert call(with_rate_limit(charging(10**6), cost=10**6, tier="unlimited")).status == 200


def test_the_limiter_is_called_with_the_caller(call: Callable) -> None:
    class RecordingLimiter:
        def __init__(self) -> None:
            self.calls: list[tuple[str, str, int]] = []
            self.limits = LocalLimits(clock=lambda: 0.0)

        async def charge(self, subject: str, tier: Any, cost: int) -> Any:
            self.calls.append((subject, tier.name, cost))
            return self.limits.charge(subject, tier, cost)

        async def refund(self, subject: str, tier: Any, units: int) -> Any:
            raise AssertionError("nothing is given back here")

    recording = RecordingLimiter()
    call(with_rate_limit(charging(3), cost=2, limiter=recording))
    assert recording.calls == [("key:a", "free", 2), ("key:a", "free", 3)]
