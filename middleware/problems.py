"""Rendering of every error as application/problem+json (RFC 9457).

Problems raised by the inner application are rendered. An unexpected exception becomes an
INTERNAL_ERROR that reveals only the request's id. An error response of an inner framework
(BentoML's JSON lists and plain texts) is replaced, with its status.
"""

from __future__ import annotations

import orjson
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import Code, Problem, code_of_status
from middleware.context import context_of
from storage.keys import mask_keys
from telemetry import metrics, spans

MEDIA_TYPE = "application/problem+json"
_PATH_CHARACTERS = 1024
_PRESERVED_HEADERS = ("allow", "retry-after", "www-authenticate")
_FOREIGN_DETAIL = {
    Code.NOT_FOUND: "There is no such path; /hierarchy and /predict/simple are two that exist.",
    Code.METHOD_NOT_ALLOWED: "This path does not answer {method}; see the Allow header.",
    Code.MODEL_UNAVAILABLE: "The service cannot answer now; /health says why.",
    Code.TIMEOUT: "The answer was not ready in time; ask for less, or try again later.",
    Code.RATE_LIMITED: "Too many requests are being answered at once; try again shortly.",
}

_log = structlog.get_logger(__name__)


class ProblemMiddleware:
    """Middleware that renders errors as problems; needs `RequestIdMiddleware` around it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        responder = _Responder(scope, send)
        try:
            await self.app(scope, receive, responder.send)
        except Problem as problem:
            if problem.code.status == 500:
                _log.error(
                    "request_failed",
                    code=problem.code.name,
                    exc_info=problem,
                    **_request_fields(scope),
                )
            if responder.started:
                raise
            await responder.fail(problem)
            problem.as_value()
        except Exception:
            _log.exception("request_failed", **_request_fields(scope))
            if responder.started:
                raise  # the response has started: only a closed connection signals the error
            await responder.fail(
                Problem(
                    Code.INTERNAL_ERROR,
                    "Something failed here; the operator finds it in the log by the request's id.",
                )
            )


def _request_fields(scope: Scope) -> dict[str, str]:
    return {"method": scope["method"], "path": mask_keys(scope["path"])}


class _Responder:
    """Response to one request, passed on unless it is an error that is no problem document."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._replaced = False
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] >= 400 and await self._replace_foreign(message):
                return
            self.started = True
        if not self._replaced:
            await self._send(message)

    async def fail(self, problem: Problem, status: int | None = None) -> None:
        self.started = True
        metrics.PROBLEMS.add(problem.code.name)
        document = problem.document(
            instance=self._scope["path"][:_PATH_CHARACTERS],
            request_id=context_of(self._scope).request_id,
            trace_id=None if (ids := spans.current().ids) is None else ids.trace,
        )
        if status is not None and status != 422:  # frameworks send 422 where this API sends 400
            document["status"] = status
        body = orjson.dumps(document)
        headers = MutableHeaders(
            {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **problem.headers}
        )
        await self._send(
            {
                "type": "http.response.start",
                "status": document["status"],
                "headers": headers.raw,
            }
        )
        await self._send({"type": "http.response.body", "body": body})

    async def _replace_foreign(self, start: Message) -> bool:
        """Replace an error that is no problem document; return whether it was one."""
        headers = Headers(raw=list(start.get("headers", ())))
        if headers.get("content-type", "").startswith(MEDIA_TYPE):
            return False
        self._replaced = True
        await self.fail(self._problem_of(start["status"], headers), start["status"])
        return True

    def _problem_of(self, status: int, headers: Headers) -> Problem:
        code = code_of_status(status)
        detail = _FOREIGN_DETAIL.get(code, f"{code.title}.").format(method=self._scope["method"])
        preserved = {name: headers[name] for name in _PRESERVED_HEADERS if name in headers}
        return Problem(code, detail, headers=preserved)
