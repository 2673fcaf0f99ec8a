"""State: the features of every node's past at an origin.

Only days up to and including the origin are read; the slice is taken in one place, `_read_sales`,
so that no feature can look ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errors import InputError
from features import covariates, history
from features.blocks import Floats, Rows
from features.covariates import PAST_DAYS, Response, measure_response, pooled_slope
from features.data.snapshot import Snapshot
from features.data.specification import Covariate
from features.data.step import Step
from features.events import (
    DATE_OPEN,
    MONTHDAY,
    UnusualDays,
    mark_ordinary_days,
    measure_date_effects,
    measure_name_effects,
    measure_open_share,
)
from features.scale import SCALES
from features.seasons import measure_years_before
from features.tail import TAIL_DAYS, Tail, Values, pad_front
from features.usual import NEIGHBOUR_WEEKS, mark_brief_shuts, replace_unusual, site_nodes
from features.weekday import average_weekdays, measure_ordinary_weekdays, measure_weekdays

MIN_HISTORY_DAYS = 56
"""Least days of sales up to and including an origin."""
_SUNDAY = 6

Values64 = NDArray[np.float64]


def first_origin(step: Step) -> int:
    """Return the index of the earliest day that can be an origin."""
    return step.steps_in(MIN_HISTORY_DAYS) - 1


@dataclass(frozen=True)
class PastState:
    """Features of the past at one origin, for all nodes.

    Attributes:
        snapshot: the data.
        origin: index of the last day whose sales are known.
        node: values of the node; each of shape (nodes,).
        weekday: values of the node on a weekday, Monday first; each of shape (nodes, 7). Weekly
            data have one weekday.
        monthday: values of the node on a day of the month; each of shape (nodes, 31). Weekly data
            have none.
        ahead: values of the node for a day h after the origin; each of shape (nodes, horizon),
            h = 1 first.
        sold: nodes that have sold anything up to the origin; Boolean, shape (nodes,).
        series: numbers of the bottom series that the arrays hold beside all upper nodes, ascending;
            all if None.

    Invariants: all float32; a value of ``ahead`` is NaN where the node had not yet sold a year
    (or two) before the day; the others have none.
    """

    snapshot: Snapshot
    origin: int
    node: Mapping[str, Floats]
    weekday: Mapping[str, Floats]
    monthday: Mapping[str, Floats]
    ahead: Mapping[str, Floats]
    sold: NDArray[np.bool_]
    series: Rows | None = None

    def with_pooled(self, slopes: Mapping[str, Values64]) -> PastState:
        """Return the state with the responses to covariates that are pooled over sites.

        Args:
            slopes: by name of the covariate, each of shape (nodes,).
        """
        specification = self.snapshot.specification
        pooled = {
            pooled_slope(specification, covariate): slopes[covariate.name]
            for covariate in specification.known_ahead
        }
        return replace(self, node={**self.node, **_to_float32(pooled)})

    @staticmethod
    def join(states: Sequence[PastState], series: Rows | None = None) -> PastState:
        """Return one state of the nodes of several, in their order.

        Args:
            series: the bottom series among them, beside all upper nodes.
        """

        def join(block: str) -> dict[str, Floats]:
            blocks = [getattr(state, block) for state in states]
            return {name: np.concatenate([each[name] for each in blocks]) for name in blocks[0]}

        return replace(
            states[0],
            node=join("node"),
            weekday=join("weekday"),
            monthday=join("monthday"),
            ahead=join("ahead"),
            sold=np.concatenate([state.sold for state in states]),
            series=series,
        )

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays by name, to be stored; `of_arrays` makes the state of them again."""
        arrays: dict[str, NDArray[np.generic]] = {"sold": self.sold}
        for block in _BLOCKS:
            arrays |= {f"{block}/{name}": each for name, each in getattr(self, block).items()}
        return arrays

    @classmethod
    def of_arrays(
        cls, snapshot: Snapshot, origin: int, arrays: Mapping[str, NDArray[Any]]
    ) -> PastState:
        """Return the state of the upper nodes, or of all, that `to_arrays` returned."""
        node, weekday, monthday, ahead = (select_arrays(arrays, block) for block in _BLOCKS)
        return cls(snapshot, origin, node, weekday, monthday, ahead, sold=arrays["sold"])

    def locate(self, nodes: Rows) -> Rows:
        """Return the places of nodes in the arrays."""
        if self.series is None:
            return nodes
        upper = self.snapshot.hierarchy.n_upper
        return np.where(nodes < upper, nodes, upper + np.searchsorted(self.series, nodes - upper))


_BLOCKS = ("node", "weekday", "monthday", "ahead")


def select_arrays(arrays: Mapping[str, NDArray[Any]], block: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of a block, stored as ``<block>/<name>``, by name."""
    start = f"{block}/"
    return {name.removeprefix(start): arrays[name] for name in arrays if name.startswith(start)}


def check_days(snapshot: Snapshot) -> None:
    """Refuse a snapshot that is too short for any forecast.

    Raises:
        InputError: it holds fewer than `MIN_HISTORY_DAYS` days.
    """
    step, least = snapshot.step, snapshot.step.steps_in(MIN_HISTORY_DAYS)
    if snapshot.n_days < least:
        raise InputError(
            f"The tables hold {snapshot.n_days} {step}s of sales; a forecast needs "
            f"{least}. A source holds the whole past, not its newest {step}s."
        )


def check_origin(snapshot: Snapshot, origin: int) -> None:
    """Refuse an index of a day that cannot be an origin.

    Raises:
        ValueError: `MIN_HISTORY_DAYS` do not end with it, or it is after the newest.
    """
    earliest, newest = first_origin(snapshot.step), snapshot.newest_origin
    if not earliest <= origin <= newest:
        raise ValueError(f"origin {origin} is not between {earliest} and {newest}")


def state_at(snapshot: Snapshot, origin: int) -> PastState:
    """Compute the features of every node's past at an origin.

    Args:
        origin: index of the last known day; `MIN_HISTORY_DAYS` end with the earliest.

    Raises:
        ValueError: the origin lies outside that span.
    """
    check_origin(snapshot, origin)
    days = past_days(snapshot, origin)
    values = {
        covariate.name: snapshot.of_nodes(covariate, snapshot.past_values(covariate, days))
        for covariate in snapshot.specification.known_ahead
    }
    every = slice(0, len(snapshot.hierarchy))
    state, responses = measure_nodes(snapshot, CommonPast.at(snapshot, origin), every, values)
    group = snapshot.pooled_group
    return state.with_pooled({name: each.pool(group)[group] for name, each in responses.items()})


def past_days(snapshot: Snapshot, origin: int) -> slice:
    """Return the days up to an origin of which covariates are read."""
    return slice(max(origin + 1 - snapshot.step.steps_in(PAST_DAYS), 0), origin + 1)


@dataclass(frozen=True)
class CommonPast:
    """Values that the features of all nodes at an origin read in common.

    Attributes:
        origin: index of the last day whose sales are known.
        ordinary: whether each of the last days is neither a holiday nor an event, shape (days,).
        shuts: days on which a site was shut briefly, shape (upper nodes, days).
        open_share: of `features.events.measure_open_share`; none of weekly data.
        past_only: features of the covariates of which only the past is known, by name; each of
            shape (nodes,).
    """

    origin: int
    ordinary: NDArray[np.bool_]
    shuts: NDArray[np.bool_]
    open_share: NDArray[np.float64]
    past_only: Values

    @classmethod
    def at(cls, snapshot: Snapshot, origin: int) -> CommonPast:
        """Compute it at an origin."""
        past = slice(max(origin + 1 - snapshot.step.steps_in(TAIL_DAYS), 0), origin + 1)
        return cls(
            origin=origin,
            ordinary=mark_ordinary_days(snapshot, origin),
            shuts=mark_brief_shuts(snapshot, past),
            open_share=measure_open_share(snapshot, origin)
            if snapshot.step is Step.DAY
            else np.empty((0, 0)),
            past_only=history.measure_past(snapshot, origin),
        )


class _Sales(NamedTuple):
    """Sales of nodes on the days up to an origin; each but `age` of shape (nodes, days)."""

    units: NDArray[np.float64]
    age: NDArray[np.int64]
    opened: NDArray[np.bool_]
    unusual: NDArray[np.bool_]


def _read_sales(snapshot: Snapshot, common: CommonPast, nodes: slice | Rows, days: int) -> _Sales:
    past = slice(max(common.origin + 1 - days, 0), common.origin + 1)
    age = np.maximum(common.origin + 1 - snapshot.first_sale_of(nodes), 0)
    opened = np.arange(days)[::-1] < age[:, None]
    unusual = np.broadcast_to(~common.ordinary[-days:], opened.shape).copy()
    known = past.stop - past.start
    unusual[:, days - known :] |= common.shuts[site_nodes(snapshot, nodes), -known:]
    return _Sales(pad_front(snapshot.history[nodes, past], days), age, opened, unusual)


def measure_responses(
    snapshot: Snapshot, common: CommonPast, nodes: slice, past_values: Mapping[str, Values64]
) -> dict[str, Response]:
    """Compute the responses of nodes to the covariates that are known ahead, by name.

    They are those of `measure_nodes`, from less of the past.

    Args:
        nodes, past_values: as in `measure_nodes`.
    """
    step = snapshot.step
    recent = step.steps_in(PAST_DAYS)
    if not past_values:
        return {}
    sales = _read_sales(snapshot, common, nodes, recent + NEIGHBOUR_WEEKS * step.week)
    usual = replace_unusual(np.log1p(sales.units), sales.unusual, sales.opened, week=step.week)
    return {
        covariate.name: measure_response(
            covariate, _pad_covariate(step, covariate, values), usual[:, -recent:]
        )
        for covariate, values in _of_covariates(snapshot, past_values)
    }


def measure_nodes(
    snapshot: Snapshot,
    common: CommonPast,
    nodes: slice | Rows,
    past_values: Mapping[str, Values64],
) -> tuple[PastState, dict[str, Response]]:
    """Compute the features of nodes at an origin, but those that `PastState.with_pooled` adds.

    A node's features depend on no other node among them, not even in their last bits.

    Args:
        common: of the origin.
        nodes: rows of the hierarchy.
        past_values: of each covariate that is known ahead, of these nodes, by name; each of shape
            (nodes, days of `past_days`).
    """
    step, origin = snapshot.step, common.origin
    tail, recent = step.steps_in(TAIL_DAYS), step.steps_in(PAST_DAYS)
    units, age, opened, unusual = _read_sales(snapshot, common, nodes, tail)
    logs = Tail(np.log1p(units), age)
    usual_units = replace_unusual(units, unusual, opened, week=step.week)
    usual = Tail(replace_unusual(logs.values, unusual, opened, week=step.week), age)
    node = history.measure_levels(usual_units, usual, step=step)
    node |= {name: values[nodes] for name, values in common.past_only.items()}
    weekday = measure_weekdays(snapshot, origin, usual)
    node["sunday_index"] = weekday["weekday_index"][:, _SUNDAY % step.week]
    responses = {}
    for covariate, known in _of_covariates(snapshot, past_values):
        values = _pad_covariate(step, covariate, known)
        response = measure_response(covariate, values, usual.values[:, -recent:])
        responses[covariate.name] = response
        node |= covariates.measure_past(step, covariate, values, response)
        weekday[f"{covariate.label}_weekday_8"] = SCALES[covariate.kind].of(
            average_weekdays(snapshot, origin, values, 8)
        )
    weekday |= measure_ordinary_weekdays(snapshot, origin, usual_units, usual, common.ordinary)
    unusual_days = UnusualDays(logs, common.ordinary, step)
    ahead = measure_years_before(usual, step=step, horizon=snapshot.horizon) | measure_name_effects(
        snapshot, origin, unusual_days
    )
    monthday = {}
    if step is Step.DAY:
        ahead[DATE_OPEN] = common.open_share[site_nodes(snapshot, nodes)]
        ahead |= measure_date_effects(snapshot, origin, unusual_days)
        monthday[MONTHDAY] = unusual_days.monthday_effects(snapshot, origin)
    state = PastState(
        snapshot=snapshot,
        origin=origin,
        node=_to_float32(node),
        weekday=_to_float32(weekday),
        monthday=_to_float32(monthday),
        ahead=_to_float32(ahead),
        sold=age > 0,
    )
    return state, responses


def _of_covariates(
    snapshot: Snapshot, values: Mapping[str, Values64]
) -> Iterator[tuple[Covariate, Values64]]:
    for covariate in snapshot.specification.known_ahead:
        yield covariate, values[covariate.name]


def _pad_covariate(step: Step, covariate: Covariate, values: Values64) -> Values64:
    # 0 would look like a change of a price; the mean adds nothing to its response
    mode: Literal["constant", "mean"] = "constant" if covariate.kind.adds_up else "mean"
    return pad_front(values, step.steps_in(PAST_DAYS), mode)


def _to_float32(values: Mapping[str, NDArray[np.float64]]) -> dict[str, Floats]:
    return {name: value.astype(np.float32, order="C") for name, value in values.items()}
