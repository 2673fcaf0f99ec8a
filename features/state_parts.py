"""The state part by part, so that its memory does not grow with the number of series.

The upper nodes come first, because every series reads values of the nodes above it: `UpperPast`.
Then each part of the bottom series is computed by itself, in any order and on any machine. Only the
responses to covariates, which are pooled over sites, take two steps: those of all series, in their
order, are reduced at once (`pool_responses`). No value depends on how the series are divided; the
state of one part, which is all series, is `features.state.state_at`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from features.blocks import Floats, Rows
from features.covariates import WEEK_AROUND, Response
from features.data.carried_sums import CarriedSums
from features.data.series_part import Part
from features.data.snapshot import Snapshot
from features.matrix import Plans, days_around, known_values, scale_plan
from features.state import (
    CommonPast,
    PastState,
    check_origin,
    measure_nodes,
    measure_responses,
    past_days,
    select_arrays,
)

Values64 = NDArray[np.float64]
Pooled = Mapping[str, Values64]
"""Pooled responses to covariates by name, of the groups of `Snapshot.pooled_group`."""

_PAST_ONLY, _PLANNED, _POOLED = "past_only", "planned", "pooled"
_SERIES_AT_ONCE = 500
"""Series whose past, 60 KB each, is computed at once: it stays near the processor's cache."""
_Values = TypeVar("_Values", Values64, Floats)


@dataclass(frozen=True)
class UpperPast:
    """Values that every part reads at an origin: of the upper nodes, and of days.

    Attributes:
        common: read by the features of all nodes.
        state: of the upper nodes.
        planned: covariates of the upper nodes, see `features.matrix.Covariates.planned`.
        lead: days after the origin on which covariates count as known; see `known_covariates`.
    """

    snapshot: Snapshot
    common: CommonPast
    state: PastState
    planned: Mapping[str, Floats]
    lead: int | None

    @classmethod
    def at(
        cls, snapshot: Snapshot, origin: int, parts: Sequence[Part], *, lead: int | None = None
    ) -> UpperPast:
        """Compute it at an origin, from one part of the series after the other.

        Raises:
            ValueError: the day cannot be an origin.
        """
        check_origin(snapshot, origin)
        days = past_days(snapshot, origin)
        past, planned = {}, {}
        for covariate in snapshot.specification.known_ahead:
            of_past = CarriedSums(snapshot, days.stop - days.start)
            around = CarriedSums(snapshot, snapshot.horizon + 2 * WEEK_AROUND)
            for part in parts:
                of_past.add(part, snapshot.past_values(covariate, days, part))
                ahead = known_values(snapshot, covariate, origin, lead=lead, part=part)
                around.add(part, days_around(snapshot, covariate, origin, ahead, part))
            past[covariate.name] = of_past.of_nodes(covariate)
            planned[covariate.name] = scale_plan(covariate, around.of_nodes(covariate))
        common = CommonPast.at(snapshot, origin)
        upper, size = snapshot.hierarchy.n_upper, max(1, *map(len, parts))
        states = []
        for start in range(0, upper, size):
            nodes = slice(start, min(start + size, upper))
            own = {name: values[nodes] for name, values in past.items()}
            state, responses = measure_nodes(snapshot, common, nodes, own)
            pooled = {name: each.slope for name, each in responses.items()}  # a group of its own
            states.append(state.with_pooled(pooled))
        return cls(snapshot, common, PastState.join(states), planned, lead)

    @property
    def plans(self) -> Plans:
        """Plans of the upper nodes."""
        return Plans(self.snapshot.calendar, self.planned, self.planned)

    def responses_of(self, part: Part) -> dict[str, Response]:
        """Return the responses of a part's series to covariates, by name."""
        snapshot = self.snapshot
        nodes = part.nodes(snapshot.hierarchy.n_upper)
        return measure_responses(snapshot, self.common, nodes, self._past_values(part))

    def pool(self, parts: Sequence[Part]) -> Pooled:
        """Return the pooled responses of all parts, computed one part after the other."""
        return pool_responses(self.snapshot, [self.responses_of(part) for part in parts])

    def with_lead(self, lead: int) -> UpperPast:
        """Return it for an origin at which covariates are known for fewer days.

        Args:
            lead: days after the origin, at most `UpperPast.lead`, which is not None.
        """
        # a plan does not depend on later days, and sums of unknown days are NaN
        planned = {name: values.copy() for name, values in self.planned.items()}
        for values in planned.values():
            values[:, WEEK_AROUND + lead :] = np.nan
        return replace(self, planned=planned, lead=lead)

    def state_of(self, part: Part, pooled: Pooled, chosen: Rows | None = None) -> PastState:
        """Return the state of the upper nodes and of a part's series.

        Args:
            chosen: as in `state_below`.
        """
        return self.join_below(self.state_below(part, pooled, chosen), part, chosen)

    def join_below(self, below: PastState, part: Part, chosen: Rows | None = None) -> PastState:
        """Return the state of the upper nodes, and of what `state_below` returned."""
        series = np.arange(part.start, part.stop) if chosen is None else chosen
        return PastState.join((self.state, below), series)

    def state_below(self, part: Part, pooled: Pooled, chosen: Rows | None = None) -> PastState:
        """Return the state of a part's series, without the upper nodes.

        Args:
            chosen: numbers of some of the series, ascending; all of the part by default.
        """
        snapshot, upper = self.snapshot, self.snapshot.hierarchy.n_upper
        series = np.arange(part.start, part.stop) if chosen is None else chosen
        past = {
            name: select_series(values, part, chosen)
            for name, values in self._past_values(part).items()
        }
        states = []
        for start in range(0, max(len(series), 1), _SERIES_AT_ONCE):
            rows = slice(start, start + _SERIES_AT_ONCE)
            own = {name: values[rows] for name, values in past.items()}
            states.append(measure_nodes(snapshot, self.common, upper + series[rows], own)[0])
        nodes, below = upper + series, PastState.join(states)
        group = snapshot.pooled_group[nodes] - upper
        return below.with_pooled({name: slopes[group] for name, slopes in pooled.items()})

    def plans_of(self, part: Part, chosen: Rows | None = None) -> Plans:
        """Return the plans of the upper nodes and of a part's series.

        Args:
            chosen: as in `state_below`.
        """
        snapshot, origin = self.snapshot, self.common.origin
        planned = {}
        for covariate in snapshot.specification.known_ahead:
            ahead = known_values(snapshot, covariate, origin, lead=self.lead, part=part)
            of_part = days_around(snapshot, covariate, origin, ahead, part)
            around = _as_nodes(select_series(of_part, part, chosen))
            above = self.planned[covariate.name]
            planned[covariate.name] = np.concatenate((above, scale_plan(covariate, around)))
        return Plans(snapshot.calendar, planned, planned)

    def _past_values(self, part: Part) -> dict[str, Values64]:
        days = past_days(self.snapshot, self.common.origin)
        return {
            covariate.name: _as_nodes(self.snapshot.past_values(covariate, days, part))
            for covariate in self.snapshot.specification.known_ahead
        }

    def to_bytes(self) -> bytes:
        """Return it without the snapshot, as the content of a file for `load`."""
        common = self.common
        arrays: dict[str, NDArray[np.generic]] = {
            "origin": np.array(common.origin),
            "lead": np.array(-1 if self.lead is None else self.lead),
            "ordinary": common.ordinary,
            "shuts": common.shuts,
            "open_share": common.open_share,
            **self.state.to_arrays(),
        }
        for block, values in ((_PAST_ONLY, common.past_only), (_PLANNED, self.planned)):
            arrays |= {f"{block}/{name}": each for name, each in values.items()}
        content = BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        return content.getvalue()

    @classmethod
    def load(cls, snapshot: Snapshot, path: Path) -> UpperPast:
        """Read a file with what `to_bytes` returned, of the same snapshot."""
        with np.load(path, allow_pickle=False) as arrays:
            origin, lead = int(arrays["origin"]), int(arrays["lead"])
            common = CommonPast(
                origin=origin,
                ordinary=arrays["ordinary"],
                shuts=arrays["shuts"],
                open_share=arrays["open_share"],
                past_only=select_arrays(arrays, _PAST_ONLY),
            )
            state = PastState.of_arrays(snapshot, origin, arrays)
            planned = select_arrays(arrays, _PLANNED)
            return cls(snapshot, common, state, planned, None if lead < 0 else lead)


def pooled_to_bytes(pooled: Pooled) -> bytes:
    """Return pooled responses as the content of a file for `load_pooled`."""
    content = BytesIO()
    # with a prefix, so that no covariate has the name of an argument
    arrays = {f"{_POOLED}/{name}": slopes for name, slopes in pooled.items()}
    np.savez(content, allow_pickle=False, **arrays)
    return content.getvalue()


def load_pooled(path: Path) -> Pooled:
    """Read a file with what `pooled_to_bytes` returned."""
    with np.load(path, allow_pickle=False) as arrays:
        return select_arrays(arrays, _POOLED)


def pool_responses(snapshot: Snapshot, responses: Sequence[Mapping[str, Response]]) -> Pooled:
    """Return the pooled responses, from those of all parts in their order."""
    upper = snapshot.hierarchy.n_upper
    group = snapshot.pooled_group[upper:] - upper
    pooled = {}
    for covariate in snapshot.specification.known_ahead:
        of_parts = [of_part[covariate.name] for of_part in responses]
        covariance, variance = (np.concatenate(each) for each in zip(*of_parts, strict=True))
        pooled[covariate.name] = Response(covariance, variance).pool(group)
    return pooled


def select_series(values: _Values, part: Part, chosen: Rows | None) -> _Values:
    """Return the rows of some of a part's series; of all if None."""
    if chosen is None:
        return values
    rows: _Values = values[chosen - part.start]
    return rows


def state_in_parts(past: UpperPast, pooled: Pooled, parts: Sequence[Part]) -> PastState:
    """Return `features.state.state_at`, with the memory of one part beside that of the result."""
    hierarchy = past.snapshot.hierarchy
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, values in past.state.to_arrays().items():
        arrays[name] = np.empty((len(hierarchy), *values.shape[1:]), dtype=values.dtype)
        arrays[name][: hierarchy.n_upper] = values
    for part in parts:
        nodes = part.nodes(hierarchy.n_upper)
        for name, values in past.state_below(part, pooled).to_arrays().items():
            arrays[name][nodes] = values
    return PastState.of_arrays(past.snapshot, past.common.origin, arrays)


def _as_nodes(values: Floats) -> Values64:
    """Return values of series as those of nodes, which are sums with 0: it has no sign."""
    return values.astype(np.float64) + 0.0
