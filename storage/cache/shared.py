"""The tier of the cache in Redis, shared by all workers and replicas.

No call fails because of Redis: without it every lookup is a miss and nothing is stored. Redis is
not trusted: values and leases without a valid code (see `storage.cache.encoding`) are ignored.
"""

from __future__ import annotations

import asyncio
import hmac
import random
import secrets
import time
from typing import TYPE_CHECKING, Any, NewType

import structlog

from storage.cache.encoding import LARGEST_BODY, code_of, decode, encode
from storage.cache.keys import CacheKey
from storage.redis.errors import RedisUnavailableError

if TYPE_CHECKING:
    from storage.redis.client import RedisClient

Token = NewType("Token", str)
"""Identity of the holder of a lease, so that no worker releases the lease of another."""

LARGEST_VALUE = 2**20
"""Maximum bytes of a value; sending a larger one could exceed the time-out, like an outage."""

# Scripts, because each must be one atomic step: between a separate GET and SET NX, another worker
# could store the value and release its lease, and the body would be computed twice. `pcall`,
# because a key of another type counts as missing. STRLEN, to fetch no value that is too large to
# be ours. The lease is a key with an expiry (PX): it is released even if its holder dies.
_FIND_OR_LEASE = """
local size = redis.pcall('STRLEN', KEYS[1])
if type(size) == 'number' and size > 0 and size <= tonumber(ARGV[3]) then
  return redis.call('GET', KEYS[1])
end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
size = redis.pcall('STRLEN', KEYS[2])
if type(size) ~= 'number' or size > 256 then return 0 end
return {redis.call('GET', KEYS[2]), redis.call('PTTL', KEYS[2])}
"""
_STORE = """
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if redis.pcall('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
"""
_GIVE_BACK = """
if redis.pcall('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
"""
_NONCE = 16  # characters of a token before its code

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.1  # seconds between two polls for another's result

_log = structlog.get_logger(__name__)


class SharedAnswers:
    """Bodies in Redis, and leases that let one worker compute while the others wait.

    A hit costs one command. A miss costs two: one to look up and take the lease, one to store the
    body and release the lease. A lease expires if its holder dies.
    """

    def __init__(
        self, link: RedisClient, secret: bytes, *, namespace: str, ttl: float, lease: float
    ) -> None:
        """Use keys that start with `namespace`.

        Args:
            secret: common to all workers that share the cache, and not in Redis.
            ttl: seconds for which a body is stored.
            lease: seconds that one worker has to compute a body, and that others wait for it.
        """
        self._link = link
        self._secret = secret
        self._namespace = namespace
        self._ttl = ttl
        self._lease = lease
        self._refused = False

    def new_token(self, key: CacheKey) -> Token:
        """Return a token for a lease, authenticated so that it cannot be forged."""
        nonce = secrets.token_hex(_NONCE // 2)
        return Token(nonce + self._lease_code(key, nonce))

    async def find(self, key: CacheKey, token: Token) -> bytes | None:
        """Return the body, or None if the caller has to compute it.

        While another worker has the lease, poll for its body: until the lease is released (the
        computation failed) or the time of a lease is over. A forged lease, or one that lasts
        longer than `lease`, is not waited for. After None, the caller must call `store` or
        `give_back`.
        """
        until = time.monotonic() + self._lease
        pause = _FIRST_PAUSE
        while True:
            reply = await self._run_script(
                _FIND_OR_LEASE, key, token, _to_milliseconds(self._lease), LARGEST_VALUE
            )
            if isinstance(reply, bytes):
                return decode(self._secret, key, reply)
            if not self._is_lease(key, reply) or time.monotonic() >= until:
                return None
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def store(self, key: CacheKey, token: Token, body: bytes) -> None:
        """Store a body, unless it is too large, and release the lease."""
        value = encode(self._secret, key, body) if len(body) <= LARGEST_BODY else b""
        if not 0 < len(value) <= LARGEST_VALUE:
            await self.give_back(key, token)
        else:
            await self._run_script(_STORE, key, token, value, _to_milliseconds(self._ttl))

    async def give_back(self, key: CacheKey, token: Token) -> None:
        """Release the lease, so that another worker can compute."""
        await self._run_script(_GIVE_BACK, key, token)

    def _is_lease(self, key: CacheKey, reply: Any) -> bool:
        """Return whether a reply is a valid lease of another worker, not longer than `lease`."""
        if not isinstance(reply, list):
            return False
        token, milliseconds = reply
        if not 0 < milliseconds <= _to_milliseconds(self._lease):
            return False
        nonce, code = token[:_NONCE].decode("latin-1"), token[_NONCE:]
        return hmac.compare_digest(code, self._lease_code(key, nonce).encode())

    def _lease_code(self, key: CacheKey, nonce: str) -> str:
        return code_of(self._secret, b"lease", key, nonce.encode()).hex()

    async def _run_script(self, script: str, key: CacheKey, *arguments: str | bytes | int) -> Any:
        """Run a script on the keys of value and lease; return None if Redis fails."""
        from redis.exceptions import RedisError  # a worker without Redis does not load it

        value = f"{self._namespace}:answer:{key}"
        try:
            answer = await self._link.run(
                lambda redis: redis.eval(script, 2, value, f"{value}:lock", *arguments)
            )
        except RedisUnavailableError:
            return None
        except RedisError as error:  # Redis works but refuses the script: its configuration
            if not self._refused:
                _log.warning("redis_refuses_cache", reason=type(error).__name__)
            self._refused = True
            return None
        self._refused = False
        return answer


def _to_milliseconds(seconds: float) -> int:
    return max(1, round(1000 * seconds))
