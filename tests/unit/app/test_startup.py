"""Preparation of a server: whether it executes jobs itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.startup import starts_runner
from config.settings import Settings


def settings_of(folder: Path, **values: Any) -> Settings:
    return Settings(artifacts_dir=folder / "artifacts", **values)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore what a test sets for child processes."""
    for name in ("ARTIFACTS_DIR", "DATA_DIR"):
        monkeypatch.setenv(name, "")


def test_a_server_with_tables_and_writable_artifacts_executes_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runner, which has another working directory, gets absolute paths."""
    monkeypatch.chdir(tmp_path)
    assert starts_runner(settings_of(Path(), data_dir=Path("data")))
    assert os.environ["ARTIFACTS_DIR"] == str(tmp_path / "artifacts")
    assert os.environ["DATA_DIR"] == str(tmp_path / "data")


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="no tables"),
        pytest.param({"data_dir": Path("/tmp"), "job_runner": False}, id="switched off"),
    ],
)
def test_a_server_that_is_not_to_executes_none(tmp_path: Path, values: dict[str, Any]) -> None:
    with capture_logs() as lines:
        assert not starts_runner(settings_of(tmp_path, **values))
    assert lines == []


def test_a_server_with_read_only_artifacts_says_what_executes_jobs(tmp_path: Path) -> None:
    (tmp_path / "artifacts").touch()  # as root, every folder can be written
    with capture_logs() as lines:
        assert not starts_runner(settings_of(tmp_path, data_dir=tmp_path))
    (line,) = lines
    assert line["event"] == "runner_not_started"
    assert "`mlrf work`" in line["reason"]
