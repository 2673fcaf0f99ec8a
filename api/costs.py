"""What calls cost, in units: 1 is about what a slice of the stored forecasts takes.

The flat cost of a call is in `api.routes`. A route charges the rest when it has read the request
and before it computes.
"""

from __future__ import annotations

from starlette.requests import Request

from api.windows import ForecastWindow
from features.snapshot import Snapshot

PAST_ORIGIN = 20
"""A run of the model over the whole hierarchy."""

EXPLANATION = 25
"""TreeSHAP of one row, with the forecast that it explains."""

SCENARIO = 20
"""The features of a what-if made anew, and the rows that changed predicted."""

SERIES_OF_A_UNIT = 50
"""Series below the node of a what-if that cost one unit more."""

ROWS_OF_A_UNIT = 100
"""Rows of raw features that cost one unit."""

PARSED_ROWS_OF_A_UNIT = 100
"""Rows of CSV that were read for one unit, where the table is refused then."""

PLANNED_ROWS_OF_A_UNIT = 10
"""Good rows of a batch that were checked for one unit, where the batch is refused then."""

_EXTRA_KEY = "extra_units"


async def charge(request: Request, units: int, *, spent: int = 0) -> None:
    """Charge so many units more for a request.

    Args:
        spent: units' worth of work that was done before, which is what the request costs if it is
            refused here.

    Raises:
        Problem: RATE_LIMITED or COST_TOO_HIGH.
    """
    state = request.scope["state"]
    charging = state.get("charge")
    if units > 0:
        state[_EXTRA_KEY] = charged(request) + units
        if charging is not None:
            await (charging(units, spent) if spent else charging(units))


def charged(request: Request) -> int:
    """Units that a request was charged beside its flat cost."""
    units: int = request.scope["state"].get(_EXTRA_KEY, 0)
    return units


async def charge_origin(request: Request, snapshot: Snapshot, window: ForecastWindow) -> None:
    """Charge for a past origin, whose forecasts are not stored."""
    if is_past(snapshot, window):
        await charge(request, PAST_ORIGIN - 1)


def is_past(snapshot: Snapshot, window: ForecastWindow) -> bool:
    return window.origin != snapshot.newest_origin
