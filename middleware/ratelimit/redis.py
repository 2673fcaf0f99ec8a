"""Limits in Redis, shared by all processes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from config.tiers import Tier
from middleware.ratelimit.gcra import Decision, rate_of

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")

SCRIPT = Path(__file__).with_name("gcra.lua").read_text(encoding="utf-8")
_DIGEST = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class ScriptRefusedError(Exception):
    """Redis works, and refuses to run the script."""


class Link(Protocol):
    """Protocol of the connection to Redis, implemented by `storage.redis.client.RedisClient`."""

    async def run(self, operation: Callable[[Redis], Awaitable[T]]) -> T:
        """Run an operation; raise RedisUnavailableError at once while the breaker is open."""
        ...


class SharedLimits:
    """Limits of callers in Redis, by its clock; each charge is one round trip."""

    def __init__(self, link: Link, *, prefix: str = "mlrf:limit:") -> None:
        self._link = link
        self._prefix = prefix

    async def charge(self, subject: str, tier: Tier, need: int, want: int) -> Decision:
        """Charge as many units as available from `need` to `want`, or none below `need`.

        Raises:
            RedisUnavailableError: Redis failed; it may have charged nevertheless.
            ScriptRefusedError: Redis refused to run the script.
        """
        # a worker without Redis does not load its library
        from redis.exceptions import NoScriptError, ResponseError

        rate = rate_of(tier)
        key = f"{self._prefix}{tier.name}:{subject}"
        arguments = (1, key, need, want, rate.quota, rate.period, rate.burst)

        async def ask(redis: Redis) -> list[int]:
            client: Any = redis  # its scripting commands are typed for both kinds of client
            try:
                answer: list[int] = await client.evalsha(_DIGEST, *arguments)
            except NoScriptError:  # nothing was executed: Redis was restarted or flushed
                answer = await client.eval(SCRIPT, *arguments)
            return answer

        try:
            return Decision(*await self._link.run(ask))
        except ResponseError as error:
            raise ScriptRefusedError(str(error)) from error
