"""Clients of the forecast service: one that blocks, one for asyncio."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx

from mlrf_client import _batch_frames, _batches, _exports, _operations, _overrides
from mlrf_client._connection import (
    address_of,
    document_of,
    error_to_raise,
    failure_of,
    headers_of,
    message_of,
)
from mlrf_client._part_file import PartFile
from mlrf_client._requests import Download, Pause, Request, Steps
from mlrf_client.retries import Attempts, Outcome, Retries

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Operation = Callable[Parameters, Steps[Result]]

TIMEOUT = 40.0
"""Seconds; a little longer than the server's own limit, so that its answer arrives."""


def _blocking(
    operation: Operation[Parameters, Result],
) -> Callable[Concatenate[Client, Parameters], Result]:
    """Return the operation as a method of `Client`."""

    def method(self: Client, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return self._run(operation(*args, **kwargs))

    return _as_method(method, operation)


def _asynchronous(
    operation: Operation[Parameters, Result],
) -> Callable[Concatenate[AsyncClient, Parameters], Coroutine[Any, Any, Result]]:
    """Return the operation as a method of `AsyncClient`."""

    async def method(
        self: AsyncClient, /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        return await self._run(operation(*args, **kwargs))

    return _as_method(method, operation)


Method = TypeVar("Method", bound=Callable[..., Any])


def _as_method(method: Method, operation: Callable[..., Any]) -> Method:
    """Give a method the name, the text and the parameters of an operation, and return it."""
    update_wrapper(method, operation)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    parameters = inspect.signature(operation).parameters.values()
    vars(method)["__signature__"] = inspect.Signature([own, *parameters])
    return method


class _Base:
    """Address and retries of a client, and the arguments of its connection."""

    def __init__(self, url: str, retries: Retries | None) -> None:
        self.url = address_of(url)
        self._retries = retries or Retries()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def _options(self, key: str | None, timeout: float) -> dict[str, Any]:
        """Return the arguments of httpx's client that do not depend on its kind."""
        return {"base_url": self.url, "headers": headers_of(key), "timeout": timeout}


class Client(_Base):
    """A client that blocks until an answer is there.

    Its methods raise `ApiError` for what the server refuses, and `NoAnswer` where it is not
    reached. Threads may share one.

    Args:
        url: address of the server, such as ``http://127.0.0.1:3000``.
        key: sent in a header of every request.
        timeout: seconds for an answer to begin, and between its parts.
        retries: when a request is repeated, which changes nothing on the server.
        transport: of httpx, instead of its own: for a proxy, certificates, or tests.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = TIMEOUT,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, retries)
        self._http = httpx.Client(**self._options(key, timeout), transport=transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _run(self, steps: Steps[Result]) -> Result:
        """Send the requests of an operation, and return its result."""
        try:
            step = next(steps)
            while True:
                step = steps.send(self._perform(step))
        except StopIteration as end:
            result: Result = end.value
            return result

    def _perform(self, step: Request | Pause | Download) -> Any:
        """Do what an operation yields, and return the answer of a request."""
        if isinstance(step, Request):
            return self._exchange(step)
        if isinstance(step, Pause):
            return time.sleep(step.seconds)
        return self._download(step)

    def _download(self, download: Download) -> None:
        """Fetch a file; where the connection breaks, go on from there."""
        attempts = Attempts(self._retries)
        part = PartFile(download)
        while (outcome := self._fetch(part)) is not None:
            if (delay := attempts.delay_after(outcome)) is None:
                raise error_to_raise(outcome, self.url)
            time.sleep(delay)
        part.finish()

    def _fetch(self, part: PartFile) -> Outcome | None:
        """Append what is missing of a file; return the failure, if there is one."""
        request = self._http.build_request("GET", part.link, headers=part.headers())
        request.headers.pop("x-api-key", None)
        try:
            response = self._http.send(request, stream=True)
            try:
                if not response.is_success:
                    response.read()
                    return part.failure_of(response)
                with part.open(response) as file:
                    for chunk in response.iter_raw():
                        file.write(chunk)
            finally:
                response.close()
        except httpx.TransportError as error:
            return error
        return None

    def _exchange(self, request: Request) -> Any:
        """Return the decoded answer of a request, which is repeated as the policy says."""
        attempts = Attempts(self._retries)
        while True:
            outcome = self._attempt(request)
            if isinstance(outcome, httpx.Response):
                return document_of(outcome)
            if (delay := attempts.delay_after(outcome)) is None:
                raise error_to_raise(outcome, self.url)
            time.sleep(delay)

    def _attempt(self, request: Request) -> httpx.Response | Outcome:
        try:
            response = self._http.request(**message_of(request))
        except httpx.TransportError as error:
            return error
        return failure_of(response) or response

    accuracy = _blocking(_operations.accuracy)
    accuracy_by_series = _blocking(_operations.accuracy_by_series)
    batch = _blocking(_batches.batch)
    batch_frame = _blocking(_batch_frames.batch_frame)
    caller = _blocking(_operations.caller)
    delete_export = _blocking(_exports.delete_export)
    download_export = _blocking(_exports.download_export)
    exceptions = _blocking(_operations.exceptions)
    export = _blocking(_exports.export)
    exports = _blocking(_exports.exports)
    explain = _blocking(_operations.explain)
    forecast = _blocking(_operations.forecast)
    health = _blocking(_operations.health)
    hierarchy = _blocking(_operations.hierarchy)
    historical = _blocking(_operations.historical)
    meta = _blocking(_operations.meta)
    model_metrics = _blocking(_operations.model_metrics)
    override = _blocking(_overrides.override)
    overrides = _blocking(_overrides.overrides)
    predict = _blocking(_operations.predict)
    wait_for_export = _blocking(_exports.wait_for_export)
    whatif = _blocking(_operations.whatif)
    year_before = _blocking(_operations.year_before)
    withdraw_override = _blocking(_overrides.withdraw_override)


class AsyncClient(_Base):
    """The same for asyncio: every method of `Client`, awaited."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = TIMEOUT,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(url, retries)
        self._http = httpx.AsyncClient(**self._options(key, timeout), transport=transport)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _run(self, steps: Steps[Result]) -> Result:
        """Send the requests of an operation, and return its result."""
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._perform(step))
        except StopIteration as end:
            result: Result = end.value
            return result

    async def _perform(self, step: Request | Pause | Download) -> Any:
        """Do what an operation yields, and return the answer of a request."""
        if isinstance(step, Request):
            return await self._exchange(step)
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        return await self._download(step)

    async def _download(self, download: Download) -> None:
        """Fetch a file; where the connection breaks, go on from there."""
        attempts = Attempts(self._retries)
        part = PartFile(download)
        while (outcome := await self._fetch(part)) is not None:
            if (delay := attempts.delay_after(outcome)) is None:
                raise error_to_raise(outcome, self.url)
            await asyncio.sleep(delay)
        part.finish()

    async def _fetch(self, part: PartFile) -> Outcome | None:
        """Append what is missing of a file; return the failure, if there is one."""
        request = self._http.build_request("GET", part.link, headers=part.headers())
        request.headers.pop("x-api-key", None)
        try:
            response = await self._http.send(request, stream=True)
            try:
                if not response.is_success:
                    await response.aread()
                    return part.failure_of(response)
                with part.open(response) as file:
                    async for chunk in response.aiter_raw():
                        file.write(chunk)
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            return error
        return None

    async def _exchange(self, request: Request) -> Any:
        """Return the decoded answer of a request, which is repeated as the policy says."""
        attempts = Attempts(self._retries)
        while True:
            outcome = await self._attempt(request)
            if isinstance(outcome, httpx.Response):
                return document_of(outcome)
            if (delay := attempts.delay_after(outcome)) is None:
                raise error_to_raise(outcome, self.url)
            await asyncio.sleep(delay)

    async def _attempt(self, request: Request) -> httpx.Response | Outcome:
        try:
            response = await self._http.request(**message_of(request))
        except httpx.TransportError as error:
            return error
        return failure_of(response) or response

    accuracy = _asynchronous(_operations.accuracy)
    accuracy_by_series = _asynchronous(_operations.accuracy_by_series)
    batch = _asynchronous(_batches.batch)
    batch_frame = _asynchronous(_batch_frames.batch_frame)
    caller = _asynchronous(_operations.caller)
    delete_export = _asynchronous(_exports.delete_export)
    download_export = _asynchronous(_exports.download_export)
    exceptions = _asynchronous(_operations.exceptions)
    export = _asynchronous(_exports.export)
    exports = _asynchronous(_exports.exports)
    explain = _asynchronous(_operations.explain)
    forecast = _asynchronous(_operations.forecast)
    health = _asynchronous(_operations.health)
    hierarchy = _asynchronous(_operations.hierarchy)
    historical = _asynchronous(_operations.historical)
    meta = _asynchronous(_operations.meta)
    model_metrics = _asynchronous(_operations.model_metrics)
    override = _asynchronous(_overrides.override)
    overrides = _asynchronous(_overrides.overrides)
    predict = _asynchronous(_operations.predict)
    wait_for_export = _asynchronous(_exports.wait_for_export)
    whatif = _asynchronous(_operations.whatif)
    year_before = _asynchronous(_operations.year_before)
    withdraw_override = _asynchronous(_overrides.withdraw_override)
