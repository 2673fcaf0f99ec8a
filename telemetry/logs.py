"""Structured logs: one JSON object a line on standard error, with the ids of its request."""

from __future__ import annotations

import logging
import sys
import threading
from contextvars import ContextVar
from types import TracebackType

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from telemetry import spans
from telemetry.json_lines import serialize_event
from telemetry.request_log import request_log

current_request_id: ContextVar[str] = ContextVar("current_request_id")
"""Id of the request that the current task answers; every line that it logs has it."""


def _add_request_id(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    request_id = current_request_id.get(None)
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


def _add_trace_ids(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    return {**spans.log_fields(), **event} if spans.is_on() else event


_SHARED: tuple[Processor, ...] = (
    _add_request_id,
    _add_trace_ids,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)


def configure_logging(level: str) -> None:
    """Send our own log lines and those of libraries to standard error in one format.

    Our own are written by structlog without `logging`, which takes ten times as long: more than
    the rest of a short request. Those of libraries, warnings, and uncaught exceptions
    of any thread go through one formatter.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(json_formatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # uvicorn writes a line a request, unless its logger has no handler
    logging.getLogger("uvicorn.access").propagate = False
    # httpx writes the address of each request, and that of a webhook may be a secret
    for library in ("httpx", "httpcore"):
        logging.getLogger(library).setLevel(max(logging.WARNING, root.level))
    out = sys.stderr.buffer
    structlog.configure(
        processors=[*_SHARED, structlog.processors.JSONRenderer(serializer=serialize_event)],
        logger_factory=lambda *name: structlog.BytesLogger(out, name=name[0] if name else None),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
    request_log.configure(structlog.BytesLogger(out).msg, logging.getLevelName(level))
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    sys.unraisablehook = lambda what: _log_uncaught(
        what.exc_type, what.exc_value, what.exc_traceback
    )
    threading.excepthook = lambda what: _log_uncaught(
        what.exc_type, what.exc_value, what.exc_traceback
    )


def json_formatter() -> logging.Formatter:
    """Return a formatter that gives records of `logging` the format of our own lines."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(
                serializer=lambda event, **options: serialize_event(event, **options).decode()
            ),
        ],
    )


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    problem = (kind, error or kind(), trace)
    structlog.get_logger(__name__).critical("uncaught_exception", exc_info=problem)
