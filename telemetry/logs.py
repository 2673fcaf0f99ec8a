"""One JSON object a line on standard error, each with the id of its request."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import orjson
import structlog


def configure_logging(level: str) -> None:
    """Send our own log lines, and what libraries log, to standard error in one shape.

    Our own are written by structlog alone, a tenth of the way through `logging`, which costs more
    than the rest of a short request; libraries' come through one formatter.
    """
    shared: tuple[structlog.typing.Processor, ...] = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(
                serializer=lambda event, **options: _line(event, **options).decode()
            ),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # uvicorn writes a line a request unless its logger has nowhere to send it
    logging.getLogger("uvicorn.access").propagate = False
    out = sys.stderr.buffer
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_line)],
        logger_factory=lambda *name: structlog.BytesLogger(out, name=name[0] if name else None),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )


def _line(event: Any, **options: Any) -> bytes:
    try:
        return orjson.dumps(event, **options)
    except TypeError:  # what is no UTF-8, such as the name of a file, or larger than 64 bits
        return json.dumps(event, **options).encode()
