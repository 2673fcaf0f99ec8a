"""The operation that a request is for: matched once, before anything else, and read by all layers.

Authentication, limits, sizes, authorization and the log read the policy of the match, and
`dispatch` calls the application of that same match: no path, however it is written, can reach a
handler with the policy of another one.
"""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from middleware.context import context_of
from middleware.policy import UNKNOWN_PATH, Policy


def policy_of(scope: Scope) -> Policy:
    """Return the policy of a request; the strictest one before it was matched."""
    match = context_of(scope).match
    return UNKNOWN_PATH if match is None else match.policy


async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
    """Let the application of the match answer; the innermost layer.

    Raises:
        RuntimeError: the request was not matched, so no layer has applied a policy.
    """
    match = context_of(scope).match
    if match is None:
        raise RuntimeError("the request was not matched to an operation")
    scope["path_params"] = match.parameters
    await match.app(scope, receive, send)
