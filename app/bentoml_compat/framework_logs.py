"""Log lines of BentoML, uvicorn and circus in the format of our own, on standard error.

BentoML configures `logging` from a dictionary, in the supervisor after it has imported the
service and in each worker before that. So the dictionary is altered for later configurations, and
the loggers for earlier ones: both end at the only handler, that of the root logger.
"""

from __future__ import annotations

import logging
from typing import Any

_HANDLER = "ours"


def unify_framework_logs(configuration: dict[str, Any]) -> None:
    """Make the framework log as the root logger does, now and after it configures logging again.

    Args:
        configuration: the dictionary that it configures `logging` from, which is altered.
    """
    (handler,) = logging.getLogger().handlers
    formatter = handler.formatter
    configuration["disable_existing_loggers"] = False
    configuration["formatters"] = {_HANDLER: {"()": lambda: formatter}}
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
