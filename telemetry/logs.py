"""One JSON object a line on standard error, each with the id of its request."""

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
    """Send our own log lines, and what libraries log, to standard error in one shape.

    Our own are written by structlog alone, a tenth of the way through `logging`, which costs more
    than the rest of a short request; libraries' come through one formatter. So do warnings, and
    exceptions that nothing catches, in whatever thread.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(json_formatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # uvicorn writes a line a request unless its logger has nowhere to send it
    logging.getLogger("uvicorn.access").propagate = False
    out = sys.stderr.buffer
    structlog.configure(
        processors=[*_SHARED, structlog.processors.JSONRenderer(serializer=_line)],
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
    """Return what formats records of `logging` as our own lines are."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(
                serializer=lambda event, **options: _line(event, **options).decode()
            ),
        ],
    )


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    problem = (kind, error or kind(), trace)
    structlog.get_logger(__name__).critical("uncaught_exception", exc_info=problem)


def _line(event: Any, **options: Any) -> bytes:
    try:
        return orjson.dumps(event, **options)
    except TypeError:  # what is no UTF-8, such as the name of a file, or larger than 64 bits
        return json.dumps(event, **options).encode()
