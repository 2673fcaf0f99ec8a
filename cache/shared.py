"""The tier of the cache that all workers and replicas share: Redis.

Nothing here fails because of Redis: without it there is nothing to find and nothing is stored.
What is in it is not trusted: answers and leases that others put there are recognised by their
codes (see `cache.encoding`) and count for nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import random
import secrets
import time
from typing import Any, NewType

import structlog
from redis.exceptions import RedisError

from cache.encoding import LARGEST_BODY, code_of, decode, encode
from cache.keys import CacheKey
from cache.redis import RedisClient, RedisUnavailableError

Token = NewType("Token", str)
"""Names the one who computes, so that nobody gives back the lease of another."""

LARGEST_VALUE = 2**20
"""Bytes; sending larger values could take the time that Redis is given, and pass for an outage."""

# In one step each: between a GET and a SET NX of its own, another worker could store the value
# and give its lease back, and the answer would be computed twice. `pcall`: a key may be of
# another type, which is as good as none. STRLEN: nothing is fetched that is too large to be ours.
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

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.1  # seconds between two looks at what others compute

_log = structlog.get_logger(__name__)


class SharedAnswers:
    """Answers in Redis, and leases that let one worker compute while the others wait.

    A hit costs one command; a miss one to find out and take the lease, and one to store the
    answer and give the lease back. A lease runs out by itself if its holder dies.
    """

    def __init__(
        self, link: RedisClient, secret: bytes, *, namespace: str, ttl: float, lease: float
    ) -> None:
        """Store under names that begin with `namespace`.

        Args:
            secret: that all who share the answers have, and Redis has not.
            ttl: seconds that an answer is kept.
            lease: seconds that one worker has to compute an answer, and that others wait for it.
        """
        self._link = link
        self._secret = secret
        self._namespace = namespace
        self._ttl = ttl
        self._lease = lease
        self._refused = False

    def new_token(self, key: CacheKey) -> Token:
        """Return a name for one who computes an answer, which nobody else can make up."""
        nonce = secrets.token_hex(_NONCE // 2)
        return Token(nonce + self._lease_code(key, nonce))

    async def find(self, key: CacheKey, token: Token) -> bytes | None:
        """The answer, or None if the caller has to compute it.

        While another worker has the lease, this waits for its answer: until the lease is given
        back (the computation failed) or the time of a lease is over. It does not wait for a lease
        that is none of ours, or that lasts longer than ours do. Whoever gets None ends with
        `store` or `give_back`.
        """
        until = time.monotonic() + self._lease
        pause = _FIRST_PAUSE
        while True:
            found = await self._evaluated(
                _FIND_OR_LEASE, key, token, _milliseconds(self._lease), LARGEST_VALUE
            )
            if isinstance(found, bytes):
                return decode(self._secret, key, found)
            if not self._is_lease(key, found) or time.monotonic() >= until:
                return None
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def store(self, key: CacheKey, token: Token, body: bytes) -> None:
        """Keep an answer for everybody and give the lease back; too large a one is not kept."""
        value = encode(self._secret, key, body) if len(body) <= LARGEST_BODY else b""
        if not 0 < len(value) <= LARGEST_VALUE:
            await self.give_back(key, token)
        else:
            await self._evaluated(_STORE, key, token, value, _milliseconds(self._ttl))

    async def give_back(self, key: CacheKey, token: Token) -> None:
        """Let another worker compute."""
        await self._evaluated(_GIVE_BACK, key, token)

    def _is_lease(self, key: CacheKey, found: Any) -> bool:
        """Return whether another of ours computes the answer, and for no longer than it may."""
        if not isinstance(found, list):
            return False
        token, milliseconds = found
        if not 0 < milliseconds <= _milliseconds(self._lease):
            return False
        nonce, code = token[:_NONCE].decode("latin-1"), token[_NONCE:]
        return hmac.compare_digest(code, self._lease_code(key, nonce).encode())

    def _lease_code(self, key: CacheKey, nonce: str) -> str:
        return code_of(self._secret, b"lease", key, nonce.encode()).hex()

    async def _evaluated(self, script: str, key: CacheKey, *arguments: str | bytes | int) -> Any:
        """What a script returns of the key's value and lock, or None without Redis."""
        value = f"{self._namespace}:answer:{key}"
        try:
            answer = await self._link.run(
                lambda redis: redis.eval(script, 2, value, f"{value}:lock", *arguments)
            )
        except RedisUnavailableError:
            return None
        except RedisError as error:  # it answers, but not to this: a matter of its configuration
            if not self._refused:
                _log.warning("redis_refuses_cache", reason=type(error).__name__)
            self._refused = True
            return None
        self._refused = False
        return answer


def _milliseconds(seconds: float) -> int:
    return max(1, round(1000 * seconds))
