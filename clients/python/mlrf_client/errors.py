"""Exceptions of the client, and the problems of RFC 9457 that they are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlrf_client._models import Fault


class ClientError(Exception):
    """Base of all exceptions that the client raises by itself."""


class NoAnswer(ClientError):
    """A request that got no answer: the server cannot be reached, or took too long."""


class UnexpectedAnswer(ClientError):
    """An answer that is not of the form that this version of the client knows."""


class MixedReleases(UserWarning):
    """A batch whose parts are of different releases: their forecasts need not add up."""


@dataclass(frozen=True)
class Problem:
    """A problem as the server describes it.

    Attributes:
        code: its stable name, such as INVALID_NODE; HTTP_502 and the like for an error that the
            server did not describe, such as a proxy's.
        detail: what happened and what to do, for a person.
        errors: single faults of the request.
        request_id: the operator finds the request's log lines by it; None in a part of a batch.
        retry_after: seconds after which the same request may pass; None where not stated.
    """

    status: int
    code: str
    detail: str
    title: str = ""
    errors: tuple[Fault, ...] = ()
    request_id: str | None = None
    retry_after: float | None = None


class ApiError(ClientError):
    """A request, or a part of a batch, that the server refused or failed to answer.

    The attributes are those of its `problem`.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)  # the only argument, so that the exception can be pickled
        self.problem = problem
        self.status = problem.status
        self.code = problem.code
        self.title = problem.title
        self.detail = problem.detail
        self.errors = problem.errors
        self.request_id = problem.request_id
        self.retry_after = problem.retry_after

    def __str__(self) -> str:
        request = f", request {self.request_id}" if self.request_id else ""
        return f"{self.detail} ({self.code}, status {self.status}{request})"


class InvalidRequest(ApiError):
    """A request that is wrong; `errors` has its faults. It fails again unless corrected."""


class UnknownNode(InvalidRequest):
    """A node or a series that the retailer does not have."""


class CostTooHigh(InvalidRequest):
    """A request that costs more than the key may spend at once; ask for less."""


class Unauthorized(ApiError):
    """A key that is missing, unknown, revoked or expired."""


class Forbidden(ApiError):
    """A key without the scope that the operation needs."""


class ExportFailed(ClientError):
    """An export that failed or was cancelled; the message has the reason."""


class NotFound(ApiError):
    """A path that the server does not have: check the address and the server's version."""


class RateLimited(ApiError):
    """A request beyond what the key may spend for now; `retry_after` says when it may pass."""


class ServerFailed(ApiError):
    """A failure of the server; its operator finds the cause by `request_id`."""


class Unavailable(ApiError):
    """Something that the server cannot do now."""


class NotReady(Unavailable):
    """A server without a model: it is starting, or none was trained."""


_BY_CODE: Mapping[str, type[ApiError]] = {
    "INVALID_NODE": UnknownNode,
    "INVALID_STORE": UnknownNode,
    "INVALID_FAMILY": UnknownNode,
    "COST_TOO_HIGH": CostTooHigh,
    "MODEL_UNAVAILABLE": NotReady,
}
_BY_STATUS: Mapping[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    429: RateLimited,
    503: Unavailable,
}


def error_of(problem: Problem) -> ApiError:
    """Return the exception of a problem: by its code, or else by its status."""
    kind = _BY_CODE.get(problem.code) or _BY_STATUS.get(problem.status)
    return (kind or (ServerFailed if problem.status >= 500 else InvalidRequest))(problem)


def problem_of(
    document: Any, status: int, *, request_id: str | None = None, retry_after: float | None = None
) -> Problem:
    """Return the problem of a decoded body; a generic one for a body that describes none."""
    members = document if isinstance(document, dict) else {}
    described = isinstance(members.get("code"), str)
    nothing = f"The answer has status {status} and describes no problem; it may be a proxy's."
    return Problem(
        status=status,
        code=members["code"] if described else f"HTTP_{status}",
        detail=str(members.get("detail", "")) if described else nothing,
        title=str(members.get("title", "")),
        errors=tuple(_faults_of(members)),
        request_id=members.get("request_id", request_id),
        retry_after=retry_after,
    )


def _faults_of(members: Mapping[str, Any]) -> list[Fault]:
    faults = members.get("errors")
    return [
        Fault(pointer=str(fault.get("pointer", "")), detail=str(fault.get("detail", "")))
        for fault in (faults if isinstance(faults, list) else ())
        if isinstance(fault, dict)
    ]
