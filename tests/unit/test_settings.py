"""Settings: one per environment variable, checked once, and then fixed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from artifacts import Store
from settings import ROOT, LogLevel, Runners, Settings, get_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)


def test_defaults_serve_one_machine_on_loopback() -> None:
    assert Settings().model_dump() == {
        "artifacts_dir": ROOT / "models" / "artifacts",
        "host": "127.0.0.1",
        "port": 3000,
        "workers": 1,
        "runners": Runners.INPROC,
        "graceful_shutdown_seconds": 20,
        "log_level": LogLevel.INFO,
    }


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("ARTIFACTS_DIR", "/srv/artifacts", Path("/srv/artifacts")),
        ("HOST", "0.0.0.0", "0.0.0.0"),
        ("PORT", "8080", 8080),
        ("WORKERS", "4", 4),
        ("RUNNERS", "remote", Runners.REMOTE),
        ("GRACEFUL_SHUTDOWN_SECONDS", "5", 5),
        ("LOG_LEVEL", "DEBUG", LogLevel.DEBUG),
    ],
)
def test_a_variable_sets_the_setting_of_its_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, value: object
) -> None:
    monkeypatch.setenv(variable, text)
    changed = {**Settings.model_construct().model_dump(), variable.lower(): value}
    assert Settings().model_dump() == changed


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("WORKERS", "0"),
        ("WORKERS", "1.5"),
        ("RUNNERS", "threads"),
        ("GRACEFUL_SHUTDOWN_SECONDS", "0"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(ValidationError) as refusal:
        Settings()
    assert [error["loc"] for error in refusal.value.errors()] == [(variable.lower(),)]


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `export PORT` in a Makefile leaves it."""
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), "")
    assert Settings() == Settings.model_construct()


def test_variables_of_others_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLRF_UNKNOWN", "1")
    assert Settings() == Settings.model_construct()


def test_settings_cannot_be_altered() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 8080  # type: ignore[misc]


def test_the_store_lies_in_the_artifacts_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path))
    assert Settings().store == Store(tmp_path)


def test_a_process_reads_its_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    get_settings.cache_clear()
    try:
        before = get_settings()
        monkeypatch.setenv("PORT", "8080")
        assert get_settings() is before
    finally:
        get_settings.cache_clear()
