"""Preparation of a process of the service: settings, environment, logging.

It runs when BentoML imports `service`, before BentoML starts anything.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from api.dashboard.build import FOLDER, is_built
from app.bentoml_compat.framework_logs import unify_framework_logs
from config.opentelemetry import OpenTelemetrySettings
from config.settings import Settings, describe_faults, get_log_settings, get_settings
from storage.artifacts import UnwritableError
from telemetry.logs import configure_logging, refusals_logged

RUNNER = "app.runner"
"""Module that executes jobs, in a process of its own: workers do not load it."""

_log = structlog.get_logger(__name__)


def prepare_process(framework_logging: dict[str, Any]) -> Settings:
    """Read the settings, and set up logging and the libraries; return the settings.

    BentoML needs the settings when it imports the service: they are arguments of its decorators.

    Args:
        framework_logging: the dictionary that BentoML configures `logging` from; it is altered.

    Raises:
        SystemExit: a setting is wrong; in the supervisor also, no caller could be answered, or a
            library is missing.
    """
    with refusals_logged(get_log_settings().log_format):
        return _prepare_process(framework_logging)


def _prepare_process(framework_logging: dict[str, Any]) -> Settings:
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")  # no telemetry to third parties
    # inherited by the workers: on a busy machine, waking a second thread takes far longer than the
    # matrix products of a request
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # uvicorn must not evaluate X-Forwarded-For, which may be forged; `middleware.address` does
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    try:
        settings = get_settings()
        telemetry = OpenTelemetrySettings()
    except ValidationError as wrong:  # one line that names the variable, as in the `mlrf` command
        raise SystemExit(f"mlrf: {describe_faults(wrong)}") from None
    configure_logging(settings.log_level, settings.log_format)
    unify_framework_logs(framework_logging)
    if is_supervisor():  # only here: an error in a worker would not stop the supervisor
        from app.admission import refuse_open_server  # a worker needs neither of them
        from app.bentoml_compat import supervisor

        refuse_open_server(settings)
        for missing in (settings.missing_extra, telemetry.missing_extra):
            if missing is not None:
                raise SystemExit(f"mlrf: {missing}")
        note_missing_dashboard(FOLDER)
        supervisor.install([RUNNER] if starts_runner(settings) else [])
    return settings


def is_supervisor() -> bool:
    """Return whether this process is `bentoml serve`, which starts the workers."""
    return sys.argv[1:2] == ["serve"]


def starts_runner(settings: Settings) -> bool:
    """Return whether this server executes jobs itself, and prepare the environment of its runner.

    If it was to, and cannot, that is logged.
    """
    if settings.data_dir is None or not settings.job_runner:
        return False
    try:
        settings.store.check_writable()
    except UnwritableError as error:
        _log.info(
            "runner_not_started",
            reason=f"{error}: run `mlrf work` where it can be written, with the same DATABASE_URL",
        )
        return False
    # inherited by the runner, which has another working directory
    os.environ["ARTIFACTS_DIR"] = str(settings.artifacts_dir.resolve())
    os.environ["DATA_DIR"] = str(settings.data_dir.resolve())
    return True


def note_missing_dashboard(folder: Path) -> None:
    """Log that the server has no pages for planners, if the dashboard was not built."""
    if not is_built(folder):
        _log.info(
            "dashboard_missing",
            reason="the dashboard was not built, so only the API is served: run `make dashboard`, "
            "then start again",
        )
