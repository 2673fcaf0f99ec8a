"""The requirements of an operation, and the match of a request to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Scope

from middleware.headers import CSV, media_type_of
from telemetry.instruments import OTHER

ANY = "any"
"""Scope of an operation that every authenticated caller may ask for."""

KIB, MIB = 1024, 1024**2
MAX_BODY_BYTES = 16 * KIB
"""Largest body of an operation that declares no other bound."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Requirements of an operation, which the layers around its handler apply.

    Attributes:
        route: the path's template, a label of metrics; `other` for an unknown path.
        scope: that the caller must have; `ANY` for any authenticated one, None for a public path.
        cost: in units.
        max_body, max_table: bytes of the largest body, and of the largest one of `text/csv`.
        upload: whether the body is a file, which may be as large and take as long as an upload.
        quiet: whether successes are logged at debug level, because probes and scrapers ask every
            few seconds.
    """

    route: str = OTHER
    scope: str | None = ANY
    cost: int = 1
    max_body: int = MAX_BODY_BYTES
    max_table: int = MAX_BODY_BYTES
    upload: bool = False
    quiet: bool = False

    @property
    def needs_caller(self) -> bool:
        """Return whether access to the operation or its charge depends on the caller."""
        return self.scope is not None or self.cost > 0

    def max_body_of(self, scope: Scope) -> int:
        """Return the bytes of the largest body that a request may have."""
        if self.max_table != self.max_body and media_type_of(scope) == CSV:
            return self.max_table
        return self.max_body


UNKNOWN_PATH = Policy()
"""Policy of unknown paths: no path is public unless it is declared so."""


@dataclass(frozen=True, slots=True)
class Match:
    """The operation that a request is for.

    Attributes:
        policy: that the layers apply.
        app: answers the request.
        parameters: of the path, by name.
    """

    policy: Policy
    app: ASGIApp
    parameters: Mapping[str, str] = field(default_factory=dict)
