"""Feedback: what was sold instead of single predictions that were recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import Request

from api.http.acting import actor_of
from api.http.database import Result, call_database
from api.http.operation import operation
from api.http.parsing import MOST_FAULTS, shorten
from api.http.tags import Tag
from api.schemas.feedback import (
    FeedbackAnswer,
    FeedbackChangeAnswer,
    FeedbackRequest,
    PredictedValue,
    ReportedActual,
)
from errors import Code, FieldError, Problem
from lifecycle.monitoring.recorded_values import values_of
from middleware.policy import KIB
from storage.feedback import FeedbackStore, Place, Report, StoredPrediction
from storage.keys import Scope

_ANSWERED = frozenset({Code.NOT_FOUND, Code.GONE, Code.CONFLICT, Code.MONITORING_UNAVAILABLE})


@dataclass(frozen=True)
class FeedbackAccess:
    """Access to recorded predictions.

    Attributes:
        recording: whether this server records requests.
        days: after which they are erased.
    """

    store: FeedbackStore
    recording: bool
    days: int

    async def call(self, act: Callable[..., Result], *arguments: Any) -> Result:
        """Call the store in a thread.

        Raises:
            Problem: MONITORING_UNAVAILABLE: the database fails.
        """
        return await call_database(act, *arguments, unavailable=Code.MONITORING_UNAVAILABLE)


@operation(
    "POST",
    "/feedback",
    Tag.FACTS,
    scope=Scope.REPORT,
    max_body=256 * KIB,
    error_codes=_ANSWERED,
)
async def report_feedback(
    feedback: FeedbackAccess, payload: FeedbackRequest, request: Request
) -> FeedbackChangeAnswer:
    """Report what was sold instead of a recorded prediction.

    Repeated, the request changes nothing; another value corrects the one before, which stays in the
    history.
    """
    prediction = await _find(feedback, payload.request_id, request)
    predicted = values_of(prediction.operation, prediction.answer)
    actuals = _check_actuals(payload, predicted)
    report = partial(feedback.store.report, prediction, actuals, by=actor_of(request))
    changed = await feedback.call(report)
    answer = await _describe(feedback, prediction, predicted)
    return FeedbackChangeAnswer(**answer, changed=changed)


@operation("GET", "/feedback/{id}", Tag.FACTS, scope=Scope.REPORT, error_codes=_ANSWERED)
async def read_feedback(feedback: FeedbackAccess, request: Request) -> FeedbackAnswer:
    """Return a recorded prediction, with what was reported about it."""
    prediction = await _find(feedback, request.path_params["id"], request)
    predicted = values_of(prediction.operation, prediction.answer)
    return FeedbackAnswer(**await _describe(feedback, prediction, predicted))


async def _find(feedback: FeedbackAccess, request_id: str, request: Request) -> StoredPrediction:
    """Return the recorded request of an id.

    Raises:
        Problem: NOT_FOUND: none was recorded; GONE: it was erased; CONFLICT: there are several.
    """
    matches = await feedback.call(feedback.store.find, request_id)
    present = [each for each in matches if not each.erased]
    if len(present) > 1:  # an id belongs to its caller
        subject = actor_of(request).name
        present = [each for each in present if each.caller == subject] or present
    if len(present) > 1:
        raise Problem(
            Code.CONFLICT,
            f"{len(present)} predictions were recorded with the request id "
            f"{shorten(request_id)!r}: send each request with an X-Request-ID of its own.",
        )
    if present:
        return present[0]
    if matches:
        raise Problem(
            Code.GONE,
            f"Request {shorten(request_id)!r} was recorded on {matches[-1].at.date()} and erased "
            f"since: this server keeps recorded requests for {feedback.days} days.",
        )
    raise Problem(
        Code.NOT_FOUND,
        f"No prediction of a request {shorten(request_id)!r} was recorded. "
        + (
            "Requests that run the model on inputs of their own are, some seconds after their "
            "answers; if FEEDBACK is below 1, only a share of them."
            if feedback.recording
            else "This server records none: FEEDBACK is 0."
        ),
    )


def _check_actuals(
    payload: FeedbackRequest, predicted: Mapping[Place, float]
) -> list[tuple[Place, float]]:
    """Return the reported values by their places in the answer.

    Raises:
        Problem: INVALID_REQUEST, with all faults.
    """
    if (payload.actual is None) == (payload.actuals is None):
        raise Problem.in_field(
            Code.INVALID_REQUEST, "/actual", "Give either actual, or a list of actuals"
        )
    if payload.actual is not None:
        if len(predicted) > 1:
            detail = f"The answer has {len(predicted)} values: give actuals, {_how(predicted)}"
            raise Problem.in_field(Code.INVALID_REQUEST, "/actual", detail)
        return [(place, payload.actual) for place in predicted]
    assert payload.actuals is not None
    places = [Place(each.row, each.date) for each in payload.actuals]
    first = {place: number for number, place in reversed([*enumerate(places)])}
    unknown = f"The answer has no such value: name each {_how(predicted)}"
    faults = [
        FieldError(f"/actuals/{number}", unknown if place not in predicted else "It is repeated")
        for number, place in enumerate(places)
        if place not in predicted or first[place] != number
    ]
    if faults:
        detail = f"{len(faults)} of the {len(places)} actuals cannot be used; nothing was stored."
        raise Problem(Code.INVALID_REQUEST, detail, errors=faults[:MOST_FAULTS])
    return [(place, each.value) for place, each in zip(places, payload.actuals, strict=True)]


def _how(predicted: Mapping[Place, float]) -> str:
    """Return how a report refers to the values of an answer."""
    first, *_, last = (*predicted, *predicted)
    if first.date is not None:
        return f"by its date, from {first.date} to {last.date}"
    return f"by its row, from {first.row} to {last.row}"


async def _describe(
    feedback: FeedbackAccess, prediction: StoredPrediction, predicted: Mapping[Place, float]
) -> dict[str, Any]:
    """Return the fields of an answer about a recorded request."""
    reports = await feedback.call(feedback.store.reports, prediction.id)
    return {
        "request_id": prediction.request_id,
        "operation": prediction.operation,
        "at": prediction.at,
        "model_version": prediction.bundle,
        "snapshot": prediction.snapshot,
        "values": [
            _value_answer(place, value, reports.get(place, ()))
            for place, value in predicted.items()
        ],
    }


def _value_answer(place: Place, value: float, reports: Sequence[Report]) -> PredictedValue:
    return PredictedValue(
        row=place.row,
        date=place.date,
        prediction=value,
        actual=reports[-1].value if reports else None,
        reports=[ReportedActual(each.value, each.at, each.actor) for each in reports],
    )
