"""Backtest windows, counted back from the newest day."""

from __future__ import annotations

from dataclasses import dataclass

from features.data.snapshot import MAX_HORIZON, Snapshot

SHORT_DAYS = 16
"""Length of the short windows: days for which promotions are usually planned ahead."""

TUNING = "tuning"
HOLDOUT = "holdout"
APART = "apart"


@dataclass(frozen=True)
class BacktestWindow:
    """Days to forecast from an origin with the data known at that time.

    Attributes:
        group: windows that are averaged together.
        role: `TUNING` windows choose between models; the `HOLDOUT` is scored once, at the end;
            an `APART` window is shown, but in no average.
        origin: index of the last day that may be used.
        days: to forecast.
        lead: days with planned promotions.
    """

    group: str
    role: str
    origin: int
    days: int
    lead: int

    def name(self, snapshot: Snapshot) -> str:
        known = "known" if self.lead else "hidden"
        return f"{snapshot.date_at(self.origin)}+{self.days}-{known}"


def windows_of(snapshot: Snapshot, *, short: int = 5, long: int = 3) -> list[BacktestWindow]:
    """Return windows of 16 days with promotions, and of 90 days with and without them.

    The newest 16 days are the holdout; `short` tuning windows precede it, and one more before them
    is reported separately. The `long` 90-day windows are counted back from the newest day.
    """
    newest = snapshot.newest_origin
    roles = [HOLDOUT, *[TUNING] * short, APART]
    result = [
        BacktestWindow("16 days", role, newest - SHORT_DAYS * (number + 1), SHORT_DAYS, SHORT_DAYS)
        for number, role in enumerate(roles)
    ]
    for number in range(long):
        origin = newest - MAX_HORIZON * (number + 1)
        result += [
            BacktestWindow("90 days, promotions known", TUNING, origin, MAX_HORIZON, MAX_HORIZON),
            BacktestWindow("90 days, promotions not known", TUNING, origin, MAX_HORIZON, 0),
        ]
    return result
