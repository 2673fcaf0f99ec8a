"""Ends what takes too long: each request has until its deadline, then it is cancelled.

The deadline is that of the whole answer, a streamed one included: otherwise a caller who reads
slowly would keep their place for as long as they like. A call whose answers are long gets more
time through `limit_of`.

Work in a thread cannot be cancelled. `anyio.to_thread.run_sync` waits for it, so its caller is
told late; with ``abandon_on_cancel=True`` they are told in time, and the thread works on.

BentoML's own timeout stands behind our routes and knows nothing of them.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import Code, Problem

SECONDS = 30.0
STATE_KEY = "deadline"


def _same(scope: Scope) -> float:
    return SECONDS


class DeadlineMiddleware:
    """Sets ``scope["state"]["deadline"]`` and holds to it; needs `ProblemMiddleware` around it.

    Args:
        limit_of: seconds that a request has, by its scope.

    Raises:
        Problem: TIMEOUT. Where an answer has begun, that makes the server cut the connection:
            nothing else tells the caller that the rest is missing.
    """

    def __init__(self, app: ASGIApp, *, limit_of: Callable[[Scope], float] = _same) -> None:
        self.app = app
        self.limit_of = limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seconds = self.limit_of(scope)
        deadline = anyio.current_time() + seconds
        scope.setdefault("state", {})[STATE_KEY] = deadline
        answered = False

        async def send_watched(message: Message) -> None:
            nonlocal answered
            await send(message)
            answered = message["type"] == "http.response.body" and not message.get("more_body")

        # A scope tells its own cancellation from a TimeoutError of somebody else, which
        # asyncio.timeout and anyio.fail_after would make look the same.
        with anyio.CancelScope(deadline=deadline) as cancellation:
            await self.app(scope, receive, send_watched)
        if cancellation.cancel_called and not answered:
            raise Problem(
                Code.TIMEOUT,
                f"The answer was not ready after {seconds:g} s; ask for less, or try again later.",
            )


def seconds_left(scope: Scope) -> float:
    """Time until the deadline of a request; negative when it has passed.

    The deadline is on the clock of the event loop, `anyio.current_time`.
    """
    deadline: float = scope["state"][STATE_KEY]
    return deadline - anyio.current_time()
