"""Rows of the model: state at an origin, covariates of the forecast days, and the horizon.

`MatrixBuilder.matrix` is the only function that makes rows. Training calls it for hundreds of
origins and serving for one, with the same code and hence the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.blocks import Blocks, Floats, Rows, select_block
from features.calendar import describe_days
from features.contract import HORIZON, Contract, daily_features, feature_set, node_codes
from features.covariates import WEEK_AROUND, compare_plans
from features.data.calendar import Calendar
from features.data.series_part import Part
from features.data.snapshot import Snapshot
from features.data.specification import Covariate
from features.data.step import Step
from features.events import DATE_EFFECT, EVENT_EFFECT, EVENT_LEVEL, MONTHDAY, YEAR_EFFECT
from features.expected import EXPECTED, compute_expected
from features.scale import SCALES
from features.state import PastState

_OF_ANCESTORS = {
    "node": (),
    "weekday": (),
    "monthday": (MONTHDAY,),
    "ahead": (YEAR_EFFECT, DATE_EFFECT, EVENT_EFFECT, EVENT_LEVEL),
}
"""Values whose counterparts of the node's ancestors, which are less noisy, are added."""
_OF_TOTAL = (DATE_EFFECT, EVENT_EFFECT, EVENT_LEVEL)
"""Values of the total that are features of every node: the effect of a day on all."""
_TOTAL = np.zeros(1, dtype=np.intp)


class Alteration(NamedTuple):
    """The cells of a covariate that a scenario alters.

    Attributes:
        planned: the covariate before, of all nodes; of the form of `Covariates.planned`.
        cells: whether the scenario covers a cell, shape (bottoms, horizon); the value in it may be
            equal.
    """

    planned: Floats
    cells: NDArray[np.bool_]


@dataclass(frozen=True)
class Plans:
    """Covariates of the days after an origin, as rows read them.

    Attributes:
        calendar: of the whole date axis.
        planned: covariates by name, see `Covariates.planned`; of the nodes of a state.
        shared: the same as series read it of the nodes above them.
    """

    calendar: Calendar
    planned: Mapping[str, Floats]
    shared: Mapping[str, Floats]


@dataclass(frozen=True)
class Covariates:
    """Covariates known in advance for the days after an origin.

    Attributes:
        snapshot: the data.
        origin: index of the origin.
        values: of each covariate by name, shape (bottoms, horizon), float32; NaN where not known.
        calendar: of the whole date axis.
        alterations: of a scenario, by name of the covariate; none of what is known.
        apart: level whose nodes each have a scenario of their own, all of them computed at once;
            None where there is one.
    """

    # The plan of a level's node, such as the promotions of a whole store, is a feature of every
    # series below it. If a scenario for one series changed it, all other series of the store would
    # cross thresholds of the trees, and would move more than the series itself. So a scenario
    # alters the plan of a node only on days on which it covers all series of the node; else series
    # read the plan as it was (`shared`). The node's own row always has its own plan (`planned`).

    snapshot: Snapshot
    origin: int
    values: Mapping[str, Floats]
    calendar: Calendar
    alterations: Mapping[str, Alteration] = field(default_factory=dict)
    apart: str | None = None

    def altered(
        self, name: str, bottoms: Rows, days: slice, values: NDArray[np.floating]
    ) -> Covariates:
        """Return these with other values of a covariate, as a scenario has them.

        Alterations of several nodes count together: those of all series of a store are one of the
        store.

        Args:
            bottoms: numbers of the bottom series, shape (n,).
            days: positions in the days after the origin.
            values: shape (n, days).
        """
        before, cells = self.alterations.get(name) or Alteration(
            self.planned[name], np.zeros(self.values[name].shape, dtype=np.bool_)
        )
        after, covered = self.values[name].copy(), cells.copy()
        after[bottoms, days], covered[bottoms, days] = values, True
        return replace(
            self,
            values={**self.values, name: after},
            alterations={**self.alterations, name: Alteration(before, covered)},
        )

    @cached_property
    def planned(self) -> Mapping[str, Floats]:
        """Covariates of all nodes, on their scales, from 3 days before the first of the days ahead.

        By name, to 3 days after the last of them; each of shape (nodes, horizon + 6). The day h
        after the origin is column h + 2.
        """
        return {
            covariate.name: scale_plan(
                covariate,
                self.snapshot.of_nodes(
                    covariate,
                    days_around(self.snapshot, covariate, self.origin, self.values[covariate.name]),
                ),
            )
            for covariate in self.snapshot.specification.known_ahead
        }

    @cached_property
    def shared(self) -> Mapping[str, Floats]:
        """Covariates of all nodes as the series below them read them, of the form of `planned`.

        Of a node that a scenario covers in part they are those before the scenario.
        """
        shared = dict(self.planned)
        for name, covered in self._covered.items():
            before = self.alterations[name].planned.copy()
            ahead = slice(WEEK_AROUND, -WEEK_AROUND)
            before[:, ahead] = np.where(covered, shared[name][:, ahead], before[:, ahead])
            shared[name] = before
        return shared

    def plans_of(self, part: Part | None) -> Plans:
        """Return the plans of the upper nodes and of a part's series; of None no series."""
        hierarchy = self.snapshot.hierarchy
        own = slice(0, 0) if part is None else part.nodes(hierarchy.n_upper)
        planned, shared = (
            {
                name: np.concatenate((values[: hierarchy.n_upper], values[own]))
                for name, values in of_nodes.items()
            }
            for of_nodes in (self.planned, self.shared)
        )
        return Plans(self.calendar, planned, shared)

    @property
    def levels_as_planned(self) -> tuple[str, ...]:
        """Levels whose nodes a scenario covers in part, so that series read them as planned."""
        hierarchy = self.snapshot.hierarchy
        return tuple(
            level
            for level in self.snapshot.specification.between
            if any(
                (
                    self.alterations[name].cells
                    & ~covered[hierarchy.ancestor(level)[hierarchy.n_upper :]]
                ).any()
                for name, covered in self._covered.items()
            )
        )

    @cached_property
    def _covered(self) -> Mapping[str, NDArray[np.bool_]]:
        """Days on which a scenario covers all series of a node, by name; (nodes, horizon)."""
        return {name: self._cover(altered.cells) for name, altered in self.alterations.items()}

    def _cover(self, cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
        covered = self.snapshot.average(cells.astype(np.float32)) == 1
        if self.apart is not None:
            rows = self.snapshot.hierarchy.slices[self.apart]
            within = self.snapshot.hierarchy.ancestor(self.apart)
            covered[(within < rows.start) | (within >= rows.stop)] = False
        return np.asarray(covered)


def days_around(
    snapshot: Snapshot,
    covariate: Covariate,
    origin: int,
    ahead: Floats,
    part: Part | None = None,
) -> Floats:
    """Return a covariate of the bottoms on the days ahead and the 3 before and after them.

    Args:
        ahead: of the days ahead, shape (bottoms, horizon).
        part: the series; all by default.
    """
    before = snapshot.planned_values(covariate, slice(origin + 1 - WEEK_AROUND, origin + 1), part)
    unknown = np.full((len(before), WEEK_AROUND), np.nan, dtype=np.float32)
    return np.concatenate((before, ahead, unknown), axis=1)


def scale_plan(covariate: Covariate, of_nodes: NDArray[np.float64]) -> Floats:
    """Return a covariate of nodes as `Covariates.planned` has it."""
    planned: Floats = SCALES[covariate.kind].of(of_nodes).astype(np.float32)
    return planned


def known_covariates(snapshot: Snapshot, origin: int, *, lead: int | None = None) -> Covariates:
    """Return the covariates as they were known at an origin.

    Args:
        lead: days after the origin on which covariates count as known, for all series; by default
            those on which the snapshot has each for each series after its newest origin, so that
            a forecast from a past origin knows no more than one made at the time did.
    """
    values = {
        covariate.name: known_values(snapshot, covariate, origin, lead=lead)
        for covariate in snapshot.specification.known_ahead
    }
    return Covariates(snapshot, origin, values, snapshot.calendar)


def known_values(
    snapshot: Snapshot,
    covariate: Covariate,
    origin: int,
    *,
    lead: int | None = None,
    part: Part | None = None,
) -> Floats:
    """Return a covariate as it was known at an origin, shape (bottoms, horizon).

    Args:
        lead: as in `known_covariates`.
        part: the series; all by default.
    """
    reach = snapshot.lead if lead is None else lead
    known = snapshot.planned_values(covariate, slice(origin + 1, origin + 1 + reach), part)
    ahead = np.full((len(known), snapshot.horizon), np.nan, dtype=np.float32)
    ahead[:, :reach] = known
    if lead is None:
        ahead[~snapshot.find_plan_known(covariate, part)] = np.nan
    return ahead


class MatrixBuilder:
    """Builder of feature rows for one snapshot under one contract.

    Raises:
        ValueError: the contract's features are not those of this release.
    """

    def __init__(self, snapshot: Snapshot, contract: Contract) -> None:
        self._specification = snapshot.specification
        if contract.names != feature_set(self._specification).names:
            raise ValueError("the contract's features are not those of this release")
        self.snapshot = snapshot
        self.contract = contract
        self._codes = node_codes(snapshot, contract)
        self._daily = daily_features(self._specification)
        self._ancestors = {
            level: snapshot.hierarchy.ancestor(level) for level in self._specification.between
        }

    def matrix(
        self, state: PastState, covariates: Covariates | Plans, nodes: Rows, horizons: Rows
    ) -> Floats:
        """Return the rows for every node and horizon, node by node.

        Args:
            state: features of the past at the origin, of this builder's snapshot.
            covariates: of the days after it.
            nodes: rows of the hierarchy, shape (n,), of which the state is.
            horizons: days after the origin, shape (h,).

        Returns:
            Shape (n * h, features), C-contiguous float32, in the contract's order.

        Raises:
            ValueError: a horizon is out of range.
        """
        reach = self.snapshot.horizon
        if len(horizons) and not 1 <= horizons.min() <= horizons.max() <= reach:
            raise ValueError(f"horizons must be 1 to {reach}")
        # Every feature becomes a block that broadcasts to (nodes, horizons): (n, 1) for values of
        # the node, (1, h) for values of the day, (n, h) for both. Values by weekday, day of the
        # month or day ahead are computed once for each node in the state and looked up here by
        # target day, so one state serves all horizons (direct multi-step). Sales enter through the
        # state only; a block that read them here could look past the origin.
        days = state.origin + horizons
        weekday = covariates.calendar.weekday[days]
        blocks: Blocks = {
            HORIZON: horizons[None].astype(np.float32),
        }
        for name, values in self._codes.items():
            blocks[name] = values[nodes][:, None]
        ancestors = {level: rows[nodes] for level, rows in self._ancestors.items()}
        places = state.locate(nodes)  # ancestors are upper nodes, whose places are their rows
        monthday = covariates.calendar.day["day_of_month"][days].astype(np.intp) - 1
        for kind, columns in (
            ("node", None),
            ("weekday", weekday),
            ("monthday", monthday),
            ("ahead", horizons - 1),
        ):
            of_ancestors = _OF_ANCESTORS[kind]
            for name, values in getattr(state, kind).items():
                blocks[name] = select_block(values, places, columns)
                if name in of_ancestors:
                    for level, rows_above in ancestors.items():
                        blocks[f"{level}_{name}"] = select_block(values, rows_above, columns)
                if name in _OF_TOTAL:
                    blocks[f"total_{name}"] = select_block(values, _TOTAL, columns)
        blocks[EXPECTED] = compute_expected(blocks, self._specification)
        blocks |= describe_days(
            covariates.calendar,
            days,
            lambda values: self.snapshot.average_sites(nodes, values),
            lambda names: self.contract.code("holiday", names),
        )
        for covariate in self._specification.known_ahead:
            blocks |= compare_plans(
                covariate,
                covariates.planned[covariate.name],
                covariates.shared[covariate.name],
                state.node,
                select_block(state.weekday[f"{covariate.label}_weekday_8"], places, weekday),
                places,
                pooled=self._specification.label(*self._specification.pooled),
                ancestors=ancestors,
                at=horizons + WEEK_AROUND - 1,
            )
        names = self.contract.names
        if self._specification.step is Step.WEEK:
            blocks = {name: block for name, block in blocks.items() if name not in self._daily}
        if differing := blocks.keys() ^ set(names):
            raise ValueError(f"declared and computed features differ: {differing}")
        rows = np.empty((len(nodes), len(horizons), len(names)), dtype=np.float32)
        for column, name in enumerate(names):
            rows[:, :, column] = blocks[name]
        return rows.reshape(-1, len(names))
