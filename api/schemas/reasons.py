"""Answers with explanations and what-ifs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from typing_extensions import TypedDict

from api.schemas.answer import Answer, SnapshotRef
from features.feature import Group
from models.explanation import Space
from models.methods import Method
from models.scenario_range import WarningCode


@dataclass(frozen=True, slots=True)
class GroupStep(Answer):
    """Joint contribution of the features of one kind to a forecast."""

    name: Group
    """`level`: recent sales; `weekday`; `season`: time of month and year; `holiday`; `promotion`;
    `store`: attributes of the series."""
    contribution: float
    """In the explanation's space; the sum of the features'."""
    factor: float | None
    """Factor by which they multiply the forecast + 1; null in units."""
    units: float
    """Units by which they move the forecast."""
    features: list[str]
    """Names of its features, the largest contribution first; `features` of the answer has them."""


@dataclass(frozen=True, slots=True)
class FeatureStep(Answer):
    """Contribution of one feature to a forecast."""

    name: str
    label: str
    """Its name for a person."""
    group: Group
    """Name of its group in `groups`."""
    description: str
    """What it measures, exactly."""
    unit: str
    """Of the value."""
    value: str | float | None
    """Readable: categories and weekdays by name. Null where it is missing, and where the
    explanation adds up several days or series."""
    plain_value: str | float | None
    """The same for a person: logarithms converted back, shares in percent. Null where `value` is.
    """
    plain_unit: str
    """Of the plain value; empty where it needs none."""
    contribution: float
    """In the explanation's space."""
    factor: float | None
    """Factor by which it multiplies the forecast + 1; null in units."""
    units: float
    """Units by which it moves the forecast."""


@dataclass(frozen=True, slots=True)
class NotExplained(Answer):
    """Series beyond the number that one explanation covers, and their forecast in units."""

    series: int
    units: float


@dataclass(frozen=True, slots=True)
class GroupChange(Answer):
    """Units of a difference that are due to the features of one kind."""

    name: Group
    """As in `groups` of the answer. Both forecasts know the same sales, so `level` is here how far
    ahead the days are."""
    units: float


@dataclass(frozen=True, slots=True)
class ReferenceValue(Answer):
    """A feature that has another value on the day of the reference."""

    name: str
    """As in `features` of the answer, which has its label, its group and its value on the day."""
    value: str | float | None
    plain_value: str | float | None


@dataclass(frozen=True, slots=True)
class AgainstAnswer(Answer):
    """What makes the difference between a forecast and its reference, in units.

    The groups' ``units``, ``reconciliation`` and ``not_explained.units`` add up to ``difference``.
    """

    date: dt.date
    """First day of the reference."""
    horizon: int
    """Its days. If they are several and the explained day is one, the reference is their mean."""
    prediction: float
    """Forecast of the reference."""
    difference: float
    """The explained forecast less that of the reference."""
    groups: list[GroupChange]
    """The largest first; 0 where the features of both are the same."""
    reconciliation: float
    """Units by which making the hierarchy coherent moved the difference."""
    not_explained: NotExplained
    explained_share: float
    """Of the series' absolute differences; less than 1 where series are not explained."""
    changed: list[ReferenceValue]
    """Features that differ, where one day of one series is compared with another; else none."""


@dataclass(frozen=True, slots=True)
class ExplainAnswer(Answer):
    """The explanation of a forecast: `horizon` days from `date` on, added up.

    ``base_units``, the groups' (or the features') ``units``, ``cut``, ``reconciliation`` and
    ``not_explained.units`` add up to ``prediction``, but for ``missing``.
    """

    node: str
    """Its id."""
    level: str
    date: dt.date
    horizon: int
    prediction: float
    space: Space
    """Of base_value and contributions: `log1p units` for one day of one series, `units` for
    sums."""
    base_value: float
    base_units: float
    groups: list[GroupStep]
    """The features' steps by kind, the largest contribution first: they add up to the same."""
    features: list[FeatureStep]
    """The largest contribution first."""
    cut: float
    """Units by which the model's negative scores were raised to zero."""
    reconciliation: float
    """Units by which making the hierarchy coherent moved the forecast."""
    not_explained: NotExplained
    explained_share: float
    """Of the prediction; less than 1 where series are not explained."""
    missing: float
    """Units by which the steps do not add up to the prediction: rounding."""
    against: AgainstAnswer | None
    """The forecast compared with the reference; null without one."""
    origin: dt.date
    method: Method
    analogues: list[str]
    """Ids of the series whose mean the forecast is, where `method` is `analogue`; else none."""
    model_version: str
    model_trained_through: dt.date
    in_sample: bool
    known_through: dict[str, dt.date]
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True)
class DayChange(Answer):
    """A node's units on one day, without and with the adjustments."""

    date: dt.date
    baseline: float
    scenario: float
    delta: float


@dataclass(frozen=True, slots=True)
class NodeChange(Answer):
    """A node's units over all days, without and with the adjustments."""

    id: str
    level: str
    baseline: float
    scenario: float
    delta: float


@dataclass(frozen=True, slots=True)
class ChildChange(NodeChange):
    """A node below another; its delta is the sum of its children's, if they are included."""

    children: list[ChildChange]


Applied = TypedDict(
    "Applied",
    {
        "covariate": str,
        "op": str,
        "value": float | str | None,
        "from": dt.date,
        "to": dt.date,
        "series": int,
        "days": int,
    },
)
"""An adjustment as it was applied, with the numbers of series and days."""


@dataclass(frozen=True, slots=True)
class WhatifWarning(Answer):
    """A reason why the forecast of a scenario is less reliable than others."""

    code: WarningCode
    """`outside-seen`: a value is less or more than all that the series has had, or the holiday is
    on no past day; `far`: a value is more than twice the largest that the series has had;
    `shortened`: the covariate is not known on all days, and the adjustment ends before."""
    covariate: str
    detail: str
    """A sentence with the value, and those that the data have."""
    node: str | None
    """Id of the series whose value is the most unusual; null for a holiday, and for `shortened`."""
    value: float | str | None
    """Of the covariate in that series, or the name of the holiday."""
    least: float | None
    """Least value that the series has had."""
    most: float | None
    """Largest value that the series has had."""
    others: int
    """Number of other series whose values are as unusual."""
    last: dt.date | None
    """Day with which a `shortened` adjustment ends."""


@dataclass(frozen=True, slots=True)
class WhatifAnswer(Answer):
    """A forecast compared with a scenario: `horizon` days from `date` on, in units."""

    node: str
    level: str
    date: dt.date
    horizon: int
    origin: dt.date
    baseline: float
    scenario: float
    delta: float
    delta_pct: float | None
    """In percent of the baseline; null where that is 0."""
    days: list[DayChange]
    """Of the node, day by day."""
    ancestors: list[NodeChange]
    """Nodes that the node is a part of, the nearest first."""
    children: list[ChildChange]
    applied: list[Applied]
    levels_as_planned: list[str]
    """Levels of which the plan of a whole node, such as the promotions of a whole store, stays as
    planned in all forecasts, because the adjustments are not for all of its series. Empty where
    there is none, and where no covariate with a plan is adjusted."""
    warnings: list[WhatifWarning]
    """Empty where the data have values such as those of the scenario."""
    moved_by_reconciliation: list[str]
    """Bottom series whose own rows are unaltered, and that moved because the hierarchy must add
    up."""
    moved_by_shared_features: int
    """Always 0: number of bottom series outside the node whose inputs the adjustments changed.
    What they share with those of the node stays as planned (`levels_as_planned`)."""
    model_version: str
    model_trained_through: dt.date
    in_sample: bool
    known_through: dict[str, dt.date]
    """Last day up to which each covariate is known in the baseline."""
    snapshot: SnapshotRef
    degraded: bool
