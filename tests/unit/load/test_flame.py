"""Flame graphs of a worker under load: which calls, and what py-spy writes or refuses."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import psutil
import pytest

from api.schemas.requests import WhatifRequest
from config.tiers import UNLIMITED
from load import flame
from load.flame import Format, SamplingError, find_sampler, main_calls, sample
from load.rival_servers import Rival, start_rival
from load.serving import LARGE, Product
from load.wrk import Contender, ToolMissingError
from storage.artifacts import Store

SERVER = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        add_numbers()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass

def add_numbers():
    return sum(range(20_000))

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[tuple[Contender, int]]:
    """Yield a request to a small server that is busy with it, and the id of its process."""
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    script = tmp_path / "server.py"
    script.write_text(SERVER, encoding="utf-8")
    tiny = Rival("Tiny", (str(script),), seconds=20)
    before = {*psutil.Process().children()}
    with start_rival(tiny, tmp_path, Path("model.onnx"), [[1.0]], 1) as (contender, _):
        (process,) = {*psutil.Process().children()} - before
        yield contender, process.pid


@pytest.mark.slow
def test_the_functions_that_take_the_time_are_in_the_graph(
    busy: tuple[Contender, int], tmp_path: Path
) -> None:
    try:
        sampler = find_sampler()
    except ToolMissingError:
        pytest.skip("py-spy is not installed")
    contender, pid = busy
    path = tmp_path / "graph.svg"
    assert sample(sampler, pid, contender, path, 1, Format.FLAMEGRAPH) > 0
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    assert "add_numbers" in text


@pytest.mark.slow
def test_an_error_of_the_sampler_is_reported_with_what_to_do(
    busy: tuple[Contender, int], tmp_path: Path
) -> None:
    contender, pid = busy
    refusing = tmp_path / "py-spy"
    refusing.write_text(f"#!{sys.executable}\nraise SystemExit('Permission denied')\n")
    refusing.chmod(0o755)
    with pytest.raises(SamplingError, match=r"(?s)Permission denied.*ptrace_scope"):
        sample(refusing, pid, contender, tmp_path / "graph.svg", 1, Format.FLAMEGRAPH)


def test_without_a_sampler_the_error_names_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flame.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(ToolMissingError, match="the extra `bench`"):
        find_sampler()


@pytest.mark.slow
def test_the_calls_are_a_cached_one_a_row_and_a_computed_what_if(
    trained: Store, tmp_path: Path
) -> None:
    keys = {UNLIMITED: "key", LARGE: "other"}
    server = Product(None, "http://127.0.0.1:1", tmp_path / "log", keys, trained, "")  # type: ignore[arg-type]
    calls = main_calls(server)
    assert list(calls) == ["predict-simple-cached", "infer-row", "whatif"]
    whatif = calls["whatif"]
    assert whatif.headers == ("X-API-Key: key", "Cache-Control: no-cache")
    for body in whatif.bodies:
        WhatifRequest.model_validate(orjson.loads(body))
    assert "Cache-Control: no-cache" not in calls["predict-simple-cached"].headers
