"""Everything a process writes to standard error is one JSON object a line; text on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from config.paths import ROOT

pytestmark = pytest.mark.slow

_START = "from telemetry.logs import configure_logging; configure_logging('INFO'); "


def lines_of(code: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", _START + code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize(
    ("code", "level", "text"),
    [
        pytest.param(
            "raise ValueError('of the main thread')", "critical", "main thread", id="main"
        ),
        pytest.param(
            "import threading; t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()",
            "critical",
            "ZeroDivisionError",
            id="thread",
        ),
        pytest.param(
            "exec('class A:\\n def __del__(self): raise ValueError(\\'of a finaliser\\')'); A()",
            "critical",
            "of a finaliser",
            id="finaliser",
        ),
        pytest.param(
            "import warnings; warnings.warn('odd', stacklevel=1)", "warning", "odd", id="warning"
        ),
        pytest.param(
            "import logging; logging.getLogger('some.library').error('two\\nlines')",
            "error",
            "two",
            id="library",
        ),
    ],
)
def test_output_of_other_code_is_a_line_of_json(code: str, level: str, text: str) -> None:
    (line,) = lines_of(code)
    assert line["level"] == level
    assert text in json.dumps(line)
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("name", ["bentoml.cli", "uvicorn.error", "circus"])
@pytest.mark.parametrize("again", ["", "bentoml_log.configure_server_logging(); "])
def test_the_framework_logs_as_json_once(name: str, again: str) -> None:
    """It holds whether BentoML configures logging before or after the project."""
    lines = lines_of(
        "import logging, bentoml._internal.log as bentoml_log; "
        "bentoml_log.configure_server_logging(); "
        f"{_START}from app.bentoml_compat.framework_logs import unify_framework_logs; "
        f"unify_framework_logs(bentoml_log.SERVER_LOGGING_CONFIG); {again}"
        f"logging.getLogger('{name}').warning('%s', 'said')"
    )
    records = [(line["level"], line["logger"]) for line in lines if line["event"] == "said"]
    assert records == [("warning", name)]


def test_addresses_that_are_called_are_not_logged() -> None:
    """That of a webhook may be a secret."""
    code = (
        "import http.server, threading, httpx;"
        "server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler);"
        "server.RequestHandlerClass.log_message = lambda *arguments: None;"
        "threading.Thread(target=server.serve_forever, daemon=True).start();"
        "httpx.get(f'http://127.0.0.1:{server.server_port}/secret', trust_env=False)"
    )
    assert lines_of(code) == []


# --- on a terminal ----------------------------------------------------------------------------

_EVENTS = (
    "import logging, structlog; from telemetry.request_log import request_log; "
    "structlog.get_logger('own').info('release_activated', bundle='b-17'); "
    "logging.getLogger('library').warning('a sentence'); "
    "request_log.add(logging.ERROR, {'route': '/forecast', 'status': 500}) "
)


def text_on_terminal(log_format: str) -> str:
    """Return what a process writes whose standard error is a terminal."""
    reading, writing = pty.openpty()
    start = (
        f"from telemetry.logs import configure_logging; configure_logging('INFO', {log_format!r}); "
    )
    loop = "import asyncio; asyncio.run(asyncio.wait_for(main(), 5))"
    code = f"{start}\nasync def main():\n  {_EVENTS}\n{loop}"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=writing)
    os.close(writing)
    text = b""
    while True:
        try:
            part = os.read(reading, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        text += part
    os.close(reading)
    assert process.wait(20) == 0
    return text.decode()


@pytest.mark.parametrize("log_format", ["auto", "console"])
def test_on_a_terminal_lines_are_text_for_a_person(log_format: str) -> None:
    lines = text_on_terminal(log_format).splitlines()
    assert not any(line.startswith("{") for line in lines)
    for line, text in zip(lines, ("release_activated", "a sentence", "request"), strict=True):
        assert text in line
    assert "b-17" in lines[0]
    assert "/forecast" in lines[2]


def test_lines_are_json_on_a_terminal_too_if_asked_for() -> None:
    lines = [json.loads(line) for line in text_on_terminal("json").splitlines()]
    assert [line["event"] for line in lines] == ["release_activated", "a sentence", "request"]


def test_lines_are_text_without_a_terminal_if_asked_for() -> None:
    code = "from telemetry.logs import configure_logging; configure_logging('INFO', 'console'); "
    done = subprocess.run(
        [sys.executable, "-c", f"{code} import structlog; structlog.get_logger('x').info('y')"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr.startswith("{")
