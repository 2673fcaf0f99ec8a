"""Requests to a server within a time limit, and what a failure of one means."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from errors import InputError

MAX_BYTES = 256 * 1024**2
"""Largest answer that is read: a tree of a million nodes fits."""

READINESS = "/readyz"


class ProbeError(Exception):
    """A server that does not answer as it should.

    Attributes:
        reason: what is wrong, as one line.
        advice: what to do about it.
    """

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


def parse_address(url: str) -> httpx.URL:
    """Return the address of a server.

    Raises:
        InputError: it is none, or contains what belongs elsewhere.
    """
    try:
        address = httpx.URL(url.rstrip("/"))
    except httpx.InvalidURL:
        address = httpx.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        raise InputError("URL: is no address of a server, such as http://127.0.0.1:3000")
    if address.userinfo or address.query or address.fragment:
        raise InputError(
            "URL: has a user, a query or a fragment; the key is read from API_KEY or API_KEY_FILE"
        )
    return address


def headers_of(key: str | None) -> dict[str, str]:
    """Return the headers of every request; the key is in no other part of one."""
    headers = {"Accept": "application/json", "User-Agent": "mlrf-probe"}
    return headers if key is None else {**headers, "X-API-Key": key}


@dataclass(frozen=True)
class Reply:
    """A complete answer with status 200."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    document: Mapping[str, Any]


class Connection:
    """Requests to one server, which share a time limit.

    Args:
        seconds: until the last answer must be complete.
    """

    def __init__(self, url: httpx.URL, key: str | None, seconds: float) -> None:
        self._client = httpx.Client(base_url=url, headers=headers_of(key))
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, **query: object) -> Reply:
        return self._fetch("GET", path, params={name: str(value) for name, value in query.items()})

    def post(self, path: str, body: Mapping[str, Any], **headers: str) -> Reply:
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._fetch("POST", path, json=body, headers=extra)

    def _fetch(self, method: str, path: str, **parts: Any) -> Reply:
        """Send a request, and return its answer.

        Raises:
            ProbeError: the answer is not a JSON object with status 200, or does not come in time.
        """
        try:
            with self._client.stream(method, path, timeout=self._remaining(), **parts) as response:
                body = self._read(response)
        except httpx.TimeoutException:
            raise self._late(path) from None
        except httpx.HTTPError as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ProbeError(
                f"{path}: no answer ({reason})",
                "See whether the server runs, listens there, and can be reached from here.",
            ) from None
        if response.status_code != httpx.codes.OK:
            raise _error_of(path, response, body)
        return Reply(path, response.headers, body, _parse(path, body))

    def _read(self, response: httpx.Response) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            self._remaining()  # a timeout of httpx is one of each read
            if size > MAX_BYTES:
                raise httpx.DecodingError(f"more than {MAX_BYTES} bytes")
        return b"".join(parts)

    def _remaining(self) -> float:
        if (seconds := self._deadline - time.monotonic()) <= 0:
            raise httpx.ReadTimeout("the time limit is over")
        return seconds

    def _late(self, path: str) -> ProbeError:
        return ProbeError(
            f"{path}: no complete answer within the {self._seconds:g} s that all of it may take",
            "The server is overloaded or hangs: look at its CPU, and at duration_ms in its log. "
            "If it is far away or large, raise --timeout.",
        )


def _parse(path: str, body: bytes) -> Mapping[str, Any]:
    import orjson

    try:
        document = orjson.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise not_ours(path)
    return document


def not_ours(path: str) -> ProbeError:
    """Return the error for an answer that another kind of server gave."""
    return ProbeError(
        f"{path}: the answer is not that of MLRF",
        "Check the address: another server, a proxy or a sign-in page answers there.",
    )


_ADVICE = {
    401: "Set API_KEY or API_KEY_FILE to a valid key: mlrf keys list shows those that there are.",
    403: "Use a key with the scope forecast: mlrf keys create.",
    429: "This key's limit is used up. Give the check a key of its own, or run it less often.",
    503: "No model serves. The server's log says why at release_rejected; see which model should: "
    "mlrf models list.",
}


def _error_of(path: str, response: httpx.Response, body: bytes) -> ProbeError:
    """Return the error for an answer with another status than 200."""
    status = response.status_code
    if response.is_redirect:
        target = response.headers.get("location", "")
        return ProbeError(
            f"{path}: redirects to {target[:200]}", "Call the address that it redirects to."
        )
    try:
        problem = _parse(path, body)
    except ProbeError:
        problem = {}
    if not isinstance(problem.get("code"), str):
        return ProbeError(f"{path}: status {status}, which MLRF does not give", not_ours("").advice)
    number = problem.get("request_id", "")
    advice = _ADVICE.get(status, "")
    return ProbeError(
        f"{path}: {status} {problem['code']}: {problem.get('detail', '')}",
        advice or f"The lines with request_id {number} in the server's log say why.",
    )
