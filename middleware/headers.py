"""Access to raw request headers, cheaper than a mapping when a layer reads one or two."""

from __future__ import annotations

from starlette.types import Scope

JSON, CSV, HTML = "application/json", "text/csv", "text/html"
PARQUET = "application/vnd.apache.parquet"
ARROW = "application/vnd.apache.arrow.stream"
"""An Arrow IPC stream."""


def values_of(scope: Scope, name: bytes) -> list[bytes]:
    """Return the values of a header, in their order in the request.

    Args:
        name: in lower case, as servers pass names (ASGI, HTTP connection scope).
    """
    return [value for header_name, value in scope["headers"] if header_name == name]


def media_type_of(scope: Scope) -> str:
    """Return the media type of the body, without parameters; JSON where there is none."""
    values = values_of(scope, b"content-type")
    value = values[0].decode("latin-1") if values else JSON
    return value.partition(";")[0].strip().lower()
