"""The answers of /exceptions and /year-before."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from api.schemas.answer import Answer, SnapshotRef
from models.exceptions import DeviationKind


@dataclass(frozen=True, slots=True)
class ComparedUnits(Answer):
    """Units of a forecast, and those that it is compared with."""

    forecast: float
    reference: float
    units: float
    """Forecast minus reference."""
    change: float | None
    """`units` as a share of the reference; null where that is 0."""

    @classmethod
    def of(cls, forecast: float, reference: float) -> ComparedUnits:
        units = forecast - reference
        return cls(forecast, reference, units, units / reference if reference else None)


@dataclass(frozen=True, slots=True)
class ExceptionEntry(Answer):
    """A node that deviates from what was to be expected; the API's page explains the kinds."""

    kind: DeviationKind
    node: str
    """Its id."""
    level: str
    first: dt.date
    """First day that is compared."""
    last: dt.date
    forecast: float
    """Units that were to be expected on these days."""
    reference: float
    """Units that they are compared with: of the past, or sold on these days."""
    change: float | None
    """`units` as a share of the reference; null where that is 0."""
    units: float
    """Forecast minus reference: what is at stake."""
    comparable: ComparedUnits | None
    """The same of its comparable series alone: those that are not new since the time of the
    reference. Of `last-year` and `recent`; null for other kinds."""
    in_sample: bool
    """Whether the model was trained on these days, so that its forecast fits them too well."""
    detail: str
    """The same as a sentence."""


@dataclass(frozen=True, slots=True)
class NotChecked(Answer):
    """A kind of exceptions that could not be looked for."""

    kind: DeviationKind
    detail: str
    """Why."""


@dataclass(frozen=True, slots=True)
class ExceptionsAnswer(Answer):
    """What to look at first, in the forecast from the newest origin."""

    date: dt.date
    """First day of the forecast."""
    horizon: int
    """Days of the forecast, or weeks of weekly data."""
    origin: dt.date
    exceptions: list[ExceptionEntry]
    """Those with the most units at stake first."""
    counts: dict[str, int]
    """Number of all exceptions by kind, listed or not; of the kinds that were looked for."""
    not_checked: list[NotChecked]
    """Kinds that could not be looked for in these data."""
    model_version: str
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True)
class NewNode(Answer):
    """A node of which no series had sold a year before."""

    node: str
    level: str
    first_sale: dt.date | None
    """Its first day with sales; null for one that is announced."""
    forecast: float
    reference: float
    """Units sold a year before: of one that began within these days."""


@dataclass(frozen=True, slots=True)
class YearBeforeAnswer(Answer):
    """A node's forecast against the same weekdays 52 weeks before, like for like."""

    node: str
    level: str
    first: dt.date
    """First day that is compared."""
    last: dt.date
    """The last one: that of the horizon, or of 52 weeks."""
    previous_first: dt.date | None
    """First of the days a year before; null where the data begin later, and so are the figures."""
    previous_last: dt.date | None
    whole: ComparedUnits | None
    """Of the node; null where its sales of a day a year before are not known."""
    comparable: ComparedUnits | None
    """Of its series that had sold by `previous_first`: its change like for like."""
    new: ComparedUnits | None
    """Of its other series. With those of `comparable` they add up to `whole`."""
    new_share: float | None
    """Part of the `change` of `whole` that the new series make; null where nothing was sold."""
    new_nodes: list[NewNode]
    """What is new, the most units first and at most 20: nodes without a series that had sold by
    then, such as a store or an article. Those within a larger one are left out."""
    origin: dt.date
    adjusted: bool
    """Whether the forecasts have the standing overrides of planners."""
    model_version: str
    snapshot: SnapshotRef
    degraded: bool
