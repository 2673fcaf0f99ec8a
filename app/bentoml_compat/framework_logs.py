"""Log lines of BentoML, uvicorn and circus in this service's JSON format, on standard error.

BentoML configures `logging` from a dictionary, in the supervisor after it has imported the
service and in each worker before that. So the dictionary is altered for later configurations, and
the loggers for earlier ones: both end at the only handler, that of the root logger.
"""

from __future__ import annotations

import logging
from typing import Any

from telemetry.logs import json_formatter

_HANDLER = "json"


def log_framework_as_json(configuration: dict[str, Any]) -> None:
    """Make the framework log JSON, now and after it configures logging again.

    Args:
        configuration: the dictionary that it configures `logging` from, which is altered.
    """
    configuration["disable_existing_loggers"] = False
    configuration["formatters"] = {_HANDLER: {"()": json_formatter}}
    configuration["filters"] = {}
    configuration["handlers"] = {
        _HANDLER: {
            "class": "logging.StreamHandler",
            "formatter": _HANDLER,
            "stream": "ext://sys.stderr",
        }
    }
    configuration["root"]["handlers"] = [_HANDLER]
    for name, of_logger in configuration["loggers"].items():
        of_logger.update(handlers=[], propagate=True)
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
