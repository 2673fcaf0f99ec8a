"""Deadline of each request, after which it is cancelled.

The deadline covers the whole response, a streamed one included: otherwise a client that reads
slowly could occupy its place indefinitely. A call with long responses gets more time through
`limit_of`.

Work in a thread cannot be cancelled. `anyio.to_thread.run_sync` waits for its end, so the TIMEOUT
response is late; with ``abandon_on_cancel=True`` it is in time, and the thread runs on.

BentoML's own timeout applies behind our routes only.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
import anyio.lowlevel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import Code, Problem
from middleware.context import context_of

SECONDS = 30.0


def _default_limit(scope: Scope) -> float:
    return SECONDS


class DeadlineMiddleware:
    """Middleware that enforces a deadline; needs `ProblemMiddleware` around it.

    Args:
        limit_of: returns the seconds that a request has.

    Raises:
        Problem: TIMEOUT. If the response has started, the exception makes the server close the
            connection, the only signal to the client that the rest is missing.
    """

    def __init__(
        self, app: ASGIApp, *, limit_of: Callable[[Scope], float] = _default_limit
    ) -> None:
        self.app = app
        self.limit_of = limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seconds = self.limit_of(scope)
        deadline = anyio.current_time() + seconds
        context_of(scope).deadline = deadline
        answered = False

        async def send_watched(message: Message) -> None:
            nonlocal answered
            if cancellation.cancel_called and message["type"] == "http.response.start":
                # Work in a thread has outlived the deadline: the cancellation that waits would cut
                # the answer after its head. Here the caller still gets the problem.
                await anyio.lowlevel.checkpoint()
            await send(message)
            answered = message["type"] == "http.response.body" and not message.get("more_body")

        # Not asyncio.timeout or anyio.fail_after: they raise TimeoutError, which could not be
        # distinguished from a TimeoutError that the application raised itself.
        with anyio.CancelScope(deadline=deadline) as cancellation:
            await self.app(scope, receive, send_watched)
        if cancellation.cancel_called and not answered:
            raise Problem(
                Code.TIMEOUT,
                f"The answer was not ready after {seconds:g} s; ask for less, or try again later.",
            )


def remaining_seconds(scope: Scope) -> float:
    """Return the seconds until the deadline of a request; negative when it has passed.

    The deadline is on the clock of the event loop, `anyio.current_time`.
    """
    deadline = context_of(scope).deadline
    assert deadline is not None, "the middleware stands outside of everything that asks"
    return deadline - anyio.current_time()
