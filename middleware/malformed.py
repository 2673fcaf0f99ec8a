"""Requests that could not be parsed, marked in the scope's state with their problem.

The HTTP protocol passes them on without headers, so that the rate limit, the log and the metrics
see them too; `middleware.body_limit` raises the problem.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from errors import Problem

_KEY = "malformed"


def refuse_later(state: MutableMapping[str, Any], problem: Problem) -> None:
    """Set the problem that a request, even one whose body is being read, is answered with.

    Args:
        state: of the request's scope.
    """
    state[_KEY] = problem


def is_malformed(scope: MutableMapping[str, Any]) -> bool:
    """Return whether a request could not be parsed."""
    return _KEY in scope["state"]


def refusal_of_protocol(scope: MutableMapping[str, Any]) -> Problem | None:
    """Return the problem of a request that could not be parsed; None for any other."""
    problem: Problem | None = scope["state"].get(_KEY)
    return problem
