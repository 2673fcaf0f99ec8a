"""Backtest windows, counted back from the newest day."""

from __future__ import annotations

from dataclasses import dataclass

from features.data.snapshot import Snapshot

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
    """Return windows of 16 days with promotions, and of the horizon with and without them.

    The newest 16 days are the holdout; `short` tuning windows precede it, and one more before them
    is reported separately. The `long` windows are counted back from the newest day.
    """
    newest, step, horizon = snapshot.newest_origin, snapshot.step, snapshot.horizon
    days = min(step.steps_in(SHORT_DAYS), horizon)
    roles = [HOLDOUT, *[TUNING] * short, APART]
    result = [
        BacktestWindow(f"{days} {step}s", role, newest - days * (number + 1), days, days)
        for number, role in enumerate(roles)
    ]
    for number in range(long):
        origin, name = newest - horizon * (number + 1), f"{horizon} {step}s, promotions"
        result += [
            BacktestWindow(f"{name} known", TUNING, origin, horizon, horizon),
            BacktestWindow(f"{name} not known", TUNING, origin, horizon, 0),
        ]
    return result
