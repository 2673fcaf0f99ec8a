"""A worker process whose clients charge a limit as fast as they can.

Arguments: the URL of Redis, a tier as JSON, the number of clients. Prints a line when it is ready,
reads the begin and the end from a line (monotonic seconds, which all processes of a machine share),
and prints the counts as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from config.tiers import Tier
from middleware.ratelimit.limiter import Limiter
from storage.redis.client import RedisClient


async def hammer(url: str, tier: Tier, clients: int) -> dict[str, int]:
    """Charge as fast as possible; return accepted units by backend, and refused ones."""
    counts: dict[str, int] = {"redis": 0, "lease": 0, "local": 0, "refused": 0}

    def observe(tier: str, outcome: str, backend: str) -> None:
        counts[backend if outcome == "allowed" else "refused"] += 1

    link = RedisClient(url, timeout=2.0)
    limiter = Limiter(link, share=2, observe=observe)
    # load the script and open the connections before the first charge that counts
    await asyncio.gather(*(limiter.charge("key:warm", tier, 1) for _ in range(clients)))
    counts.update(dict.fromkeys(counts, 0))
    print("ready", flush=True)
    begin, end = map(float, sys.stdin.readline().split())

    async def client() -> None:
        await asyncio.sleep(begin - time.monotonic())
        while time.monotonic() < end:
            await limiter.charge("key:a", tier, 1)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(client() for _ in range(clients)))
    await link.aclose()
    return counts


if __name__ == "__main__":
    url, tier, clients = sys.argv[1:]
    work = hammer(url, Tier.model_validate_json(tier), int(clients))
    print(json.dumps(asyncio.run(work)))
