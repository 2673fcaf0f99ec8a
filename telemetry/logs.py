"""Structured logs on standard error, with the ids of their request.

One JSON object a line; on a terminal, text for a person.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from telemetry import spans
from telemetry.console_lines import render_for_console
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


def writes_json(log_format: str) -> bool:
    """Return whether lines of a format are JSON: those of `auto` are unless a terminal shows them.

    Args:
        log_format: `auto`, `json` or `console`.
    """
    return log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())


def configure_logging(level: str, log_format: str = "auto") -> None:
    """Send our own log lines and those of libraries to standard error in one format.

    Our own are written by structlog without `logging`, which takes ten times as long: more than
    the rest of a short request. Those of libraries, warnings, and uncaught exceptions
    of any thread go through one formatter.

    Args:
        level: least severe one of the lines that are written.
        log_format: as in `writes_json`.
    """
    render = serialize_event if writes_json(log_format) else render_for_console
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(library_formatter(render))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # uvicorn writes a line a request, unless its logger has no handler
    logging.getLogger("uvicorn.access").propagate = False
    # plugins of Alembic, by name, whenever it is imported
    logging.getLogger("alembic.runtime.plugins").setLevel(max(logging.WARNING, root.level))
    # httpx writes the address of each request, and that of a webhook may be a secret
    for library in ("httpx", "httpcore"):
        logging.getLogger(library).setLevel(max(logging.WARNING, root.level))
    out = sys.stderr.buffer
    structlog.configure(
        processors=[*_SHARED, structlog.processors.JSONRenderer(serializer=render)],
        logger_factory=lambda *name: structlog.BytesLogger(out, name=name[0] if name else None),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
    request_log.configure(structlog.BytesLogger(out).msg, logging.getLevelName(level), render)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    sys.unraisablehook = lambda what: _log_uncaught(
        what.exc_type, what.exc_value, what.exc_traceback
    )
    threading.excepthook = lambda what: _log_uncaught(
        what.exc_type, what.exc_value, what.exc_traceback
    )


def show_only_warnings() -> None:
    """Write our own warnings and errors as text to standard error, and no other events."""
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.dev.ConsoleRenderer()],
        logger_factory=lambda *name: structlog.PrintLogger(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=False,
    )


@contextmanager
def refusals_logged(log_format: str) -> Iterator[None]:
    """Log why a process refuses to start, if its lines are JSON; it ends with status 1 then.

    Python prints the text of a `SystemExit` as it is.
    """
    try:
        yield
    except SystemExit as end:
        if not (isinstance(end.code, str) and writes_json(log_format)):
            raise
        configure_logging("INFO", log_format)
        structlog.get_logger(__name__).critical(
            "start_refused", reason=end.code.removeprefix("mlrf: ")
        )
        raise SystemExit(1) from None


def library_formatter(render: Callable[..., bytes]) -> logging.Formatter:
    """Return a formatter that gives records of `logging` the format of our own lines.

    Args:
        render: makes a line of an event.
    """
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(
                serializer=lambda event, **options: render(event, **options).decode()
            ),
        ],
    )


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    problem = (kind, error or kind(), trace)
    structlog.get_logger(__name__).critical("uncaught_exception", exc_info=problem)
