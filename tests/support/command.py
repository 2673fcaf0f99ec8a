"""The `mlrf` command, run in the process of a test or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from cli import main as command
from config.opentelemetry import OpenTelemetrySettings
from config.paths import ROOT
from config.settings import Settings, get_settings
from config.topics import ClusterSettings, TrackingSettings


@dataclass(frozen=True)
class CommandResult:
    """The exit status and output of a command."""

    status: object
    out: str
    err: str

    @property
    def error_line(self) -> str:
        """The one line of standard error that gives the reason."""
        assert self.status in (command.FAILED, command.UNAVAILABLE)
        assert "Traceback" not in self.err
        assert self.err.count("mlrf: ") == 1
        last = self.err.rstrip().splitlines()[-1]
        assert last.startswith("mlrf: ")
        return last


Run = Callable[..., CommandResult]


@contextmanager
def logging_as_before() -> Iterator[None]:
    """Undo what a command configures of structlog in the process of the tests."""
    configured, before = structlog.is_configured(), structlog.get_config()
    try:
        yield
    finally:
        if configured:
            structlog.configure(**before)
        else:
            structlog.reset_defaults()


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `mlrf` with arguments."""

    def run(*arguments: object) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["mlrf", *map(str, arguments)])
        monkeypatch.setenv("LOG_FORMAT", "console")  # JSON would alter the logging of all tests
        with logging_as_before(), pytest.raises(SystemExit) as ended:
            command.main()
        captured = capsys.readouterr()
        return CommandResult(ended.value.code, captured.out, captured.err)

    return run


def set_environment(monkeypatch: pytest.MonkeyPatch, **variables: object) -> None:
    """Replace all settings of the environment by some variables."""
    for cls in (Settings, TrackingSettings, ClusterSettings, OpenTelemetrySettings):
        for name in cls.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
    for name, value in {"COLUMNS": 200, **variables}.items():
        monkeypatch.setenv(name, str(value))
    get_settings.cache_clear()


COMMAND = "from cli.main import main; main()"


def run_command(
    *arguments: str, folder: Path, script: str = COMMAND, **own: str
) -> subprocess.CompletedProcess[str]:
    """Run `mlrf` as a container does: without a terminal, in an environment of its own.

    Args:
        folder: of its database and other state.
        script: to run instead.
        own: environment variables.
    """
    names = {name.upper() for name in Settings.model_fields}
    inherited = {name: text for name, text in os.environ.items() if name not in names}
    environment = {
        **inherited,
        "PYTHONPATH": str(ROOT),
        "BENTOML_HOME": str(folder / "bentoml"),
        "DATABASE_URL": f"sqlite:///{folder}/mlrf.db",
        **own,
    }
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
