"""Debian's syslog-ng with our configuration ships the log of a real server.

No registry that tests install from has Loki. The receiver takes what the push API of Loki
documents, and refuses everything else.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from config.paths import ROOT
from storage.artifacts import Store
from tests.support.proxy import serving
from tests.support.servers import running
from tests.support.waiting import wait_until

SHIPPER = shutil.which("syslog-ng")
if SHIPPER is None or not list(Path("/usr/lib/syslog-ng").glob("*/libhttp.so")):
    pytest.skip("needs syslog-ng-core and syslog-ng-mod-http", allow_module_level=True)

CONFIGURATION = ROOT / "deploy" / "logging" / "syslog-ng.conf"
LABELS = {"job", "file", "level", "event"}


@dataclass
class Loki:
    """Receiver of what is pushed, by the documented form of `POST /loki/api/v1/push`.

    Attributes:
        unavailable: whether it answers 503.
        entries: label set, time in nanoseconds and line of each.
        refused: reasons for which a push was refused.
        rejections: number of pushes that were answered 503.
    """

    unavailable: bool = False
    entries: list[tuple[dict[str, str], int, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    rejections: int = 0

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/loki/api/v1/push", self.push, methods=["POST"])])

    async def push(self, request: Request) -> Response:
        if self.unavailable:
            self.rejections += 1
            return PlainTextResponse("unavailable", 503)
        try:
            assert request.headers["content-type"] == "application/json"
            document = json.loads(await request.body())
            assert document.keys() == {"streams"}
            for stream in document["streams"]:
                labels, values = stream["stream"], stream["values"]
                assert all(isinstance(text, str) and text for text in labels.values())
                for at, line in values:
                    assert re.fullmatch(r"\d{19}", at)
                    self.entries.append((labels, int(at), line))
        except (AssertionError, ValueError, KeyError) as error:
            self.refused.append(repr(error))
            return PlainTextResponse("not a push", 400)
        return Response(status_code=204)


@contextmanager
def shipping(folder: Path, logs: Path, loki: str) -> Iterator[None]:
    """Run syslog-ng with our configuration, of which only the addresses are the test's."""
    own = {"logs": logs, "state": folder, "loki": loki}
    text = CONFIGURATION.read_text(encoding="utf-8")
    for name, value in own.items():
        text, number = re.subn(rf'(?m)^@define {name} ".*"$', f'@define {name} "{value}"', text)
        assert number == 1
    file = folder / "syslog-ng.conf"
    file.write_text(text, encoding="utf-8")
    state = [f"--{name}={folder / name}" for name in ("persist-file", "control", "pidfile")]
    process = subprocess.Popen(
        [str(SHIPPER), "-F", "--no-caps", f"--cfgfile={file}", *state],
        stderr=(folder / "syslog-ng.log").open("wb"),
    )
    try:
        yield
        assert process.poll() is None, (folder / "syslog-ng.log").read_text()
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def test_every_line_of_a_server_arrives_with_its_time_and_few_labels(
    folder: Path, tmp_path: Path, trained: Store
) -> None:
    with running(tmp_path, trained) as server:
        server.wait_for("/readyz")
        answer = server.post("/forecast", horizon=3)
        assert server.stop() == 0
    logs = tmp_path / "logs"
    logs.mkdir()
    written = server.log.read_text()
    odd = """no JSON: "quoted", back\\slash, it's, $MESSAGE, ü"""
    (logs / "server.log").write_text(f"{written}{odd}\n", encoding="utf-8")
    loki = Loki()
    with (
        serving(Starlette(routes=[Route("/loki/api/v1/push", loki.push, methods=["POST"])])) as url,
        shipping(folder, logs, url),
    ):
        wait_until(lambda: len(loki.entries) > written.count("\n"))
    assert loki.refused == []
    assert [line for _, _, line in loki.entries] == [*written.splitlines(), odd]
    for labels, at, line in loki.entries[:-1]:
        document = json.loads(line)
        moment = datetime.fromisoformat(document["timestamp"])
        assert labels.keys() == LABELS
        assert (labels["job"], labels["file"]) == ("mlrf", "server.log")
        assert labels["level"] == document["level"]
        assert at // 1000 == round(moment.timestamp() * 1e6)
    assert loki.entries[-1][0]["event"] == "text"
    requests = [line for labels, _, line in loki.entries if labels["event"] == "request"]
    number = answer.headers["x-request-id"]
    assert [json.loads(line)["status"] for line in requests if number in line] == [200]


def test_lines_wait_while_loki_is_unavailable(folder: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    line = {"event": "request", "level": "info", "timestamp": "2026-01-02T03:04:05.678900Z"}
    loki = Loki(unavailable=True)
    with serving(
        Starlette(routes=[Route("/loki/api/v1/push", loki.push, methods=["POST"])])
    ) as url:
        with shipping(folder, logs, url):
            (logs / "server.log").write_text(json.dumps(line) + "\n")
            wait_until(lambda: loki.rejections)
        (logs / "server.log").unlink()
        loki.unavailable = False
        with shipping(folder, logs, url):  # another process: what waits is on the disk
            wait_until(lambda: loki.entries)
    (entry,) = loki.entries
    assert entry[1:] == (1767323045678900000, json.dumps(line))
