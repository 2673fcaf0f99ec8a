"""Verdict on a charge, and the rate limit headers that report it to the caller."""

from __future__ import annotations

import math
from dataclasses import dataclass

from config.tiers import Tier


@dataclass(frozen=True, slots=True)
class Verdict:
    """Verdict on a charge.

    Attributes:
        tier: of the caller.
        allowed: whether the charge was granted.
        remaining: units that the caller could spend now.
        reset: seconds until the whole burst is available again.
        retry_after: seconds until the same charge would pass; 0 if it was granted.
    """

    tier: Tier
    allowed: bool
    remaining: int = 0
    reset: float = 0.0
    retry_after: float = 0.0

    @property
    def wait(self) -> int:
        """Whole seconds: until the charge would pass if it was refused, else until `reset`.

        Retry-After and the `t` of RateLimit are both this number, because Retry-After should not
        name an earlier time than `t` (draft-ietf-httpapi-ratelimit-headers-11, section 6).
        """
        return math.ceil(self.reset) if self.allowed else max(1, math.ceil(self.retry_after))


HEADERS = (
    "RateLimit-Policy",
    "RateLimit",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)
"""Names of the rate limit headers; CORS exposes them to scripts of other origins too."""


def headers_of(verdict: Verdict, now: float) -> dict[str, str]:
    """Return the rate limit headers of a verdict; none for a tier without limit.

    RateLimit-Policy and RateLimit follow draft-ietf-httpapi-ratelimit-headers-11, with the burst
    as a parameter of our own. X-RateLimit-Limit is the burst, the maximum of
    X-RateLimit-Remaining; X-RateLimit-Reset is the Unix time at which the `t` of RateLimit has
    passed.

    Args:
        verdict: on the charge of the request that is answered.
        now: Unix time.
    """
    tier, wait = verdict.tier, verdict.wait
    if tier.quota is None:
        return {}
    # Both are rounded up: a client that waits until then must not come a fraction too early.
    reset_at = math.ceil(now) + wait
    values = (
        f'"{tier.name}";q={tier.quota};w={tier.window};mlrf-burst={tier.burst}',
        f'"{tier.name}";r={verdict.remaining};t={wait}',
        str(tier.burst),
        str(verdict.remaining),
        str(reset_at),
    )
    return dict(zip(HEADERS, values, strict=True))
