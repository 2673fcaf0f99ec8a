"""HTTP of both clients: addresses, headers, and the reading of responses."""

from __future__ import annotations

import datetime as dt
from typing import Any

import httpx

from mlrf_client._requests import Request
from mlrf_client._version import __version__
from mlrf_client.errors import ApiError, NoAnswer, UnexpectedAnswer, error_of, problem_of
from mlrf_client.retries import retry_after_of

USER_AGENT = f"mlrf-client/{__version__} python-httpx/{httpx.__version__}"


def address_of(url: str) -> str:
    """Return the address of a server without a slash at its end.

    Raises:
        ValueError: it is no address, or has a part that requests must not repeat.
    """
    parsed = httpx.URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"{url!r} is no address of a server, such as http://127.0.0.1:3000.")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ValueError("The address has a user, a query or a fragment; pass a key as `key`.")
    return url.rstrip("/")


def headers_of(key: str | None) -> dict[str, str]:
    """Return the headers of every request; a key is in no other part of one."""
    headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
    return headers if key is None else {**headers, "X-API-Key": key}


def message_of(request: Request) -> dict[str, Any]:
    """Return the arguments with which httpx builds a request."""
    content = request.content()
    return {
        "method": request.method,
        "url": request.path,
        "params": request.query(),
        "content": content,
        "headers": {
            **({} if content is None else {"Content-Type": "application/json"}),
            **request.headers,
        },
    }


def failure_of(response: httpx.Response) -> ApiError | None:
    """Return the error that a response is; None for a success."""
    if response.is_success:
        return None
    try:
        document = response.json()
    except ValueError:
        document = None
    now = dt.datetime.now(dt.timezone.utc)
    return error_of(
        problem_of(
            document,
            response.status_code,
            request_id=response.headers.get("x-request-id"),
            retry_after=retry_after_of(response.headers, now),
        )
    )


def document_of(response: httpx.Response) -> Any:
    """Return the decoded body of a success.

    Raises:
        UnexpectedAnswer: it is not JSON.
    """
    try:
        return response.json()
    except ValueError as error:
        kind = response.headers.get("content-type", "no media type")
        raise UnexpectedAnswer(
            f"The answer of {response.url.path} is not JSON ({kind}); is this the address of the "
            "forecast service?"
        ) from error


def error_to_raise(failure: ApiError | httpx.TransportError, address: str) -> ApiError | NoAnswer:
    """Return the exception to raise for a failure that is not retried."""
    if isinstance(failure, ApiError):
        return failure
    if isinstance(failure, httpx.TimeoutException):
        reason = "did not answer in time; ask for less, or pass a longer timeout"
    else:
        reason = f"cannot be reached ({failure})"
    return NoAnswer(f"{address} {reason}.")
