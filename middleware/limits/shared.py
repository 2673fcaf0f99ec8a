"""Limits kept in Redis, for all processes together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha1
from pathlib import Path
from typing import Any, Protocol, TypeVar

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from middleware.limits.gcra import Decision, rate_of
from tiers import Tier

T = TypeVar("T")

SCRIPT = Path(__file__).with_name("gcra.lua").read_text(encoding="utf-8")
_DIGEST = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class Link(Protocol):
    """Reaches Redis, as `cache.redis.RedisLink` does."""

    async def run(self, operation: Callable[[Redis], Awaitable[T]]) -> T:
        """Raises RedisUnavailableError at once while Redis is known to be away."""
        ...


class SharedLimits:
    """Charges callers in Redis, by its clock, in one round trip."""

    def __init__(self, link: Link, *, prefix: str = "mlrf:limit:") -> None:
        self._link = link
        self._prefix = prefix

    async def charge(self, subject: str, tier: Tier, need: int, want: int) -> Decision:
        """Charge as much as there is between `need` and `want` units, or nothing.

        Raises:
            RedisUnavailableError: Redis cannot be asked; whether it has charged is not known.
            redis.exceptions.ResponseError: Redis does not run the script.
        """
        rate = rate_of(tier)
        key = f"{self._prefix}{tier.name}:{subject}"
        arguments = (1, key, need, want, rate.quota, rate.period, rate.burst)

        async def ask(redis: Redis) -> list[int]:
            client: Any = redis  # its scripting commands are typed for both kinds of client
            try:
                answer: list[int] = await client.evalsha(_DIGEST, *arguments)
            except NoScriptError:  # nothing was done; a Redis that has started anew knows none
                answer = await client.eval(SCRIPT, *arguments)
            return answer

        return Decision(*await self._link.run(ask))
