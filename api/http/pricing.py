"""Costs of calls in units, of which one is about what a slice of the stored forecasts takes.

The flat cost of an operation is in its declaration. The rest is charged when the request has been
read, before its answer is computed.
"""

from __future__ import annotations

from starlette.requests import Request

from api.forecasts.windows import ForecastWindow
from features.data.snapshot import Snapshot
from middleware.context import context_of

PAST_ORIGIN = 20
"""A run of the model over the whole hierarchy."""

EXPLANATION = 25
"""TreeSHAP of one row, with the forecast that it explains."""

SCENARIO = 20
"""The features of a what-if recomputed, and predictions of the rows that changed."""

OVERRIDE = 5
"""The whole hierarchy added up with the overrides that stand and one more."""

EXPORT = 20
"""A job that writes forecasts into a file, whatever its size: few of a caller's run at a time."""

SERIES_OF_A_UNIT = 50
"""Series below the node of a what-if that cost one unit more."""

INTERVALS_OF_A_UNIT = 50
"""Nodes of a tree whose intervals cost one unit more."""

ROWS_OF_A_UNIT = 100
"""Rows of raw features that cost one unit."""

COMPARED_ROWS_OF_A_UNIT = 400
"""Rows that the model forecasts for one unit to explain a difference: cheap, since they are many
at once, and at most 20,000."""

PARSED_ROWS_OF_A_UNIT = 100
"""Rows of CSV that are parsed for one unit, charged where the table is refused after that."""

PLANNED_ROWS_OF_A_UNIT = 10
"""Valid rows of a batch that are planned for one unit, charged where it is refused after that."""


async def charge(request: Request, units: int, *, spent: int = 0) -> None:
    """Charge units for a request in addition to its flat cost.

    Args:
        spent: units' worth of work done so far, which is what the request costs if it is refused
            here.

    Raises:
        Problem: RATE_LIMITED or COST_TOO_HIGH.
    """
    context = context_of(request.scope)
    if units > 0 and context.charge is not None:
        await context.charge(units, spent)


def cost_of_origin(snapshot: Snapshot, window: ForecastWindow) -> int:
    """Return the units for a past origin, whose forecasts are not stored; 0 for the newest one."""
    return PAST_ORIGIN - 1 if is_past(snapshot, window) else 0


def is_past(snapshot: Snapshot, window: ForecastWindow) -> bool:
    return window.origin != snapshot.newest_origin
