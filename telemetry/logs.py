"""Structured logs: one JSON object a line on standard error, with the id of its request."""

from __future__ import annotations

import json
import logging
import sys
import threading
from types import TracebackType
from typing import Any

import orjson
import structlog

_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)


def configure_logging(level: str) -> None:
    """Send our own log lines and those of libraries to standard error in one format.

    Our own are written by structlog alone, at a tenth of the cost of `logging`, which would cost
    more than the rest of a short request. Those of libraries, warnings, and uncaught exceptions
    of any thread go through one formatter.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(json_formatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # uvicorn writes a line a request, unless its logger has no handler
    logging.getLogger("uvicorn.access").propagate = False
    out = sys.stderr.buffer
    structlog.configure(
        processors=[*_SHARED, structlog.processors.JSONRenderer(serializer=_serialize_event)],
        logger_factory=lambda *name: structlog.BytesLogger(out, name=name[0] if name else None),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
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
                serializer=lambda event, **options: _serialize_event(event, **options).decode()
            ),
        ],
    )


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    problem = (kind, error or kind(), trace)
    structlog.get_logger(__name__).critical("uncaught_exception", exc_info=problem)


def _serialize_event(event: Any, **options: Any) -> bytes:
    try:
        return orjson.dumps(event, **options)
    except TypeError:  # text that is not UTF-8, such as a file name, or an integer above 64 bits
        return json.dumps(event, **options).encode()
