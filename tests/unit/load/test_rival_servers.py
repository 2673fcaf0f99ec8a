"""Servers that ours is compared with: their start, their requests, and failures to start."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import httpx
import orjson
import psutil
import pytest

from load.rival_servers import BASELINES, PEERS, RIVALS, Rival, start_rival
from load.server import NotReadyError
from load.wrk import MANY, ONE, ROWS

SERVER = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    calls = 0

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Handler.calls += 1
        answer = {"rows": len(body["rows"]), "calls": Handler.calls, "arguments": sys.argv[1:]}
        answer |= {name: os.environ.get(name) for name in ("MODEL", "WORKERS", "HOME")}
        self.send_response(503 if Handler.calls < 3 else 200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
ROW = [1.0, 2.0]


def rival(tmp_path: Path, source: str, **changes: object) -> Rival:
    script = tmp_path / "server.py"
    script.write_text(source, encoding="utf-8")
    command = (str(script), "{workers}", "{folder}")
    return replace(Rival("Tiny", command, settings=("HOME={folder}",), seconds=20), **changes)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_rival_is_used_once_it_answers_with_200_and_ends_after_the_block(tmp_path: Path) -> None:
    before = {*psutil.Process().children()}
    with start_rival(rival(tmp_path, SERVER), tmp_path, Path("model.onnx"), [ROW], 3) as contenders:
        one, many = contenders
        answer = httpx.post(many.url + many.path, content=many.bodies[0], trust_env=False).json()
        (process,) = {*psutil.Process().children()} - before
    assert (one.work, many.work) == (ONE, MANY)
    assert answer["calls"] == 4, "two answers of 503 were waited for"
    assert answer["rows"] == ROWS
    assert (answer["MODEL"], answer["WORKERS"]) == ("model.onnx", "3")
    assert answer["arguments"] == ["3", answer["HOME"]]
    assert Path(answer["HOME"]).parent == tmp_path
    assert not process.is_running()


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        pytest.param(
            "raise SystemExit('no such model')", r"ended with exit code 1 .*no such model", id="end"
        ),
        pytest.param(
            SERVER.replace("< 3", "< 10**9"), r"Tiny: 503 .*\"calls\":", id="refusal of requests"
        ),
        pytest.param("import time; time.sleep(60)", "did not listen within", id="silence"),
    ],
)
@pytest.mark.slow
def test_a_rival_that_does_not_answer_is_an_error_with_the_end_of_its_log(
    tmp_path: Path, source: str, problem: str
) -> None:
    tiny, before = rival(tmp_path, source, seconds=1.5), {*psutil.Process().children()}
    with (
        pytest.raises(NotReadyError, match=rf"(?s)Tiny.*{problem}"),
        start_rival(tiny, tmp_path, Path("model.onnx"), [ROW], 2, Path(sys.executable)),
    ):
        pass
    assert {*psutil.Process().children()} == before


def test_requests_of_a_peer_have_one_row_or_many() -> None:
    for peer in PEERS.values():
        one, many = peer.contenders("http://127.0.0.1:1", [ROW, ROW])
        assert (len(one.bodies), len(many.bodies)) == (2, 1)
        body = orjson.loads(many.bodies[0])
        rows = body["rows"] if "rows" in body else body["inputs"][0]["shape"]
        assert rows == [ROW] * ROWS or rows == [ROWS, len(ROW)]
        assert many.name.startswith(one.name)


def test_ratios_are_to_rivals_that_are_always_measured() -> None:
    assert set(BASELINES.values()) <= {rival.name for rival in RIVALS}
    names = [rival.name for rival in (*RIVALS, *PEERS.values())]
    assert len(set(names)) == len(names)
