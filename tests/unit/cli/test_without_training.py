"""The command without the `training` package, as in the serving image."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from cli import main as command
from config.settings import get_settings
from tests.support.command import logging_as_before


class ProcessReplaced(Exception):
    """Raised in place of replacing the process with the server."""


@pytest.fixture(autouse=True)
def without_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in [name for name in sys.modules if name.partition(".")[0] == "training"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "training", None)
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path / "artifacts"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/mlrf.db")
    monkeypatch.setenv("API_KEY", "a-key-of-the-tests-for-nothing-else")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture(autouse=True)
def _text_of_commands(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LOG_FORMAT", "console")
    with logging_as_before():
        yield


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["train"], id="train"),
        pytest.param(["backtest"], id="backtest"),
        pytest.param(["seal"], id="seal"),
        pytest.param(["forecast", "."], id="forecast"),
        pytest.param(["demo", "x"], id="demo"),
    ],
)
def test_the_error_names_the_image_that_trains(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mlrf", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("mlrf: this image only serves")
    assert "mlrf-train" in line


def test_serve_starts_without_a_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server starts with an empty volume and follows CURRENT."""

    def replace(path: str, command: list[str]) -> NoReturn:
        raise ProcessReplaced(" ".join(command))

    monkeypatch.setattr(os, "execv", replace)
    monkeypatch.setattr(sys, "argv", ["mlrf", "serve"])
    with pytest.raises(ProcessReplaced, match="bentoml serve service:MLRF"):
        command.main()
    assert "no model" in capsys.readouterr().err


def test_a_missing_module_of_another_kind_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "storage.migrations", None)
    monkeypatch.setattr(sys, "argv", ["mlrf", "migrate"])
    with pytest.raises(ModuleNotFoundError):
        command.main()
