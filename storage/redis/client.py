"""Client of Redis with short time-outs and a circuit breaker.

Redis makes responses faster and limits exact, but the service runs without it: while it is
unavailable, calls of a `RedisClient` fail at once, and its callers have a fallback.
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

from errors import InputError
from storage.redis.errors import RedisUnavailableError
from storage.redis.stall_tolerant_timeout import stall_tolerant_timeout
from telemetry.stages import Stage, timed

T = TypeVar("T")
Operation = Callable[[Redis], Awaitable[T]]

_OUTAGES: tuple[tuple[type[Exception], str], ...] = (  # the first match counts
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
"""Prefixes of errors about the server, not the command, for which redis-py has no class. In a
pipeline redis-py puts text of its own before them."""

_ATTRIBUTES = {"db.system.name": "redis"}

_log = structlog.get_logger(__name__)


class RedisClient:
    """Client for one process, with a circuit breaker.

    After an operation has failed or timed out, the breaker is open: all calls fail at once for
    `retry_after` seconds. The first call after that is the probe, over a new connection, while
    the others still fail at once; its success closes the breaker.

    Invariants:
        A call takes at most `timeout` when Redis hangs, and no time while the breaker is open.
        No operation is retried.
        The log gets one line when the breaker opens and one when it closes.
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
            clock: seconds, monotonic.
            on_change: called with True or False when the availability changes.
            on_error: called with the reason, from a small set, for every operation that failed
                because of Redis.

        Raises:
            InputError: the address is not one of Redis.
        """
        self._target = _parse_address(url)
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
        """False while the breaker is open.

        For reports only. To use Redis call `run`, which also probes.
        """
        return self._retry_at is None

    async def run(self, operation: Operation[T]) -> T:
        """Call `operation` with the client and return its result.

        The operation is called once. It may send several commands, within one time-out.

        Raises:
            RedisUnavailableError: the breaker is open, or Redis failed or did not answer in time.
            redis.exceptions.RedisError: the command is at fault, not the server.
        """
        probing = self._claim_probe()
        try:
            client = self._client_of_this_loop()
            await self._acquire_slot()
            try:
                if not probing and not self.available:  # the breaker opened meanwhile
                    raise RedisUnavailableError("Redis is unavailable")
                return await self._run_operation(client, operation, probing)
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

    def _claim_probe(self) -> bool:
        """Return whether this call is the probe; raise while the breaker is open for it."""
        if self._retry_at is None:
            return False
        if self._probing or self._clock() < self._retry_at:
            raise RedisUnavailableError("Redis is unavailable")
        self._probing = True
        return True

    def _client_of_this_loop(self) -> Redis:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            # the slots limit it; an abandoned call may keep its connection a moment longer
            pool = ConnectionPool(max_connections=2 * self._connections, **self._target)
            self._loop, self._client = loop, Redis.from_pool(pool)
            self._slots = asyncio.Semaphore(self._connections)
        return self._client

    async def _acquire_slot(self) -> None:
        """Acquire a connection slot; a time-out here does not open the breaker."""
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with stall_tolerant_timeout(self._timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise RedisUnavailableError("all connections are in use") from None

    async def _run_operation(self, client: Redis, operation: Operation[T], probing: bool) -> T:
        try:
            with timed(Stage.REDIS, _ATTRIBUTES):
                async with stall_tolerant_timeout(self._timeout):
                    if probing:  # connections from before the outage may be dead
                        await client.connection_pool.disconnect(inuse_connections=False)
                    result = await operation(client)
        except (RedisError, OSError) as error:
            reason = _classify_outage(error)
            if reason is None:
                if probing and isinstance(error, ResponseError):
                    self._close_breaker()
                raise
            self._open_breaker(reason)
            raise RedisUnavailableError(reason) from error
        if probing:
            self._close_breaker()
        return result

    def _open_breaker(self, reason: str) -> None:
        was_available = self.available
        self._retry_at = self._clock() + self._retry_after
        self._on_error(reason)
        if was_available:
            _log.warning("redis_unavailable", reason=reason, retry_seconds=self._retry_after)
            self._on_change(False)

    def _close_breaker(self) -> None:
        self._retry_at = None
        _log.info("redis_available")
        self._on_change(True)


def _parse_address(url: str) -> dict[str, Any]:
    """Return the arguments of a connection: those of the address, overridden by our own."""
    try:
        parsed = parse_url(url)
    except ValueError:
        raise InputError(  # without the address: it may contain parts of a password
            # pragma: allowlist nextline secret
            "The address of Redis cannot be read; write redis://user:password@host:6379/0, "
            "with special characters percent-encoded."
        ) from None
    return {
        **parsed,
        # `stall_tolerant_timeout` limits every operation; redis-py's own time-outs would not
        # tolerate a stalled event loop
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": False,
        "protocol": 2,  # fewer commands to connect, and no push messages
    }


def _classify_outage(error: Exception) -> str | None:
    """Return the reason why Redis is unavailable, or None if only the command was at fault."""
    for kind, reason in _OUTAGES:
        if isinstance(error, kind):
            return reason
    return "server" if _STATE_OF_SERVER.search(str(error)) else None
