"""docs/reference/configuration.md lists exactly the variables that the settings read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import Field

from config.opentelemetry import OpenTelemetrySettings
from config.reference import DOCUMENT, ENVIRONMENTS, complete_environment, document, variables
from config.settings import SecretManager, Settings
from config.topics import ClusterSettings, TrackingSettings

CLASSES = (Settings, SecretManager, TrackingSettings, ClusterSettings, OpenTelemetrySettings)
PAGE = DOCUMENT.read_text(encoding="utf-8")


def test_the_page_is_the_generated_one() -> None:
    assert document() == PAGE, "`make docs` writes it anew"


def test_every_variable_that_is_read_is_a_row_of_the_page() -> None:
    cells = re.findall(r"^\| (`[A-Z_]+`(?: or `[A-Z_]+`)?) \|(?=.*\|.*\|)", PAGE, re.MULTILINE)
    documented = [name for cell in cells for name in re.findall(r"[A-Z_]{2,}", cell)]
    read = [name.upper() for cls in CLASSES for name in cls.model_fields]
    files = [f"{name}_FILE" for cls in CLASSES for name in cls.secrets()]
    assert sorted(name for name in documented if name != "SECRETS_FROM") == sorted(
        name for name in [*read, *files] if name != "SECRETS_FROM"
    )
    assert "SECRETS_FROM" in documented


def test_the_variables_match_the_fields() -> None:
    assert len(variables()) == len(set(variables()))
    assert {"PORT", "API_KEY", "API_KEY_FILE", "SECRETS_FROM", "VAULT_TOKEN_FILE"} <= {*variables()}


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(
            "| `PORT` | whole number, at least 1, at most 65535 | `3000` | Port that `mlrf serve` "
            "binds. |",
            id="bounds",
        ),
        pytest.param("| `RUNNERS` | `inproc`, `remote` | `inproc` | `inproc`: model", id="choice"),
        pytest.param("| `API_KEY` or `API_KEY_FILE` | secret |  | One key", id="secret"),
        pytest.param("| `BODY_TIMEOUT_SECONDS` | number, above 0 | `10.0` |", id="number"),
        pytest.param("| `TLS_IN_FRONT` | `true` or `false` | `false` |", id="truth"),
        pytest.param("| `TRUSTED_PROXIES` | list |  |", id="empty list"),
        pytest.param("| `TIERS` | JSON object | [below](#tiers) |", id="object"),
        pytest.param("| `basic` | 1000 | 3600 | 100 |", id="tier"),
        pytest.param("| `unlimited` | no limit |  |  |", id="tier without a limit"),
        pytest.param("| `ARTIFACTS_DIR` | path | `<checkout>/models/artifacts` |", id="path"),
    ],
)
def test_a_row_states_allowed_values_and_the_default(row: str) -> None:
    assert f"\n{row}" in document()


class WithNewSetting(Settings):
    """The settings, with one more."""

    new_seconds: float = Field(5.0, gt=0, description="Time for something new.")


def test_a_new_setting_is_a_field_and_its_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe of CONTRIBUTING.md: everything else follows from the field."""
    monkeypatch.setenv("NEW_SECONDS", "7")
    assert WithNewSetting().new_seconds == 7
    row = "\n| `NEW_SECONDS` | number, above 0 | `5.0` | Time for something new. |\n"
    assert row in document(WithNewSetting)
    for path in ENVIRONMENTS:
        text = path.read_text(encoding="utf-8")
        assert complete_environment(text, WithNewSetting) == f"{text}NEW_SECONDS=5.0\n"


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.parent.name)
def test_a_file_of_settings_mentions_every_setting_once(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert complete_environment(text) == text
