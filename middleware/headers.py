"""Reads the raw headers of a request: every layer asks for one or two of a few."""

from __future__ import annotations

from starlette.types import Scope


def values_of(scope: Scope, name: bytes) -> list[bytes]:
    """The values of a header, in the order in which they came.

    Args:
        name: in lower case, as servers give names (ASGI, HTTP connection scope).
    """
    return [value for given, value in scope["headers"] if given == name]
