"""Ways down the hierarchy: levels that divide each other, from the total to the series."""

from __future__ import annotations

from itertools import pairwise

from api.http.parsing import did_you_mean, shorten
from errors import Code, FieldError, Problem
from features.data.hierarchy import Hierarchy
from features.data.specification import BOTTOM, TOTAL

Way = tuple[str, ...]
"""Levels, from the total to the bottom."""


def way_through(
    hierarchy: Hierarchy,
    level: str,
    by: str | None,
    *,
    pointer: str = "/by",
    passed_by: tuple[Code, str] = (Code.INVALID_REQUEST, "/by"),
) -> Way:
    """Return the way from the total to the bottom that passes a level.

    Args:
        level: of the node that a tree begins with.
        by: levels between the total and the bottom, separated by slashes; by default that of the
            node, or the first between total and bottom.
        pointer: to `by` in the request.
        passed_by: code and pointer of the problem of a way that does not pass the level.

    Raises:
        Problem: INVALID_REQUEST: there is no such level, or one does not divide the one before;
            or the problem of `passed_by`.
    """
    between = hierarchy.specification.between
    own = [level] if level not in (TOTAL, BOTTOM) else []
    names = by.split("/") if by else (own or list(between[:1]))
    for name in names:
        if name not in between:
            detail = f"There is no level {shorten(name)!r} between the total and the series."
            hint = did_you_mean(name, dict.fromkeys(between)) or f" There are {', '.join(between)}."
            raise _refuse(pointer, detail + hint)
    way = (TOTAL, *names, BOTTOM)
    if own and level not in names:
        detail = f"The level {level} is not on the way by {by}; leave out by, or ask by={level}."
        code, place = passed_by
        raise Problem(code, detail, errors=[FieldError(place, detail)])
    for above, below in pairwise(names):
        if above == below or not hierarchy.divides(above, below):
            dividing = hierarchy.dividing[above]
            offered = f"; {' or '.join(dividing)} does" if dividing else ", and no other level does"
            raise _refuse(pointer, f"The level {below} does not divide {above}{offered}.")
    return way


def _refuse(pointer: str, detail: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, detail, errors=[FieldError(pointer, detail)])
