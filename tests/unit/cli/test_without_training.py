"""The command where `training` is not, as in the image that serves."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

import cli
from settings import get_settings


class Replaced(Exception):
    """Stands for the process that becomes the server."""


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
def test_it_says_which_image_trains(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mlrf", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("mlrf: this image serves")
    assert "mlrf-train" in line


def test_it_serves_without_a_model_until_there_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty volume is no reason to end: the server follows CURRENT."""

    def replace(path: str, command: list[str]) -> NoReturn:
        raise Replaced(" ".join(command))

    monkeypatch.setattr(os, "execv", replace)
    monkeypatch.setattr(sys, "argv", ["mlrf", "serve"])
    with pytest.raises(Replaced, match="bentoml serve service:MLRF"):
        cli.main()
    assert "no model" in capsys.readouterr().err


def test_another_module_that_is_missing_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "storage.migrations", None)
    monkeypatch.setattr(sys, "argv", ["mlrf", "migrate"])
    with pytest.raises(ModuleNotFoundError):
        cli.main()
