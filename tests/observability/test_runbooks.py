"""Runbooks: a page for each alert, whose commands, routes, metrics and log events exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from api.docs.openapi import openapi
from api.operations import OPERATIONS
from cli.main import app
from config.paths import ROOT
from config.reference import variables
from errors import Code
from telemetry.instruments import DECLARED
from tools.grafana.alerts import alerts
from tools.grafana.dashboard import ROWS

FOLDER = ROOT / "docs" / "runbooks"
INDEX = FOLDER / "README.md"
GENERAL = {"incident.md", "rollback.md", "retraining-failure.md", "data-anomaly.md"}
PAGES = {
    page.name: page.read_text(encoding="utf-8")
    for page in sorted(FOLDER.glob("*.md"))
    if page != INDEX
}
EVERY_PAGE = pytest.mark.parametrize("text", PAGES.values(), ids=PAGES)
OF_ALERTS = {Path(rule["annotations"]["runbook_url"]).name: rule for rule in alerts().values()}

SOURCES = "".join(
    path.read_text(encoding="utf-8")
    for package in ("api", "app", "lifecycle", "middleware", "models", "storage", "telemetry")
    for path in (ROOT / package).rglob("*.py")
)
DRIFT = (ROOT / "docs" / "explanation" / "drift.md").read_text(encoding="utf-8")
JOB_EVENTS = re.compile(r"(reload|training|scoring)_(succeeded|failed)")
"""Log events whose names are made from the kind of a job."""


def test_each_alert_has_a_page_and_each_page_an_alert() -> None:
    assert set(PAGES) == {*OF_ALERTS, *GENERAL}
    assert {rule["annotations"]["runbook_url"] for rule in alerts().values()} == {
        f"docs/runbooks/{name}" for name in OF_ALERTS
    }


def test_the_index_lists_each_page_with_its_severity() -> None:
    text = INDEX.read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\w+)\]\(([\w.-]+)\) \| (\w+) \|", text, re.MULTILINE)
    assert rows == [
        (rule["alert"], name, rule["labels"]["severity"]) for name, rule in OF_ALERTS.items()
    ]
    assert all(f"({name})" in text for name in GENERAL)


@pytest.mark.parametrize(("name", "rule"), OF_ALERTS.items(), ids=OF_ALERTS)
def test_a_page_has_the_parts_of_a_runbook(name: str, rule: dict[str, Any]) -> None:
    text = PAGES[name]
    assert text.startswith(f"# {rule['alert']}\n\nA {rule['labels']['severity']}. ")
    headings = " ".join(re.findall(r"^## (.*)", text, re.MULTILINE)).lower()
    for part in ("what it means", "how to look", "what to do", "when it is over"):
        assert part in headings


def code_of(text: str) -> list[str]:
    """Return what is set as code: words within lines, and the commands of blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    commands = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [
        *re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)),
        *commands,
    ]


def commands_of(group: typer.Typer, prefix: str = "mlrf") -> dict[str, set[str]]:
    """Return the options of each command."""
    command = typer.main.get_command(group)
    return _commands(command, prefix)


def _commands(command: Any, name: str) -> dict[str, set[str]]:
    if hasattr(command, "commands"):
        return {
            key: value
            for child in command.commands.values()
            for key, value in _commands(child, f"{name} {child.name}").items()
        }
    return {name: {option for each in command.params for option in each.opts} | {"--help"}}


COMMANDS = commands_of(app)
PARAMETERS = {
    path: {each["name"] for each in operations.get("get", {}).get("parameters", ())}
    for path, operations in openapi(OPERATIONS)["paths"].items()
}
"""Parameters of the query of each route that is read."""


@EVERY_PAGE
def test_every_command_and_option_exists(text: str) -> None:
    for code in code_of(text):
        if not code.startswith("mlrf "):
            continue
        name = next((each for each in COMMANDS if f"{code} ".startswith(f"{each} ")), None)
        assert name, code
        assert set(re.findall(r"--[\w-]+", code)) <= COMMANDS[name], code


@EVERY_PAGE
def test_every_route_exists(text: str) -> None:
    routes = {(each.method, each.path) for each in OPERATIONS}
    paths = {path for _, path in routes}
    for code in code_of(text):
        if match := re.fullmatch(r"(GET|POST|PUT|DELETE) (/[\w/{}-]*)(\?.*)?", code):
            assert (match[1], match[2]) in routes, code
        elif re.fullmatch(r"/[a-z][\w/{}-]*(\?.*)?", code):
            assert code.partition("?")[0] in paths, code
        for path, query in re.findall(r"(?<!\w)(/[a-z][\w/{}-]*)(?:\?([\w=&]+))?", code):
            if f"127.0.0.1:3000{path}" in code:
                assert path in paths, code
            names = {each.partition("=")[0] for each in query.split("&") if query}
            assert names <= PARAMETERS.get(path, set()), code


@EVERY_PAGE
def test_every_metric_setting_code_and_log_event_exists(text: str) -> None:
    for code in code_of(text):
        if code.startswith("mlrf_"):
            assert code.partition("{")[0] in DECLARED, code
        elif match := re.fullmatch(r"([A-Z]+(?:_[A-Z]+)+)(=\S*)?", code):
            known = {*variables(), *Code.__members__, *(each.value for each in Code)}
            assert match[1] in known | {"MLRF_MEMORY"}, code
        elif re.fullmatch(r"[a-z]+(_[a-z]+)+", code) and not JOB_EVENTS.fullmatch(code):
            known = {"credentials_file", "sloth_slo"}
            assert f'"{code}"' in SOURCES or code in known or f"`{code}`" in DRIFT, code


@EVERY_PAGE
def test_every_panel_exists(text: str) -> None:
    titles = {panel.title for panels in ROWS.values() for panel in panels}
    known = titles | set(ROWS) | {"Targets", "Monitoring", "WAPE"}
    assert set(re.findall(r"(?<![*\w])\*([A-Z][^*]+)\*(?!\*)", text)) <= known
