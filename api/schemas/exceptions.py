"""The answer of /exceptions."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from api.schemas.answer import Answer, SnapshotRef
from models.exceptions import DeviationKind


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
