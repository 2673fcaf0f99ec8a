"""Makes every error one shape: application/problem+json (RFC 9457).

Problems that are raised inside are rendered; an unexpected exception becomes an INTERNAL_ERROR
that tells the caller nothing but the request's id; an error that a framework inside wrote in its
own way (BentoML's JSON lists and plain texts) is replaced, its status kept.
"""

from __future__ import annotations

import orjson
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import Code, Problem, code_of_status
from middleware.request_id import request_id_of
from storage.keys import masked

MEDIA_TYPE = "application/problem+json"
_PATH_CHARACTERS = 1024
_KEPT_HEADERS = ("allow", "retry-after", "www-authenticate")
_FOREIGN_DETAIL = {
    Code.NOT_FOUND: "There is no such path; /hierarchy and /predict/simple are two that exist.",
    Code.METHOD_NOT_ALLOWED: "This path does not answer {method}; see the Allow header.",
    Code.MODEL_UNAVAILABLE: "The service cannot answer now; /health says why.",
    Code.TIMEOUT: "The answer was not ready in time; ask for less, or try again later.",
    Code.RATE_LIMITED: "Too many requests are being answered at once; try again shortly.",
}

_log = structlog.get_logger(__name__)


class ProblemMiddleware:
    """Renders the errors of the application inside; needs `RequestIdMiddleware` around it."""

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
                _log.error("request_failed", code=problem.code.name, exc_info=problem, **_of(scope))
            if responder.started:
                raise
            await responder.fail(problem)
            problem.as_value()
        except Exception:
            _log.exception("request_failed", **_of(scope))
            if responder.started:
                raise  # half an answer is out: only closing the connection tells the caller
            await responder.fail(
                Problem(
                    Code.INTERNAL_ERROR,
                    "Something failed here; the operator finds it in the log by the request's id.",
                )
            )


def _of(scope: Scope) -> dict[str, str]:
    return {"method": scope["method"], "path": masked(scope["path"])}


class _Responder:
    """The answer to one request: passes it on, or replaces a foreign error."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._replaced = False
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = Headers(raw=list(message.get("headers", ())))
            is_problem = headers.get("content-type", "").startswith(MEDIA_TYPE)
            if message["status"] >= 400 and not is_problem:
                self._replaced = True
                await self.fail(self._foreign(message["status"], headers), message["status"])
                return
            self.started = True
        if not self._replaced:
            await self._send(message)

    async def fail(self, problem: Problem, status: int | None = None) -> None:
        self.started = True
        document = problem.document(
            instance=self._scope["path"][:_PATH_CHARACTERS],
            request_id=request_id_of(self._scope),
        )
        if status is not None and status != 422:  # 422 is what frameworks say for our 400
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

    def _foreign(self, status: int, headers: Headers) -> Problem:
        code = code_of_status(status)
        detail = _FOREIGN_DETAIL.get(code, f"{code.title}.").format(method=self._scope["method"])
        kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
        return Problem(code, detail, headers=kept)
