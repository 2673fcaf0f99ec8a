"""Requests and answers about predictions that were recorded, and what was sold instead."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from api.schemas.answer import Answer
from api.schemas.field_codes import RefusedAs
from api.schemas.requests import Day, Request, WholeNumber
from errors import Code

MOST_VALUES = 2_000
"""Values of one request: as many as the rows of an answer."""

Units = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class ActualOfValue(Request):
    """What was sold instead of one value of an answer."""

    row: Annotated[WholeNumber, Field(ge=0)] = 0
    """Row of the request, from 0; only requests with several rows need it."""
    date: Annotated[Day | None, RefusedAs(Code.INVALID_DATE)] = None
    """Day of the forecast; only answers by day need it."""
    value: Units
    """Units sold."""


class FeedbackRequest(Request):
    """What was sold instead of a recorded prediction: `actual`, or several `actuals`."""

    request_id: Annotated[str, Field(min_length=1, max_length=128)]
    """`X-Request-ID` of the answer."""
    actual: Units | None = None
    """Units sold, where the answer has one value."""
    actuals: Annotated[tuple[ActualOfValue, ...], Field(max_length=MOST_VALUES)] | None = None
    """Units sold instead of some or all values of the answer, each by its row or day."""


@dataclass(frozen=True, slots=True)
class ReportedActual(Answer):
    """Units sold as they were reported."""

    value: float
    at: dt.datetime
    by: str
    """Who reported it: the id of a key, or the subject of a token."""


@dataclass(frozen=True, slots=True)
class PredictedValue(Answer):
    """A value of a recorded answer, and what was sold instead."""

    row: int
    date: dt.date | None
    prediction: float
    actual: float | None
    """As last reported; null where it is not known."""
    reports: list[ReportedActual]
    """All reports of it, the last one last: those before were corrected."""


@dataclass(frozen=True, slots=True)
class FeedbackAnswer(Answer):
    """A recorded prediction, with what was sold instead."""

    request_id: str
    operation: str
    """Method and path."""
    at: dt.datetime
    """When it was answered."""
    model_version: str
    snapshot: str
    """Name of the data that the release served."""
    values: list[PredictedValue]


@dataclass(frozen=True, slots=True)
class FeedbackChangeAnswer(FeedbackAnswer):
    """The prediction after a report."""

    changed: int
    """Values that were not reported before, or otherwise: 0 for a repeated request."""
