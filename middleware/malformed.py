"""Requests that could not be parsed, on their way to a response.

The protocol hands them over without headers and with the problem that they are to be answered
with, so that they pass the rate limit, the log and the metrics. `middleware.body_limit` raises it.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from errors import Problem

_KEY = "malformed"


def refuse_later(state: MutableMapping[str, Any], problem: Problem) -> None:
    """Have a request, even one whose body is being read, answered with a problem.

    Args:
        state: of the request's scope.
    """
    state[_KEY] = problem


def is_malformed(scope: MutableMapping[str, Any]) -> bool:
    """Tell whether a request could not be parsed."""
    return _KEY in scope["state"]


def refusal_of_protocol(scope: MutableMapping[str, Any]) -> Problem | None:
    """Return the problem of a request that could not be parsed, if it is one."""
    problem: Problem | None = scope["state"].get(_KEY)
    return problem
