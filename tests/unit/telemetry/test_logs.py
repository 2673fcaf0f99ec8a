"""Everything a process writes to standard error is one JSON object a line."""

from __future__ import annotations

import json
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
        f"{_START}from app.bentoml_compat.framework_logs import log_framework_as_json; "
        f"log_framework_as_json(bentoml_log.SERVER_LOGGING_CONFIG); {again}"
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
