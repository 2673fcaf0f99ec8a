"""Rows of the model: state at an origin, covariates of the forecast days, and the horizon.

`MatrixBuilder.matrix` is the only function that makes rows. Training calls it for hundreds of
origins and serving for one, with the same code and hence the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.contract import NAMES, Contract, node_codes
from features.data.calendar import Calendar
from features.data.snapshot import MAX_HORIZON, Snapshot
from features.state import State

_OF_ANCESTORS = {
    "node": (),
    "weekday": (),
    "monthday": ("monthday_effect",),
    "ahead": ("year_effect", "event_effect", "event_level"),
}
"""Values whose counterparts of the node's store and family, which are less noisy, are added."""
_OF_TOTAL = ("event_effect", "event_level")
"""Values of the total that are features of every node: the effect of a holiday on all."""
_TOTAL = np.zeros(1, dtype=np.intp)
_WEEK_AROUND = 3

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Covariates:
    """Covariates known in advance for the 90 days after an origin.

    Attributes:
        snapshot: the data.
        origin: index of the origin.
        onpromotion: items on promotion, shape (bottoms, 90), float32; NaN where not known.
        calendar: of the whole date axis.
    """

    snapshot: Snapshot
    origin: int
    onpromotion: Floats
    calendar: Calendar

    @cached_property
    def promotions(self) -> Floats:
        """log1p items of all nodes from 3 days before the first to 3 after the last of the 90.

        Shape (nodes, 96); the day h after the origin is column h + 2.
        """
        before = self.snapshot.planned_promotions(
            slice(self.origin + 1 - _WEEK_AROUND, self.origin + 1)
        )
        unknown = np.full((len(before), _WEEK_AROUND), np.nan, dtype=np.float32)
        items = np.concatenate((before, self.onpromotion, unknown), axis=1)
        logs: Floats = np.log1p(self.snapshot.hierarchy.aggregate(items)).astype(np.float32)
        return logs


def known_covariates(
    snapshot: Snapshot, origin: int, *, promotion_lead: int | None = None
) -> Covariates:
    """Return the covariates as they were known at an origin.

    Args:
        promotion_lead: days after the origin whose promotions count as planned, for all series;
            by default those that the snapshot has for each series after its newest origin, so
            that a forecast from a past origin knows no more than one made at the time did.
    """
    lead = snapshot.promotion_lead if promotion_lead is None else promotion_lead
    onpromotion = np.full((snapshot.hierarchy.n_bottom, MAX_HORIZON), np.nan, dtype=np.float32)
    onpromotion[:, :lead] = snapshot.planned_promotions(slice(origin + 1, origin + 1 + lead))
    if promotion_lead is None:
        onpromotion[~snapshot.plan_known] = np.nan
    return Covariates(snapshot, origin, onpromotion, snapshot.calendar)


class MatrixBuilder:
    """Builder of feature rows for one snapshot under one contract.

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
        """Return the rows for every node and horizon, node by node.

        Args:
            state: features of the past at the origin, of this builder's snapshot.
            covariates: of the days after it.
            nodes: rows of the hierarchy, shape (n,).
            horizons: days after the origin, 1 to 90, shape (h,).

        Returns:
            Shape (n * h, features), C-contiguous float32, in the contract's order.

        Raises:
            ValueError: a horizon is out of range.
        """
        if len(horizons) and not 1 <= horizons.min() <= horizons.max() <= MAX_HORIZON:
            raise ValueError(f"horizons must be 1 to {MAX_HORIZON}")
        # Every feature becomes a block that broadcasts to (nodes, horizons): (n, 1) for values of
        # the node, (1, h) for values of the day, (n, h) for both. Values by weekday, day of the
        # month or day ahead are computed once for each node in the state and looked up here by
        # target day, so one state serves all horizons (direct multi-step). Sales enter through the
        # state alone; a block that read them here could look past the origin.
        days = state.origin + horizons
        weekday = covariates.calendar.weekday[days]
        blocks: dict[str, NDArray[np.floating]] = {
            "horizon": horizons[None].astype(np.float32),
        }
        for name, values in self._codes.items():
            blocks[name] = values[nodes][:, None]
        monthday = covariates.calendar.day["day_of_month"][days].astype(np.intp) - 1
        for kind, columns in (
            ("node", None),
            ("weekday", weekday),
            ("monthday", monthday),
            ("ahead", horizons - 1),
        ):
            of_ancestors = _OF_ANCESTORS[kind]
            for name, values in getattr(state, kind).items():
                blocks[name] = _select_block(values, nodes, columns)
                if name in of_ancestors:
                    blocks[f"store_{name}"] = _select_block(values, self._store[nodes], columns)
                    blocks[f"family_{name}"] = _select_block(values, self._family[nodes], columns)
                if name in _OF_TOTAL:
                    blocks[f"total_{name}"] = _select_block(values, _TOTAL, columns)
        blocks["expected"] = _compute_expected(blocks)
        blocks |= self._compute_calendar(covariates.calendar, nodes, days)
        blocks |= self._compute_promotions(state, covariates, nodes, horizons)
        rows = np.empty((len(nodes), len(horizons), len(NAMES)), dtype=np.float32)
        for column, name in enumerate(NAMES):
            rows[:, :, column] = blocks[name]
        return rows.reshape(-1, len(NAMES))

    def _compute_calendar(
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

    def _compute_promotions(
        self, state: State, covariates: Covariates, nodes: Rows, horizons: Rows
    ) -> dict[str, NDArray[np.floating]]:
        items, at = covariates.promotions, horizons + _WEEK_AROUND - 1
        around = at[:, None] + np.arange(-_WEEK_AROUND, _WEEK_AROUND + 1)
        weekday = covariates.calendar.weekday[state.origin + horizons]

        def select_planned(rows: Rows) -> Floats:
            return _select_block(items, rows, at)

        def compute_change(rows: Rows) -> Floats:
            return select_planned(rows) - state.node["promo_28"][rows][:, None]

        own, usual = (
            select_planned(nodes),
            _select_block(state.weekday["promo_weekday_8"], nodes, weekday),
        )
        own_change = compute_change(nodes)
        store, family = self._store[nodes], self._family[nodes]
        return {
            "promo": own,
            "promo_change": own_change,
            "promo_weekday_change": own - usual,
            "promo_before": _select_block(items, nodes, at - 1),
            "promo_after": _select_block(items, nodes, at + 1),
            "promo_week": items[nodes][:, around].mean(axis=2),
            "promo_family_effect": own_change * state.node["promo_family_slope"][nodes][:, None],
            "promo_effect": own_change * state.node["promo_slope"][nodes][:, None],
            "promo_store": select_planned(store),
            "promo_store_change": compute_change(store),
            "promo_family": select_planned(family),
            "promo_family_change": compute_change(family),
        }


def _select_block(values: Floats, rows: Rows, columns: Rows | None) -> Floats:
    """Return a block of values, shape (rows, columns); a column if `columns` is None.

    The axis that gives the smaller intermediate is indexed first: a request needs few nodes.
    """
    if columns is None:
        return values[rows][:, None]
    if len(rows) * values.shape[1] < len(values) * len(columns):
        return values[rows][:, columns]
    return values[:, columns][rows]


def _compute_expected(blocks: Mapping[str, NDArray[np.floating]]) -> NDArray[np.floating]:
    """Return the usual value of the weekday, or on a holiday the level that its effect implies.

    In log1p units. A holiday's level adds the effects on store and family and subtracts that on
    the total, which both contain.
    """
    level = blocks["store_event_level"] + blocks["family_event_level"] - blocks["total_event_level"]
    return np.where(
        np.isnan(level), blocks["weekday_decayed"], np.maximum(blocks["mean_28"] + level, 0)
    )
