"""Requests and answers of the administration of models."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from api.schemas.answer import Answer
from api.schemas.requests import Request
from storage.release_changes import ReleaseState

Reason = Annotated[str, Field(max_length=500)]


class PromotionRequest(Request):
    """Options of serving a model."""

    reason: Reason = ""
    """Why, for the audit log."""
    snapshot: str | None = None
    """Data to serve with it. If left out, those that are served now, if the model fits them, or
    else those of its training."""
    force: Annotated[bool, Field(strict=True)] = False
    """Serve it though it was rejected, or is the demo's; needs a reason."""


class ReasonRequest(Request):
    """The reason of a change."""

    reason: Reason = ""
    """Why, for the audit log."""


class ComparisonQuery(Request):
    """The models to compare."""

    first: str
    """Name of a bundle, or its beginning."""
    second: str
    """The other one, likewise."""


@dataclass(frozen=True, slots=True)
class ListedModelAnswer(Answer):
    """A model, with the data that it serves, and its state."""

    bundle: str
    snapshot: str
    """Data that it serves or served last; of a candidate, those of its training."""
    state: ReleaseState
    changed: dt.datetime
    """Time of the last change of its state, by whom and why."""
    by: str
    reason: str
    activated: dt.datetime | None
    """The last time at which it became the active one."""
    trained_through: dt.date | None
    """The last day that it has seen; null where its bundle is gone."""
    demo: bool
    exists: bool
    """Whether its bundle is in the store."""


@dataclass(frozen=True, slots=True)
class ModelsAnswer(Answer):
    """Models: the active one first, then by their last change, newest first."""

    models: list[ListedModelAnswer]


@dataclass(frozen=True, slots=True)
class ModelChangeAnswer(Answer):
    """A change of the state of a model, or of the data that it serves."""

    at: dt.datetime
    state: ReleaseState
    snapshot: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class OriginsAnswer(Answer):
    """Days from which the forecasts were made that models were judged by."""

    first: dt.date
    last: dt.date
    n: int


@dataclass(frozen=True, slots=True)
class VerdictFigureAnswer(Answer):
    """A figure of two models, and by how much that of the challenger, the new one, is worse.

    Errors are compared by their ratio, as a share; bias and coverage by their distance from 0 and
    from the share that they promise. Null where nothing was measured.
    """

    champion: float | None
    """Of the model that served."""
    challenger: float | None
    change: float | None
    """Positive if the challenger is worse."""
    low: float | None
    """Bounds of the 90 % interval of the change."""
    high: float | None
    least: float | None
    """Bound that the change exceeds in 95 % of cases, together with all other figures."""


@dataclass(frozen=True, slots=True)
class VerdictLevelAnswer(Answer):
    """The figures of a level."""

    figures: dict[str, VerdictFigureAnswer]
    """By measure: `wape`, `rmsle`, `bias`, `rmsse`; and `wis`, `coverage_80`, `coverage_95`, if the
    intervals were compared."""
    buckets: dict[str, dict[str, VerdictFigureAnswer]]
    """By days ahead and measure."""


@dataclass(frozen=True, slots=True)
class ServedDifferencesAnswer(Answer):
    """Differences of two models as they serve."""

    moved: dict[str, float]
    """By level: sum of the differences of the forecasts from the newest origin, over the units of
    the model that served."""
    slower: float | None
    """Share by which a prediction takes longer."""
    larger: float | None
    """Share by which the bundle is larger."""


@dataclass(frozen=True, slots=True)
class VerdictAnswer(Answer):
    """Comparison of a model, when it was trained, with the one that served then.

    What the record of its training lacks is null.
    """

    champion: str
    """Name of the bundle that served."""
    outcome: str
    """`better` or `worse`, beyond chance; `equal`; or `unknown`, where there was too little to
    compare."""
    why: str
    origins: OriginsAnswer | None
    change: float | None
    """Share by which the WAPE is larger, averaged over the levels."""
    low: float | None
    """Bounds of the 90 % interval of the change."""
    high: float | None
    faults: list[str] | None
    """A sentence for each figure that is worse by more than its margin."""
    levels: dict[str, VerdictLevelAnswer] | None
    """By level: the figures of both models on days that neither had seen."""
    served: ServedDifferencesAnswer | None


@dataclass(frozen=True, slots=True)
class ModelHistoryAnswer(ListedModelAnswer):
    """A model, and how it came to its state."""

    changes: list[ModelChangeAnswer]
    """Oldest first."""
    verdict: VerdictAnswer | None
    """Null if it was not compared with another."""


@dataclass(frozen=True, slots=True)
class ServedAnswer(Answer):
    """Names of the bundle and the snapshot that are served together."""

    bundle: str
    snapshot: str


@dataclass(frozen=True, slots=True)
class PromotionAnswer(Answer):
    """A change of what is served."""

    before: ServedAnswer | None
    after: ServedAnswer
    """Equal to `before` if it was active already."""


@dataclass(frozen=True, slots=True)
class FiguresAnswer(Answer):
    """A figure of two models; null where one has none."""

    first: float | None
    second: float | None


@dataclass(frozen=True, slots=True)
class OriginsOfBothAnswer(Answer):
    """Origins of two models."""

    first: OriginsAnswer
    second: OriginsAnswer


@dataclass(frozen=True, slots=True)
class ComparisonAnswer(Answer):
    """The figures that two trainings recorded."""

    first: str
    second: str
    """Names of the bundles."""
    origins: OriginsOfBothAnswer
    same_days: bool
    """Whether the figures are of the same days; otherwise a difference may be that of the days."""
    levels: dict[str, dict[str, dict[str, FiguresAnswer]]]
    """By level, days ahead and measure: `wape`, `bias`, `rmsle`, `coverage_80`, `coverage_95`."""
