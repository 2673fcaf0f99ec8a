"""tools/smoke, against a real server and against servers with wrong answers."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from api.dashboard.build import FOLDER, is_built
from config.paths import ROOT
from config.version import __version__
from storage.artifacts import Store
from tests.support.servers import running

KEY = "a-key-of-the-tests-that-is-long-enough"
DAY = {"date": "2024-07-01", "prediction": 5.0}
INTERVALS = {"lower_95": 2.0, "lower_80": 3.0, "upper_80": 7.0, "upper_95": 8.0}
LEAF = {"id": "store:1/family:DAIRY", "prediction": 4.0, "children": []}
TREE = {
    "id": "total",
    "prediction": 10.0,
    "children": [
        {"id": "store:1", "prediction": 4.0, "children": [LEAF]},
        {"id": "store:2", "prediction": 6.0, "children": []},
    ],
}
ANSWERS: dict[str, Any] = {
    "/v2/health/ready": {},
    "/meta": {},
    "/openapi.json": {"info": {"version": "1.2.3"}},
    "/hierarchy": {"tree": TREE},
    "/predict/simple": {
        "forecast": [{**DAY, **INTERVALS}] * 15,
        "degraded": False,
        "model_version": "some-model",
    },
}

PAGE = '<script type="module" crossorigin src="./static/app-1.js"></script>'
HTML = {"Content-Type": "text/html; charset=utf-8"}
POLICY = {"Content-Security-Policy": "default-src 'none'; script-src 'self'"}
BROWSED: dict[str, tuple[dict[str, str], str]] = {
    "/": ({**HTML, **POLICY}, PAGE),
    "/static/app-1.js": ({"Content-Encoding": "br"}, "compressed"),
}
"""Headers and body of what a browser loads, by path."""

SERVING = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0]
        known = self.headers.get("X-API-Key") == os.environ["API_KEY"]
        denied = path != "/v2/health/ready" and not known
        self.send_response(401 if denied else 200)
        self.end_headers()
        self.wfile.write(json.dumps(answers[path]).encode())
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()
    def log_message(self, *_):
        pass

answers = json.load(open(sys.argv[1]))
HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""


def smoke(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "tools" / "smoke", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    return file


@pytest.mark.e2e
def test_a_server_of_this_version_passes(trained: Store, tmp_path: Path, key_file: Path) -> None:
    with running(tmp_path, trained, AUTH_MODE="required", API_KEY=KEY) as server:
        expected = [] if is_built(FOLDER) else ["--api-only"]
        done = smoke(server.url, "--key-file", key_file, "--version", __version__, *expected)
        assert (done.returncode, done.stderr) == (0, "")
        assert trained.current().bundle in done.stdout
        without = smoke(server.url)
        assert without.returncode == 1
        assert "401" in without.stderr


Serve = Callable[..., str]


@pytest.fixture
def serve_answers() -> Iterator[Serve]:
    """Start servers that answer by path; a path without an answer is a 503."""
    servers: list[ThreadingHTTPServer] = []

    def serve(
        answers: dict[str, Any], browsed: dict[str, tuple[dict[str, str], str]] = BROWSED
    ) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path in browsed:
                    headers, body = browsed[self.path]
                    self.send_response(200)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body.encode())
                    return
                answer = answers.get(self.path.partition("?")[0])
                self.send_response(503 if answer is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(answer or {}).encode())

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_correct_answers_pass(serve_answers: Serve) -> None:
    assert smoke(serve_answers(ANSWERS), "--version", "1.2.3").returncode == 0


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        pytest.param(("/v2/health/ready",), None, "not ready", id="not ready"),
        pytest.param(("/openapi.json", "info", "version"), "1.2.2", "1.2.2", id="older version"),
        pytest.param(("/hierarchy",), None, "family: 503", id="problem"),
        pytest.param(("/hierarchy", "tree", "prediction"), 11.0, "add up to 10", id="total"),
        pytest.param(
            ("/hierarchy", "tree", "children", 0, "children", 0, "prediction"),
            4.1,
            "children of store:1",
            id="store",
        ),
        pytest.param(("/predict/simple", "forecast"), [], "0 days", id="too few days"),
        pytest.param(
            ("/predict/simple", "forecast", 3, "prediction"), -1.0, "can have", id="negative"
        ),
        pytest.param(
            ("/predict/simple", "forecast", 3, "upper_80"), 9.0, "intervals", id="crossed"
        ),
        pytest.param(("/predict/simple", "degraded"), True, "degraded", id="degraded"),
    ],
)
def test_a_wrong_answer_is_reported(
    serve_answers: Serve,
    path: tuple[str | int, ...],
    value: Any,
    expected: str,
) -> None:
    answers = json.loads(json.dumps(ANSWERS))
    part = answers
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    done = smoke(serve_answers(answers), "--version", "1.2.3", "--wait", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert expected in done.stderr


@pytest.mark.parametrize(
    ("path", "answer", "expected"),
    [
        pytest.param("/", ({"Content-Type": "application/json"}, "{}"), "HTML", id="no page"),
        pytest.param("/", (HTML, PAGE), "Content-Security-Policy", id="no policy"),
        pytest.param("/", ({**HTML, **POLICY}, "<p>"), "not built", id="no script"),
        pytest.param("/static/app-1.js", ({}, "plain"), "br is expected", id="uncompressed"),
    ],
)
def test_a_page_that_a_browser_could_not_use_is_reported(
    serve_answers: Serve, path: str, answer: tuple[dict[str, str], str], expected: str
) -> None:
    url = serve_answers(ANSWERS, {**BROWSED, path: answer})
    done = smoke(url)
    assert (done.returncode, done.stdout) == (1, "")
    assert expected in done.stderr
    assert smoke(url, "--api-only").returncode == 0


def test_a_server_that_answers_without_a_key_is_reported(
    serve_answers: Serve, key_file: Path
) -> None:
    done = smoke(serve_answers(ANSWERS), "--key-file", key_file)
    assert "401 is expected" in done.stderr


def test_an_unreachable_server_is_reported() -> None:
    done = smoke("http://127.0.0.1:9", "--wait", "0")
    assert done.returncode == 1
    assert "not ready" in done.stderr


def test_a_server_command_is_started_tested_and_ended(tmp_path: Path) -> None:
    """The command gets a key, which is not among its arguments."""
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(ANSWERS))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    serve = [sys.executable, "-c", SERVING, answers, port]
    done = smoke("--api-only", f"http://127.0.0.1:{port}", "--", *serve)
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)))


def test_a_command_that_ends_is_not_waited_for() -> None:
    done = smoke("http://127.0.0.1:9", "--", sys.executable, "-c", "raise SystemExit(3)")
    assert "ended with 3" in done.stderr
