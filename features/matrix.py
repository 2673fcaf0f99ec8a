"""Rows of the model: state at an origin, covariates of the forecast days, and the horizon.

`MatrixBuilder.matrix` is the only function that makes rows. Training calls it for hundreds of
origins and serving for one, with the same code and hence the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.calendar import Calendar
from features.contract import NAMES, Contract, node_codes
from features.snapshot import MAX_HORIZON, Snapshot
from features.state import State

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Covariates:
    """What is known in advance of the 90 days after an origin.

    Attributes:
        onpromotion: items on promotion, shape (bottoms, 90), float32; NaN where not known.
        oil: price on each day, shape (90,), float64: held at the origin's.
        calendar: of the whole date axis.
    """

    onpromotion: Floats
    oil: NDArray[np.float64]
    calendar: Calendar


def known_covariates(
    snapshot: Snapshot, origin: int, *, promotion_lead: int | None = None
) -> Covariates:
    """Covariates as they were known at an origin.

    Args:
        promotion_lead: days after the origin whose promotions count as planned; by default as
            many as the snapshot has after its newest origin, so that a forecast from a past
            origin knows no more than one made then.
    """
    lead = snapshot.promotion_lead if promotion_lead is None else promotion_lead
    onpromotion = np.full((snapshot.hierarchy.n_bottom, MAX_HORIZON), np.nan, dtype=np.float32)
    onpromotion[:, :lead] = snapshot.onpromotion[:, origin + 1 : origin + 1 + lead]
    return Covariates(
        onpromotion=onpromotion,
        oil=np.full(MAX_HORIZON, snapshot.oil[origin]),
        calendar=snapshot.calendar,
    )


class MatrixBuilder:
    """Makes rows for one snapshot under one contract.

    Raises:
        ValueError: the contract's features are not those of this release.
    """

    def __init__(self, snapshot: Snapshot, contract: Contract) -> None:
        if contract.names != NAMES:
            raise ValueError("the contract's features are not those of this release")
        self.snapshot = snapshot
        self.contract = contract
        self._codes = node_codes(snapshot, contract)
        self._store = snapshot.hierarchy.ancestor("store")
        self._family = snapshot.hierarchy.ancestor("family")

    def matrix(self, state: State, covariates: Covariates, nodes: Rows, horizons: Rows) -> Floats:
        """Rows for every node and horizon, node by node.

        Args:
            state: the past at the origin, of this builder's snapshot.
            covariates: what is known of the days after it.
            nodes: rows of the hierarchy, shape (n,).
            horizons: days after the origin, 1 to 90, shape (h,).

        Returns:
            Shape (n * h, features), C-contiguous float32, in the contract's order.

        Raises:
            ValueError: a horizon is out of range.
        """
        if len(horizons) and not 1 <= horizons.min() <= horizons.max() <= MAX_HORIZON:
            raise ValueError(f"horizons must be 1 to {MAX_HORIZON}")
        days = state.origin + horizons
        weekday = covariates.calendar.weekday[days]
        blocks: dict[str, NDArray[np.floating]] = {
            "horizon": horizons[None].astype(np.float32),
            "oil": covariates.oil[horizons - 1][None],
        }
        for name, values in (*self._codes.items(), *state.node.items()):
            blocks[name] = values[nodes][:, None]
        for name, values in state.weekday.items():
            blocks[name] = values[np.ix_(nodes, weekday)]
        for name, values in state.ahead.items():
            blocks[name] = values[np.ix_(nodes, horizons - 1)]
        blocks |= self._calendar(covariates.calendar, nodes, days)
        blocks |= self._planned_promotions(state, covariates, nodes, horizons)
        rows = np.empty((len(nodes), len(horizons), len(NAMES)), dtype=np.float32)
        for column, name in enumerate(NAMES):
            rows[:, :, column] = blocks[name]
        return rows.reshape(-1, len(NAMES))

    def _calendar(
        self, calendar: Calendar, nodes: Rows, days: Rows
    ) -> dict[str, NDArray[np.floating]]:
        blocks: dict[str, NDArray[np.floating]] = {
            name: values[days][None] for name, values in calendar.day.items()
        }
        blocks["weekday"] = calendar.weekday[days][None].astype(np.float32)
        blocks["holiday"] = self.contract.code("holiday", calendar.names[days].tolist())[None]
        share = self.snapshot.store_share[nodes]
        for name, values in calendar.store.items():
            blocks[name] = share @ values[:, days].astype(np.float64)
        return blocks

    def _planned_promotions(
        self, state: State, covariates: Covariates, nodes: Rows, horizons: Rows
    ) -> dict[str, NDArray[np.floating]]:
        items = self.snapshot.hierarchy.aggregate(covariates.onpromotion[:, horizons - 1])
        planned = np.log1p(items).astype(np.float32)
        usual = state.node["promo_28"][:, None]
        change = planned - usual
        store, family = self._store[nodes], self._family[nodes]
        return {
            "promo": planned[nodes],
            "promo_change": change[nodes],
            "promo_effect": change[nodes] * state.node["promo_slope"][nodes][:, None],
            "promo_store": planned[store],
            "promo_store_change": change[store],
            "promo_family": planned[family],
            "promo_family_change": change[family],
        }
