"""GET /caller and GET /sign-in/options: who asks, and how a page lets its user sign in."""

from __future__ import annotations

from starlette.requests import Request

from api.http.operation import Access, operation
from api.http.tags import Tag
from api.schemas.access import CallerAnswer, CallerLimits, SignInOptions
from config.tiers import Tier
from middleware.context import caller_of, tier_of


@operation("GET", "/caller", Tag.ACCESS, scope=Access.AUTHENTICATED, cost=0)
async def caller(request: Request) -> CallerAnswer:
    """Return the caller's name, scopes and limits."""
    principal, tier = caller_of(request.scope), tier_of(request.scope)
    return CallerAnswer(
        client=principal.client,
        scopes=sorted(principal.scopes),
        tier=tier.name,
        authentication=principal.authentication,
        limits=_limits_of(tier),
    )


@operation("GET", "/sign-in/options", Tag.ACCESS, scope=Access.PUBLIC, cost=0)
async def sign_in_options(options: SignInOptions) -> SignInOptions:
    """Return the ways to sign in that a page can offer before its user has a key or a token."""
    return options


def _limits_of(tier: Tier) -> CallerLimits | None:
    if tier.quota is None:
        return None
    return CallerLimits(quota=tier.quota, window=tier.window, burst=tier.burst)
