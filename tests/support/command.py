"""The `mlrf` command, run in the process of a test."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cli import main as command
from config.opentelemetry import OpenTelemetrySettings
from config.settings import Settings, get_settings
from config.topics import TrackingSettings


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


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `mlrf` with arguments."""

    def run(*arguments: object) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["mlrf", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            command.main()
        captured = capsys.readouterr()
        return CommandResult(ended.value.code, captured.out, captured.err)

    return run


def set_environment(monkeypatch: pytest.MonkeyPatch, **variables: object) -> None:
    """Replace all settings of the environment by some variables."""
    for cls in (Settings, TrackingSettings, OpenTelemetrySettings):
        for name in cls.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
    for name, value in {"COLUMNS": 200, **variables}.items():
        monkeypatch.setenv(name, str(value))
    get_settings.cache_clear()
