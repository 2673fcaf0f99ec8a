"""Catalogue of problems: every way in which a request can fail, as in RFC 9457.

A `Problem` is raised anywhere below the HTTP contract and rendered in one place,
`middleware.problems`. Codes are stable: clients compare them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

DOCUMENTATION = "/docs/errors#"


_MOST_DETAIL, _MOST_OF_FAULT = 4_000, 1_000
"""Maximum characters of a problem's detail and of one fault's: they may quote long input."""


class InputError(ValueError):
    """Input of a person cannot be used; the message has the fault, its place and a remedy."""


class _Kind(NamedTuple):
    status: int
    title: str


class Code(Enum):
    """A problem's code, with its HTTP status and title."""

    INVALID_REQUEST = _Kind(400, "The request is not valid")
    PARSE_ERROR = _Kind(400, "The body cannot be read")
    INVALID_DATE = _Kind(400, "The date cannot be used")
    INVALID_HORIZON = _Kind(400, "The horizon is not offered")
    INVALID_STORE = _Kind(400, "The store is not known")
    INVALID_FAMILY = _Kind(400, "The family is not known")
    INVALID_NODE = _Kind(400, "The node is not in the hierarchy")
    INVALID_FEATURES = _Kind(400, "The features are not those of the model")
    BATCH_TOO_LARGE = _Kind(400, "The batch holds too much")
    INVALID_ADJUSTMENT = _Kind(400, "The adjustment cannot be made")
    INVALID_OVERRIDE = _Kind(400, "The override cannot be made")
    KEY_IN_QUERY = _Kind(400, "A key does not belong in the address")
    COST_TOO_HIGH = _Kind(400, "The request costs more than may be spent at once")
    INVALID_SOURCE = _Kind(400, "The source cannot be read from")
    AUTH_REQUIRED = _Kind(401, "A key or token is needed")
    AUTH_INVALID = _Kind(401, "The key or token is not valid")
    FORBIDDEN = _Kind(403, "The key may not do this")
    LINK_INVALID = _Kind(403, "The link is not valid")
    NOT_FOUND = _Kind(404, "There is nothing at this address")
    METHOD_NOT_ALLOWED = _Kind(405, "The method is not offered here")
    REQUEST_TIMEOUT = _Kind(408, "The body did not arrive in time")
    CONFLICT = _Kind(409, "This conflicts with what is there")
    GONE = _Kind(410, "This is no longer there")
    PAYLOAD_TOO_LARGE = _Kind(413, "The body is too large")
    URI_TOO_LONG = _Kind(414, "The request target is too long")
    UNSUPPORTED_MEDIA_TYPE = _Kind(415, "The body's media type is not accepted")
    RANGE_NOT_SATISFIABLE = _Kind(416, "The file has no such range")
    RATE_LIMITED = _Kind(429, "Too many requests")
    HEADERS_TOO_LARGE = _Kind(431, "The headers are too large")
    INTERNAL_ERROR = _Kind(500, "The server failed")
    INFERENCE_FAILED = _Kind(500, "The model failed")
    MODEL_UNAVAILABLE = _Kind(503, "No model is being served")
    EXPLANATION_UNAVAILABLE = _Kind(503, "The forecast cannot be explained here")
    INTERVALS_UNAVAILABLE = _Kind(503, "The model has no such intervals")
    RELOAD_UNAVAILABLE = _Kind(503, "Data cannot be reloaded here")
    JOBS_UNAVAILABLE = _Kind(503, "Jobs cannot be run now")
    UPLOADS_UNAVAILABLE = _Kind(503, "Tables cannot be uploaded here")
    MODELS_UNAVAILABLE = _Kind(503, "Models cannot be changed now")
    OVERRIDES_UNAVAILABLE = _Kind(503, "Overrides cannot be read now")
    MONITORING_UNAVAILABLE = _Kind(503, "Records of monitoring cannot be used now")
    EXPORTS_UNAVAILABLE = _Kind(503, "Exports cannot be made or read now")
    KEYS_UNAVAILABLE = _Kind(503, "Keys cannot be looked up now")
    STORAGE_FULL = _Kind(507, "There is no space for this")
    TIMEOUT = _Kind(504, "The answer took too long")

    @property
    def status(self) -> int:
        return self.value.status

    @property
    def title(self) -> str:
        return self.value.title

    @property
    def anchor(self) -> str:
        """URL path of the problem's documentation."""
        return DOCUMENTATION + self.name.lower().replace("_", "-")


class FieldError(NamedTuple):
    """One fault of a request.

    Attributes:
        pointer: JSON pointer into the body (RFC 6901), or the name of a query parameter.
        detail: what is wrong and what would be right.
    """

    pointer: str
    detail: str


class Problem(Exception):
    """A request that cannot be answered.

    Attributes:
        code: of the catalogue.
        detail: what happened and what to do, for people.
        errors: the single faults, if there are several or if they have a pointer.
        headers: of the response, such as Retry-After.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        detail = _truncate(detail, _MOST_DETAIL)
        super().__init__(f"{code.name}: {detail}")
        self.code = code
        self.detail = detail
        self.errors = tuple(
            FieldError(_truncate(pointer, _MOST_OF_FAULT), _truncate(wrong, _MOST_OF_FAULT))
            for pointer, wrong in errors
        )
        self.headers = dict(headers or {})

    @classmethod
    def in_field(cls, code: Code, pointer: str, detail: str) -> Problem:
        """Return a problem with one fault, at `pointer`.

        Args:
            detail: a phrase, without a full stop.
        """
        return cls(code, f"{pointer}: {detail}.", errors=[FieldError(pointer, detail)])

    def at(self, pointer: str) -> Problem:
        """Return the problem with `pointer` prepended to the pointers of its faults."""
        errors = [FieldError(pointer + error.pointer, error.detail) for error in self.errors]
        return Problem(self.code, self.detail, errors=errors, headers=self.headers)

    def as_value(self) -> Problem:
        """Drop the traceback and context, so that the problem can be stored, and return it.

        The frames of a traceback may reference the problem itself. Such a cycle keeps a whole
        request in memory until a full garbage collection, which stalls the worker.
        """
        self.__traceback__ = self.__context__ = None
        return self

    def document(
        self, *, instance: str, request_id: str | None = None, trace_id: str | None = None
    ) -> dict[str, Any]:
        """Return the problem as a JSON object; `error` repeats `detail` for old clients.

        Args:
            request_id: None for a problem inside the body of a successful response, which must
                be equal for equal requests.
            trace_id: None also where tracing is off.
        """
        ids = {"request_id": request_id, "trace_id": trace_id}
        return {
            "type": self.code.anchor,
            "title": self.code.title,
            "status": self.code.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.code.name,
            "error": self.detail,
            **{name: value for name, value in ids.items() if value is not None},
            "errors": [error._asdict() for error in self.errors],
        }


def _truncate(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def code_of_status(status: int) -> Code:
    """Return the code for a foreign error by its HTTP status."""
    return {
        404: Code.NOT_FOUND,
        405: Code.METHOD_NOT_ALLOWED,
        413: Code.PAYLOAD_TOO_LARGE,
        415: Code.UNSUPPORTED_MEDIA_TYPE,
        429: Code.RATE_LIMITED,
        503: Code.MODEL_UNAVAILABLE,
        504: Code.TIMEOUT,
    }.get(status, Code.INVALID_REQUEST if status < 500 else Code.INTERNAL_ERROR)
