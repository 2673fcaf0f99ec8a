"""Real Prometheus and Alertmanager with the configuration of deploy/, and a receiver of alerts."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import yaml

from config.paths import ROOT
from load.server import free_port
from tests.observability.rules import PROMETHEUS, RULE_FILES
from tests.support.waiting import wait_until

ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
GONE = 410
EXPORTER = "prometheus-blackbox-exporter"
MODULES = PROMETHEUS / "blackbox.yml"

needs_alertmanager = pytest.mark.skipif(
    shutil.which("prometheus-alertmanager") is None,
    reason="needs prometheus-alertmanager (Debian: prometheus-alertmanager)",
)


needs_exporter = pytest.mark.skipif(
    shutil.which(EXPORTER) is None, reason=f"needs {EXPORTER} (Debian: {EXPORTER})"
)


@dataclass
class AlertReceiver:
    """An HTTP server to which Alertmanager posts; other paths than /alerts answer 410.

    Attributes:
        notices: alerts of all notifications, each with its `receiver`.
    """

    url: str
    notices: list[dict[str, Any]] = field(default_factory=list)

    def of(self, alert: str, status: str) -> list[dict[str, Any]]:
        """Return the notices of an alert: `firing` or `resolved`."""
        return [
            each
            for each in list(self.notices)
            if each["labels"]["alertname"] == alert and each["status"] == status
        ]


@contextmanager
def running_alert_receiver() -> Iterator[AlertReceiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/alerts":
                document = json.loads(body)
                for alert in document["alerts"]:
                    receiver.notices.append({**alert, "receiver": document["receiver"]})
            self.send_response(200 if self.path == "/alerts" else GONE)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = AlertReceiver(f"http://127.0.0.1:{server.server_address[1]}")
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Api:
    """The HTTP API of Prometheus or Alertmanager."""

    url: str

    def get(self, path: str, **params: Any) -> Any:
        response = httpx.get(self.url + path, params=params, timeout=30, trust_env=False)
        assert response.is_success, response.text
        return response.json()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an expression, as of now."""
        result: list[dict[str, Any]] = self.get("/api/v1/query", query=expression)["data"]["result"]
        return result


@contextmanager
def _running(command: Sequence[str | Path], folder: Path, ready: str) -> Iterator[None]:
    """Run a server until the block ends, which begins when it is ready."""
    with (folder / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(ready) or process.poll() is not None)
        assert process.poll() is None, (folder / f"{command[0]}.log").read_text()
        yield
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


@contextmanager
def running_alertmanager(folder: Path, receiver: AlertReceiver) -> Iterator[Api]:
    """Run an Alertmanager with our routes and inhibitions, which posts to the receiver at once."""
    document = yaml.safe_load(ALERTMANAGER.read_text(encoding="utf-8"))
    for route in (document["route"], *document["route"]["routes"]):
        route["group_wait"] = route["group_interval"] = "1s"
    document["receivers"] = [
        {"name": each["name"], "webhook_configs": [{"url": f"{receiver.url}/alerts"}]}
        for each in document["receivers"]
    ]
    configuration = folder / "alertmanager.yml"
    configuration.write_text(yaml.safe_dump(document), encoding="utf-8")
    api = Api(f"http://127.0.0.1:{free_port()}")
    command: list[str | Path] = [
        "prometheus-alertmanager",
        f"--config.file={configuration}",
        f"--storage.path={folder / 'alerts'}",
        f"--web.listen-address={api.url.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]
    with _running(command, folder, f"{api.url}/-/ready"):
        yield api


@contextmanager
def running_exporter(folder: Path, key_file: Path) -> Iterator[Api]:
    """Run a blackbox exporter with our modules; only the place of the key is the test's."""
    document = yaml.safe_load(MODULES.read_text(encoding="utf-8"))
    document["modules"]["mlrf_forecast"]["http"]["authorization"]["credentials_file"] = str(
        key_file
    )
    configuration = folder / "blackbox.yml"
    configuration.write_text(yaml.safe_dump(document), encoding="utf-8")
    api = Api(f"http://127.0.0.1:{free_port()}")
    command: list[str | Path] = [
        EXPORTER,
        f"--config.file={configuration}",
        f"--web.listen-address={api.url.removeprefix('http://')}",
    ]
    with _running(command, folder, f"{api.url}/-/healthy"):
        yield api


@contextmanager
def running_prometheus(
    folder: Path, targets: Mapping[str, str], key: str, alertmanager: Api, exporter: Api
) -> Iterator[Api]:
    """Run a Prometheus with our jobs and rules, which looks every second.

    Alerts fire after a second: how long they wait is tested by promtool.

    Args:
        targets: host and port by the name of the job; other jobs are left out.
        key: of the scope `monitor`.
        exporter: that probes the server.
    """
    for file in RULE_FILES:
        rules = yaml.safe_load(file.read_text(encoding="utf-8"))
        for rule in (rule for group in rules["groups"] for rule in group["rules"]):
            if "for" in rule:
                rule["for"] = "1s"
        (folder / file.name).write_text(yaml.safe_dump(rules), encoding="utf-8")
    (folder / "monitor_key").write_text(key, encoding="utf-8")
    document = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    document["global"] |= dict.fromkeys(
        ("scrape_interval", "scrape_timeout", "evaluation_interval"), "1s"
    )
    document["scrape_configs"] = [
        job for job in document["scrape_configs"] if job["job_name"] in targets
    ]
    for job in document["scrape_configs"]:
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
        if "authorization" in job:
            job["authorization"]["credentials_file"] = str(folder / "monitor_key")
        for relabel in job.get("relabel_configs", ()):
            if "replacement" in relabel:
                relabel["replacement"] = exporter.url.removeprefix("http://")
    (manager,) = document["alerting"]["alertmanagers"]
    manager["static_configs"] = [{"targets": [alertmanager.url.removeprefix("http://")]}]
    configuration = folder / "prometheus.yml"
    configuration.write_text(yaml.safe_dump(document), encoding="utf-8")
    api = Api(f"http://127.0.0.1:{free_port()}")
    command: list[str | Path] = [
        "prometheus",
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'series'}",
        f"--web.listen-address={api.url.removeprefix('http://')}",
    ]
    with _running(command, folder, f"{api.url}/-/ready"):
        yield api
