"""Requests that were answered, as what follows an answer sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from api.http.operation import Operation
from models.serving.forecaster import Forecaster


class AnsweredRequest(NamedTuple):
    """A request with its answer, which is sent next.

    Requests whose bytes the cache knows are not among them.

    Attributes:
        payload: arguments of the handler besides the parts of the service.
        forecaster: that of the release that answered; None where the handler takes none.
        computed: whether the answer was computed from inputs of the request's own: a slice of the
            stored forecasts, or an answer from the cache, was not.
    """

    operation: Operation
    request: Request
    payload: Mapping[str, Any]
    response: Response
    forecaster: Forecaster | None
    computed: bool


Observer = Callable[[AnsweredRequest], None]
"""Function that is called with an answered request before its answer is sent: it must not wait."""
