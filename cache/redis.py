"""The connection to Redis: short time-outs, and a circuit breaker before it.

Redis makes answers faster and limits exact, but nothing depends on it: whoever asks through a
`RedisLink` learns at once that Redis is away, and does without.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    InvalidResponse,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from cache.stall_tolerant_timeout import stall_tolerant_timeout
from errors import InputError

T = TypeVar("T")
Operation = Callable[[Redis], Awaitable[T]]

_OUTAGES: tuple[tuple[type[Exception], str], ...] = (  # the first that fits
    (RedisTimeoutError, "timeout"),
    (TimeoutError, "timeout"),
    (AuthenticationError, "authentication"),
    (AuthorizationError, "authentication"),
    (BusyLoadingError, "loading"),
    (ReadOnlyError, "read_only"),
    (OutOfMemoryError, "out_of_memory"),
    (ClusterDownError, "master_down"),
    (InvalidResponse, "connection"),
    (RedisConnectionError, "connection"),
    (OSError, "connection"),
)
_STATE_OF_SERVER = re.compile(r"(?:^|\(')(?:MISCONF|NOREPLICAS|BUSY) ")
"""How those answers begin that speak of the server and not of the command, and for which the
client has no class. In a pipeline the client puts its own words before."""

_log = structlog.get_logger(__name__)


class RedisUnavailableError(Exception):
    """Redis cannot be asked now; the caller does without it."""


class RedisClient:
    """One client for a process, with a circuit breaker.

    After an operation has failed or timed out, all calls fail at once for `retry_after` seconds.
    The first call after that probes, over a new connection, while the others still fail at once;
    its success closes the breaker.

    Invariants:
        A call costs at most `timeout` when Redis hangs, and nothing while the breaker is open.
        Nothing is tried twice.
        The log gets one line when Redis goes away and one when it is back.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 0.1,
        retry_after: float = 1.0,
        connections: int = 16,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[bool], None] = lambda available: None,
        on_error: Callable[[str], None] = lambda reason: None,
    ) -> None:
        """Prepare; the first call of `run` connects.

        Args:
            url: redis://, rediss:// or unix://, with user, password and number of the database.
            timeout: seconds that one operation may take, connecting included.
            retry_after: seconds from a failure to the next try.
            connections: how many are open at most; more calls than that wait for their turn.
            clock: seconds that only grow.
            on_change: told whether Redis is available, whenever that changes.
            on_error: told the reason of every operation that failed because of Redis, one of a
                few short words.

        Raises:
            InputError: the address is not one of Redis.
        """
        self._target = _parsed(url)
        self._timeout = timeout
        self._retry_after = retry_after
        self._connections = connections
        self._clock = clock
        self._on_change = on_change
        self._on_error = on_error
        self._retry_at: float | None = None  # None: the breaker is closed
        self._probing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Redis | None = None
        self._slots = asyncio.Semaphore(connections)

    @property
    def available(self) -> bool:
        """Whether the last that was heard of Redis was good: False while the breaker is open.

        For reports. Who wants something of Redis calls `run`, which also finds out that it is
        back.
        """
        return self._retry_at is None

    async def run(self, operation: Operation[T]) -> T:
        """Give what `operation` makes of the client.

        The operation is called once. It may send several commands; together they have the time
        of one.

        Raises:
            RedisUnavailableError: the breaker is open, or Redis failed or did not answer in time.
            redis.exceptions.RedisError: the command is at fault, and Redis is well.
        """
        probing = self._admitted()
        try:
            client = self._client_of_this_loop()
            await self._turn()
            try:
                if not probing and not self.available:  # it went away while this call waited
                    raise RedisUnavailableError("Redis is away")
                return await self._asked(client, operation, probing)
            finally:
                self._slots.release()
        finally:
            if probing:
                self._probing = False

    async def aclose(self) -> None:
        """Close the connections; a later `run` would open new ones."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            with suppress(RedisError, OSError):
                async with stall_tolerant_timeout(self._timeout):
                    await client.aclose()

    def _admitted(self) -> bool:
        """Whether this call is the one that probes; raises while the others have to wait."""
        if self._retry_at is None:
            return False
        if self._probing or self._clock() < self._retry_at:
            raise RedisUnavailableError("Redis is away")
        self._probing = True
        return True

    def _client_of_this_loop(self) -> Redis:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            # the slots bound it; a call given up may hold its connection a moment longer
            pool = ConnectionPool(max_connections=2 * self._connections, **self._target)
            self._loop, self._client = loop, Redis.from_pool(pool)
            self._slots = asyncio.Semaphore(self._connections)
        return self._client

    async def _turn(self) -> None:
        """Take one of the connections, which is no fault of Redis if there is none in time."""
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with stall_tolerant_timeout(self._timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise RedisUnavailableError("all connections are in use") from None

    async def _asked(self, client: Redis, operation: Operation[T], probing: bool) -> T:
        try:
            async with stall_tolerant_timeout(self._timeout):
                if probing:  # what is left of older connections may lead nowhere
                    await client.connection_pool.disconnect(inuse_connections=False)
                result = await operation(client)
        except (RedisError, OSError) as error:
            reason = _outage(error)
            if reason is None:
                if probing and isinstance(error, ResponseError):
                    self._back()
                raise
            self._away(reason)
            raise RedisUnavailableError(reason) from error
        if probing:
            self._back()
        return result

    def _away(self, reason: str) -> None:
        was_available = self.available
        self._retry_at = self._clock() + self._retry_after
        self._on_error(reason)
        if was_available:
            _log.warning("redis_away", reason=reason, retry_seconds=self._retry_after)
            self._on_change(False)

    def _back(self) -> None:
        self._retry_at = None
        _log.info("redis_back")
        self._on_change(True)


def _parsed(url: str) -> dict[str, Any]:
    """What connects to an address: our settings, and from the address what they leave open."""
    try:
        given = parse_url(url)
    except ValueError:
        raise InputError(  # without what was given: parts of a password may be in it
            # pragma: allowlist nextline secret
            "The address of Redis cannot be read; write redis://user:password@host:6379/0, "
            "with special characters percent-encoded."
        ) from None
    return {
        **given,
        # `stall_tolerant_timeout` bounds every operation; limits inside would end it differently
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": False,
        "protocol": 2,  # connects with fewer commands, and no pushed messages
    }


def _outage(error: Exception) -> str | None:
    """Why Redis cannot be used, or None if only the command was at fault."""
    for kind, reason in _OUTAGES:
        if isinstance(error, kind):
            return reason
    return "server" if _STATE_OF_SERVER.search(str(error)) else None
