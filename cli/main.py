"""The `mlrf` command: its subcommands, and errors as one line for the user."""

from __future__ import annotations

import sys
from typing import NoReturn

import structlog
import typer
from pydantic import ValidationError

from cli import events, feedback, keys, models, rollout
from cli.check import check
from cli.database import migrate
from cli.evaluation import backtest, benchmark, card, reconcile_study, seal
from cli.inputs import without_training
from cli.look import init, look
from cli.model import demo, forecast, train
from cli.monitoring import score, validate
from cli.preflight import PreflightError
from cli.progress import err
from cli.refresh import BusyError, refresh
from cli.server_probes import check_server, latency
from cli.serving import serve
from cli.work import work
from config.settings import describe_faults, get_log_settings
from config.topics import LogFormat
from errors import InputError
from storage.artifacts import ArtifactError
from storage.errors import StorageError
from telemetry.logs import configure_logging, show_only_warnings, writes_json

FAILED, UNAVAILABLE = 1, 75
"""Exit statuses: something has to be changed first; or it may work later (EX_TEMPFAIL)."""

app = typer.Typer(
    help="Coherent sales forecasts for a retail hierarchy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    serve,
    work,
    look,
    init,
    check,
    train,
    refresh,
    score,
    validate,
    backtest,
    seal,
    card,
    benchmark,
    forecast,
    reconcile_study,
    demo,
    migrate,
    models.prune,
    check_server,
    latency,
):
    app.command()(command)
app.add_typer(keys.app, name="keys")
app.add_typer(events.app, name="events")
app.add_typer(feedback.app, name="feedback")
rollout.add_commands(models.app)
app.add_typer(models.app, name="models")


SERVERS = ("serve", "work")
"""Commands that run until they are stopped: their log is JSON wherever no terminal shows it."""


def main() -> None:
    """Run the command line; print errors that the user can fix as one line, not a traceback."""
    _configure_output()
    try:
        app()
    except ModuleNotFoundError as error:
        if not without_training(error):
            raise
        _exit_with("this image only serves; to train, use the image mlrf-train")
    except PreflightError as error:
        _exit_with(*error.faults)
    except (BusyError, StorageError) as error:
        _exit_with(_error_message(error), status=UNAVAILABLE)
    except (ArtifactError, InputError, ValidationError) as error:
        _exit_with(_error_message(error))


def _configure_output() -> None:
    """Make every line on standard error JSON where LOG_FORMAT says so."""
    settings = get_log_settings()
    is_server = sys.argv[1:2] and sys.argv[1] in SERVERS
    log_format = settings.log_format
    if log_format is LogFormat.AUTO and not is_server:
        log_format = LogFormat.CONSOLE
    err.as_json = writes_json(log_format)
    if err.as_json:
        configure_logging(settings.log_level, log_format)
    else:
        show_only_warnings()  # sentences say the rest


def _exit_with(*reasons: str, status: int = FAILED) -> NoReturn:
    for reason in reasons if err.as_json else ():
        structlog.get_logger("cli").error(
            "command_failed", command=" ".join(sys.argv[1:2]), status=status, reason=reason
        )
    for reason in () if err.as_json else reasons:
        err.print(f"mlrf: {reason}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(status)


def _error_message(error: Exception) -> str:
    if isinstance(error, ValidationError):  # of the settings
        return describe_faults(error)
    if isinstance(error, StorageError):  # its message contains its cause already
        return f"DATABASE_URL: {error}"
    return f"{error} ({error.__cause__})" if error.__cause__ else str(error)
