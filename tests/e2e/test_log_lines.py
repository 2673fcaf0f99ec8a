"""Every line that servers, jobs and commands write to standard error is one JSON object."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.paths import ROOT
from load.server import free_port
from storage.artifacts import Store
from tests.support.command import run_command
from tests.support.log_lines import parse_lines
from tests.support.releases import add_other_bundle
from tests.support.servers import Server, running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

KEY = "a-key-that-no-line-may-show"
SECRETS = (KEY, "unknown-key-4711", "value-4712", "query-4713", "broken-4714", "reason-4715")
"""What callers send, of which no line may have any."""


def send(server: Server, method: str, path: str, key: str = KEY, **parts: Any) -> httpx.Response:
    return server.request(method, path, headers={"X-API-Key": key}, **parts)


def reload(server: Server, name: str) -> None:
    """Reload tables, and wait until the job has ended."""
    job = send(server, "POST", "/admin/reload-features", json={"source": name}).json()["id"]
    wait_until(
        lambda: (
            send(server, "GET", f"/admin/jobs/{job}").json()["state"]
            in ("succeeded", "failed", "cancelled")
        )
    )


@pytest.fixture
def data(tmp_path: Path, demo_folder: Path) -> Path:
    """Sources of tables, of which one can be read."""
    folder = tmp_path / "data"
    shutil.copytree(demo_folder, folder / "right")
    shutil.copytree(demo_folder, folder / "wrong")
    (folder / "wrong" / "train.parquet").write_bytes(b"no table")
    return folder


def test_a_server_writes_json_alone_through_all_that_happens_to_it(
    tmp_path: Path, own_store: Store, data: Path
) -> None:
    """Start, requests, errors, reloads, promotion, rollback, a killed worker, and the end."""
    other = add_other_bundle(own_store)
    settings = {"WORKERS": "2", "AUTH_MODE": "required", "API_KEY": KEY, "DATA_DIR": str(data)}
    with running(tmp_path, own_store, **settings) as server:
        server.wait_for("/readyz")
        node = {"node": "value-4712", "horizon": 3}
        for answer, status in (
            (send(server, "POST", "/forecast", json={"horizon": 3}), 200),
            (send(server, "POST", "/forecast", json=node), 404),
            (send(server, "POST", "/forecast", content=b'{"node": broken-4714'), 400),
            (send(server, "GET", "/hierarchy?by=query-4713"), 400),
            (send(server, "GET", "/meta", key="unknown-key-4711"), 401),
        ):
            assert answer.status_code // 100 == status // 100
        reload(server, "right")
        reload(server, "wrong")
        why = {"reason": "reason-4715"}
        assert send(server, "POST", f"/admin/models/{other}/promote", json=why).is_success
        assert send(server, "POST", f"/admin/models/{other}/rollback", json=why).is_success
        worker = server.workers()[0]
        worker.kill()
        worker.wait(10)
        wait_until(lambda: len(server.workers()) == 2)
        server.wait_for("/readyz")
        assert server.stop() == 0
    log = server.log.read_text()
    lines = parse_lines(log)
    assert not [secret for secret in SECRETS if secret in log]
    by_event = {line["event"]: line for line in lines}
    assert by_event["reload_succeeded"]["by"] == by_event["reload_failed"]["by"] != ""
    assert by_event["reload_failed"]["level"] == "error"
    changes = [line for line in lines if line["event"] == "release_changed"]
    assert [(line["action"], line["bundle"], line["by"]) for line in changes] == [
        ("promote", other, "env"),
        ("rollback", own_store.current().bundle, "env"),
    ]
    request = next(line for line in lines if line.get("route") == "/forecast")
    assert {"request_id", "client", "status", "duration_ms", "cache", "cost"} <= request.keys()


# --- commands ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "settings", "reason"),
    [
        pytest.param(["serve"], {"WORKERS": "0"}, "WORKERS", id="a wrong setting"),
        pytest.param(["serve"], {"DATABASE_URL": "oracle://h/d"}, "DATABASE_URL", id="a database"),
        pytest.param(["serve"], {"PORT": "{used}"}, "PORT", id="a port that is in use"),
        pytest.param(["work"], {}, "DATA_DIR", id="a runner without tables"),
        pytest.param(["migrate"], {"LOG_FORMAT": "json", "WORKERS": "0"}, "WORKERS", id="a job"),
        pytest.param(
            ["refresh", "/nowhere"],
            {"LOG_FORMAT": "json", "ARTIFACTS_DIR": "/nowhere"},
            "CURRENT",
            id="a job without a model",
        ),
    ],
)
def test_a_command_that_fails_says_so_in_json(
    tmp_path: Path, trained: Store, arguments: list[str], settings: dict[str, str], reason: str
) -> None:
    import socket

    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = used.getsockname()[1]
        own = {name: text.format(used=port) for name, text in settings.items()}
        done = run_command(
            *arguments, folder=tmp_path, **{"ARTIFACTS_DIR": str(trained.root), **own}
        )
    assert (done.returncode, done.stdout) == (1, "")
    last = parse_lines(done.stderr)[-1]
    assert (last["event"], last["level"], last["command"]) == (
        "command_failed",
        "error",
        arguments[0],
    )
    assert reason in last["reason"]


def test_bentoml_serve_refuses_a_wrong_setting_in_json(tmp_path: Path) -> None:
    done = run_command(folder=tmp_path, script="import service", WORKERS="0")
    assert done.returncode == 1
    (line,) = parse_lines(done.stderr)
    assert (line["event"], line["level"]) == ("start_refused", "critical")
    assert "WORKERS" in line["reason"]


@pytest.mark.parametrize("command", ["migrate", "refresh"])
def test_a_job_writes_json_where_it_is_asked_to(
    tmp_path: Path, own_store: Store, demo_folder: Path, command: str
) -> None:
    arguments = {"migrate": [], "refresh": [str(demo_folder)]}[command]
    settings = {"LOG_FORMAT": "json", "ARTIFACTS_DIR": str(own_store.root)}
    done = run_command(command, *arguments, folder=tmp_path, **settings)
    assert (done.returncode, done.stdout) == (0, "")
    assert "message" in {line["event"] for line in parse_lines(done.stderr)}


def test_a_command_writes_text_for_a_person_otherwise(tmp_path: Path) -> None:
    done = run_command("migrate", folder=tmp_path)
    assert done.stderr == "The database is up to date.\n"


def test_what_is_served_is_announced_in_json(tmp_path: Path, own_store: Store) -> None:
    port = free_port()
    log = tmp_path / "serve.log"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ARTIFACTS_DIR": str(own_store.root),
        "BENTOML_HOME": str(tmp_path / "bentoml"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/mlrf.db",
        "PORT": str(port),
    }
    script = "from cli.main import main; main()"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-c", script, "serve"], env=environment, stdout=written, stderr=written
        )
    server = Server(process, f"http://127.0.0.1:{port}", log)
    try:
        server.wait_for("/readyz")
        assert server.stop() == 0
    finally:
        process.kill()
    texts = [line.get("text", "") for line in parse_lines(log.read_text())]
    assert f"Serving bundle {own_store.current().bundle} at {server.url}." in texts
