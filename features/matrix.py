"""Rows of the model: state at an origin, covariates of the forecast days, and the horizon.

`MatrixBuilder.matrix` is the only function that makes rows. Training calls it for hundreds of
origins and serving for one, with the same code and hence the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.blocks import Blocks, Floats, Rows, select_block
from features.calendar import describe_days
from features.contract import NAMES, Contract, node_codes
from features.data.calendar import Calendar
from features.data.snapshot import MAX_HORIZON, Snapshot
from features.expected import compute_expected
from features.promotions import WEEK_AROUND, compare_plans
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
_NAMES = frozenset(NAMES)


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
            slice(self.origin + 1 - WEEK_AROUND, self.origin + 1)
        )
        unknown = np.full((len(before), WEEK_AROUND), np.nan, dtype=np.float32)
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
        blocks: Blocks = {
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
                blocks[name] = select_block(values, nodes, columns)
                if name in of_ancestors:
                    blocks[f"store_{name}"] = select_block(values, self._store[nodes], columns)
                    blocks[f"family_{name}"] = select_block(values, self._family[nodes], columns)
                if name in _OF_TOTAL:
                    blocks[f"total_{name}"] = select_block(values, _TOTAL, columns)
        blocks["expected"] = compute_expected(blocks)
        blocks |= describe_days(
            covariates.calendar,
            days,
            self.snapshot.store_share[nodes],
            lambda names: self.contract.code("holiday", names),
        )
        blocks |= compare_plans(
            covariates.promotions,
            state.node,
            select_block(state.weekday["promo_weekday_8"], nodes, weekday),
            nodes,
            store=self._store[nodes],
            family=self._family[nodes],
            at=horizons + WEEK_AROUND - 1,
        )
        if blocks.keys() != _NAMES:
            raise ValueError(f"declared and computed features differ: {blocks.keys() ^ _NAMES}")
        rows = np.empty((len(nodes), len(horizons), len(NAMES)), dtype=np.float32)
        for column, name in enumerate(NAMES):
            rows[:, :, column] = blocks[name]
        return rows.reshape(-1, len(NAMES))
