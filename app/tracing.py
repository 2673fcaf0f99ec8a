"""Export of traces by the processes of a server, from their start to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from app.lifespan import ended_before
from config.opentelemetry import OpenTelemetrySettings
from config.version import __version__
from telemetry import spans

if TYPE_CHECKING:
    from telemetry.otlp import Export


class Telemetry:
    """Export by OTLP of one process; of nothing, unless a variable of OpenTelemetry turns it on.

    Args:
        process: `worker`, or the name of a runner.
    """

    def __init__(self, process: str) -> None:
        settings = OpenTelemetrySettings()
        self._export: Export | None = None
        if settings.traces is not None or settings.metrics is not None:
            from telemetry import otlp  # its libraries take memory, and may not be installed

            self._export = otlp.start(
                service=settings.otel_service_name,
                version=__version__,
                process=process,
                traces=settings.traces,
                metrics=settings.metrics,
            )

    async def stop(self) -> None:
        """Export what is left, within a bound."""
        export, self._export = self._export, None
        if export is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(export.stop)


class RunnerTracing:
    """Middleware of a runner in a process of its own: continues the traces of its workers.

    BentoML's client sends `traceparent` with each call. A call of a trace that is not recorded has
    no span, and neither has a probe.

    Args:
        runner: name of the runner.
    """

    def __init__(self, app: ASGIApp, runner: str) -> None:
        self.app = app
        self._runner = runner
        self._telemetry = Telemetry(runner)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            async with ended_before(send) as hold:
                await self.app(scope, receive, hold)
                await self._telemetry.stop()
            return
        headers = scope["headers"] if spans.is_on() and scope["type"] == "http" else ()
        if not any(name == b"traceparent" for name, _ in headers):
            await self.app(scope, receive, send)
            return
        with spans.open_request(self._runner, headers, {"mlrf.runner": self._runner}):
            await self.app(scope, receive, send)
