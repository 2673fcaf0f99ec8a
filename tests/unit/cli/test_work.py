"""`mlrf work`: a runner of jobs without a server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.command import Run, set_environment

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture(autouse=True)
def executed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have replaced the process of the test."""
    commands: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda path, command: commands.append(command))
    return commands


def test_it_replaces_itself_with_the_runner_and_tells_it_absolute_paths(
    run: Run, executed: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    set_environment(monkeypatch, ARTIFACTS_DIR="artifacts", DATA_DIR="data")
    assert "with trainings" in run("work").err
    assert executed == [[sys.executable, "-m", "app.runner"]]
    assert os.environ["ARTIFACTS_DIR"] == str(tmp_path / "artifacts")
    assert os.environ["DATA_DIR"] == str(tmp_path / "data")


def test_without_a_folder_of_tables_it_does_not_start(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, ARTIFACTS_DIR=tmp_path)
    assert run("work").error_line.startswith("mlrf: DATA_DIR: ")
