"""Problems become exceptions by their code or status."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from errors import Code
from mlrf_client import errors
from mlrf_client.errors import ApiError, Problem, error_of, problem_of

DOCUMENT: dict[str, Any] = {
    "type": "/docs/errors#invalid-node",
    "title": "The node is not in the hierarchy",
    "status": 400,
    "detail": "There is no item 'tee'. Did you mean 'tea'?",
    "code": "INVALID_NODE",
    "request_id": "order-17",
    "errors": [{"pointer": "/series/item", "detail": "There is no item 'tee'."}],
}


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "INVALID_DATE", errors.InvalidRequest),
        (400, "INVALID_NODE", errors.UnknownNode),
        (400, "INVALID_FAMILY", errors.UnknownNode),
        (400, "COST_TOO_HIGH", errors.CostTooHigh),
        (401, "AUTH_REQUIRED", errors.Unauthorized),
        (403, "FORBIDDEN", errors.Forbidden),
        (404, "NOT_FOUND", errors.NotFound),
        (413, "PAYLOAD_TOO_LARGE", errors.InvalidRequest),
        (429, "RATE_LIMITED", errors.RateLimited),
        (500, "INFERENCE_FAILED", errors.ServerFailed),
        (503, "MODEL_UNAVAILABLE", errors.NotReady),
        (503, "EXPLANATION_UNAVAILABLE", errors.Unavailable),
        (504, "TIMEOUT", errors.ServerFailed),
        (400, "A_CODE_OF_A_NEWER_SERVER", errors.InvalidRequest),
    ],
)
def test_a_problem_is_an_exception_of_its_kind(
    status: int, code: str, kind: type[ApiError]
) -> None:
    assert type(error_of(Problem(status, code, "Refused."))) is kind


@pytest.mark.parametrize("code", Code, ids=lambda code: code.name)
def test_every_code_of_the_server_has_a_kind_of_its_status(code: Code) -> None:
    kind = type(error_of(Problem(code.status, code.name, code.title)))
    assert issubclass(kind, errors.InvalidRequest) == (
        code.status < 500 and code.status not in (401, 403, 404, 429)
    )
    assert kind is not ApiError


def test_the_message_has_what_a_person_and_an_operator_need() -> None:
    error = error_of(problem_of(DOCUMENT, 400, request_id="of the header", retry_after=3.0))
    assert str(error) == (
        "There is no item 'tee'. Did you mean 'tea'? (INVALID_NODE, status 400, request order-17)"
    )
    assert [(fault.pointer, fault.detail) for fault in error.errors] == [
        ("/series/item", "There is no item 'tee'.")
    ]
    assert (error.title, error.retry_after) == (DOCUMENT["title"], 3.0)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(None, id="not JSON"),
        pytest.param([], id="no object"),
        pytest.param({"message": "upstream"}, id="of a proxy"),
        pytest.param({"code": 17, "errors": "many"}, id="another form"),
    ],
)
def test_an_error_that_describes_no_problem_says_so(document: Any) -> None:
    error = error_of(problem_of(document, 502, request_id="r"))
    assert (type(error), error.code, error.request_id) == (errors.ServerFailed, "HTTP_502", "r")
    assert "describes no problem" in error.detail


def test_an_exception_can_cross_processes() -> None:
    error = error_of(problem_of(DOCUMENT, 400))
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.problem) == (type(error), error.problem)
