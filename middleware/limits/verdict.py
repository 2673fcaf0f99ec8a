"""What a charge came to, and the headers that tell the caller."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tiers import Tier


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a charge came to.

    Attributes:
        tier: that the caller is in.
        allowed: whether the charge was granted.
        remaining: units that the caller could spend now.
        reset: seconds until the whole burst is there again.
        retry_after: seconds until the same charge would pass; 0 where it was granted.
    """

    tier: Tier
    allowed: bool
    remaining: int = 0
    reset: float = 0.0
    retry_after: float = 0.0

    @property
    def wait(self) -> int:
        """Whole seconds: until the charge would pass if it was refused, else until `reset`.

        Retry-After must not name an earlier time than RateLimit does (draft, section 6).
        """
        return math.ceil(self.reset) if self.allowed else max(1, math.ceil(self.retry_after))


HEADERS = (
    "RateLimit-Policy",
    "RateLimit",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)
"""Names of the headers that say where a caller stands, for scripts of other origins too."""


def headers_of(verdict: Verdict, now: float) -> dict[str, str]:
    """The headers that say where a caller stands: none where there is no limit.

    RateLimit-Policy and RateLimit are those of draft-ietf-httpapi-ratelimit-headers-11, with the
    burst as a parameter of our own. X-RateLimit-Limit is the burst, which is the most that
    X-RateLimit-Remaining can be; X-RateLimit-Reset is the end of RateLimit's window as Unix time.

    Args:
        now: Unix time.
    """
    tier, wait = verdict.tier, verdict.wait
    if tier.quota is None:
        return {}
    values = (
        f'"{tier.name}";q={tier.quota};w={tier.window};mlrf-burst={tier.burst}',
        f'"{tier.name}";r={verdict.remaining};t={wait}',
        str(tier.burst),
        str(verdict.remaining),
        str(math.ceil(now) + wait),
    )
    return dict(zip(HEADERS, values, strict=True))
