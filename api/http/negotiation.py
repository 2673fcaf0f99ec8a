"""Choice of an answer's media type and content coding (RFC 9110 sections 12.5.1 and 12.5.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from starlette.types import Scope

from middleware.headers import values_of

_WEIGHT = re.compile(r";\s*q\s*=\s*([^;]*)")
_VALID_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")

IDENTITY = "identity"
"""The coding of a body that is sent as it is."""


def negotiate(scope: Scope, offered: Sequence[str]) -> str:
    """Return the offered media type that a request prefers; the first if it names none.

    The highest weight decides, among equals the order in the header. A type other than the first
    must be named in full: a client that accepts anything gets the usual answer. So does one that
    accepts nothing of what is offered, as the header is a wish (section 12.4.1).
    """
    usual, *others = offered
    header = b",".join(values_of(scope, b"accept")).decode("latin-1").lower()
    if not any(media_type in header for media_type in others):
        return usual
    weights: dict[str, float] = {}
    for media_range, weight in _weighted_ranges(header):
        weights.setdefault(media_range, weight)
    # A dictionary keeps the order of the header, and `max` returns the first of equals. The usual
    # type comes last where only a wildcard covers it, so that a named type is preferred to it.
    acceptable = {name: weight for name, weight in weights.items() if name in offered}
    acceptable.setdefault(usual, _wildcard_weight(weights, usual))
    best = max(acceptable, key=acceptable.__getitem__)
    return best if acceptable[best] > 0 else usual


def negotiate_coding(scope: Scope, offered: Sequence[str]) -> str:
    """Return the offered content coding that a request prefers; `IDENTITY` if it prefers none.

    The highest weight decides, among equals the order in `offered`. A coding is preferred to a
    body without one unless the request says otherwise.
    """
    header = b",".join(values_of(scope, b"accept-encoding")).decode("latin-1").lower()
    weights: dict[str, float] = {}
    for coding, weight in _weighted_ranges(header):
        weights.setdefault(coding, weight)
    others = weights.get("*", 0.0)
    best = max(offered, key=lambda coding: weights.get(coding, others))
    weight = weights.get(best, others)
    return best if weight > 0 and weight >= weights.get(IDENTITY, 0.0) else IDENTITY


def _weighted_ranges(header: str) -> Iterator[tuple[str, float]]:
    """Yield the ranges of a header, without parameters; none with an invalid weight."""
    for part in header.split(","):
        media_range, _, parameters = part.partition(";")
        match = _WEIGHT.search(f";{parameters}")
        weight = match[1].strip() if match else "1"
        if _VALID_WEIGHT.fullmatch(weight):
            yield media_range.strip(), float(weight)


def _wildcard_weight(weights: dict[str, float], media_type: str) -> float:
    group = f"{media_type.partition('/')[0]}/*"
    return weights.get(group, weights.get("*/*", 0.0))
