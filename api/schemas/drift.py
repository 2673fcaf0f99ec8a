"""Requests and answers about drift."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from api.schemas.answer import Answer
from api.schemas.field_codes import RefusedAs
from api.schemas.requests import Day, Name, QueryLimit, Request, number_of_text
from errors import Code
from storage.drift_events import Detector, Severity


class DriftQuery(Request):
    """A page of drifts."""

    state: Literal["open", "closed", "all"] = "all"
    """Only those that are `open`, or that are over."""
    detector: Detector | None = None
    """Only those that this test has noticed."""
    severity: Severity | None = None
    """Only those of this severity."""
    subject: Name | None = None
    """Only those of this level, node, covariate or group of features."""
    model_version: Name | None = None
    """Only those of this model."""
    since: Annotated[Day | None, RefusedAs(Code.INVALID_DATE)] = None
    """Only those that were noticed on this day or later, and those that are open."""
    limit: QueryLimit = 50
    """Largest number of them, the newest first."""
    before: Annotated[
        Annotated[int, Field(ge=1, le=2**62, strict=True)] | None, BeforeValidator(number_of_text)
    ] = None
    """Only those with smaller numbers: `next` of the previous page."""


@dataclass(frozen=True, slots=True)
class DriftEventAnswer(Answer):
    """A drift that a test has noticed."""

    id: int
    state: Literal["open", "closed"]
    detector: Detector
    severity: Severity
    subject: str
    """Level, id of a node, covariate or group of features."""
    bucket: str | None
    """Days ahead of the forecasts, such as `8-16`; null where a test has none."""
    figure: float
    """What was measured last: a share, or of features the population stability index."""
    reference: float
    """The same in the days that the model was judged by in training."""
    since: dt.date
    """First day of the drift, as the test estimates it."""
    opened: dt.date
    """Day on which the test noticed it."""
    judged: dt.date
    """Last day that it was judged by."""
    closed: dt.date | None
    """Day on which it was over; null while it is open."""
    message: str
    """What drifts, in words."""
    look: str
    """Call of this API that shows more."""
    model_version: str
    """Model whose forecasts or inputs drift."""


@dataclass(frozen=True, slots=True)
class DriftAnswer(Answer):
    """Drifts, the newest first."""

    events: list[DriftEventAnswer]
    next: int | None
    """`before` of the next page; null on the last."""
